"""A folder's manifests beside their locks: whether they still say the same, and whether there is a lock at all.

Cautious by design: what a marker, an override or a source of its own may change is not compared.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import islice

from assaymark.core.errors import Malformed, OverBudget, Unreadable
from assaymark.core.format import Item, Tree
from assaymark.core.source.secrets import safe_excerpt
from assaymark.core.source.text import decode, excerpt_at, line_at
from assaymark.library import manifest
from assaymark.library.lock import Lock, read
from assaymark.library.manifest import Dependency, Manifest
from assaymark.library.semver import satisfies

_MANIFEST_LIMIT = 1 << 20
_LOCK_LIMIT = 16 << 20
_MOST = 200  # disagreements of one pair; the runner lists fewer
_MOST_WANTED = 5_000
"""Direct dependencies that are compared."""
_MOST_VERSIONS = 100
"""Versions of one package in a lock; with more, one of them will do."""
_VENDORED = frozenset({"node_modules", "site-packages", "dist-packages", ".venv", "venv", ".git", ".tox", "vendor"})
_COMMANDS = {"uv": "uv lock", "poetry": "poetry lock", "pdm": "pdm lock", "pip": "pip lock .", "pipenv": "pipenv lock"}
_PYTHON_LOCKS = {"uv.lock": "uv", "poetry.lock": "poetry", "pdm.lock": "pdm", "pylock.toml": "pip"}
_OTHER_PYTHON_LOCKS = frozenset({"pipfile.lock", "conda-lock.yml", "conda-lock.yaml", "pixi.lock"})
_NPM_LOCKS = ("package-lock.json", "npm-shrinkwrap.json")
_OTHER_NPM_LOCKS = frozenset({"yarn.lock", "pnpm-lock.yaml", "bun.lock", "bun.lockb"})
_UNSAFE_TO_PIN = frozenset({"pip", "setuptools", "distribute", "wheel"})  # pip-compile leaves them out


@dataclass(frozen=True, slots=True)
class Disagreement:
    """One direct dependency that the lock does not satisfy."""

    name: str
    problem: str
    line: int
    excerpt: str


@dataclass(frozen=True, slots=True)
class ManifestAndLock:
    """A manifest and the lock beside it. `command` makes a new lock."""

    lock: str
    command: str
    disagreements: tuple[Disagreement, ...]


@dataclass(frozen=True, slots=True)
class Unlocked:
    """A project without any lock: its direct dependencies, and the command that makes a lock."""

    names: tuple[str, ...]
    command: str


@dataclass(frozen=True, slots=True)
class _Folder:
    """Base names in lower case -> paths; `above` are the folders it lies in, nearest first."""

    here: Mapping[str, str]
    above: tuple[Mapping[str, str], ...]


def views(tree: Tree) -> Iterator[tuple[str, Item]]:
    """(manifest path, view) for every manifest. A document that cannot be read was reported by its own format."""
    contents: dict[str, dict[str, str]] = {}
    for path in tree.files:
        name, _, base = path.rpartition("/")
        if not _VENDORED.intersection(name.split("/")):
            contents.setdefault(name, {})[base.lower()] = path
    for name in sorted(contents):
        parts = name.split("/") if name else []
        above = ("/".join(parts[:n]) for n in range(len(parts) - 1, -1, -1))
        folder = _Folder(contents[name], tuple(contents.get(outer, {}) for outer in above))
        for look in (_pyproject, _pipfile, _package_json, _compiled):
            try:
                yield from look(tree, folder)
            except (Malformed, OverBudget, Unreadable):
                continue  # its own format has said so


def _pyproject(tree: Tree, folder: _Folder) -> Iterator[tuple[str, Item]]:
    path = folder.here.get("pyproject.toml")
    if path is None:
        return
    document = _text(tree, path, _MANIFEST_LIMIT)
    wanted = manifest.pyproject(document)
    any_lock = False
    for base, tool in _PYTHON_LOCKS.items():
        if base in folder.here:
            any_lock = True
            lock = _lock(tree, folder.here[base])
            yield path, _compare(document, manifest.pyproject(document, tool), lock, folder.here[base])
    roots = [here["uv.lock"] for here in folder.above if "uv.lock" in here and "pyproject.toml" in here]
    if not any_lock and roots:
        lock = _lock(tree, roots[0])
        if any(package.name == wanted.name and package.origin == "local" for package in lock.packages):
            any_lock = True
            yield path, _compare(document, manifest.pyproject(document, "uv"), lock, roots[0])
    if not any_lock and wanted.dependencies and not _has_other_lock(tree, folder):
        yield path, Unlocked(tuple(d.name for d in wanted.dependencies), _COMMANDS["uv"])


def _has_other_lock(tree: Tree, folder: _Folder) -> bool:
    """Another kind of lock, or a requirement file, here; or a lock in a folder above."""
    if any(b in _OTHER_PYTHON_LOCKS or "requirements" in tree.files[p].formats for b, p in folder.here.items()):
        return True
    known = {*_PYTHON_LOCKS, *_OTHER_PYTHON_LOCKS}
    return any(base.startswith("pylock.") for base in folder.here) or any(known & here.keys() for here in folder.above)


def _pipfile(tree: Tree, folder: _Folder) -> Iterator[tuple[str, Item]]:
    path = folder.here.get("pipfile")
    if path is None:
        return
    document = _text(tree, path, _MANIFEST_LIMIT)
    wanted = manifest.pipfile(document)
    if "pipfile.lock" in folder.here:
        yield path, _compare(document, wanted, _lock(tree, folder.here["pipfile.lock"]), folder.here["pipfile.lock"])
    elif wanted.dependencies:
        yield path, Unlocked(tuple(d.name for d in wanted.dependencies), _COMMANDS["pipenv"])


def _package_json(tree: Tree, folder: _Folder) -> Iterator[tuple[str, Item]]:
    path = folder.here.get("package.json")
    if path is None:
        return
    document = _text(tree, path, _MANIFEST_LIMIT)
    wanted = manifest.package_json(document)
    own = next((folder.here[base] for base in _NPM_LOCKS if base in folder.here), None)
    if own is not None:
        lock = _lock(tree, own)
        found = _npm_disagreements(document, wanted, lock)
        yield path, ManifestAndLock(own, "npm install --package-lock-only", tuple(islice(found, _MOST)))
    elif wanted.dependencies:
        known = {*_NPM_LOCKS, *_OTHER_NPM_LOCKS}
        if not any(known & here.keys() for here in (folder.here, *folder.above)):
            yield path, Unlocked(tuple(d.name for d in wanted.dependencies), "npm install --package-lock-only")


def _compiled(tree: Tree, folder: _Folder) -> Iterator[tuple[str, Item]]:
    """`x.in` beside the `x.txt` that was compiled from it."""
    for base, path in folder.here.items():
        compiled = folder.here.get(f"{base[:-3]}.txt")
        if not base.endswith(".in") or compiled is None or "requirements" not in tree.files[path].formats:
            continue
        from assaymark.library.requirements import read as read_requirements

        document = _text(tree, path, _MANIFEST_LIMIT)
        wanted = manifest.requirements_in(document, base)
        pins = read_requirements(_text(tree, compiled, _MANIFEST_LIMIT), "requirements.txt")
        if any(option == "requirement" for _, option, _ in pins.options):
            continue  # the rest is in another file
        locked: dict[str, list[str]] = {}
        for pin in pins.requirements:
            exact = re.fullmatch(r"={2,3}([^,=*]+)", pin.specifier)
            locked.setdefault(pin.name, []).append(exact[1] if exact else "")
        kept = tuple(d for d in wanted.dependencies if d.name not in _UNSAFE_TO_PIN)
        name = compiled.rpartition("/")[2]
        command = f"uv pip compile --generate-hashes {path.rpartition('/')[2]} -o {name}"
        found = _disagreements(document, kept, locked, name)
        yield path, ManifestAndLock(compiled, command, tuple(islice(found, _MOST)))


def _compare(document: str, wanted: Manifest, lock: Lock, path: str) -> ManifestAndLock:
    locked: dict[str, list[str]] = {}
    for package in lock.packages:
        version = package.version if package.origin == "index" else ""
        locked.setdefault(package.name, []).append(version)
    dependencies = wanted.dependencies
    if lock.groups and "*" not in lock.groups:
        dependencies = tuple(d for d in dependencies if d.group in lock.groups)
    found = _disagreements(document, dependencies, locked, path.rpartition("/")[2])
    return ManifestAndLock(path, _COMMANDS[lock.tool], tuple(islice(found, _MOST)))


def _disagreements(
    document: str, dependencies: tuple[Dependency, ...], locked: dict[str, list[str]], lock: str
) -> Iterator[Disagreement]:
    for wanted in dependencies[:_MOST_WANTED]:
        versions = locked.get(wanted.name)
        if versions is None:
            if wanted.required:
                yield _disagreement(document, wanted, f"is not in {lock}")
        elif (
            wanted.allowed
            and len(versions) <= _MOST_VERSIONS
            and all(_outside(version, wanted.allowed) for version in versions)
        ):
            yield _disagreement(document, wanted, f"must be {wanted.allowed}, {lock} has {versions[0]}")


def _outside(version: str, allowed: str) -> bool:
    """The version is known, and known to be none of those allowed."""
    from packaging.specifiers import InvalidSpecifier, SpecifierSet
    from packaging.version import InvalidVersion, Version

    try:
        return not SpecifierSet(allowed).contains(Version(version), prereleases=True)
    except (InvalidSpecifier, InvalidVersion):
        return False


def _npm_disagreements(document: str, wanted: Manifest, lock: Lock) -> Iterator[Disagreement]:
    """As `_disagreements`, by npm's ranges; any entry of the name will do, nested ones too."""
    locked: dict[str, list[str]] = {}
    for package in lock.packages:
        locked.setdefault(package.name, []).append(package.version)
    for dependency in wanted.dependencies[:_MOST_WANTED]:
        name, allowed = dependency.name, dependency.allowed
        if name not in locked:
            if dependency.required and allowed is not None:
                yield _disagreement(document, dependency, "is not in package-lock.json")
        elif (
            allowed
            and len(locked[name]) <= _MOST_VERSIONS
            and all(satisfies(version, allowed) is False for version in locked[name])
        ):
            yield _disagreement(document, dependency, f"must be {allowed}, package-lock.json has {locked[name][0]}")


def _disagreement(document: str, dependency: Dependency, problem: str) -> Disagreement:
    match = re.search(dependency.pattern, document, re.MULTILINE)
    line = line_at(document, match.end()) if match else 1
    return Disagreement(dependency.name, problem, line, safe_excerpt(excerpt_at(document, line)))


def _lock(tree: Tree, path: str) -> Lock:
    return read(_text(tree, path, _LOCK_LIMIT), path)


def _text(tree: Tree, path: str, limit: int) -> str:
    return decode(tree.read(path, limit), path)
