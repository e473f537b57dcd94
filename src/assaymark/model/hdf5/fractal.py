"""Fractal heaps: where groups and objects with many links or attributes keep them (specification, section III.G)."""

from assaymark.core.errors import Malformed, Opaque
from assaymark.model.hdf5.source import Fields, Source, width
from assaymark.model.hdf5.trees import Tree2

_HUGE_INDIRECT, _HUGE_FILTERED, _HUGE_DIRECT = 1, 2, 3
"""Types of the version 2 B-trees of huge objects."""


class FractalHeap:
    """Objects by their heap id: managed, huge or tiny."""

    def __init__(self, source: Source, address: int) -> None:
        """Read the header at `address`."""
        size = 22 + 12 * source.length_size + 3 * source.offset_size + 4
        fields = source.block(address, b"FRHP", size, "fractal heap")
        fields.take(1)
        self._source = source
        self._id_size = fields.number(2)
        self._filtered = fields.number(2) > 0
        fields.take(1)
        largest_managed = fields.number(4)
        fields.length()
        self._huge_tree = fields.address()
        fields.length()
        fields.address()
        for _ in range(8):
            fields.length()
        self._width, self._start = fields.number(2), fields.length()
        largest_direct = fields.length()
        bits = fields.number(2)
        fields.number(2)
        self._root, self._rows = fields.address(), fields.number(2)
        if not (_power(self._start) and _power(largest_direct) and _power(self._width)):
            message = "a fractal heap whose blocks are no powers of two"
            raise Malformed(message, offset=fields.origin)
        self._direct_rows = largest_direct.bit_length() - self._start.bit_length() + 2
        self._offset_size = (bits + 7) // 8
        self._length_size = min((largest_direct.bit_length() + 6) // 8, width(largest_managed))
        self._huge: dict[int, tuple[int, int]] | None = None

    def get(self, heap_id: bytes) -> Fields:
        """The object with this id."""
        fields = Fields(heap_id, 0, "heap id", self._source)
        first = fields.number(1)
        kind = first >> 4 & 3
        if kind == 2:
            size = (first & 15) + 1 if self._id_size <= 17 else ((first & 15) << 8 | fields.number(1)) + 1
            return Fields(fields.take(size), 0, "tiny heap object", self._source)
        if self._filtered:
            message = "a fractal heap whose blocks are compressed"
            raise Opaque(message)
        if kind == 1:
            address, length = self._find_huge(fields)
        elif kind == 0:
            offset = fields.number(self._offset_size)
            address, length = self._locate(offset), fields.number(self._length_size)
        else:
            message = f"a heap id of unknown type {kind}"
            raise Malformed(message)
        return self._source.read(address, length, "heap object")

    def _locate(self, offset: int) -> int:
        """Address of the byte at `offset` of the heap's managed space: down the doubling table."""
        address, rows = self._root, self._rows
        if rows == 0:
            return self._inside(address, offset)
        for _ in range(64):  # each level halves what is left at least
            row, size, start = self._row(offset)
            if row >= rows or address is None:
                break
            column = (offset - start) // size
            offset = offset - start - column * size
            index = row * self._width + column
            address = self._child(address, index)
            if row < self._direct_rows:
                return self._inside(address, offset)
            rows = size.bit_length() - (self._start * self._width).bit_length() + 1
        message = f"a heap id points at offset {offset:,}, beyond the heap"
        raise Malformed(message)

    def _row(self, offset: int) -> tuple[int, int, int]:
        """Row that holds `offset`, size of its blocks, offset of its first byte."""
        first = self._start * self._width
        if offset < first:
            return 0, self._start, 0
        row = (offset // first).bit_length()
        return row, self._start << (row - 1), first << (row - 1)

    def _child(self, address: int, index: int) -> int | None:
        head = self._source.block(address, b"FHIB", 4, "indirect heap block")
        prefix = 5 + self._source.offset_size + self._offset_size
        at = address + prefix + index * self._source.offset_size
        return self._source.read(at, self._source.offset_size, head.what).address()

    def _inside(self, address: int | None, offset: int) -> int:
        if address is None:
            message = "a heap id points into a block that was never written"
            raise Malformed(message)
        self._source.block(address, b"FHDB", 4, "direct heap block")
        return address + offset

    def _find_huge(self, fields: Fields) -> tuple[int, int]:
        if self._id_size - 1 >= self._source.offset_size + self._source.length_size:
            address = fields.address()
            if address is None:
                message = "a huge heap object without an address"
                raise Malformed(message)
            return address, fields.length()
        key = fields.number(min(self._source.length_size, fields.left))
        if self._huge is None:
            self._huge = self._read_huge()
        if key not in self._huge:
            message = f"the heap has no huge object {key}"
            raise Malformed(message)
        return self._huge[key]

    def _read_huge(self) -> dict[int, tuple[int, int]]:
        found: dict[int, tuple[int, int]] = {}
        if self._huge_tree is None:
            return found
        tree = Tree2(self._source, self._huge_tree)
        if tree.kind != _HUGE_INDIRECT:
            message = f"huge heap objects in a B-tree of type {tree.kind}"
            raise Opaque(message)
        for record in tree.records():
            address, length, key = record.address(), record.length(), record.length()
            if address is not None:
                found[key] = (address, length)
        return found


def _power(number: int) -> bool:
    return number > 0 and number & (number - 1) == 0


def shared(source: Source, kind: int, heap_id: bytes) -> tuple[bytes, int]:
    """Body and offset of a message that the file keeps in its heap of shared messages (section IV.A.2, "Shared")."""
    if source.shared_messages is None:
        message = "a message in a heap of shared messages, which the file does not have"
        raise Malformed(message)
    table, indexes = source.shared_messages
    fields = source.block(table, b"SMTB", 4 + indexes * (14 + 2 * source.offset_size), "table of shared messages")
    for _ in range(indexes):
        fields.take(2)
        kinds = fields.number(2)
        fields.take(10 + source.offset_size)
        heap = fields.address()
        if kinds >> kind & 1 and heap is not None:
            found = FractalHeap(source, heap).get(heap_id)
            offset = found.offset
            return found.take(found.left), offset
    message = f"no heap of shared messages for messages of type {kind:#04x}"
    raise Malformed(message)
