"""Bytes at rest, read by offset. Parsers see every source (file, member, decompressed stream) as a Blob."""

from collections.abc import Iterator
from typing import Protocol

from assaymark.core.errors import Malformed

CHUNK = 1 << 20


class Blob(Protocol):
    """Random access to `size` bytes that do not change while we look."""

    @property
    def size(self) -> int:
        """Length in bytes."""
        ...

    def read(self, offset: int, length: int) -> bytes:
        """Up to `length` bytes at `offset`; shorter only where the blob ends. Raises Unreadable."""
        ...


def is_far(blob: Blob) -> bool:
    """Whether each read of it asks another machine (the blob says so by an attribute `far`)."""
    while isinstance(blob, Slice):
        blob = blob.outer
    return bool(getattr(blob, "far", False))


class Bytes:
    """A blob in memory."""

    def __init__(self, data: bytes) -> None:
        self._data = data
        self.size = len(data)

    def read(self, offset: int, length: int) -> bytes:
        """See Blob.read."""
        return self._data[offset : offset + length]


class Slice:
    """`size` bytes of another blob from `start` on, cut to what the other has."""

    def __init__(self, blob: Blob, start: int, size: int) -> None:
        self.outer = blob
        self.start = min(start, blob.size)
        self.size = max(0, min(size, blob.size - self.start))

    def read(self, offset: int, length: int) -> bytes:
        """See Blob.read."""
        return self.outer.read(self.start + offset, max(0, min(length, self.size - offset)))


def exact(blob: Blob, offset: int, length: int, what: str) -> bytes:
    """Exactly `length` bytes, or Malformed saying that `what` ends early.

    Asks for nothing that is not there, so a declared length of 4 GB costs nothing.
    """
    if offset < 0 or length < 0 or offset + length > blob.size:
        message = f"{what} needs {length} bytes at offset {offset}, the content ends at {blob.size}"
        raise Malformed(message, offset=offset)
    return blob.read(offset, length)


def chunks(blob: Blob, start: int = 0, size: int = CHUNK) -> Iterator[bytes]:
    """The content from `start` to the end in pieces of at most `size` bytes."""
    while start < blob.size:
        piece = blob.read(start, size)
        if not piece:
            return
        yield piece
        start += len(piece)
