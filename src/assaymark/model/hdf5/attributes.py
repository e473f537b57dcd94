"""Attributes, their types and their values (specification, sections IV.A.2.b, d, m and v)."""

from collections.abc import Iterator
from dataclasses import dataclass

from assaymark.core.errors import Malformed
from assaymark.model.hdf5.fractal import FractalHeap
from assaymark.model.hdf5.header import ATTRIBUTE, DATASPACE, DATATYPE, Message, resolve
from assaymark.model.hdf5.heaps import GlobalHeaps
from assaymark.model.hdf5.links import dense_parts
from assaymark.model.hdf5.source import Fields, Source, elements, text
from assaymark.model.hdf5.trees import Tree2

_INTEGER, _FLOAT, _STRING, _OPAQUE, _VARIABLE = 0, 1, 3, 5, 9
_NAME_ORDER, _CREATION_ORDER = 8, 9
"""Types of the version 2 B-trees that index the attributes of an object."""
_RANK = 32
"""Most dimensions that the library allows (H5S_MAX_RANK)."""


@dataclass(frozen=True, slots=True)
class Datatype:
    """Class and size in bytes of an element; `variable` for texts and sequences of bytes in the global heap."""

    kind: int
    size: int
    variable: bool = False
    big: bool = False
    """A number whose most significant byte comes first."""

    @property
    def is_bytes(self) -> bool:
        """Elements are texts, opaque values or single bytes."""
        return self.variable or self.kind in {_STRING, _OPAQUE} or (self.kind == _INTEGER and self.size == 1)


@dataclass(frozen=True, slots=True)
class Attribute:
    """A named value of an object, `offset` where its bytes stand in the blob."""

    name: str
    type: Datatype
    dims: tuple[int, ...]
    data: bytes
    offset: int


def datatype(fields: Fields) -> Datatype:
    """A datatype message, as far as it matters."""
    first = fields.number(1)
    kind, bits, size = first & 15, fields.number(3), fields.number(4)
    if kind != _VARIABLE:
        return Datatype(kind, size, big=kind in {_INTEGER, _FLOAT} and bool(bits & 1))
    base = fields.number(1) & 15
    fields.take(3)
    base_size = fields.number(4)
    return Datatype(kind, size, variable=bits & 15 == 1 or (base_size == 1 and base in {_INTEGER, _STRING, _OPAQUE}))


def dataspace(fields: Fields) -> tuple[int, ...]:
    """The dimensions of a dataspace message: none for a scalar, one of 0 for the null space."""
    version, rank, flags = fields.number(1), fields.number(1), fields.number(1)
    if version not in {1, 2} or rank > _RANK:
        message = f"a dataspace of version {version} with {rank} dimensions"
        raise Malformed(message, offset=fields.origin)
    null = fields.number(1) == 2 and version == 2
    if version == 1:
        fields.take(4)
    del flags  # whether maximum dimensions follow
    return (0,) if null else tuple(fields.length() for _ in range(rank))


def attribute(source: Source, fields: Fields) -> Attribute:
    """An attribute message of version 1, 2 or 3."""
    version, flags = fields.number(1), fields.number(1)
    if version not in {1, 2, 3}:
        message = f"an attribute message of version {version}; versions 1 to 3 exist"
        raise Malformed(message, offset=fields.origin)
    sizes = [fields.number(2) for _ in range(3)]
    fields.take(1 if version == 3 else 0)
    name, kind, space = (_padded(fields, size, version) for size in sizes)
    if version > 1 and flags & 1:
        kind = _referred(source, kind, DATATYPE)
    if version > 1 and flags & 2:
        space = _referred(source, space, DATASPACE)
    offset = fields.offset
    return Attribute(
        text(name.take(name.left).split(b"\0")[0]),
        datatype(kind),
        dataspace(space),
        fields.take(fields.left),
        offset,
    )


def _padded(fields: Fields, size: int, version: int) -> Fields:
    part = fields.part(size, "attribute message")
    if version == 1:
        fields.take(min(-size % 8, fields.left))
    return part


def _referred(source: Source, fields: Fields, kind: int) -> Fields:
    offset = fields.offset
    found = resolve(source, Message(kind, 2, fields.take(fields.left), offset))
    return found.fields(source, "shared message")


def dense(source: Source, info: Fields) -> Iterator[Attribute]:
    """The attributes that an attribute info message keeps in a fractal heap."""
    heap, trees = dense_parts(info, 2)
    if heap is None:
        return
    objects, seen = FractalHeap(source, heap), set[bytes]()
    for address in trees:
        tree = Tree2(source, address)
        if tree.kind not in {_NAME_ORDER, _CREATION_ORDER}:
            message = f"attributes of an object in a B-tree of type {tree.kind}"
            raise Malformed(message, offset=source.base + address)
        for record in tree.records():
            heap_id, flags = record.take(8), record.number(1)
            if heap_id in seen:
                continue
            seen.add(heap_id)
            if flags & 2:  # kept in the heap of shared messages
                reference = b"\x03\x01" + heap_id
                found = resolve(source, Message(ATTRIBUTE, 2, reference, record.origin))
                yield attribute(source, found.fields(source, "attribute message"))
            else:
                yield attribute(source, objects.get(heap_id))


def value(source: Source, heaps: GlobalHeaps, found: Attribute) -> bytes | None:
    """The bytes of a single text, an opaque value or an array of bytes; None for numbers and arrays of texts.

    Loaders decode and unpickle only what stands alone.
    """
    if not found.type.is_bytes:
        return None
    single = elements(found.dims) == 1
    if found.type.variable:
        if not single:
            return None
        return reference(source, heaps, found.data)
    if single or found.type.kind == _INTEGER:
        return found.data[: found.type.size * elements(found.dims)].rstrip(b"\0")
    return None


def reference(source: Source, heaps: GlobalHeaps, element: bytes) -> bytes | None:
    """One value of variable length: length, collection and index, then its bytes in the global heap."""
    fields = Fields(element, 0, "value of variable length", source)
    length, collection, index = fields.number(4), fields.address(), fields.number(4)
    if not length or not collection:
        return None
    found = heaps.get(collection, index, fields.what)
    return found.take(min(length, found.left))
