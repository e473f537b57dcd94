"""Streaming decompression into a spool: bounded, in one pass, keeping what came out before a stream breaks."""

import importlib
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from typing import Protocol

from assaymark.core.blob import CHUNK, Blob, Slice, chunks
from assaymark.core.budget import Budget
from assaymark.core.errors import AssayError, Malformed, Opaque, OverBudget

_FIRST_PIECE = 1 << 14
_PIECE = 1 << 18
_SALVAGE = 256
"""Bytes asked for at once where a stream is about to break: what one failing call can lose."""
_FINE = 1 << 16
"""Up to here, single bytes are asked for, and nothing is lost."""
_LOOK_AT = 64 << 20
"""Bytes of a bomb that are still looked at."""
_MEMORY = 1 << 28
"""Bytes of dictionary that a decoder may ask for."""


class Decoder(Protocol):
    """The common face of bz2, lzma, lz4 and zstd decompressors."""

    @property
    def eof(self) -> bool:
        """The end mark of the stream was met."""
        ...

    @property
    def needs_input(self) -> bool:
        """Nothing more comes out without more input."""
        ...

    @property
    def unused_data(self) -> bytes:
        """Input that follows the end mark."""
        ...

    def decompress(self, data: bytes, max_length: int) -> bytes:
        """At most `max_length` bytes of output."""
        ...


@dataclass(frozen=True, slots=True)
class Codec:
    """A name, a maker of decoders, and what these raise for broken input. `again` knows the start of a next stream."""

    name: str
    make: Callable[[], Decoder]
    errors: tuple[type[Exception], ...]
    again: Callable[[bytes], bool] | None = None


@dataclass(frozen=True, slots=True)
class Unpacked:
    """What came out. `end` is the offset in the source behind the last stream; `fault` is why it stopped before."""

    blob: Blob
    size: int
    crc: int
    end: int
    fault: AssayError | None


class _Zlib:
    """zlib's decompressor with the face of the others."""

    def __init__(self, wbits: int) -> None:
        self._inner = zlib.decompressobj(wbits)
        self._full = False

    @property
    def eof(self) -> bool:
        return self._inner.eof

    @property
    def needs_input(self) -> bool:
        return not self._full and not self._inner.unconsumed_tail

    @property
    def unused_data(self) -> bytes:
        return self._inner.unused_data

    def decompress(self, data: bytes, max_length: int) -> bytes:
        produced = self._inner.decompress(self._inner.unconsumed_tail + data, max_length)
        self._full = len(produced) == max_length
        return produced


def deflate() -> Codec:
    """Raw DEFLATE (RFC 1951), as in zip."""
    return Codec("deflate", partial(_Zlib, -15), (zlib.error,))


def zlib_stream(again: Callable[[bytes], bool]) -> Codec:
    """RFC 1950."""
    return Codec("zlib", partial(_Zlib, 15), (zlib.error,), again)


def gzip() -> Codec:
    """RFC 1952; members may follow each other."""
    return Codec("gzip", partial(_Zlib, 31), (zlib.error,), lambda start: start[:2] == b"\x1f\x8b")


def bzip2() -> Codec:
    """bzip2; streams may follow each other."""
    import bz2

    return Codec("bzip2", bz2.BZ2Decompressor, (OSError, ValueError, EOFError), lambda start: start[:3] == b"BZh")


def xz() -> Codec:
    """The .xz format; streams may follow each other."""
    import lzma

    make = partial(lzma.LZMADecompressor, lzma.FORMAT_XZ, memlimit=_MEMORY)
    return Codec("xz", make, (lzma.LZMAError, EOFError), lambda start: start[:6] == b"\xfd7zXZ\0")


def lzma_alone() -> Codec:
    """The legacy .lzma format."""
    import lzma

    make = partial(lzma.LZMADecompressor, lzma.FORMAT_ALONE, memlimit=_MEMORY)
    return Codec("lzma", make, (lzma.LZMAError, EOFError))


def lzma_raw(properties: bytes, size: int) -> Codec:
    """LZMA1 by its five property bytes, as in zip (APPNOTE 5.8.8). Raises Malformed or OverBudget for bad ones.

    A dictionary larger than the declared `size` of the content is never needed, so none is allocated.
    """
    import lzma

    packed, dictionary = properties[0], max(4096, min(int.from_bytes(properties[1:5], "little"), max(size, 4096)))
    if packed >= 225 or packed % 9 + packed // 9 % 5 > 4:
        raise Malformed(f"LZMA properties {packed:#x} are outside the format")
    if dictionary > _MEMORY:
        raise OverBudget(f"needs an LZMA dictionary of {dictionary >> 20} MiB, more than {_MEMORY >> 20}")
    chain = [
        {
            "id": lzma.FILTER_LZMA1, "dict_size": dictionary,
            "lc": packed % 9, "lp": packed // 9 % 5, "pb": packed // 45,
        }
    ]  # fmt: skip
    return Codec("lzma", partial(lzma.LZMADecompressor, lzma.FORMAT_RAW, filters=chain), (lzma.LZMAError, EOFError))


def lz4() -> Codec:
    """LZ4 frames, where the optional package is there; raises Opaque where it is not."""
    try:
        frame = importlib.import_module("lz4.frame")
    except ImportError:
        raise Opaque("LZ4 stream: looked into when the package is there", step="install assaymark[lz4]") from None
    make = frame.LZ4FrameDecompressor
    return Codec("lz4", make, (RuntimeError, ValueError, EOFError), lambda start: start[:4] == b"\x04\x22\x4d\x18")


def zstd() -> Codec:
    """Zstandard frames, where Python has it (3.14); raises Opaque where it has not."""
    try:
        module = importlib.import_module("compression.zstd")
    except ImportError:
        raise Opaque("Zstandard stream: looked into on Python 3.14 or later", step="unpack it and scan that") from None
    make = module.ZstdDecompressor
    return Codec("zstd", make, (module.ZstdError, ValueError, EOFError), lambda start: start[:4] == b"\x28\xb5\x2f\xfd")


class _Output:
    """The spool, and the account of what went in and came out."""

    def __init__(self, budget: Budget) -> None:
        self._budget = budget
        self._spool = budget.spool()
        self.size = 0
        self.crc = 0

    def write(self, data: bytes, consumed: int) -> None:
        self._budget.expand(len(data), consumed, self.size + len(data))
        self.size += len(data)
        self.crc = zlib.crc32(data, self.crc)
        self._spool.write(data)

    def blob(self) -> Blob:
        return self._spool.blob()


def unpack(source: Blob, codec: Codec, budget: Budget, start: int = 0) -> Unpacked:
    """Decompress the streams of `source` from `start` on, joined as readers join them.

    Never raises for what the bytes are: a stream that breaks, and one that outgrows the budget, gives what it had.
    """
    output = _Output(budget)
    at = start
    while True:
        at, fault = _stream(source, at, start, codec, output)
        following = source.size if fault else skip_zeros(source, at, budget)
        if codec.again is None or following >= source.size or not codec.again(source.read(following, 4096)):
            break
        at = following
    blob, size = output.blob(), output.size
    if isinstance(fault, OverBudget):
        blob = Slice(blob, 0, _LOOK_AT)
    return Unpacked(blob, size, output.crc, at, fault)


def _stream(source: Blob, start: int, origin: int, codec: Codec, output: _Output) -> tuple[int, AssayError | None]:
    """One stream: where it ends, and what broke it."""
    decoder = codec.make()
    before, at, piece_at, piece = output.size, start, start, _FIRST_PIECE
    try:
        while not decoder.eof:
            data = b""
            if decoder.needs_input:
                data = source.read(at, piece)
                if not data:
                    return at, Malformed(f"{codec.name} stream is cut off: the content ends before its end", offset=at)
                piece_at, at, piece = at, at + len(data), min(piece * 2, _PIECE)
            output.write(decoder.decompress(data, CHUNK), at - origin)
    except codec.errors as error:
        return at, _broken(source, (start, piece_at, at), origin, codec, output, output.size - before) or _fault(
            codec, error, at
        )
    except OverBudget as error:
        return at, error
    return at - len(decoder.unused_data or b""), None


def _fault(codec: Codec, error: Exception, at: int) -> AssayError:
    if "emory usage limit" in str(error):
        return OverBudget(f"{codec.name} stream needs more than {_MEMORY >> 20} MiB of memory")
    return Malformed(f"{codec.name} stream is broken: {error}", offset=at)


def _broken(
    source: Blob, span: tuple[int, int, int], origin: int, codec: Codec, output: _Output, known: int
) -> AssayError | None:
    """Add what the failing call would have given: loaders that read in small steps see it before the error."""
    decoder, given = codec.make(), 0
    try:
        for piece in _pieces(source, span):
            data = piece
            while not decoder.eof:
                produced = decoder.decompress(data, _step(known - given))
                output.write(produced if given >= known else b"", span[2] - origin)
                given, data = given + len(produced), b""
                if decoder.needs_input:
                    break
    except codec.errors:
        return None
    except OverBudget as error:
        return error
    return None


def _pieces(source: Blob, span: tuple[int, int, int]) -> Iterator[bytes]:
    """The input again: in pieces up to the one that failed, that one byte by byte."""
    start, piece_at, end = span
    yield from chunks(Slice(source, start, piece_at - start), size=_PIECE)
    for data in chunks(Slice(source, piece_at, end - piece_at), size=_PIECE):
        for value in data:
            yield bytes((value,))


def _step(missing: int) -> int:
    """Bytes to ask for: in one go what is known already, then so few that little is lost."""
    if missing > 0:
        return min(missing, CHUNK)
    return 1 if missing > -_FINE else _SALVAGE


def skip_zeros(source: Blob, at: int, budget: Budget) -> int:
    """Offset of the first byte from `at` on that is not zero: padding to a block size hides nothing."""
    step = 4096
    while piece := source.read(at, step):
        budget.tick()
        rest = piece.lstrip(b"\0")
        if rest:
            return at + len(piece) - len(rest)
        at, step = at + len(piece), CHUNK
    return at
