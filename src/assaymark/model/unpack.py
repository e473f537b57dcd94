"""Streaming decompression into a spool: bounded, in one pass, keeping what came out before a stream breaks."""

import importlib
import sys
import zlib
from collections.abc import Callable, Iterator
from functools import partial

from assaymark.core.blob import CHUNK, Blob, Slice, chunks
from assaymark.core.budget import Budget
from assaymark.core.errors import AssayError, Malformed, Opaque, OverBudget
from assaymark.core.record import dataclass
from assaymark.model.decoders import Decoder, Filter, Sized, Zlib

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
_ZSTD_WINDOW = 27
"""Binary logarithm of the window that a zstd frame may ask for: 128 MiB, the limit of `zstd -d`."""
_LZMA_END = 16
"""An LZMA stream may end with an end mark and the rest of its range coder, which nothing comes out of."""
_PASSED_OVER = 10_000


@dataclass(frozen=True, slots=True)
class Codec:
    """A name, a maker of decoders, and what these raise for broken input. `again` knows the start of a next stream."""

    name: str
    make: Callable[[], Decoder]
    errors: tuple[type[Exception], ...]
    again: Callable[[bytes], bool] | None = None
    slack: int = 0
    """Bytes behind the last one that the decoder needs that still belong to the stream."""
    passed_over: Callable[[bytes], int] | None = None
    """Length of the frame that begins with these bytes and that decoders step over; 0 for any other."""


@dataclass(frozen=True, slots=True)
class Unpacked:
    """What came out. `end` is the offset in the source behind the last stream; `fault` is why it stopped before."""

    blob: Blob
    size: int
    crc: int
    end: int
    fault: AssayError | None
    passed_over: tuple[tuple[int, int], ...] = ()
    """Offset and length of each frame that decoders step over."""


def deflate() -> Codec:
    """Raw DEFLATE (RFC 1951), as in zip."""
    return Codec("deflate", partial(Zlib, -15), (zlib.error,))


def deflate64() -> Codec:
    """The variant of DEFLATE in zip method 9 and 7z."""
    from assaymark.model.inflate64 import Inflate64

    return Codec("deflate64", Inflate64, (ValueError,))


def zlib_stream(again: Callable[[bytes], bool]) -> Codec:
    """RFC 1950."""
    return Codec("zlib", partial(Zlib, 15), (zlib.error,), again)


def gzip() -> Codec:
    """RFC 1952; members may follow each other."""
    return Codec("gzip", partial(Zlib, 31), (zlib.error,), lambda start: start[:2] == b"\x1f\x8b")


def bzip2() -> Codec:
    """bzip2; streams may follow each other."""
    import bz2

    return Codec("bzip2", bz2.BZ2Decompressor, (OSError, ValueError, EOFError), lambda start: start[:3] == b"BZh")


def xz() -> Codec:
    """The .xz format; streams may follow each other."""
    import lzma

    make = partial(lzma.LZMADecompressor, lzma.FORMAT_XZ, memlimit=_MEMORY)
    return Codec("xz", make, (lzma.LZMAError, EOFError), lambda start: start[:6] == b"\xfd7zXZ\0")


def lzma_alone(again: Callable[[bytes], bool] | None = None) -> Codec:
    """The legacy .lzma format; Python's reader, and so joblib's, takes streams that follow each other for one."""
    import lzma

    make = partial(lzma.LZMADecompressor, lzma.FORMAT_ALONE, memlimit=_MEMORY)
    return Codec("lzma", make, (lzma.LZMAError, EOFError), again)


def lzma_raw(properties: bytes, size: int) -> Codec:
    """LZMA1 by its five property bytes, as in zip (APPNOTE 5.8.8) and 7z. Raises Malformed or OverBudget for bad ones.

    `size` is the declared length of the content, 0 where nobody declares it. Without an end mark the stream ends
    there. A dictionary larger than the content is never needed, so none is allocated.
    """
    import lzma

    if len(properties) < 5:
        raise Malformed(f"{len(properties)} bytes of LZMA properties, the format has 5")
    packed, dictionary = properties[0], _dictionary(int.from_bytes(properties[1:5], "little"), size)
    if packed >= 225 or packed % 9 + packed // 9 % 5 > 4:
        raise Malformed(f"LZMA properties {packed:#x} are outside the format")
    chain = [
        {
            "id": lzma.FILTER_LZMA1, "dict_size": dictionary,
            "lc": packed % 9, "lp": packed // 9 % 5, "pb": packed // 45,
        }
    ]  # fmt: skip
    make: Callable[[], Decoder] = partial(lzma.LZMADecompressor, lzma.FORMAT_RAW, filters=chain)
    if size:
        return Codec("lzma", lambda: Sized(make(), size), (lzma.LZMAError, EOFError), slack=_LZMA_END)
    return Codec("lzma", make, (lzma.LZMAError, EOFError))


def lzma2(properties: bytes, size: int) -> Codec:
    """LZMA2 by its property byte, as in 7z. Raises Malformed or OverBudget for a bad one."""
    import lzma

    if len(properties) != 1 or properties[0] > 40:
        raise Malformed(f"LZMA2 properties {properties[:8].hex()!r} are outside the format")
    bits = properties[0]
    wanted = 0xFFFFFFFF if bits == 40 else (2 | bits & 1) << (bits // 2 + 11)
    chain = [{"id": lzma.FILTER_LZMA2, "dict_size": _dictionary(wanted, size)}]
    make = partial(lzma.LZMADecompressor, lzma.FORMAT_RAW, filters=chain)
    return Codec("lzma2", make, (lzma.LZMAError, EOFError))


def _dictionary(wanted: int, size: int) -> int:
    dictionary = max(4096, min(wanted, max(size, 4096)))
    if dictionary > _MEMORY:
        raise OverBudget(f"needs an LZMA dictionary of {dictionary >> 20} MiB, more than {_MEMORY >> 20}")
    return dictionary


def lzma_filter(name: str, chain: list[dict[str, int]], size: int) -> Codec:
    """A delta or branch filter (`chain` as liblzma takes it) over `size` bytes."""
    import lzma

    return Codec(name, partial(Filter, chain, size), (lzma.LZMAError, EOFError))


def lz4() -> Codec:
    """LZ4 frames, where the optional package is there; raises Opaque where it is not."""
    try:
        frame = importlib.import_module("lz4.frame")
    except ImportError:
        raise Opaque("LZ4 stream: looked into when the package is there", step="install assaymark[lz4]") from None
    return Codec(
        "lz4",
        frame.LZ4FrameDecompressor,
        (RuntimeError, ValueError, EOFError),
        lambda start: start[:4] == b"\x04\x22\x4d\x18" or skippable_frame(start) > 0,
        passed_over=skippable_frame,
    )


def zstd() -> Codec:
    """Zstandard frames (RFC 8878), with a window that `zstd -d` would give without being asked to."""
    try:
        module = importlib.import_module("compression.zstd" if sys.version_info >= (3, 14) else "backports.zstd")
    except ImportError:
        raise Opaque("Zstandard stream: the package that reads it is missing", step="install backports.zstd") from None
    limit = {module.DecompressionParameter.window_log_max: _ZSTD_WINDOW}
    return Codec(
        "zstd",
        partial(module.ZstdDecompressor, options=limit),
        (module.ZstdError, ValueError, EOFError),
        lambda start: start[:4] == b"\x28\xb5\x2f\xfd" or skippable_frame(start) > 0,
        passed_over=skippable_frame,
    )


def skippable_frame(start: bytes) -> int:
    """Length of the skippable frame that begins so (RFC 8878 3.1.2, LZ4 frame format); 0 where none does."""
    if len(start) < 8 or start[0] >> 4 != 5 or start[1:4] != b"\x2a\x4d\x18":
        return 0
    return 8 + int.from_bytes(start[4:8], "little")


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
    at, passed = start, []
    while True:
        step = codec.passed_over(source.read(at, 8)) if codec.passed_over else 0
        if step:
            budget.tick()
            passed.append((at, step))
            at, fault = _behind(at + step, source, codec, len(passed))
        else:
            at, fault = _stream(source, at, start, codec, output)
        following = source.size if fault else skip_zeros(source, at, budget)
        if codec.again is None or following >= source.size or not codec.again(source.read(following, 4096)):
            break
        at = following
    blob, size = output.blob(), output.size
    if isinstance(fault, OverBudget):
        blob = Slice(blob, 0, _LOOK_AT)
    return Unpacked(blob, size, output.crc, at, fault, tuple(passed))


def _behind(at: int, source: Blob, codec: Codec, count: int) -> tuple[int, AssayError | None]:
    """Where a frame that is stepped over ends."""
    if at > source.size:
        return source.size, Malformed(f"a skippable frame of the {codec.name} stream is cut off", offset=source.size)
    if count > _PASSED_OVER:
        return at, OverBudget(f"more than {_PASSED_OVER:,} skippable frames in a {codec.name} stream")
    return at, None


def _stream(source: Blob, start: int, origin: int, codec: Codec, output: _Output) -> tuple[int, AssayError | None]:
    """One stream: where it ends, and what broke it."""
    decoder = codec.make()
    before, at, piece_at, piece = output.size, start, start, _FIRST_PIECE
    try:
        while not decoder.eof:
            data = b""
            if decoder.needs_input:
                # What may still belong to the end is kept apart: only so can be told that something follows it.
                data = source.read(at, min(piece, max(source.size - at - codec.slack, codec.slack or piece)))
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
    end = at - len(decoder.unused_data or b"")
    return source.size if source.size - end <= codec.slack else end, None


def _fault(codec: Codec, error: Exception, at: int) -> AssayError:
    if any(words in str(error) for words in ("emory usage limit", "too much memory")):
        most = 1 << _ZSTD_WINDOW if codec.name == "zstd" else _MEMORY
        return OverBudget(f"{codec.name} stream needs more than {most >> 20} MiB of memory")
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
