"""Local heaps, which keep names, and global heaps, which keep values of variable length (sections III.D and III.E)."""

from assaymark.core.errors import Malformed
from assaymark.model.hdf5.source import Fields, Source

NAME_BYTES = 65_536
"""Longest name or path that is read from a local heap; the library's longest name has as many."""
_PIECE = 256
_COLLECTIONS = 16
"""Global heap collections whose index is kept at hand."""


class LocalHeap:
    """Texts by their offset in a data segment."""

    def __init__(self, source: Source, address: int) -> None:
        """Read the header at `address`; texts are read when they are asked for."""
        fields = source.block(address, b"HEAP", 8 + 2 * source.length_size + source.offset_size, "local heap")
        fields.take(4)
        self._source = source
        self._size = fields.length()
        fields.length()  # head of the free list
        self._segment = fields.address()

    def text(self, offset: int) -> bytes:
        """The text at `offset`, without its NUL."""
        found = b""
        if self._segment is None:
            return found
        while len(found) < NAME_BYTES:
            at = offset + len(found)
            start = self._segment + at
            size = self._source.upto(start, min(_PIECE, self._size - at))
            piece = self._source.read(start, size, "local heap").take(size)
            end = piece.find(b"\0")
            if end >= 0:
                return found + piece[:end]
            found += piece
            if size < _PIECE:
                break
        message = f"a name at offset {offset} of a local heap does not end"
        raise Malformed(message, offset=self._source.base + self._segment + offset)


class GlobalHeaps:
    """Objects of all global heap collections of a file, by collection and index."""

    def __init__(self, source: Source) -> None:
        self._source = source
        self._collections: dict[int, dict[int, tuple[int, int]]] = {}

    def find(self, collection: int, index: int) -> tuple[int, int]:
        """Address and length of one object."""
        known = self._collections.get(collection)
        if known is None:
            if len(self._collections) >= _COLLECTIONS:
                self._collections.pop(next(iter(self._collections)))
            known = self._collections[collection] = self._read(collection)
        if index not in known:
            message = f"the global heap has no object {index}"
            raise Malformed(message, offset=self._source.base + collection)
        return known[index]

    def get(self, collection: int, index: int, what: str) -> Fields:
        """The bytes of one object."""
        address, length = self.find(collection, index)
        return self._source.read(address, length, what)

    def _read(self, collection: int) -> dict[int, tuple[int, int]]:
        source = self._source
        header = 8 + source.length_size
        fields = source.block(collection, b"GCOL", header, "global heap")
        fields.take(4)
        end = collection + fields.length()
        found: dict[int, tuple[int, int]] = {}
        at = collection + header
        while at + header <= end:
            entry = source.read(at, header, "global heap object")
            index = entry.number(2)
            entry.take(6)
            size = entry.length()
            if index == 0:  # free space, which is the last entry
                break
            found.setdefault(index, (at + header, size))
            at += header + (size + 7) // 8 * 8
        return found
