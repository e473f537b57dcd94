"""Headers of RAR 1.5 to 4: a two-byte checksum, a type, flags and a length, then fields by type."""

import stat
import struct
import zlib
from collections.abc import Iterator

from assaymark.core.blob import Blob, exact
from assaymark.core.budget import Budget
from assaymark.core.errors import Malformed, Opaque
from assaymark.model.archive import Kind
from assaymark.model.rar.headers import Block

_MAIN, _FILE, _SERVICE, _END = 0x73, 0x74, 0x7A, 0x7B
_OLD_SERVICE = 0x77
_NAMES = {
    0x75: "comment", 0x76: "old authenticity record", _OLD_SERVICE: "old service header", 0x78: "recovery record",
    0x79: "authenticity record",
}  # fmt: skip
_HAS_DATA = 0x8000
_LOCKED_HEADERS = 0x80
_SPLIT, _ENCRYPTED, _COMMENT, _LARGE, _UNICODE, _FOLDER = 0x03, 0x04, 0x08, 0x100, 0x200, 0xE0
_FIELDS = struct.Struct("<IIBIIBBHI")
_UNIX = 3
_LONGEST_TARGET = 4096


def blocks(blob: Blob, at: int, budget: Budget) -> Iterator[Block]:
    """Every header from `at` on."""
    while at < blob.size:
        budget.tick()
        start = exact(blob, at, 7, "a RAR header")
        kind, flags, length = struct.unpack("<BHH", start[2:])
        if length < 7:
            raise Malformed(f"a RAR header declares a length of {length} bytes", offset=at)
        header = exact(blob, at, length, "a RAR header")
        damaged = not _checksum_fits(blob, at, header, flags)
        if kind in {_FILE, _SERVICE}:
            block = _file(blob, header, at, damaged=damaged)
        else:
            packed = int.from_bytes(header[7:11], "little") if flags & _HAS_DATA else 0
            what = {_MAIN: "main header", _END: "end header"}.get(kind) or _NAMES.get(kind, f"header {kind:#x}")
            block = Block(at, at + length, packed, what, damaged=damaged, last=kind == _END)
        yield block
        if block.last:
            return
        if kind == _MAIN and flags & _LOCKED_HEADERS:
            raise Opaque("the headers of this RAR archive are encrypted: not even the names of its files can be read")
        at = block.data + block.packed


def _checksum_fits(blob: Blob, at: int, header: bytes, flags: int) -> bool:
    """The two bytes are those of a CRC-32. A comment within a header does not count; old service data does."""
    kind, end = header[2], len(header)
    if kind == _MAIN:
        end = 14 if flags & 0x200 else 13
    elif kind == _FILE and flags & _COMMENT:
        return True  # where the comment begins only its own, undescribed, fields tell
    covered = header[2:end]
    if kind == _OLD_SERVICE:
        covered += blob.read(at + end, min(int.from_bytes(header[7:11], "little"), 0x10000))
    return zlib.crc32(covered) & 0xFFFF == int.from_bytes(header[:2], "little")


def _file(blob: Blob, header: bytes, at: int, *, damaged: bool) -> Block:
    kind, flags = header[2], int.from_bytes(header[3:5], "little")
    if len(header) < 32:
        raise Malformed("a RAR file header is too short", offset=at)
    packed, size, system, crc, _, _, method, name_length, attributes = _FIELDS.unpack_from(header, 7)
    where = 32
    if flags & _LARGE:
        if len(header) < 40:
            raise Malformed("a RAR file header is too short", offset=at)
        high = struct.unpack_from("<II", header, 32)
        packed, size, where = packed | high[0] << 32, size | high[1] << 32, 40
    raw = header[where : where + name_length]
    if len(raw) < name_length:
        raise Malformed("the name in a RAR file header is cut off", offset=at)
    name = _name(raw) if flags & _UNICODE else raw.decode("utf-8", "surrogateescape")
    data = at + len(header)
    service = kind == _SERVICE
    what_kind, target = Kind.FILE, ""
    if flags & _FOLDER == _FOLDER:
        what_kind = Kind.FOLDER
    elif system == _UNIX and stat.S_ISLNK(attributes & 0xFFFF):
        what_kind, target = Kind.SYMLINK, _target(blob, data, packed, method)
    return Block(
        at, data, packed, f"service header {name}" if service else "file", None if service else what_kind,
        name.replace("\\", "/"), size, crc, max(method - 0x30, 0), bool(flags & _ENCRYPTED), bool(flags & _SPLIT),
        target, damaged,
    )  # fmt: skip


def _target(blob: Blob, data: int, packed: int, method: int) -> str:
    return blob.read(data, min(packed, _LONGEST_TARGET)).decode("utf-8", "replace") if method == 0x30 else ""


def _name(raw: bytes) -> str:
    """A name as bytes, a NUL, and how to make it UTF-16: most code units share a high byte or stand in the first."""
    plain, zero, code = raw.partition(b"\0")
    if not zero:
        return raw.decode("utf-8", "surrogateescape")
    units: list[int] = []
    high, at, flags, bits = code[0] if code else 0, 1, 0, 0

    def next_byte() -> int:
        nonlocal at
        at += 1
        return code[at - 1] if at <= len(code) else 0

    while at < len(code) and len(units) < 4096:
        if not bits:
            flags, bits = next_byte(), 8
        bits -= 2
        kind = flags >> bits & 3
        if kind == 3:
            length = next_byte()
            # The run takes the low bytes from the plain name; with bit 7, moved by one number.
            shift, above = (next_byte(), high) if length & 0x80 else (0, 0)
            for _ in range((length & 0x7F) + 2):
                low = plain[len(units)] if len(units) < len(plain) else 0x3F
                units.append((low + shift & 0xFF) | above << 8)
        else:
            low = next_byte()
            above = next_byte() if kind == 2 else high * kind
            units.append(low | above << 8)
    return b"".join(unit.to_bytes(2, "little") for unit in units).decode("utf-16-le", "replace")
