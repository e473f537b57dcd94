"""Environments of conda and pixi: what is asked for, and locks by build."""

import posixpath

from assaymark.bom.build.draft import Draft, Sight, Sketch
from assaymark.bom.build.libraries_laid import Asked, Laid
from assaymark.bom.build.libraries_lay import conda, directly, environment, joined, library, text
from assaymark.bom.build.libraries_requirements import Lines, lay
from assaymark.bom.document import Place, Status
from assaymark.core.errors import AssayError
from assaymark.library.conda import LIMIT, CondaPackage, kind_of
from assaymark.library.conda import read as read_conda
from assaymark.library.requirements import read as read_requirements

_HEAD = 4_096
_ASKED_LIMIT = 2 << 20


def read(sight: Sight, draft: Draft, path: str) -> None:
    """Lay one document into the draft."""
    tool = kind_of(path, sight.tree.start(path, _HEAD))
    found = read_conda(text(sight, path, LIMIT), tool)
    sketch = environment(sight, draft, path, tool)
    asked = _asked(sight, path) if found.locked else None
    laid = Laid(draft, sketch, path, asked)
    for package in found.packages:
        sight.budget.tick()
        place = Place(path, f"line {package.line}")
        made = _library(draft, package, place)
        joined(made, "digests", package.detail.hashes, Status.DECLARED, place)
        platform = package.subdir if package.subdir != "noarch" else ""
        laid.add(made, package.name, package.version, package.detail, place, platform=platform)
        if not found.locked:
            directly(made, Status.DECLARED, place, direct=True)
            _gap(draft, made, package, place)
    laid.edges(tick=sight.budget.tick)
    if not found.locked:
        step = "conda-lock -f environment.yml, or pixi lock"
        draft.gap(sketch, "versions", f"{path} is not locked: transitive packages and builds are not known", step)
    if found.pip:
        document = read_requirements("\n".join(line for _, line in found.pip), "requirements.txt", sight.budget.tick)
        lay(sight, draft, sketch, Lines(path, document, {}, lead=found.pip[0][0] - 1))


def _library(draft: Draft, package: CondaPackage, place: Place) -> Sketch:
    if package.pypi:
        from packaging.utils import canonicalize_name

        made = library(draft, "pypi", canonicalize_name(package.name), package.version, place, Status.DECLARED)
    else:
        made = conda(
            draft, package.name, package.version, place, Status.DECLARED,
            build=package.build, channel=package.channel, subdir=package.subdir,
        )  # fmt: skip
    made.say("download", package.address, Status.DECLARED, place)
    made.say("specifier", package.spec if not package.exact else "", Status.DECLARED, place)
    return made


def _gap(draft: Draft, made: Sketch, package: CondaPackage, place: Place) -> None:
    if not package.exact:
        why = f"asked for as `{package.spec}` in {place.path}, {place.at}: more than one version or build fits"
        draft.gap(made, "version", why, "conda-lock -f environment.yml, or pixi lock")
    else:
        draft.gap(made, "digests", f"{place.path} has no hashes", "conda-lock -f environment.yml, or pixi lock")


def _asked(sight: Sight, path: str) -> Asked | None:
    """The names in an environment.yml beside a lock."""
    folder = posixpath.dirname(path)
    for base in ("environment.yml", "environment.yaml", "conda.yaml", "conda.yml"):
        other = posixpath.join(folder, base)
        if other not in sight.tree.files or other == path:
            continue
        try:
            found = read_conda(text(sight, other, _ASKED_LIMIT), "conda")
        except AssayError:
            return None
        return Asked({package.name: {"default"} for package in found.packages})
    return None
