"""Links of a group: in its header, in a symbol table, or in a fractal heap (specification, sections III.B and IV.A)."""

from collections.abc import Iterator
from dataclasses import dataclass

from assaymark.core.errors import Malformed
from assaymark.model.hdf5.fractal import FractalHeap
from assaymark.model.hdf5.heaps import LocalHeap
from assaymark.model.hdf5.source import Fields, Source, text
from assaymark.model.hdf5.trees import GROUP_NODES, Tree2, children

_HARD, _SOFT, _EXTERNAL = 0, 1, 64
_NAME_ORDER, _CREATION_ORDER = 5, 6
"""Types of the version 2 B-trees that index the links of a group."""


@dataclass(frozen=True, slots=True)
class Link:
    """One link. Exactly one of these leads on: `address` (hard), `target` alone (soft), `file` and `target`, or `kind`."""

    name: str
    offset: int
    address: int | None = None
    target: str = ""
    file: str | None = None
    kind: int = _HARD


def message(fields: Fields) -> Link:
    """A link message (section IV.A.2.g)."""
    version, flags = fields.number(1), fields.number(1)
    if version != 1:
        problem = f"a link message of version {version}; only version 1 exists"
        raise Malformed(problem, offset=fields.origin)
    kind = fields.number(1) if flags & 8 else _HARD
    fields.take((8 if flags & 4 else 0) + (1 if flags & 16 else 0))
    name = text(fields.take(fields.number(1 << (flags & 3))))
    offset = fields.origin
    if kind == _HARD:
        return Link(name, offset, address=fields.address())
    value = fields.part(fields.number(2), "link")
    if kind == _SOFT:
        return Link(name, offset, target=text(value.take(value.left)), kind=kind)
    if kind == _EXTERNAL:
        value.take(1)
        file = text(value.until_nul())
        return Link(name, offset, target=text(value.take(value.left).rstrip(b"\0")), file=file, kind=kind)
    return Link(name, offset, kind=kind)


def symbol_table(source: Source, tree: int, heap: int) -> Iterator[Link]:
    """The links of an old-style group: a B-tree of symbol nodes, names in a local heap."""
    names = LocalHeap(source, heap)
    for _, node in children(source, tree, GROUP_NODES, source.length_size):
        fields = source.block(node, b"SNOD", 8, "symbol table node")
        fields.take(2)
        count, size = fields.number(2), 2 * source.offset_size + 24
        entries = source.read(node + 8, count * size, "symbol table node")
        for _ in range(count):
            source.step()
            entry = entries.part(size, "symbol table entry")
            offset, name = entry.offset, text(names.text(entry.number(source.offset_size)))
            address, cached = entry.address(), entry.number(4)
            entry.take(4)
            if cached == 2:
                yield Link(name, offset, target=text(names.text(entry.number(4))), kind=_SOFT)
            else:
                yield Link(name, offset, address=address)


def dense(source: Source, info: Fields) -> Iterator[Link]:
    """The links that a link info message (section IV.A.2.c) keeps in a fractal heap."""
    heap, trees = dense_parts(info, 8)
    if heap is None:
        return
    objects, seen = FractalHeap(source, heap), set[bytes]()
    for address in trees:
        tree = Tree2(source, address)
        skip = {_NAME_ORDER: 4, _CREATION_ORDER: 8}.get(tree.kind)
        if skip is None:
            problem = f"links of a group in a B-tree of type {tree.kind}"
            raise Malformed(problem, offset=source.base + address)
        for record in tree.records():
            record.take(skip)
            heap_id = record.take(record.left)
            if heap_id not in seen:
                seen.add(heap_id)
                yield message(objects.get(heap_id))


def dense_parts(info: Fields, index_size: int) -> tuple[int | None, list[int]]:
    """Heap and B-trees of a link info or attribute info message; `index_size` is that of its creation index."""
    info.take(1)
    flags = info.number(1)
    info.take(index_size if flags & 1 else 0)
    heap = info.address()
    trees = [info.address(), info.address() if flags & 2 else None]
    return heap, [tree for tree in trees if tree is not None]
