"""Writes RAR 4 and RAR 5 archives of stored members header by header, with right checksums unless told otherwise."""

import struct
import zlib
from dataclasses import dataclass

MARK_4 = b"Rar!\x1a\x07\x00"
MARK_5 = b"Rar!\x1a\x07\x01\x00"


def block4(kind: int, body: bytes, flags: int = 0, *, crc: int | None = None) -> bytes:
    """One header of version 4; `body` follows its seven fixed bytes."""
    rest = struct.pack("<BHH", kind, flags, 7 + len(body)) + body
    return struct.pack("<H", zlib.crc32(rest) & 0xFFFF if crc is None else crc) + rest


@dataclass
class Made:
    """One member. `method` 0 is stored; anything else only claims to be compressed."""

    name: str
    data: bytes = b""
    method: int = 0
    mode: int = 0o100644
    flags: int = 0
    size: int | None = None
    crc: int | None = None
    header_crc: int | None = None
    extra: bytes = b""
    folder: bool = False

    def content_crc(self) -> int:
        return zlib.crc32(self.data) if self.crc is None else self.crc

    def length(self) -> int:
        return len(self.data) if self.size is None else self.size


def file4(made: Made) -> bytes:
    name = made.name.encode()
    flags = 0x8000 | made.flags | (0xE0 if made.folder else 0)
    body = struct.pack(
        "<IIBIIBBHI", len(made.data), made.length(), 3, made.content_crc(), 0x5A21_0000, 20, 0x30 + made.method,
        len(name), made.mode,
    )  # fmt: skip
    return block4(0x74, body + name, flags, crc=made.header_crc) + made.data


def make4(*members: Made, main_flags: int = 0, end: bool = True, prefix: bytes = b"", suffix: bytes = b"") -> bytes:
    """A whole archive of version 4."""
    parts = [prefix, MARK_4, block4(0x73, bytes(6), main_flags), *(file4(made) for made in members)]
    return b"".join([*parts, block4(0x7B, b"", 0x4000) if end else b"", suffix])


def number(value: int) -> bytes:
    """Seven bits a byte, lowest first."""
    out = bytearray()
    while value > 0x7F:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes((*out, value))


def block5(body: bytes, *, crc: int | None = None) -> bytes:
    """One header of version 5; `body` begins with its type."""
    rest = number(len(body)) + body
    return struct.pack("<I", zlib.crc32(rest) if crc is None else crc) + rest


def record5(kind: int, data: bytes) -> bytes:
    """One record of an extra area."""
    body = number(kind) + data
    return number(len(body)) + body


def link5(kind: int, target: str) -> bytes:
    """A redirection: 1 symbolic link, 4 hard link, 5 copy."""
    raw = target.encode()
    return record5(5, number(kind) + number(0) + number(len(raw)) + raw)


def file5(made: Made, kind: int = 2) -> bytes:
    name = made.name.encode()
    flags = 0x02 | (0x01 if made.extra else 0) | made.flags
    body = number(kind) + number(flags)
    if made.extra:
        body += number(len(made.extra))
    body += number(len(made.data)) + number(4 | (1 if made.folder else 0)) + number(made.length()) + number(made.mode)
    body += struct.pack("<I", made.content_crc()) + number(made.method << 7) + number(1)
    body += number(len(name)) + name + made.extra
    return block5(body, crc=made.header_crc) + made.data


def make5(*members: Made, end: bool = True, prefix: bytes = b"", suffix: bytes = b"", before: bytes = b"") -> bytes:
    """A whole archive of version 5."""
    main = block5(number(1) + number(0) + number(0))
    parts = [prefix, MARK_5, before, main, *(file5(made) for made in members)]
    return b"".join([*parts, block5(number(5) + number(0) + number(0)) if end else b"", suffix])
