"""TensorFlow checkpoints: the table of a V2 index (`*.index`), or of a V1 checkpoint.

The file is a LevelDB table (tensorflow/core/lib/io/format.h): blocks of sorted keys, an index block that points at them,
and a footer of 48 bytes. In a V2 index the key "" holds a BundleHeaderProto and each other key a BundleEntryProto
(tensorflow/core/protobuf/tensor_bundle.proto), which says where in which shard a tensor's bytes are. Values of tensors
are not looked at.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from assaymark.core.blob import Blob, Bytes, exact
from assaymark.core.errors import Malformed, OverBudget
from assaymark.core.format import Context, Item
from assaymark.model.formats.protobuf import VARINT, Field, Reader, signed

_MAGIC = 0xDB4775248B80FB57
_ENTRIES = 2_000_000
_BLOCK = 256 << 20
"""Bytes of one block; TensorFlow cuts them at 256 KiB, one entry may be longer."""
_KEY = 1 << 16
"""Bytes of a tensor's name. Each entry may repeat the one before for three bytes of its own."""
_TICK = 10_000
_TRAILER = 5
"""Compression type and CRC32C behind each block."""


@dataclass(frozen=True, slots=True)
class TfTensor:
    """One entry of a V2 index."""

    name: str
    shard: int
    shards: int
    offset: int
    size: int
    """Bytes of `size` from `offset` on, in the shard."""


def parse(blob: Blob, context: Context) -> Iterator[Item]:
    """A TfTensor for each entry of a V2 index. The entries of a V1 checkpoint are only walked."""
    footer = exact(blob, blob.size - 48, 48, "the footer of the checkpoint table")
    if int.from_bytes(footer[40:], "little") != _MAGIC:
        raise Malformed("a checkpoint table without its magic number at the end, or cut off", offset=blob.size)
    _, at = _varint(footer, 0)
    _, at = _varint(footer, at)
    index = _handle(footer, at)
    count, shards, first = 0, 0, True
    for _, handle in _entries(_block(blob, *index, context)):
        block = _block(blob, *_handle(handle, 0), context)
        for key, value in _entries(block):
            count += 1
            if count > _ENTRIES:
                raise OverBudget(f"more than {_ENTRIES:,} entries")
            if not count % _TICK:
                context.budget.tick()
            if first and key == b"":
                shards = _shards(value, context)
            elif shards:
                yield _tensor(key, value, shards, context)
            first = False
    if not count:
        raise Malformed("a checkpoint table without entries", offset=0)


def _block(blob: Blob, offset: int, size: int, context: Context) -> bytes:
    """One block, its compression undone."""
    if size > _BLOCK:
        raise OverBudget(f"a block of {size:,} bytes in a checkpoint table")
    context.budget.tick()
    data = exact(blob, offset, size + _TRAILER, "a block of the checkpoint table")
    if data[size] == 1:
        return _snappy(data[:size], context)
    if data[size]:
        raise Malformed(f"a block with the unknown compression {data[size]}", offset=offset)
    return data[:size]


def _entries(block: bytes) -> Iterator[tuple[bytes, bytes]]:
    """Keys and values; a key shares its begin with the one before."""
    if len(block) < 4:
        raise Malformed("a block of a checkpoint table without restarts")
    restarts = int.from_bytes(block[-4:], "little")
    end = len(block) - 4 - 4 * restarts
    if end < 0:
        raise Malformed(f"a block of {len(block):,} bytes with {restarts:,} restarts")
    at, key = 0, b""
    while at < end:
        shared, at = _varint(block, at)
        unshared, at = _varint(block, at)
        length, at = _varint(block, at)
        if shared > len(key) or at + unshared + length > end:
            raise Malformed("an entry of a checkpoint table that reaches past its block")
        key = key[:shared] + block[at : at + unshared]
        if len(key) > _KEY:
            raise OverBudget(f"a key of more than {_KEY >> 10} KiB in a checkpoint table")
        at += unshared
        yield key, block[at : at + length]
        at += length


def _shards(value: bytes, context: Context) -> int:
    """BundleHeaderProto.num_shards."""
    fields = Reader(Bytes(value), context.budget).fields(0, len(value))
    return next((part.value for part in fields if part.number == 1 and part.wire == VARINT), 1)


def _tensor(key: bytes, value: bytes, shards: int, context: Context) -> Item:
    """BundleEntryProto."""
    name = key.decode("utf-8", "backslashreplace")
    numbers = {3: 0, 4: 0, 5: 0}
    part: Field
    for part in Reader(Bytes(value), context.budget).fields(0, len(value)):
        if part.number in numbers and part.wire == VARINT:
            numbers[part.number] = signed(part.value)
    return TfTensor(name, numbers[3], shards, numbers[4], numbers[5])


def _handle(data: bytes, at: int) -> tuple[int, int]:
    offset, at = _varint(data, at)
    size, at = _varint(data, at)
    return offset, size


def _varint(data: bytes, at: int) -> tuple[int, int]:
    value = 0
    for shift in range(0, 70, 7):
        if at >= len(data):
            break
        value |= (data[at] & 0x7F) << shift
        at += 1
        if data[at - 1] < 0x80:
            return value, at
    raise Malformed("a number in a checkpoint table is cut off or longer than ten bytes")


def _snappy(data: bytes, context: Context) -> bytes:
    """Snappy's block format (google/snappy, format_description.txt)."""
    declared, at = _varint(data, 0)
    context.budget.header(declared, "a compressed block of the checkpoint table")
    out, steps = bytearray(), 0
    while at < len(data):
        steps += 1
        if not steps % _TICK:
            context.budget.tick()
        tag = data[at]
        at += 1
        kind, length = tag & 3, (tag >> 2) + 1
        if kind == 0:
            extra = max(0, length - 60)
            if extra:
                length = int.from_bytes(data[at : at + extra], "little") + 1
            at += extra
            piece = data[at : at + length]
            at += length
        else:
            if kind == 1:
                length, back = ((tag >> 2) & 7) + 4, (tag >> 5) << 8 | int.from_bytes(data[at : at + 1], "little")
            else:
                back = int.from_bytes(data[at : at + (2 if kind == 2 else 4)], "little")
            at += {1: 1, 2: 2, 3: 4}[kind]
            if not 0 < back <= len(out):
                raise Malformed("a compressed block of a checkpoint table points before its begin")
            start = len(out) - back
            source = bytes(out[start : start + length])
            piece = (source * (length // len(source) + 1))[:length]
        if len(piece) != length or len(out) + length > declared:
            raise Malformed("a compressed block of a checkpoint table is cut off or longer than it says")
        out += piece
    if len(out) != declared:
        raise Malformed("a compressed block of a checkpoint table is shorter than it says")
    return bytes(out)
