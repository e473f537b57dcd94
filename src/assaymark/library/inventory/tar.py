"""Tars read as a stream: header after header, nothing unpacked, nothing held but the member that is asked for.

ustar, GNU long names and pax `path`, `linkpath` and `size` (POSIX.1-2008, pax).
"""

import bz2
import lzma
import zlib
from collections.abc import Callable, Iterator

from assaymark.core.blob import Blob, chunks
from assaymark.core.errors import Malformed, OverBudget

_BLOCK = 512
_PIECE = 1 << 20
_LONG = 1 << 20
"""Bytes of one extended header."""
_RATIO = 1_100


class Stream:
    """The decompressed bytes of a blob, in order: gzip, bzip2, xz or none of them, by the first bytes."""

    def __init__(self, blob: Blob, what: str, limit: int, tick: Callable[[], object]) -> None:
        self.what = what
        self._limit = limit
        self._tick = tick
        self._size = blob.size
        self._made = 0
        self._buffer = bytearray()
        self._pieces = self._plain(blob)

    def read(self, length: int) -> bytes:
        """Up to `length` bytes; fewer only at the end."""
        while len(self._buffer) < length:
            piece = next(self._pieces, None)
            if piece is None:
                break
            self._buffer += piece
        data = bytes(self._buffer[:length])
        del self._buffer[:length]
        return data

    def skip(self, length: int) -> None:
        """Pass over bytes without holding them."""
        while length > 0:
            passed = len(self.read(min(length, _PIECE)))
            if not passed:
                raise Malformed(f"{self.what} ends in the middle of a member")
            length -= passed

    def _count(self, piece: bytes) -> bytes:
        self._tick()
        self._made += len(piece)
        if self._made > self._limit or (self._made > 64 << 20 and self._made > _RATIO * self._size):
            raise OverBudget(f"{self.what} decompresses to more than is looked at; this is how a bomb looks")
        return piece

    def _plain(self, blob: Blob) -> Iterator[bytes]:
        start = blob.read(0, 6)
        if start.startswith(b"\x28\xb5\x2f\xfd"):
            raise Malformed(f"{self.what} is compressed with zstd, which is not read here")
        try:
            if start.startswith(b"\x1f\x8b"):
                yield from self._gzip(blob)
            elif start.startswith((b"BZh", b"\xfd7zXZ\x00")):
                yield from self._other(blob, bz2 if start.startswith(b"BZh") else None)
            else:
                yield from map(self._count, chunks(blob))
        except (zlib.error, lzma.LZMAError, OSError, EOFError, ValueError) as error:
            raise Malformed(f"{self.what} cannot be decompressed: {str(error)[:200]}") from None

    def _gzip(self, blob: Blob) -> Iterator[bytes]:
        engine = zlib.decompressobj(31)
        for data in chunks(blob):
            rest = data
            while rest:
                if engine.eof:
                    if not rest.startswith(b"\x1f\x8b"):
                        return
                    engine = zlib.decompressobj(31)
                yield self._count(engine.decompress(rest, _PIECE))
                rest = engine.unconsumed_tail or engine.unused_data
        if not engine.eof:
            raise Malformed(f"{self.what} is cut short")

    def _other(self, blob: Blob, kind: object) -> Iterator[bytes]:
        engine = bz2.BZ2Decompressor() if kind else lzma.LZMADecompressor(memlimit=256 << 20)
        for data in chunks(blob):
            given = data
            while not engine.eof:
                yield self._count(engine.decompress(given, _PIECE))
                given = b""
                if engine.needs_input:
                    break
        if not engine.eof:
            raise Malformed(f"{self.what} is cut short")


class Member:
    """One member, good until the next is asked for."""

    def __init__(self, stream: Stream, name: str, kind: bytes, size: int, link: str) -> None:
        self.name = name
        self.link = link
        self.is_file = kind in b"0\x007"
        self.is_link = kind in {b"1", b"2"}
        self.size = 0 if self.is_link else size
        self.left = self.size
        self._stream = stream

    def read(self, length: int) -> bytes:
        """The next bytes of the content, at most `length`."""
        data = self._stream.read(min(length, self.left))
        if len(data) < min(length, self.left):
            raise Malformed(f"{self._stream.what} ends in the middle of {self.name[:200]}")
        self.left -= len(data)
        return data


def members(stream: Stream) -> Iterator[Member]:
    """Every member; raises Malformed for what is no tar."""
    extra: dict[str, str] = {}
    while True:
        header = stream.read(_BLOCK)
        if len(header) < _BLOCK or not header.strip(b"\0"):
            if header and len(header) < _BLOCK:
                raise Malformed(f"{stream.what} is cut short")
            return
        _verify(header, stream.what)
        kind, size = header[156:157], _number(header[124:136], stream.what)
        if kind in b"xLKg" and kind:
            _extended(stream, kind, size, extra)
            continue
        name = extra.get("path") or _name(header)
        if extra.get("size", "").isdecimal() and len(extra["size"]) < 19:
            size = int(extra["size"])
        member = Member(stream, name, kind, size, extra.get("linkpath") or _text(header[157:257]))
        extra = {}
        yield member
        stream.skip(member.left + -member.size % _BLOCK)


def _extended(stream: Stream, kind: bytes, size: int, extra: dict[str, str]) -> None:
    if size > _LONG:
        raise OverBudget(f"{stream.what} has an extended header of {size:,} bytes")
    data = stream.read(size)
    stream.skip(-size % _BLOCK)
    if kind == b"L":
        extra["path"] = _text(data)
    elif kind == b"K":
        extra["linkpath"] = _text(data)
    elif kind == b"x":
        extra.update(_pax(data))


def _pax(data: bytes) -> dict[str, str]:
    found: dict[str, str] = {}
    at = 0
    while at < len(data):
        digits, space, _ = data[at : at + 20].partition(b" ")
        if not space or not digits.isdigit() or int(digits) <= len(digits) + 1:
            break
        key, _, value = data[at + len(digits) + 1 : at + int(digits) - 1].partition(b"=")
        if key in {b"path", b"linkpath", b"size"}:
            found[key.decode()] = value.decode("utf-8", "backslashreplace")
        at += int(digits)
    return found


def _name(header: bytes) -> str:
    prefix = _text(header[345:500]) if header[257:262] == b"ustar" and header[263:265] == b"00" else ""
    name = _text(header[:100])
    return f"{prefix}/{name}" if prefix else name


def _text(raw: bytes) -> str:
    return raw.split(b"\0", 1)[0].decode("utf-8", "backslashreplace")


def _number(raw: bytes, what: str) -> int:
    if raw[:1] == b"\x80":
        value = int.from_bytes(raw[1:], "big")
    else:
        digits = raw.strip(b" \0")
        try:
            value = int(digits or b"0", 8)
        except ValueError:
            raise Malformed(f"{what}: a size that is no number") from None
    if not 0 <= value < 1 << 50:
        raise Malformed(f"{what}: a member of {value:,} bytes")
    return value


def _verify(header: bytes, what: str) -> None:
    expected = sum(header) - sum(header[148:156]) + 8 * 32
    digits = header[148:156].strip(b" \0")
    try:
        found = int(digits or b"0", 8)
    except ValueError:
        found = -1
    if found != expected:
        raise Malformed(f"{what} is no tar, or broken: the checksum of a header does not fit")
