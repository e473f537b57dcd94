"""What a project asks for, beside its lock or without one: pyproject.toml, setup.cfg, Pipfile, package.json, requirements.in."""

import posixpath
import re
from collections.abc import Iterator

from assaymark.bom.build.draft import Draft, Sight
from assaymark.bom.build.libraries_laid import Asked
from assaymark.bom.build.libraries_lay import beside, directly, environment, library, text, unread, vendored
from assaymark.bom.document import Place, Status
from assaymark.core.errors import AssayError
from assaymark.core.graph import EdgeKind
from assaymark.core.source.text import line_at
from assaymark.library import manifest
from assaymark.library.inventory.manifests import dependencies, exact

_LIMIT = 1 << 20
_MOST = 5_000
"""Direct dependencies of one manifest."""
_PYTHON = frozenset({"pyproject.toml", "setup.cfg", "pipfile"})
_STEPS = {
    "pyproject.toml": "uv lock", "setup.cfg": "uv pip compile --generate-hashes setup.cfg -o requirements.txt",
    "pipfile": "pipenv lock", "package.json": "npm install --package-lock-only",
}  # fmt: skip
_PYTHON_LOCK = re.compile(
    r"(?:uv|poetry|pdm|pipfile|pixi)\.lock|pylock(?:\..+)?\.toml|.*conda-lock.*\.ya?ml|.*requirements.*\.(?:txt|pip)"
)
_NPM_LOCK = re.compile(r"package-lock\.json|npm-shrinkwrap\.json|yarn\.lock|pnpm-lock\.yaml|bun\.lockb?")


def asked(sight: Sight, path: str, tool: str) -> Asked | None:
    """The names in the manifest beside a lock; None where there is none that can be read."""
    base = {"pipenv": "Pipfile", "poetry": "pyproject.toml", "pdm": "pyproject.toml", "pip": "pyproject.toml"}.get(tool)
    beside_it = beside(path, base) if base else ""
    if beside_it not in sight.tree.files:
        return None
    try:
        document = text(sight, beside_it, _LIMIT)
        found = manifest.pipfile(document) if tool == "pipenv" else manifest.pyproject(document, tool)
    except AssayError:
        return None  # the manifest's own format says so in a scan
    names: dict[str, set[str]] = {}
    for dependency in found.dependencies[:_MOST]:
        names.setdefault(dependency.name, set()).add(dependency.group)
    return Asked(names)


def gather(sight: Sight, draft: Draft, covered: set[str]) -> None:
    """Lay what is asked for where no lock says what is installed; `covered` are the files that were read as locks."""
    locked = {"python": set[str](), "npm": set[str]()}
    for path in covered:
        base = path.rpartition("/")[2].lower()
        folder = posixpath.dirname(path)
        if _NPM_LOCK.fullmatch(base):
            locked["npm"].add(folder)
        elif _PYTHON_LOCK.fullmatch(base) or base.endswith((".yml", ".yaml")):
            locked["python"].add(folder)
    for path in sorted(sight.tree.files):
        base = path.rpartition("/")[2].lower()
        if base not in _STEPS or vendored(path):
            continue
        kind = "python" if base in _PYTHON else "npm"
        if locked[kind].isdisjoint(_above(posixpath.dirname(path))):
            try:
                _unlocked(sight, draft, path, base)
            except AssayError as error:
                unread(draft, environment(sight, draft, path, ""), "libraries", error)


def _above(folder: str) -> Iterator[str]:
    """The folder and those that it lies in."""
    while folder:
        yield folder
        folder = posixpath.dirname(folder)
    yield ""


def _unlocked(sight: Sight, draft: Draft, path: str, base: str) -> None:
    document = text(sight, path, _LIMIT)
    wanted = list(dependencies(document, base))[:_MOST]
    if not wanted:
        return
    sketch = environment(sight, draft, path, base)
    why = f"{path} asks for {len(wanted)} packages and is not locked: what is installed is not known"
    draft.gap(sketch, "versions", why, _STEPS[base])
    for dependency in wanted:
        match = re.search(dependency.pattern, document, re.MULTILINE)
        place = Place(path, f"line {line_at(document, match.end())}" if match else "")
        version = exact(dependency.allowed or "", npm=base == "package.json")
        kind = "npm" if base == "package.json" else "pypi"
        made = library(draft, kind, dependency.name, version, place, Status.DECLARED)
        made.say("specifier", dependency.allowed or "", Status.DECLARED, place)
        made.say("groups", [dependency.group], Status.DECLARED, place)
        directly(made, Status.DECLARED, place, direct=True)
        draft.relate(sketch, EdgeKind.DEPENDS_ON, made, Status.DECLARED, place, how="direct")
        if not version:
            why = f"{path} asks for {dependency.name} {dependency.allowed or ''}".rstrip() + ": not locked"
            draft.gap(made, "version", why, _STEPS[base])
