"""Compressed streams: gzip, bzip2, xz, legacy LZMA, zlib, LZ4, Zstandard, and joblib's old zlib wrapper.

The content is given as soon as there is any, also when the stream breaks later: loaders run what they have.
"""

from collections.abc import Callable, Iterator

from assaymark.core.blob import Blob, Slice
from assaymark.core.errors import Malformed
from assaymark.core.format import Context, Item, Member
from assaymark.model import unpack
from assaymark.model.archive import Mismatch, Tail
from assaymark.model.formats.magic import is_lzma_alone, is_zfile, is_zlib
from assaymark.model.rdata.names import SUFFIXES as R_SUFFIXES

_SUFFIXES = {
    ".tgz": ".tar", ".tbz": ".tar", ".tbz2": ".tar", ".txz": ".tar", ".tzst": ".tar",
    ".gz": "", ".gzip": "", ".bz2": "", ".xz": "", ".lzma": "", ".lz4": "", ".zst": "", ".zlib": "", ".z": "",
}  # fmt: skip
_ZFILE_HEADER = 21
"""`ZF` and 19 characters of length in hexadecimal (joblib before 0.10); some writers add a blank."""
_FRAME_SIZE = 16
"""Skippable frames up to here hold a length for parallel readers (pzstd)."""
_FRAME_TABLES = (b"\xb1\xea\x92\x8f", b"GNUlInUx")
"""How the tables end that the seekable format and zstd:chunked layers keep in skippable frames."""
_LEADING_FRAMES = 100


def parse(blob: Blob, context: Context) -> Iterator[Item]:
    """The content, what follows it, and last what broke it."""
    codec, start = _codec(blob)
    result = unpack.unpack(blob, codec, context.budget, start)
    # What stands in joblib's old wrapper is a raw array or a pickle, whatever the file is called.
    name = "content" if start else _inner_name(context.name)
    if result.size or result.fault is None:
        yield Member(name, result.blob)
    if start:
        yield from _declared(blob, name, result)
    yield from _passed_over(blob, result)
    if result.fault is not None:
        raise result.fault
    rest = unpack.skip_zeros(blob, result.end, context.budget)
    if rest < blob.size:
        yield Tail(name, codec.name, rest, blob.size - rest, blob.read(rest, 16))
        yield Member("bytes after the stream", Slice(blob, rest, blob.size - rest))


def _declared(blob: Blob, name: str, result: unpack.Unpacked) -> Iterator[Item]:
    """The length in joblib's old wrapper, which joblib compares too."""
    text = blob.read(2, _ZFILE_HEADER - 2).rstrip(b" \0")
    digits = text[2:].lower()
    right = text[:2] == b"0x" and digits.strip(b"0123456789abcdef") == b"" and int(digits or b"0", 16) == result.size
    if not right and result.fault is None:
        yield Mismatch(name, "size", f"{text.decode('ascii', 'replace')!r}", f"{result.size:#x} bytes", 2)


def _passed_over(blob: Blob, result: unpack.Unpacked) -> Iterator[Item]:
    """What stands in skippable frames: decompressors drop it, and other readers of the file may not."""
    for at, length in result.passed_over:
        content = Slice(blob, at + 8, length - 8)
        end = content.read(max(content.size - 8, 0), 8)
        if content.size > _FRAME_SIZE and not end.endswith(_FRAME_TABLES):
            yield Member(f"skippable frame at {at}", content)


def _codec(blob: Blob) -> tuple[unpack.Codec, int]:
    start = blob.read(0, 4096)
    makers = {
        b"\x1f\x8b": unpack.gzip, b"BZh": unpack.bzip2, b"\xfd7zXZ\0": unpack.xz,
        b"\x04\x22\x4d\x18": unpack.lz4, b"\x28\xb5\x2f\xfd": unpack.zstd,
    }  # fmt: skip
    for magic, make in makers.items():
        if start.startswith(magic):
            return make(), 0
    if unpack.skippable_frame(start):
        return _behind_frames(blob)(), 0
    if is_zfile(start):
        skip = _ZFILE_HEADER + (start[_ZFILE_HEADER : _ZFILE_HEADER + 1] == b" ")
        return unpack.zlib_stream(is_zlib), skip
    if is_zlib(start):
        return unpack.zlib_stream(is_zlib), 0
    if is_lzma_alone(start):
        return unpack.lzma_alone(is_lzma_alone), 0
    raise Malformed(f"no known compressed stream begins with {start[:8].hex(' ') or 'nothing'}", offset=0)


def _behind_frames(blob: Blob) -> Callable[[], unpack.Codec]:
    """Zstandard and LZ4 have the same skippable frames: the first other one tells which it is."""
    at = 0
    for _ in range(_LEADING_FRAMES):
        start = blob.read(at, 8)
        step = unpack.skippable_frame(start)
        if not step:
            return unpack.lz4 if start[:4] == b"\x04\x22\x4d\x18" else unpack.zstd
        at += step
    return unpack.zstd


def _inner_name(name: str) -> str:
    """The name without its compression suffix, or `content` where it has none: what is in it shows by itself.

    R compresses what it saves without saying so: its text spelling is known by the name alone where it is odd.
    """
    if name.lower().endswith(R_SUFFIXES):
        return name
    for suffix, replacement in _SUFFIXES.items():
        if name.lower().endswith(suffix) and len(name) > len(suffix):
            return name[: -len(suffix)] + replacement
    return "content"
