"""What archives have in common: the views that the archive checks read, and where a member's path would lead."""

import re
import zlib
from collections.abc import Iterable, Iterator
from enum import StrEnum

from assaymark.core.blob import Blob, chunks
from assaymark.core.budget import Budget
from assaymark.core.format import Member, Region
from assaymark.core.record import dataclass

_DRIVE = re.compile(r"[A-Za-z]:")
_SYSTEM_FOLDERS = frozenset({"bin", "dev", "etc", "lib", "opt", "proc", "root", "sbin", "sys", "usr", "var"})
_ROOT_FOLDERS = _SYSTEM_FOLDERS | {
    "boot", "home", "init", "lib32", "lib64", "libx32", "media", "mnt", "run", "srv", "tmp",
}  # fmt: skip
"""All that a layer of an image may have at its top."""


class Kind(StrEnum):
    """What a member would be on disk."""

    FILE = "file"
    FOLDER = "folder"
    SYMLINK = "symbolic link"
    HARDLINK = "hard link"
    DEVICE = "device"
    PIPE = "pipe"


@dataclass(frozen=True, slots=True)
class Entry:
    """One member as its headers describe it. `offset` (bytes) is where its own header stands."""

    name: str
    kind: Kind
    size: int
    offset: int
    target: str = ""
    """Where a link points."""
    listed: bool = True
    """False for a zip member that the directory leaves out; only readers that walk the file see it."""
    encrypted: bool = False


@dataclass(frozen=True, slots=True)
class Hole:
    """Bytes that no header of the archive accounts for. `place` says where in words, `start` is their beginning."""

    place: str
    offset: int
    size: int
    start: bytes

    @property
    def is_model(self) -> bool:
        """A TFLite model, which is looked at as one, carries the files of its metadata behind it."""
        return self.offset == 0 and self.start[4:8] == b"TFL3"


@dataclass(frozen=True, slots=True)
class ArchiveView:
    """A whole archive by its headers; no content was read for it."""

    format: str
    entries: tuple[Entry, ...]
    holes: tuple[Hole, ...] = ()
    shared: tuple[tuple[str, str, int], ...] = ()
    """Members that overlap: name of the first, name of the second, offset of the second."""


@dataclass(frozen=True, slots=True)
class Disagreement:
    """Two places that describe the same member and differ in `field`, so that readers differ too."""

    name: str
    field: str
    listed: str
    """What the first of the two says, with its name: `central directory: stored`."""
    found: str
    offset: int


@dataclass(frozen=True, slots=True)
class Mismatch:
    """A member whose content is not what its headers declare. `field` is `CRC-32` or `size`."""

    name: str
    field: str
    declared: str
    actual: str
    offset: int


@dataclass(frozen=True, slots=True)
class Tail:
    """Bytes that follow the end of a compressed stream and belong to no stream."""

    name: str
    codec: str
    offset: int
    size: int
    start: bytes


@dataclass(frozen=True, slots=True)
class AntiItem:
    """A member of a 7z archive that has no content and stands for a file that unpacking deletes."""

    name: str


def carried(name: str, content: Blob) -> Member:
    """What a link has for content, a path if all is well: not every reader makes a link of it. No suffix claims more."""
    return Member(f"{name} (link)", content)


def unexplained(holes: Iterable[Hole]) -> Iterator[Region]:
    """The same holes for the byte map."""
    return (Region(hole.offset, hole.size, data=False) for hole in holes if not hole.is_model)


def crc_of(content: Blob, budget: Budget) -> int:
    """CRC-32 of all of it."""
    crc = 0
    for piece in chunks(content):
        budget.tick()
        crc = zlib.crc32(piece, crc)
    return crc


def escape(name: str) -> str:
    """Why unpacking `name` could write outside the folder it is unpacked to; empty when it could not."""
    path = name.replace("\\", "/")
    if path.startswith("/"):
        return "is absolute"
    if _DRIVE.match(path):
        return "names a drive"
    return "climbs out with '..'" if _climbs(path) else ""


def link_escape(entry: Entry) -> str:
    """The same for where a link points: a symbolic one from its own folder, a hard one from the archive's root."""
    base = entry.name.replace("\\", "/").rstrip("/").rpartition("/")[0] if entry.kind is Kind.SYMLINK else ""
    target = entry.target.replace("\\", "/")
    if target.startswith("/"):
        return "is absolute"
    if _DRIVE.match(target):
        return "names a drive"
    return "climbs out with '..'" if _climbs(f"{base}/{target}".lstrip("/")) else ""


def _climbs(path: str) -> bool:
    if ".." not in path:
        return False
    depth = 0
    for part in path.split("/"):
        depth += -1 if part == ".." else part not in {"", "."}
        if depth < 0:
            return True
    return False


def is_system_root(view: ArchiveView) -> bool:
    """The archive is the root folder of a system, or a layer of one: its absolute links are meant to stay inside."""
    tops = {entry.name.removeprefix("./").partition("/")[0] for entry in view.entries}
    tops = {top for top in tops if top not in {"", "."} and not top.startswith(".wh.")}
    if view.format not in {"tar", "cpio"}:
        return False
    return len(tops & _SYSTEM_FOLDERS) >= 3 or (bool(tops & _SYSTEM_FOLDERS) and tops <= _ROOT_FOLDERS)
