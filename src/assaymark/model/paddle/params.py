"""Paddle's parameters (.pdiparams): dense tensors one behind the other. Values are stepped over.

Layout: paddle/fluid/framework/lod_tensor.cc, SerializeToStream: version 0, levels of detail, then the tensor: version 0,
the length of a TensorDesc (VarType.TensorDesc in framework.proto), the TensorDesc, the values.
"""

from collections.abc import Iterator
from math import prod

from assaymark.core.blob import Blob, exact
from assaymark.core.errors import Malformed
from assaymark.core.format import Context, Item
from assaymark.model.formats.protobuf import VARINT, Reader, signed

_BYTES = {0: 1, 1: 2, 2: 4, 3: 8, 4: 2, 5: 4, 6: 8, 19: 8, 20: 1, 21: 1, 22: 2, 23: 8, 24: 16, 32: 1, 33: 1}
"""VarType.Type -> bytes of one value."""
_DIMENSIONS = 64
_DESCRIPTION = 4096


def parse(blob: Blob, context: Context) -> Iterator[Item]:
    """Nothing but faults: a tensor that is not what the stream says."""
    reader, at, count = Reader(blob, context.budget), 0, 0
    while at < blob.size or not count:
        at = _tensor(blob, reader, at, count)
        count += 1
        if not count % 10_000:
            context.budget.tick()
    return
    yield


def _tensor(blob: Blob, reader: Reader, at: int, index: int) -> int:
    """Offset behind the tensor."""
    what = f"tensor {index} of the parameters"
    head = exact(blob, at, 12, what)
    if head[:4] != bytes(4):
        raise Malformed(f"{what} has version {int.from_bytes(head[:4], 'little')}, not 0", offset=at)
    levels, at = int.from_bytes(head[4:], "little"), at + 12
    if levels > _DIMENSIONS:
        raise Malformed(f"{what} has {levels:,} levels of detail", offset=at)
    for _ in range(levels):
        at += 8 + int.from_bytes(exact(blob, at, 8, what), "little")
    head = exact(blob, at, 8, what)
    length = int.from_bytes(head[4:], "little")
    if head[:4] != bytes(4) or length > _DESCRIPTION:
        raise Malformed(f"{what} has no description", offset=at)
    exact(blob, at + 8, length, what)
    size = _size(reader, at + 8, at + 8 + length, what)
    at += 8 + length
    if at + size > blob.size:
        raise Malformed(f"{what} needs {size:,} bytes at offset {at:,}, the content ends at {blob.size:,}", offset=at)
    return at + size


def _size(reader: Reader, start: int, end: int, what: str) -> int:
    """Bytes of the values that a TensorDesc describes."""
    kind, dims = -1, list[int]()
    for part in reader.fields(start, end):
        if part.number == 1 and part.wire == VARINT:
            kind = part.value
        elif part.number == 2:
            dims += [signed(value) for value in reader.integers(part)]
    if kind not in _BYTES or len(dims) > _DIMENSIONS or any(dim < 0 for dim in dims):
        raise Malformed(f"{what} has the type {kind} and the shape {dims[:8]}", offset=start)
    return _BYTES[kind] * prod(dims)
