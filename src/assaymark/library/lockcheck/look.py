"""Finds what the rules of this package speak of, in an inventory and the locks it was read from."""

import re
from collections.abc import Iterable, Iterator, Mapping

from assaymark.core.errors import AssayError
from assaymark.core.format import Tree
from assaymark.core.source.text import decode
from assaymark.library import lock as locks
from assaymark.library.inventory.model import Inventory, Package
from assaymark.library.lockcheck.views import Direct, Disagreement, MarkerFault, SourceOnly, Yanked

View = Direct | Disagreement | SourceOnly | Yanked | MarkerFault
_LOCKS = frozenset({"uv", "poetry", "pdm", "pip", "pipenv", "npm", "requirements", "conda-lock", "pixi"})
_FILES = ("uv", "poetry", "pdm", "pip")
_PYTHONS = ("3.8", "3.9", "3.10", "3.11", "3.12", "3.13", "3.14")
_SYSTEMS = (("linux", "Linux", "posix"), ("darwin", "Darwin", "posix"), ("win32", "Windows", "nt"))
_LIMIT = 64 << 20
_MOST = 2_000
"""Names whose markers are compared."""
_SOURCE = re.compile(r"\.(?:tar\.(?:gz|bz2|xz)|tgz|zip)(?:[?#].*)?$", re.IGNORECASE)
YankedBy = Mapping[tuple[str, str], str]
"""(normalised name, version) -> reason."""


def views(inventory: Inventory, tree: Tree, yanked: YankedBy) -> Iterator[tuple[Package, View]]:
    """Everything that a rule of this package has to say something about."""
    for package in inventory.packages:
        if package.source in _LOCKS and package.origin != "index":
            yield package, Direct(package, package.origin)
        reason = yanked.get((package.name, package.version)) if package.ecosystem == "PyPI" else None
        if reason is not None and package.source in {*_LOCKS, "constraints", "installed"}:
            yield package, Yanked(package, reason)
    yield from ((view.package, view) for view in disagreements(inventory.packages))
    yield from ((view.package, view) for view in source_only(inventory, tree))
    yield from ((view.package, view) for view in marker_faults(inventory.packages))


def disagreements(packages: Iterable[Package]) -> Iterator[Disagreement]:
    """Locks of one version that have no hash in common, and archives at hand that a lock does not know."""
    known: dict[tuple[str, str, str], list[Package]] = {}
    for package in packages:
        if package.version and _strong(package) and package.ecosystem != "conda":
            known.setdefault((package.ecosystem, package.name, package.version), []).append(package)
    for group in known.values():
        locked = [package for package in group if package.source in _LOCKS and package.origin == "index"]
        archives = [package for package in group if package.source in {"wheel", "sdist"}]
        for number, package in enumerate(locked):
            other = next((o for o in locked[:number] if _strong(o).isdisjoint(_strong(package))), None)
            if other is not None and other.path != package.path and _same_kind(other, package):
                yield Disagreement(package, other)
            for archive in archives:
                if _strong(archive).isdisjoint(_strong(package)):
                    yield Disagreement(package, archive)


def _strong(package: Package) -> frozenset[str]:
    return frozenset(value for value in package.hashes if value.startswith(("sha256:", "sha512:")))


def _same_kind(one: Package, other: Package) -> bool:
    """Both name hashes by one algorithm; two algorithms never have a value in common."""
    kinds = [{value.partition(":")[0] for value in _strong(package)} for package in (one, other)]
    return bool(kinds[0] & kinds[1])


def source_only(inventory: Inventory, tree: Tree) -> Iterator[SourceOnly]:
    """Packages of an index for which a lock names a source distribution and no wheel."""
    for source in inventory.sources:
        if source.kind not in _FILES or source.path not in tree.files:
            continue
        try:
            lock = locks.read(decode(tree.read(source.path, _LIMIT), source.path), source.path)
        except AssayError:
            continue  # a gap of the inventory says so
        placed = {(p.name, p.version): p for p in inventory.packages if p.path == source.path}
        for locked in lock.packages:
            package = placed.get((locked.name, locked.version))
            files = [file for file in locked.files if file]
            if package and locked.origin == "index" and files and all(_SOURCE.search(file) for file in files):
                yield SourceOnly(package, files[0].rpartition("/")[2][:200])


def marker_faults(packages: Iterable[Package]) -> Iterator[MarkerFault]:
    """Names that stand in one lock several times, each time under a marker."""
    found: dict[tuple[str, str], list[Package]] = {}
    for package in packages:
        if package.ecosystem == "PyPI" and package.source in {"requirements", "pip", "poetry", "pdm"}:
            found.setdefault((package.path, package.name), []).append(package)
    several = [group for group in found.values() if len(group) > 1 and all(p.marker for p in group)]
    for group in several[:_MOST]:
        problem = _problem(group[:50])
        if problem:
            yield MarkerFault(group[0], problem)


def _problem(group: list[Package]) -> str:
    from packaging.markers import InvalidMarker, Marker, UndefinedComparison, UndefinedEnvironmentName

    try:
        markers = [Marker(package.marker) for package in group]
        for system, name, posix in _SYSTEMS:
            there: list[str] = []
            for python in _PYTHONS:
                environment = {
                    "python_version": python, "python_full_version": f"{python}.0", "sys_platform": system,
                    "platform_system": name, "os_name": posix, "extra": "", "implementation_name": "cpython",
                    "platform_python_implementation": "CPython", "platform_machine": "x86_64",
                }  # fmt: skip
                holds = {p.version for p, marker in zip(group, markers, strict=True) if marker.evaluate(environment)}
                if len(holds) > 1:
                    return f"is {' and '.join(sorted(holds))} at once on Python {python}, {name}"
                there += [python] if holds else []
            between = _PYTHONS[_PYTHONS.index(there[0]) : _PYTHONS.index(there[-1])] if there else ()
            hole = next((python for python in between if python not in there), "")
            if hole:
                return f"has no entry for Python {hole} on {name}, which lies between those that it is locked for"
    except (InvalidMarker, UndefinedComparison, UndefinedEnvironmentName, RecursionError, ValueError, KeyError):
        return ""  # conda's and Poetry's own spellings; the lock's tool reads them
    return ""
