"""Recognisers of data files that hold nothing a loader runs and that need more than their first bytes to be known."""

from assaymark.core.format import Head

_CONTINUATION = b"\xff\xff\xff\xff"
_LARGEST_SCHEMA = 1 << 26


def is_arrow_stream(head: Head) -> bool:
    """Arrow IPC in streaming format: 0xFFFFFFFF, length, and a flatbuffer Message with the schema (Arrow columnar format, IPC)."""
    start = head.start
    if not start.startswith(_CONTINUATION) or len(start) < 32:
        return False
    length = int.from_bytes(start[4:8], "little")
    root = int.from_bytes(start[8:12], "little")
    if not (16 <= length <= min(_LARGEST_SCHEMA, head.size - 8) and length % 8 == 0 and 4 <= root <= 64):
        return False
    table = 8 + root
    below = int.from_bytes(start[table : table + 4], "little", signed=True)
    vtable = table - below
    size = int.from_bytes(start[vtable : vtable + 2], "little") if 8 <= vtable < table else 0
    return 8 <= size <= 12 and size % 2 == 0


def is_tfrecord(head: Head) -> bool:
    """TFRecord: a length of 64 bits and its masked CRC-32C, then so many bytes and theirs (tensorflow/core/lib/io/record_writer)."""
    start = head.start
    if len(start) < 16:
        return False
    length = int.from_bytes(start[:8], "little")
    return length <= head.size - 16 and masked_crc32c(start[:8]) == int.from_bytes(start[8:12], "little")


def masked_crc32c(data: bytes) -> int:
    """CRC-32C (Castagnoli), turned and shifted as TFRecord keeps it."""
    value = 0xFFFFFFFF
    for byte in data:
        value ^= byte
        for _ in range(8):
            value = value >> 1 ^ (0x82F63B78 if value & 1 else 0)
    value ^= 0xFFFFFFFF
    return ((value >> 15 | value << 17) + 0xA282EAD8) & 0xFFFFFFFF


MXNET_LIST = 0x112
"""`kMXAPINDArrayListMagic` (mxnet src/c_api/c_api.cc, ndarray.cc)."""


def is_mxnet(head: Head) -> bool:
    """A list of arrays as `mx.nd.save` writes it: the magic, eight zero bytes, a count."""
    return head.start[:16] == MXNET_LIST.to_bytes(8, "little") + bytes(8) and head.size >= 32


def is_mxnet_symbol(head: Head) -> bool:
    """A graph as `Symbol.save` writes it: JSON with nodes, which of them are arguments, and heads."""
    keys = (b'"nodes"', b'"op"')
    if not head.basename.endswith(".json") or head.start.lstrip()[:1] != b"{" or not all(k in head.start for k in keys):
        return False
    if b'"arg_nodes"' in head.start:
        return True
    return head.size > len(head.start) and b'"arg_nodes"' in head.blob.read(0, 64 << 20)


def is_ncnn(head: Head) -> bool:
    """A network of ncnn: its magic number as the first line of text, or as the first four bytes."""
    first = head.start[:32].split(b"\n", 1)[0].strip()
    return first == b"7767517" or (head.start[:4] == (7767517).to_bytes(4, "little") and head.basename.endswith(".bin"))
