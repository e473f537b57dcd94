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
