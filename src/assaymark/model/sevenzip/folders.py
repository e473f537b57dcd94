"""Unpacks a folder of a 7z archive: one coder after the other, each into a spool of its own."""

from collections.abc import Callable
from dataclasses import dataclass

from assaymark.core.blob import Blob, Bytes, Slice
from assaymark.core.budget import Budget
from assaymark.core.errors import AssayError, Malformed, Opaque, OverBudget
from assaymark.model import unpack
from assaymark.model.sevenzip.header import Coder, Folder, Streams

AES = b"\x06\xf1\x07\x01"
_COPY = b"\0"
_LZMA, _LZMA2 = b"\x03\x01\x01", b"\x21"
_DELTA = b"\x03"
_SIMPLE: dict[bytes, Callable[[], unpack.Codec]] = {
    b"\x04\x01\x08": unpack.deflate,
    b"\x04\x01\x09": unpack.deflate64,
    b"\x04\x02\x02": unpack.bzip2,
    b"\x04\xf7\x11\x01": unpack.zstd,
    b"\x04\xf7\x11\x04": unpack.lz4,
}
_BRANCH = {
    b"\x03\x03\x01\x03": 4, b"\x03\x03\x02\x05": 5, b"\x03\x03\x04\x01": 6, b"\x03\x03\x05\x01": 7,
    b"\x03\x03\x07\x01": 8, b"\x03\x03\x08\x05": 9, **{bytes((i,)): i for i in range(4, 10)},
}  # fmt: skip
"""Branch filters -> their number in liblzma: x86, PowerPC, Itanium, ARM, ARM Thumb, SPARC."""
_NAMES = {
    AES: "AES-256", b"\x03\x03\x01\x1b": "BCJ2", b"\x03\x04\x01": "PPMd",
    b"\x0a": "ARM64 branch filter", b"\x0b": "RISC-V branch filter", b"\x04\xf7\x11\x02": "Brotli",
    b"\x03\x04\x05": "PPMd of zip", b"\x02\x03\x02": "byte swap", b"\x02\x03\x04": "byte swap",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Content:
    """What a folder unpacks to. `rest` (offset, size) are bytes of the pack stream that no coder needed."""

    blob: Blob
    size: int
    fault: AssayError | None
    rest: tuple[int, int] | None = None


def encrypted(folder: Folder) -> bool:
    """A password is needed for it."""
    return any(coder.method == AES for coder in folder.coders)


def pack_spans(streams: Streams) -> list[tuple[int, int]]:
    """Offset and size of each pack stream; offsets count from behind the start header (byte 32)."""
    spans, at = [], 32 + streams.pack_at
    for size in streams.pack_sizes:
        spans.append((at, size))
        at += size
    return spans


def unpack_folder(source: Blob, folder: Folder, spans: list[tuple[int, int]], budget: Budget) -> Content:
    """Run the chain over the pack stream at `spans`. Raises Opaque for what is no simple chain of known coders."""
    order = _chain(folder)
    start, size = spans[0]
    if start + size > source.size:
        fault: AssayError | None = Malformed(f"a pack stream ends at {start + size:,}, the archive at {source.size:,}")
    else:
        fault = None
    blob: Blob = Slice(source, start, size)
    rest = None
    for index in order:
        result = _decode(blob, folder.coders[index], folder.sizes[index], budget)
        if index == order[0] and result.end < blob.size and result.fault is None:
            rest = (start + result.end, blob.size - result.end)
        blob = result.blob
        if result.fault is not None:
            # What the later filters make of a broken beginning is still what a reader would get.
            fault = fault or result.fault
            if isinstance(result.fault, OverBudget):
                break
    return Content(blob, blob.size, fault, rest)


def _chain(folder: Folder) -> list[int]:
    """The coders in the order in which content passes them."""
    if any(coder.inputs != 1 or coder.outputs != 1 for coder in folder.coders) or len(folder.packed) != 1:
        raise Opaque(f"compressed by {_described(folder)}, which is not looked into")
    feeds = {out: into for into, out in folder.bonds}
    order = [folder.packed[0]]
    while order[-1] in feeds and len(order) <= len(folder.coders):
        order.append(feeds[order[-1]])
    if len(order) != len(folder.coders):
        raise Malformed("the coders of a 7z folder form no chain")
    return order


def _described(folder: Folder) -> str:
    return " and ".join(dict.fromkeys(_name(coder.method) for coder in folder.coders))


def _name(method: bytes) -> str:
    if method in {_LZMA, _LZMA2, _DELTA, _COPY} or method in _BRANCH:
        return {_LZMA: "LZMA", _LZMA2: "LZMA2", _DELTA: "delta", _COPY: "copy"}.get(method, "a branch filter")
    return _NAMES.get(method, f"method {method.hex() or '?'}")


def _decode(blob: Blob, coder: Coder, size: int, budget: Budget) -> unpack.Unpacked:
    """One coder. `size` is what the header declares for its output."""
    if coder.method == _COPY:
        return unpack.Unpacked(blob, blob.size, 0, blob.size, None)
    codec = _codec(coder, blob.size, size)
    if not blob.size and not size:
        return unpack.Unpacked(Bytes(b""), 0, 0, 0, None)
    return unpack.unpack(blob, codec, budget)


def _codec(coder: Coder, packed: int, size: int) -> unpack.Codec:
    method, properties = coder.method, coder.properties
    if method == _LZMA:
        return unpack.lzma_raw(properties, size)
    if method == _LZMA2:
        return unpack.lzma2(properties, size)
    if method == _DELTA:
        if len(properties) != 1:
            raise Malformed("the delta filter of a 7z folder does not say its distance")
        return unpack.lzma_filter("delta filter", [{"id": 3, "dist": properties[0] + 1}], packed)
    if method in _BRANCH:
        return unpack.lzma_filter("branch filter", [_branch(method, properties)], packed)
    if method in _SIMPLE:
        return _SIMPLE[method]()
    raise Opaque(f"compressed by {_name(method)}, which is not looked into")


def _branch(method: bytes, properties: bytes) -> dict[str, int]:
    start = int.from_bytes(properties[:4], "little")
    return {"id": _BRANCH[method], **({"start_offset": start} if start else {})}
