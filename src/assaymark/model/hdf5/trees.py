"""B-trees of both versions, as the records that they hold (specification, section III.A)."""

from collections.abc import Iterator

from assaymark.core.errors import Malformed
from assaymark.model.hdf5.source import Fields, Source, width

GROUP_NODES, CHUNKS = 0, 1
_V2_PREFIX = 10
"""Signature, version, type and checksum of a version 2 node, in bytes."""


def children(source: Source, address: int, kind: int, key_size: int) -> Iterator[tuple[bytes, int]]:
    """Key and child of every leaf entry of a version 1 B-tree, in order."""
    pending: list[tuple[int, int | None]] = [(address, None)]
    seen: set[int] = set()
    while pending:
        at, level = pending.pop()
        if at in seen:
            message = "a B-tree leads back to a node that it already passed"
            raise Malformed(message, offset=source.base + at)
        seen.add(at)
        fields, found_level, used = _node(source, at, kind)
        if level is not None and found_level != level:
            message = f"a B-tree node of level {found_level} where level {level} belongs"
            raise Malformed(message, offset=source.base + at)
        size = 8 + 2 * source.offset_size
        fields = source.read(at + size, used * (key_size + source.offset_size), "B-tree node")
        below: list[tuple[int, int | None]] = []
        for _ in range(used):
            source.step()
            key, child = fields.take(key_size), fields.address()
            if child is None:
                message = "a B-tree entry without an address"
                raise Malformed(message, offset=fields.offset)
            if found_level:
                below.append((child, found_level - 1))
            else:
                yield key, child
        pending.extend(reversed(below))


def _node(source: Source, address: int, kind: int) -> tuple[Fields, int, int]:
    fields = source.block(address, b"TREE", 8 + 2 * source.offset_size, "B-tree node")
    found, level, used = fields.number(1), fields.number(1), fields.number(2)
    if found != kind:
        message = f"a B-tree node of type {found} where type {kind} belongs"
        raise Malformed(message, offset=fields.origin)
    return fields, level, used


class Tree2:
    """A version 2 B-tree: records of one fixed size."""

    def __init__(self, source: Source, address: int) -> None:
        """Read the header at `address`."""
        size = 22 + source.offset_size + source.length_size
        fields = source.block(address, b"BTHD", size, "version 2 B-tree")
        fields.take(1)
        self._source = source
        self.kind = fields.number(1)
        self._node_size, self._record_size, self._depth = fields.number(4), fields.number(2), fields.number(2)
        fields.take(2)
        self._root, self._root_records = fields.address(), fields.number(2)
        if self._record_size == 0 or self._depth > 32 or self._node_size <= _V2_PREFIX:
            message = (
                f"a version 2 B-tree of depth {self._depth} with nodes of {self._node_size} bytes "
                f"and records of {self._record_size}"
            )
            raise Malformed(message, offset=fields.origin)
        self._count_size, self._total_sizes = self._widths()

    def _widths(self) -> tuple[int, list[int]]:
        """Width of a child's record count, and by level that of the count of all records below it (0 for leaves)."""
        leaf = (self._node_size - _V2_PREFIX) // self._record_size
        count_size = width(leaf)
        totals, sizes = leaf, [0]
        for _ in range(self._depth):
            pointer = self._source.offset_size + count_size + sizes[-1]
            fit = max(0, self._node_size - _V2_PREFIX - pointer) // (self._record_size + pointer)
            totals = (fit + 1) * totals + fit
            sizes.append(width(totals))
        return count_size, sizes

    def records(self) -> Iterator[Fields]:
        """Every record, those of inner nodes first."""
        if self._root is None:
            return
        pending = [(self._root, self._root_records, self._depth)]
        seen: set[int] = set()
        while pending:
            address, count, depth = pending.pop()
            if address in seen:
                message = "a version 2 B-tree leads back to a node that it already passed"
                raise Malformed(message, offset=self._source.base + address)
            seen.add(address)
            fields = self._source.block(address, b"BTIN" if depth else b"BTLF", self._node_size, "B-tree node")
            fields.take(2)
            for _ in range(count):
                self._source.step()
                yield fields.part(self._record_size, "B-tree record")
            if depth:
                for _ in range(count + 1):
                    child, below = fields.address(), fields.number(self._count_size)
                    fields.take(self._total_sizes[depth - 1])
                    if child is not None:
                        pending.append((child, below, depth - 1))
