"""Locks of uv, Poetry, PDM, pip (pylock.toml), Pipenv and npm."""

import posixpath
from collections.abc import Iterable

from assaymark.core.errors import AssayError
from assaymark.library import lock as locks
from assaymark.library import manifest, urls
from assaymark.library.inventory.look import Look
from assaymark.library.inventory.model import Package
from assaymark.library.inventory.paths import Entry, asked_of, traced
from assaymark.library.lock_details import Detail

_LIMIT = 64 << 20
_MANIFEST = 1 << 20
_MANIFESTS = {"pipenv": "Pipfile", "poetry": "pyproject.toml", "pdm": "pyproject.toml", "pip": "pyproject.toml"}


def read(look: Look, path: str) -> tuple[str, list[Package]]:
    """The tool, and every package of the lock; raises AssayError."""
    document = look.text(path, _LIMIT)
    lock = locks.read(document, path, detail=True)
    if lock.tool in {"npm", "pipenv"}:
        look.twice(path, document)
    own = [need for package in lock.packages if package.origin == "local" for need in _detail(package).needs]
    entries = [
        Entry(_package(package, lock.tool, path), _detail(package).needs)
        for package in lock.packages
        if not (lock.tool == "uv" and package.origin == "local" and _is_project(package, lock.packages))
    ]
    asked = asked_of(own) if lock.tool == "uv" else _asked(look, path, lock.tool)
    return lock.tool, traced(entries, asked, look.tick)


def _is_project(package: locks.LockedPackage, packages: Iterable[locks.LockedPackage]) -> bool:
    """Nothing in the lock needs it: it is the project, or a member of its workspace."""
    needed = {need.name for other in packages for need in _detail(other).needs if other is not package}
    return package.name not in needed


def _detail(package: locks.LockedPackage) -> Detail:
    return package.detail or Detail()


def _package(package: locks.LockedPackage, tool: str, path: str) -> Package:
    detail = _detail(package)
    return Package(
        "npm" if package.npm else "PyPI", package.name, package.version, path, package.line, tool, detail.hashes,
        package.address, package.origin, detail.direct, (), detail.groups, detail.marker, fixed=package.fixed,
    )  # fmt: skip


def _asked(look: Look, path: str, tool: str) -> dict[str, set[str]] | None:
    """What the manifest beside a lock asks for; None where there is none that can be read."""
    base = _MANIFESTS.get(tool)
    beside = posixpath.join(posixpath.dirname(path), base or "-")
    if beside not in look.tree.files:
        return None
    try:
        document = look.text(beside, _MANIFEST)
        found = manifest.pipfile(document) if tool == "pipenv" else manifest.pyproject(document, tool)
    except AssayError:
        return None  # the manifest is read for itself, too, and says so there
    names: dict[str, set[str]] = {}
    for dependency in found.dependencies[:5_000]:
        names.setdefault(dependency.name, set()).add(dependency.group)
    return names


def is_fixed(address: str) -> bool:
    """The address means one content for ever."""
    return urls.is_fixed(address)
