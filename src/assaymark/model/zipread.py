"""The records of a zip (APPNOTE.TXT 6.3.10): end records, central directory and local headers, each read for itself.

Readers differ in which end record they believe, in how they find the directory from it, and in which header they
trust. So nothing here chooses: every end record and every place where its directory could be is returned.
"""

import struct
import zlib
from collections.abc import Iterator

from assaymark.core.blob import Blob
from assaymark.core.budget import Budget
from assaymark.core.errors import Malformed
from assaymark.core.record import dataclass

END = b"PK\x05\x06"
CENTRAL = b"PK\x01\x02"
LOCAL = b"PK\x03\x04"
DESCRIPTOR = b"PK\x07\x08"
_END64 = b"PK\x06\x06"
_LOCATOR = b"PK\x06\x07"
_END_FIELDS = struct.Struct("<4s4HIIH")
_CENTRAL_FIELDS = struct.Struct("<4s6H3I5H2I")
_LOCAL_FIELDS = struct.Struct("<4s5H3I2H")
_LONGEST_ENTRY = 46 + 3 * 0xFFFF
_WINDOW = 1 << 20
_FULL = 0xFFFFFFFF
_END64_LENGTH = 56
_TAIL = 22 + 0xFFFF

ENCRYPTED = 0x0001 | 0x0040 | 0x2000
"""General purpose bits: encrypted, strongly encrypted, headers masked."""
DEFERRED = 0x0008
"""Sizes and CRC stand in a data descriptor behind the data."""


@dataclass(frozen=True, slots=True)
class End:
    """An end record. `first` is the offset of the first record that belongs to it (a zip64 one stands before)."""

    at: int
    first: int
    stop: int
    count: int
    size: int
    offset: int

    def spans(self) -> Iterator[tuple[int, int]]:
        """The bytes that the end record, and the zip64 record and locator before it, account for."""
        if self.first == self.at:
            yield self.at, self.stop
        else:
            yield self.first, self.first + _END64_LENGTH
            yield self.at - 20, self.stop

    def places(self) -> Iterator[int]:
        """Where readers look for the directory: before the end record (Python), or at its offset (miniz)."""
        yield self.first - self.size
        if self.offset != self.first - self.size:
            yield self.offset


@dataclass(frozen=True, slots=True)
class Directory:
    """A central directory that an end record leads to; `shift` is what its offsets must be moved by."""

    end: End
    at: int
    shift: int


@dataclass(frozen=True, slots=True)
class Header:
    """What one header says of a member. `at` is where it stands; sizes in bytes."""

    at: int
    name: bytes
    flags: int
    method: int
    crc: int
    packed: int
    size: int
    extra: bytes
    mode: int = 0
    """Unix mode; central only."""
    local: int = 0
    """Offset of the local header as written; central only."""
    data: int = 0
    """Offset of the content; local only."""
    stop: int = 0
    """Offset behind the header; central only."""

    @property
    def text(self) -> str:
        """The name: UTF-8 where it is that, else code page 437."""
        try:
            return self.name.decode()
        except UnicodeDecodeError:
            return self.name.decode("cp437")

    @property
    def deferred(self) -> bool:
        """Sizes and CRC are in a data descriptor."""
        return bool(self.flags & DEFERRED)

    @property
    def encrypted(self) -> bool:
        """Any bit says so."""
        return bool(self.flags & ENCRYPTED)

    @property
    def unicode_name(self) -> bytes:
        """The name of a valid Info-ZIP Unicode Path field (0x7075), which some readers prefer; else empty."""
        field = _extra(self.extra, 0x7075)
        if len(field) < 5 or field[0] != 1 or int.from_bytes(field[1:5], "little") != zlib.crc32(self.name):
            return b""
        return field[5:]


def directories(blob: Blob, budget: Budget) -> list[Directory]:
    """Every directory that an end record in the last 66 kB leads to; the one that most readers take comes first."""
    found: dict[int, Directory] = {}
    for end in _ends(blob):
        budget.tick()
        for at in end.places():
            if at in found or not 0 <= at <= end.first:
                continue
            if blob.read(at, 4) == CENTRAL or (at == end.first and not end.size and not end.count):
                found[at] = Directory(end, at, at - end.offset)
    return list(found.values())


def _ends(blob: Blob) -> Iterator[End]:
    start = max(0, blob.size - _TAIL)
    tail = blob.read(start, _TAIL)
    at = tail.rfind(END)
    while at >= 0:
        if at + 22 <= len(tail):
            _, _, _, _, count, size, offset, comment = _END_FIELDS.unpack_from(tail, at)
            stop = min(start + at + 22 + comment, blob.size)
            plain = End(start + at, start + at, stop, count, size, offset)
            wide = _wide(blob, plain)
            if wide is not None:
                yield wide
            same = {(0xFFFF, _FULL, _FULL), (wide.count, wide.size, wide.offset)} if wide is not None else set()
            if (count, size, offset) not in same:
                yield plain
        at = tail.rfind(END, 0, at)


def _wide(blob: Blob, end: End) -> End | None:
    """The zip64 end record, if the locator before `end` leads to one."""
    locator = blob.read(max(0, end.at - 20), 20) if end.at >= 20 else b""
    if locator[:4] != _LOCATOR:
        return None
    for at in (end.at - 20 - _END64_LENGTH, int.from_bytes(locator[8:16], "little")):
        record = blob.read(at, _END64_LENGTH) if 0 <= at <= end.at - 20 - _END64_LENGTH else b""
        if record[:4] == _END64:
            count, size, offset = struct.unpack_from("<3Q", record, 32)
            return End(end.at, at, end.stop, count, size, offset)
    return None


def central_headers(blob: Blob, directory: Directory, budget: Budget) -> Iterator[Header]:
    """The entries of a directory: all within its declared size, and all that its count declares.

    Raises Malformed where an entry is cut.
    """
    end = directory.end
    budget.header(end.size, "the central directory")
    base, buffer, at, seen = directory.at, b"", 0, 0
    while base + at < end.first:
        if len(buffer) - at < _LONGEST_ENTRY and base + len(buffer) < end.first:
            budget.tick()
            base, at = base + at, 0
            buffer = blob.read(base, min(_WINDOW, end.first - base))
        if buffer[at : at + 4] != CENTRAL or (base + at >= directory.at + end.size and seen >= end.count):
            return
        header = _central(buffer, at, base + at)
        yield header
        at, seen = header.stop - base, seen + 1


def _central(buffer: bytes, at: int, offset: int) -> Header:
    if at + 46 > len(buffer):
        raise Malformed("the central directory ends within an entry", offset=offset)
    (
        _, _, _, flags, method, _, _, crc, packed, size, n_name, n_extra, n_comment, _, _, attributes, local,
    ) = _CENTRAL_FIELDS.unpack_from(buffer, at)  # fmt: skip
    if at + 46 + n_name + n_extra + n_comment > len(buffer):
        raise Malformed("the central directory ends within an entry", offset=offset)
    name = buffer[at + 46 : at + 46 + n_name]
    extra = buffer[at + 46 + n_name : at + 46 + n_name + n_extra]
    wide = _extra(extra, 0x0001) if n_extra else b""
    if wide:
        size, packed, local = _widen(wide, size, packed, local)
    length = 46 + n_name + n_extra + n_comment
    return Header(offset, name, flags, method, crc, packed, size, extra, attributes >> 16, local, stop=offset + length)


def local_header(blob: Blob, at: int) -> Header | None:
    """The local header at `at`, or None when none stands there or it is cut."""
    if not 0 <= at <= blob.size - 30:
        return None
    start = blob.read(at, 512)
    if start[:4] != LOCAL:
        return None
    _, _, flags, method, _, _, crc, packed, size, n_name, n_extra = _LOCAL_FIELDS.unpack_from(start)
    length = 30 + n_name + n_extra
    if at + length > blob.size:
        return None
    if length > len(start):
        start = blob.read(at, length)
    extra = start[30 + n_name : length]
    wide = _extra(extra, 0x0001) if n_extra else b""
    if wide:
        size, packed = _widen(wide, size, packed)
    return Header(at, start[30 : 30 + n_name], flags, method, crc, packed, size, extra, data=at + length)


def _extra(extra: bytes, wanted: int) -> bytes:
    """The content of the extra field with this id; empty when it is not there."""
    at = 0
    while at + 4 <= len(extra):
        field, length = struct.unpack_from("<HH", extra, at)
        if field == wanted:
            return extra[at + 4 : at + 4 + length]
        at += 4 + length
    return b""


def _widen(field: bytes, *values: int) -> tuple[int, ...]:
    """Replace each saturated value by the next 64-bit one of the zip64 field, as long as there are any."""
    wide = iter(struct.unpack_from(f"<{len(field) // 8}Q", field))
    return tuple(next(wide, value) if value == _FULL else value for value in values)


def descriptor_length(blob: Blob, at: int, header: Header) -> int:
    """Bytes of the data descriptor at `at` that agrees with `header` (the central one); 0 when none does."""
    if at >= blob.size:
        return 0
    start = blob.read(at, 24)
    for mark in (DESCRIPTOR, b""):
        for form in ("<III", "<IQQ"):
            expected = _fitting(form, header)
            if expected is not None and start.startswith(mark + expected):
                return len(mark + expected)
    return 0


def _fitting(form: str, header: Header) -> bytes | None:
    if form == "<III" and (header.packed > _FULL or header.size > _FULL):
        return None
    return struct.pack(form, header.crc, header.packed, header.size)
