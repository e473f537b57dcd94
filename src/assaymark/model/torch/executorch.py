"""ExecuTorch programs (.pte) and their external data (.ptd): flatbuffers with segments of raw values behind them.

A program names operators, which the runtime looks up among the kernels linked into it, and hands parts of the graph to
backends as bytes (schema/program.fbs, schema/extended_header.h; extension/flat_tensor/serialize/flat_tensor.fbs).
"""

from collections.abc import Iterator

from assaymark.core.blob import Blob, Slice
from assaymark.core.errors import AssayError, Malformed
from assaymark.core.format import Context, Item, Region
from assaymark.model.flatbuffer import Buffer, Table
from assaymark.model.torch.operators import acts, computes
from assaymark.model.torch.views import Delegate, Operator

_DATA_BACKENDS = {"XnnpackBackend": (b"XH00", b"XN00", b"XN01"), "VulkanBackend": (b"VH00", b"VK00")}
"""Backends whose bytes are a graph for an interpreter: what stands at offset 4 of them."""
_INLINE, _SEGMENT = 0, 1
_LISTED = 1_000


def parse(blob: Blob, context: Context) -> Iterator[Item]:
    """Operators and delegates of every method, then where the raw values lie."""
    start = blob.read(0, 64)
    if start[4:6] == b"FT":
        yield from _external(blob, start, context)
        return
    if start[4:6] != b"ET":
        raise Malformed("no ExecuTorch program: the identifier ET12 is missing", offset=4)
    size, base = _extended(start, blob)
    buffer = Buffer(Slice(blob, 0, size), context.budget, "the ExecuTorch program")
    root = buffer.root()
    fault: AssayError | None = None
    segments: list[tuple[int, int]] = []
    try:
        segments = [(base + t.integer(0, "Q"), t.integer(1, "Q")) for t in root.tables(4)]
    except Malformed as error:
        fault = error
    inline = list(_inline(root)) if fault is None else []
    for plan in root.tables(1):
        name = (plan.string(0) or "")[:200]
        yield from _operators(plan, name)
        yield from _delegates(plan, name, blob, inline, segments)
    if fault is not None:
        raise fault
    yield from _regions(blob, size, segments)


def _extended(start: bytes, blob: Blob) -> tuple[int, int]:
    """Bytes of the flatbuffer, and where segments begin; older files have no extended header and no segments."""
    if start[8:12] != b"eh00":
        return blob.size, blob.size
    length = int.from_bytes(start[12:16], "little")
    size, base = (int.from_bytes(start[at : at + 8], "little") for at in (16, 24))
    if length < 24 or size > blob.size or (base and base < size):
        raise Malformed(f"the extended header declares {size:,} bytes of program and segments at {base:,}", offset=8)
    return size, base or size


def _inline(root: Table) -> Iterator[tuple[int, int]]:
    """Offset and size of each blob that stands in the flatbuffer."""
    return (table.span(0) for table in root.tables(3))


def _operators(plan: Table, method: str) -> Iterator[Operator]:
    seen: set[str] = set()
    for table in plan.tables(6):
        name = (table.string(0) or "")[:200]
        if name not in seen and not computes(name):
            seen.add(name)
            yield Operator(name, acts(name), method)
        if len(seen) >= _LISTED:
            return


def _delegates(
    plan: Table, method: str, blob: Blob, inline: list[tuple[int, int]], segments: list[tuple[int, int]]
) -> Iterator[Delegate]:
    for table in plan.tables(7):
        backend = (table.string(0) or "")[:200]
        place = table.table(1)
        at = size = 0
        if place is not None:
            rows = segments if place.integer(0, "b") == _SEGMENT else inline
            index = place.integer(1, "I")
            if index >= len(rows):
                raise Malformed(f"the delegate {backend!r} takes data {index} of {len(rows)}", offset=place.at)
            at, size = rows[index]
            if at + size > blob.size:
                raise Malformed(f"the data of the delegate {backend!r} ends past the file", offset=place.at)
        magics = _DATA_BACKENDS.get(backend, ())
        if not (place is not None and blob.read(at + 4, 4) in magics):
            yield Delegate(backend, size, method)


def _regions(blob: Blob, size: int, segments: list[tuple[int, int]]) -> Iterator[Region]:
    """Segments are raw values; what lies between or behind them beyond alignment is explained by nothing."""
    end = size
    for at, length in sorted(segments):
        if at + length > blob.size:
            raise Malformed(f"a segment of {length:,} bytes at {at:,} ends past the file", offset=8)
        yield from _gap(blob, end, at)
        yield Region(at, length)
        end = max(end, at + length)
    yield from _gap(blob, end, blob.size)


def _gap(blob: Blob, start: int, stop: int) -> Iterator[Region]:
    if start < stop and (stop - start > _ALIGNMENT or blob.read(start, stop - start).strip(b"\0")):
        yield Region(start, stop - start, data=False)


_ALIGNMENT = 1 << 16


def _external(blob: Blob, start: bytes, context: Context) -> Iterator[Item]:
    """A .ptd file: names and layouts of tensors in a flatbuffer (field 3: segments), behind it their values."""
    size = blob.size
    base = size
    if start[8:12] == b"FH01":
        at, length, base, _ = (int.from_bytes(start[i : i + 8], "little") for i in (16, 24, 32, 40))
        size = at + length
        if size > blob.size or base > blob.size:
            raise Malformed(f"the header declares {size:,} bytes of table and segments at {base:,}", offset=8)
    root = Buffer(Slice(blob, 0, size), context.budget, "the ExecuTorch data").root()
    segments = [(base + t.integer(0, "Q"), t.integer(1, "Q")) for t in root.tables(1)]
    yield from _regions(blob, size, segments)
