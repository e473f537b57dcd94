"""The identity of a folder: every path, size and sha256 of it, as canonical JSON.

The digest is `sha256(PREFIX + RFC 8785 bytes)`. Names and counts are bound: adding, dropping, renaming or
swapping a file changes it. The path grammar leaves no two spellings for one file on any common file system.
"""

import hashlib
import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from assaymark.core.digest import MANIFEST, Digest
from assaymark.core.errors import Malformed
from assaymark.core.strictjson import canonical

PREFIX = b"assaymark/manifest/v1\n"
SCHEMA = "assaymark/manifest/v1"
_MAX_PATH = 4096
_DEVICES = frozenset(
    (
        "con",
        "prn",
        "aux",
        "nul",
        "conin$",
        "conout$",
        *(f"{port}{n}" for port in ("com", "lpt") for n in "0123456789¹²³"),
    )
)
"""What Windows takes for a device, whatever extension follows (Win32, Naming Files, Paths, and Namespaces)."""


def check_path(path: str) -> str:
    """Return `path` when it is a manifest path, else raise Malformed saying what is wrong.

    Grammar: relative POSIX, NFC, valid Unicode, no empty, `.` or `..` part, no backslash, no control character, no part that
    ends in a dot or a space or names a device of Windows.
    """
    problem = _path_problem(path)
    if problem:
        message = f"path {path!r} {problem}"
        raise Malformed(message, step="rename the file; such a name means different files on different systems")
    return path


def _path_problem(path: str) -> str | None:  # noqa: PLR0911 - one return for each rule of the grammar
    if not path or len(path) > _MAX_PATH:
        return "is empty or longer than 4096 characters"
    if path.startswith("/"):
        return "is absolute"
    if "\\" in path:
        return "holds a backslash"
    parts = path.split("/")
    if any(part in {"", ".", ".."} for part in parts):
        return "holds an empty, '.' or '..' part"
    if any(map(_is_lost_on_windows, parts)):
        return "has a part that ends in a dot or a space, or is a device, on Windows"
    if not path.isascii():
        if any(unicodedata.category(c) in {"Cc", "Cs"} for c in path):
            return "holds a control character or is not valid Unicode"
        if unicodedata.normalize("NFC", path) != path:
            return "is not in Unicode normal form C"
    elif not path.isprintable():
        return "holds a control character"
    return None


def _is_lost_on_windows(part: str) -> bool:
    return part[-1] in ". " or part.partition(".")[0].rstrip(" ").casefold() in _DEVICES


def path_problems(paths: Iterable[str]) -> dict[str, str]:
    """What is wrong with each path that no manifest can hold, a clash with another one included."""
    problems: dict[str, str] = {}
    seen: dict[str, str] = {}
    for path in sorted(paths):
        problem = _path_problem(path)
        other = seen.setdefault(path.casefold(), path)
        if problem:
            problems[path] = f"path {path!r} {problem}"
        elif other != path:
            problems[path] = f"paths {other!r} and {path!r} differ only by case"
    return problems


@dataclass(frozen=True, slots=True, order=True)
class ManifestFile:
    """One file: path in the grammar above, size in bytes, sha256 in hexadecimal."""

    path: str
    size: int
    sha256: str


@dataclass(frozen=True)
class Manifest:
    """Files sorted by path, unique even when case is ignored. Build with `Manifest.of`."""

    files: tuple[ManifestFile, ...]

    @classmethod
    def of(cls, files: Iterable[ManifestFile]) -> "Manifest":
        """Sort and verify; raises Malformed on a bad path or on two paths that differ only by case."""
        ordered = tuple(sorted(files))
        seen: dict[str, str] = {}
        for file in ordered:
            folded = check_path(file.path).casefold()
            if folded in seen:
                message = f"paths {seen[folded]!r} and {file.path!r} differ only by case or are the same"
                raise Malformed(message, step="rename one; a case-insensitive system would keep only one of them")
            seen[folded] = file.path
        return cls(ordered)

    def to_json(self) -> dict[str, Any]:
        """The document that is hashed."""
        return {
            "schema": SCHEMA,
            "files": [{"path": f.path, "size": f.size, "sha256": f.sha256} for f in self.files],
        }

    @cached_property
    def digest(self) -> Digest:
        """The folder's digest."""
        return Digest(MANIFEST, hashlib.sha256(PREFIX + canonical(self.to_json())).hexdigest())
