"""What a model's libraries are: every lock, requirement file, manifest and installed environment of the folder.

Each file is one ENVIRONMENT component, known by its digest, so that models that share a lock share the node.
"""

import re
from collections.abc import Callable, Iterable

from assaymark.bom.build import libraries_conda, libraries_installed, libraries_manifest, libraries_requirements
from assaymark.bom.build.draft import Draft, Sight
from assaymark.bom.build.libraries_laid import Asked, Laid
from assaymark.bom.build.libraries_lay import environment, joined, library, text, unread, vendored
from assaymark.bom.document import Place, Status
from assaymark.core.errors import AssayError
from assaymark.library import lock as locks
from assaymark.library.conda import kind_of
from assaymark.library.lock_details import Detail, Need
from assaymark.library.requirements import role_of

_LOCK_LIMIT = 64 << 20
_LOCKS = frozenset({"uv.lock", "poetry.lock", "pdm.lock", "pipfile.lock", "package-lock.json", "npm-shrinkwrap.json"})
_PYLOCK = re.compile(r"pylock(?:\.[^.]+)?\.toml")
_CONDA = (".yml", ".yaml", ".txt", ".lock")
_HEAD = 4_096


def gather(sight: Sight, draft: Draft) -> None:
    """Lay every environment of the folder into the draft."""
    covered: set[str] = set()
    for path in sorted(sight.tree.files):
        sight.budget.tick()
        if vendored(path):
            continue
        look = _reader(sight, path)
        if look is None:
            continue
        try:
            look(sight, draft, path)
            covered.add(path)
        except AssayError as error:
            unread(draft, environment(sight, draft, path, ""), "libraries", error)
            covered.add(path)
    libraries_manifest.gather(sight, draft, covered)
    libraries_installed.gather(sight, draft)


def _reader(sight: Sight, path: str) -> Callable[[Sight, Draft, str], None] | None:
    base = path.rpartition("/")[2].lower()
    if base in _LOCKS or _PYLOCK.fullmatch(base):
        return _lock
    if base.endswith(_CONDA) or base == "pixi.lock":
        start = sight.tree.start(path, _HEAD)
        if kind_of(path, start):
            return libraries_conda.read
    if "requirements" in sight.tree.files[path].formats and role_of(path) == "requirements":
        return libraries_requirements.read
    return None


def _lock(sight: Sight, draft: Draft, path: str) -> None:
    lock = locks.read(text(sight, path, _LOCK_LIMIT), path, detail=True)
    sketch = environment(sight, draft, path, lock.tool)
    kind = "npm" if lock.tool == "npm" else "pypi"
    found = [package for package in lock.packages if package.origin != "local"]
    own = [need for package in lock.packages if package.origin == "local" for need in _detail(package).needs]
    asked = _asked(sight, path, lock, own)
    laid = Laid(draft, sketch, path, asked)
    for package in found:
        sight.budget.tick()
        place = Place(path, f"line {package.line}")
        made = library(draft, kind, package.name, package.version, place, Status.DECLARED)
        detail = _detail(package)
        joined(made, "digests", detail.hashes, Status.DECLARED, place)
        if package.origin == "index":
            made.say("index", package.address if kind == "pypi" else "", Status.DECLARED, place)
        elif package.address:
            made.say("download", package.address, Status.DECLARED, place)
            revision = package.address.rpartition("#")[2]
            made.say("revision", revision if re.fullmatch(r"[0-9a-f]{40,64}", revision) else "", Status.DECLARED, place)
        if not package.fixed:
            draft.gap(made, "digests", f"{path} has no sha256 for every file of it", _relock(lock.tool))
        laid.add(made, package.name, package.version, detail, place)
    laid.edges(tick=sight.budget.tick)
    if not found and not own:
        draft.gap(sketch, "libraries", f"{path} names no package", "")


def _detail(package: locks.LockedPackage) -> Detail:
    return package.detail or Detail()


def _relock(tool: str) -> str:
    commands = {"npm": "npm install --package-lock-only", "pip": "pip lock .", "pipenv": "pipenv lock"}
    return commands.get(tool, f"{tool} lock")


def _asked(sight: Sight, path: str, lock: locks.Lock, own: Iterable[Need]) -> Asked | None:
    """What the project asks for itself; None where no file says so."""
    if lock.tool == "uv":
        return Asked.of(own)
    if lock.tool == "npm":
        return None  # each entry says so itself
    return libraries_manifest.asked(sight, path, lock.tool)
