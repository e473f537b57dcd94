"""Headers of RAR 5 and later: a checksum, a length, and fields that are variable-length numbers."""

import stat
import zlib
from collections.abc import Iterator

from assaymark.core.blob import Blob, exact
from assaymark.core.budget import Budget
from assaymark.core.errors import Malformed, Opaque
from assaymark.model.archive import Kind
from assaymark.model.rar.headers import LONGEST_HEADER, Block

_MAIN, _FILE, _SERVICE, _ENCRYPTION, _END = 1, 2, 3, 4, 5
_NAMES = {_MAIN: "main header", _END: "end header"}
_HAS_EXTRA, _HAS_DATA, _SPLIT = 0x01, 0x02, 0x18
_FOLDER, _HAS_TIME, _HAS_CRC, _UNKNOWN_SIZE = 0x01, 0x02, 0x04, 0x08
_LOCK, _VERSION, _REDIRECTION = 0x01, 0x04, 0x05
_UNIX = 1
_LINKS = {1: Kind.SYMLINK, 2: Kind.SYMLINK, 3: Kind.SYMLINK, 4: Kind.HARDLINK, 5: Kind.HARDLINK}
"""Redirections: unix and Windows symbolic links, junctions, hard links, and copies of another member."""


class _Fields:
    """Numbers of seven bits a byte, lowest first."""

    def __init__(self, data: bytes, offset: int) -> None:
        self._data = data
        self._offset = offset
        self.at = 0

    def number(self) -> int:
        value = 0
        for shift in range(0, 70, 7):
            byte = self.take(1)[0]
            value |= (byte & 0x7F) << shift
            if byte < 0x80:
                return value
        raise Malformed("a number in a RAR header is longer than ten bytes", offset=self._offset)

    def take(self, length: int) -> bytes:
        if self.at + length > len(self._data):
            raise Malformed("a RAR header ends within a field", offset=self._offset)
        self.at += length
        return self._data[self.at - length : self.at]

    @property
    def left(self) -> int:
        return len(self._data) - self.at


def blocks(blob: Blob, at: int, budget: Budget) -> Iterator[Block]:
    """Every header from `at` on."""
    while at < blob.size:
        budget.tick()
        size, used = _length(blob, at)
        if not 0 < size <= LONGEST_HEADER:
            raise Malformed(f"a RAR header declares a length of {size:,} bytes", offset=at)
        header = exact(blob, at + 4, used + size, "a RAR header")
        damaged = zlib.crc32(header) != int.from_bytes(blob.read(at, 4), "little")
        block = _block(header[used:], at, at + 4 + used + size, damaged=damaged)
        yield block
        if block.last:
            return
        at = block.data + block.packed


def _length(blob: Blob, at: int) -> tuple[int, int]:
    """The declared length of a header, and how many bytes say it (three at most)."""
    start = exact(blob, at, 5, "a RAR header")[4:] + blob.read(at + 5, 2)
    value = 0
    for index, byte in enumerate(start):
        value |= (byte & 0x7F) << 7 * index
        if byte < 0x80:
            return value, index + 1
    raise Malformed("the length of a RAR header is longer than three bytes", offset=at)


def _block(body: bytes, at: int, data: int, *, damaged: bool) -> Block:
    fields = _Fields(body, at)
    kind, flags = fields.number(), fields.number()
    extra = fields.number() if flags & _HAS_EXTRA else 0
    packed = fields.number() if flags & _HAS_DATA else 0
    if kind == _ENCRYPTION:
        raise Opaque("the headers of this RAR archive are encrypted: not even the names of its files can be read")
    if kind not in {_FILE, _SERVICE}:
        return Block(at, data, packed, _NAMES.get(kind, f"header {kind}"), damaged=damaged, last=kind == _END)
    file_flags, size, attributes = fields.number(), fields.number(), fields.number()
    if file_flags & _HAS_TIME:
        fields.take(4)
    crc = int.from_bytes(fields.take(4), "little") if file_flags & _HAS_CRC else None
    compression, system = fields.number(), fields.number()
    name = fields.take(fields.number()).decode("utf-8", "surrogateescape")
    if kind == _SERVICE:
        return Block(at, data, packed, f"service header {name}", name=name, damaged=damaged)
    what = Kind.FOLDER if file_flags & _FOLDER else Kind.FILE
    if system == _UNIX and stat.S_ISLNK(attributes & 0xFFFF):
        what = Kind.SYMLINK
    encrypted, version, link, target = _extra(_Fields(body[max(len(body) - extra, fields.at) :], at))
    return Block(
        at, data, packed, "file", link or what, name + version, None if file_flags & _UNKNOWN_SIZE else size, crc,
        compression >> 7 & 7, encrypted, bool(flags & _SPLIT), target, damaged,
    )  # fmt: skip


def _extra(fields: _Fields) -> tuple[bool, str, Kind | None, str]:
    """From the extra area: whether the content is encrypted, which version it is, and what it is redirected to."""
    encrypted, version, kind, target = False, "", None, ""
    while fields.left > 1:
        record = _Fields(fields.take(fields.number()), 0)
        number = record.number()
        if number == _LOCK:
            encrypted = True
        elif number == _VERSION:
            record.number()
            version = f";{record.number()}"
        elif number == _REDIRECTION:
            kind = _LINKS.get(record.number(), Kind.SYMLINK)
            record.number()
            target = record.take(record.number()).decode("utf-8", "surrogateescape")
    return encrypted, version, kind, target
