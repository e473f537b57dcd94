"""The lock files that are JSON: Pipfile.lock and npm's package-lock.json (lockfileVersion 1 to 3)."""

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from assaymark.core.errors import Malformed
from assaymark.core.source.secrets import redact
from assaymark.library import lock_details, urls
from assaymark.library.documents import table, text, texts
from assaymark.library.lock import LockedPackage, locked

_MISSES = 50  # keys that are spelled with escapes; each costs a search to the end


class _Cursor:
    """Line numbers of keys that are asked for in the order in which they stand, in one pass."""

    def __init__(self, document: str) -> None:
        self._document = document
        self._at = 0
        self._line = 1
        self._missed = 0

    def line(self, key: str) -> int:
        """Line of the next `"key"`; the last line found where there is none."""
        if self._missed > _MISSES:
            return self._line
        at = self._document.find(f'"{key}"', self._at)
        self._missed += at < 0
        if at >= 0:
            self._line += self._document.count("\n", self._at, at)
            self._at = at
        return self._line


def pipenv(data: dict[str, Any], document: str, *, detail: bool = False) -> Iterator[LockedPackage]:
    """Every category but `_meta` is a table of packages."""
    if not isinstance(data.get("_meta"), dict):
        raise Malformed("Pipfile.lock without `_meta`")
    cursor = _Cursor(document)
    for category, packages in data.items():
        if category == "_meta" or not isinstance(packages, dict):
            continue
        for name, entry in packages.items():
            line = cursor.line(name)
            if not isinstance(entry, dict):
                raise Malformed(f"Pipfile.lock: {name[:80]} is not an object (line {line})")
            made = _pipenv(name, entry, line)
            yield replace(made, detail=lock_details.pipenv(category, entry)) if detail else made


def _pipenv(name: str, entry: dict[str, Any], line: int) -> LockedPackage:
    version = text(entry.get("version")).removeprefix("==")
    if "git" in entry:
        fixed = urls.is_commit(text(entry.get("ref")))
        return locked(name, version, line, "git", text(entry["git"]), fixed=fixed)
    if "path" in entry or entry.get("editable") is True:
        return locked(name, version, line, "local", "", fixed=True)
    fixed = any(h.startswith(("sha256:", "sha384:", "sha512:")) for h in texts(entry.get("hashes")))
    file = text(entry.get("file"))
    return locked(name, version, line, "url" if file else "index", file, fixed=fixed)


def npm(data: dict[str, Any], document: str, *, detail: bool = False) -> Iterator[LockedPackage]:
    """`packages` by path (versions 2 and 3), else the nested `dependencies` of version 1."""
    if not data.keys() & {"lockfileVersion", "packages", "dependencies"}:
        raise Malformed("package-lock.json without packages")
    cursor = _Cursor(document)
    packages = data.get("packages")
    if isinstance(packages, dict):
        for path, entry in packages.items():
            if "node_modules/" in path and isinstance(entry, dict):
                name = text(entry.get("name")) or path.rpartition("node_modules/")[2]
                made = _npm(name, entry, cursor.line(path))
                yield replace(made, detail=lock_details.npm(path, entry, packages)) if detail else made
        return
    pending = [iter(table(data, "dependencies").items())]
    while pending:
        for name, entry in pending[-1]:
            if isinstance(entry, dict):
                made = _npm(name, entry, cursor.line(name))
                top = len(pending) == 1
                yield replace(made, detail=lock_details.npm_old(entry, top=top)) if detail else made
                pending.append(iter(table(entry, "dependencies").items()))
                break
        else:
            pending.pop()


def _npm(name: str, entry: dict[str, Any], line: int) -> LockedPackage:
    version, resolved = text(entry.get("version")), text(entry.get("resolved"))
    if version.startswith("npm:"):  # an alias, as lockfileVersion 1 writes it
        name, _, version = version[4:].rpartition("@")
    address = resolved or (version if ":" in version else "")
    origin = "index"
    if entry.get("link") is True or address.startswith("file:"):
        origin = "local"
    elif urls.is_vcs(address) or address.startswith("github:"):
        origin = "git"
    bundled = entry.get("inBundle") is True or entry.get("bundled") is True  # comes inside another package's tarball
    fixed = origin == "local" or bundled or bool(text(entry.get("integrity")))
    if origin == "git":
        fixed = urls.is_commit(address.rpartition("#")[2])
    excerpt = f"{name[:200]} {version[:100]}"
    return LockedPackage(name[:200], version, line, excerpt, origin, redact(address), fixed, (address,), npm=True)
