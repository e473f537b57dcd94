"""Reads one inventory from whatever lies in a folder. Each source is read for itself; what cannot be is a gap."""

import hashlib
import posixpath
import re
from collections.abc import Callable

from assaymark.core.errors import AssayError
from assaymark.core.format import Head, Tree
from assaymark.library import recognise
from assaymark.library.inventory import archives, condas, installed, lines, locks, manifests
from assaymark.library.inventory.look import Look
from assaymark.library.inventory.model import Gap, Inventory, Package, Source, digest_of

_DIST = re.compile(r"(?:.*/)?[^/]+\.(?:dist-info|egg-info)")
_TOOLS = frozenset({"node_modules", "site-packages", "dist-packages", ".git", ".tox", ".nox", "__pycache__"})
"""Folders whose own manifests and locks are not the project's."""
_MOST = 500_000
_LIMIT = 64 << 20
_Reader = Callable[[Look, str], tuple[str, list[Package]]]


def read(tree: Tree, name: str, tick: Callable[[], object], gaps: tuple[Gap, ...] = ()) -> Inventory:
    """The inventory of a folder that was walked; `gaps` are those of the walk."""
    look = Look(tree, tick)
    packages: list[Package] = []
    sources: list[Source] = []
    sites: dict[str, list[str]] = {}
    metas: dict[str, list[str]] = {}
    wheels: list[str] = []
    for path in sorted(tree.files):
        tick()
        folder, _, base = path.rpartition("/")
        if base in {"METADATA", "PKG-INFO"} and _DIST.fullmatch(folder):
            sites.setdefault(posixpath.dirname(folder), []).append(folder)
        elif base.endswith(".json") and posixpath.basename(folder) == "conda-meta":
            metas.setdefault(folder, []).append(path)
        elif archives.is_archive(path):
            wheels.append(path)
        elif _TOOLS.isdisjoint(path.split("/")[:-1]):
            _document(look, path, packages, sources)
        if len(packages) > _MOST:
            look.gap(path, f"more than {_MOST:,} packages: what comes after is not read")
            break
    for place, folders in sites.items():
        _several(look, place or ".", installed.read(look, folders), packages, sources)
    for place, paths in metas.items():
        _several(look, place, condas.installed(look, paths), packages, sources)
    for path in wheels:
        found = archives.read(look, [path])
        packages += found
        sources += (Source(path, p.source, p.hashes[0], 1) for p in found)
    kept = tuple(sorted(packages, key=lambda p: (p.ecosystem, p.name, p.version, p.path, p.line)))
    return Inventory(name, digest_of(sources), kept, (*gaps, *look.gaps), tuple(sources))


def reader(look: Look, path: str) -> _Reader | None:
    """Who reads a document of this name and beginning; None where it is no source of packages."""
    base = path.rpartition("/")[2].lower()
    if base in manifests.NAMES:
        return manifests.read
    if not base.endswith((".lock", ".toml", ".json", ".txt", ".in", ".yml", ".yaml", ".pip")):
        return None
    with look.tree.open(path) as blob:
        head = Head(blob, path)
    if recognise.is_lock(head):
        return locks.read
    if condas.kind_of(look, path):
        return condas.read
    return lines.read if recognise.is_requirements(head) else None


def _document(look: Look, path: str, packages: list[Package], sources: list[Source]) -> None:
    try:
        read_it = reader(look, path)
        if read_it is None:
            return
        kind, found = read_it(look, path)
        sources.append(Source(path, kind, _digest(look, path), len(found)))
        packages += found
    except AssayError as error:
        look.gap(path, error.message)


def _digest(look: Look, path: str) -> str:
    return f"sha256:{hashlib.sha256(look.tree.read(path, _LIMIT)).hexdigest()}"


def _several(look: Look, place: str, found: list[Package], packages: list[Package], sources: list[Source]) -> None:
    lines_ = sorted(_digest(look, package.path) for package in found)
    digest = hashlib.sha256("\n".join(lines_).encode()).hexdigest()
    sources.append(Source(place, "installed", f"sha256:{digest}", len(found)))
    packages += found
