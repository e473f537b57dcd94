"""Where a dataset keeps its data (specification, sections IV.A.2.h, i and l, III.E and VIII.C)."""

import zlib
from collections.abc import Iterator
from dataclasses import dataclass

from assaymark.core.errors import Malformed, Opaque, OverBudget
from assaymark.model.hdf5.heaps import GlobalHeaps, LocalHeap
from assaymark.model.hdf5.source import Fields, Source, elements, text
from assaymark.model.hdf5.trees import CHUNKS, children

COMPACT, CONTIGUOUS, CHUNKED, VIRTUAL = range(4)
NAMES = 10_000
"""Names of other files that are read of one dataset."""
_DEFLATE, _SHUFFLE, _FLETCHER = 1, 2, 3
_FILE_OF, _DATASET_OF, _SAME_FILE = 1, 2, 4
"""Flags of a virtual source (version 1 of the list, HDF5 2.0): its names are those of an earlier entry, or its own file."""
_NONE, _POINTS, _HYPERSLAB, _ALL = range(4)


@dataclass(frozen=True, slots=True)
class Layout:
    """How data is stored. `address` is that of the data, of the chunk index or of the list of virtual sources."""

    kind: int
    address: int | None = None
    size: int = 0
    """Bytes of compact or contiguous data."""
    data: bytes = b""
    """Compact data."""
    index: int = 0
    """Index of the list of virtual sources in the global heap."""
    chunk: tuple[int, ...] = ()
    """Dimensions of a chunk, in elements, and the element size in bytes; only where a version 1 B-tree indexes them."""


def layout(source: Source, fields: Fields) -> Layout:
    """A data layout message of version 1 to 5."""
    version = fields.number(1)
    if version in {1, 2}:
        return _old_layout(source, fields)
    if version not in {3, 4, 5}:
        message = f"a data layout of version {version}; versions 1 to 5 exist"
        raise Malformed(message, offset=fields.origin)
    kind = fields.number(1)
    if kind == COMPACT:
        size = fields.number(2)
        return Layout(kind, size=size, data=fields.take(size))
    if kind == CONTIGUOUS:
        return Layout(kind, fields.address(), fields.length())
    if kind == CHUNKED and version == 3:
        rank = fields.number(1)
        address = fields.address()
        return Layout(kind, address, chunk=tuple(fields.number(4) for _ in range(rank)))
    if kind == CHUNKED:
        return Layout(kind)
    if kind == VIRTUAL:
        return Layout(kind, fields.address(), index=fields.number(4))
    message = f"a data layout of unknown class {kind}"
    raise Malformed(message, offset=fields.origin)


def _old_layout(source: Source, fields: Fields) -> Layout:
    rank, kind = fields.number(1), fields.number(1)
    fields.take(5)
    address = None if kind == COMPACT else fields.address()
    dims = tuple(fields.number(4) for _ in range(rank))
    if kind == COMPACT:
        size = fields.number(4)
        return Layout(kind, size=size, data=fields.take(size))
    if kind == CHUNKED:
        return Layout(kind, address, chunk=dims)
    return Layout(kind, address, source.upto(address or 0, elements(dims)))


def external_files(source: Source, fields: Fields) -> tuple[str, ...]:
    """The names in an external file list message."""
    fields.take(6)
    used, heap = fields.number(2), fields.address()
    if heap is None:
        return ()
    names, found = LocalHeap(source, heap), []
    for _ in range(used):
        source.step()
        found.append(text(names.text(fields.length())))
        fields.length()
        fields.length()
        if len(found) > NAMES:
            message = f"a dataset in more than {NAMES:,} external files"
            raise OverBudget(message)
    return tuple(dict.fromkeys(found))


def virtual_sources(heaps: GlobalHeaps, stored: Layout) -> tuple[str, ...]:
    """The files that a virtual dataset maps, `.` for its own."""
    if stored.address is None or not stored.address:
        return ()
    fields = heaps.get(stored.address, stored.index, "list of virtual sources")
    version = fields.number(1)
    if version > 1:
        message = f"a list of virtual sources of version {version}"
        raise Opaque(message)
    found: dict[str, None] = {}
    for _ in range(fields.length()):
        flags = fields.number(1) if version else 0
        if flags & _SAME_FILE:
            found["."] = None
        elif flags & _FILE_OF:
            fields.length()  # the entry that has the name
        else:
            found[text(fields.until_nul())] = None
        if flags & _DATASET_OF:
            fields.length()
        else:
            fields.until_nul()
        for _ in range(2):
            _skip_selection(fields)
        if len(found) > NAMES:
            message = f"a virtual dataset over more than {NAMES:,} files"
            raise OverBudget(message)
    return tuple(found)


def _skip_selection(fields: Fields) -> None:
    """Pass a serialized dataspace selection (section VIII.C)."""
    kind, version = fields.number(4), fields.number(4)
    if kind in {_NONE, _ALL}:
        fields.take(8)
    elif kind in {_POINTS, _HYPERSLAB} and version == 1:
        fields.take(8)
        rank, count = fields.number(4), fields.number(4)
        fields.take(4 * rank * count * kind)  # a block has two corners, a point is one
    elif kind == _HYPERSLAB and version in {2, 3}:
        regular = fields.number(1) & 1
        size = fields.number(1) if version == 3 else 8
        if version == 2:
            fields.take(4)
        rank = fields.number(4)
        fields.take(rank * size * (4 if regular else 2 * fields.number(size)))
    elif kind == _POINTS and version == 2:
        size, rank = fields.number(1), fields.number(4)
        fields.take(rank * size * fields.number(size))
    else:
        message = f"a selection of type {kind} and version {version}"
        raise Opaque(message)


def filters(fields: Fields) -> tuple[int, ...]:
    """The filter ids of a filter pipeline message, in the order in which they were applied."""
    version, count = fields.number(1), fields.number(1)
    if version == 1:
        fields.take(6)
    found = []
    for _ in range(count):
        number = fields.number(2)
        length = fields.number(2) if version == 1 or number >= 256 else 0
        fields.take(2)
        values = fields.number(2)
        fields.take((length + 7) // 8 * 8 if version == 1 else length)
        fields.take(4 * (values + (values & 1 if version == 1 else 0)))
        found.append(number)
    return tuple(found)


def pieces(source: Source, stored: Layout, pipeline: tuple[int, ...], element: int) -> Iterator[bytes]:
    """The stored data, chunk by chunk, filters undone. Only for the few datasets whose content a loader runs."""
    if stored.kind == COMPACT:
        yield stored.data
    elif stored.kind == CONTIGUOUS:
        if stored.address is not None:
            yield source.read(stored.address, stored.size, "dataset").take(stored.size)
    elif stored.kind == CHUNKED and stored.chunk and set(pipeline) <= {_DEFLATE, _SHUFFLE, _FLETCHER}:
        size = elements(stored.chunk)
        source.budget.header(size, "chunk of a dataset")
        if stored.address is None:
            return
        last: list[int] = []
        for key, address in children(source, stored.address, CHUNKS, 8 + 8 * len(stored.chunk)):
            place = [int.from_bytes(key[at : at + 8], "little") for at in range(8, len(key), 8)]
            if place <= last:
                message = f"a chunk at {place} behind the one at {last}: readers find it elsewhere, or not at all"
                raise Malformed(message, offset=source.base + address)
            last = place
            length, mask = int.from_bytes(key[:4], "little"), int.from_bytes(key[4:8], "little")
            data = source.read(address, length, "chunk of a dataset").take(length)
            for number in reversed(range(len(pipeline))):
                if not mask >> number & 1:
                    data = _unfilter(source, pipeline[number], data, size, element)
            yield data
    else:
        message = (
            f"its data is stored in a way that this version does not read (layout {stored.kind}, filters {pipeline})"
        )
        raise Opaque(message)


def _unfilter(source: Source, number: int, data: bytes, size: int, element: int) -> bytes:
    if number == _FLETCHER:
        return data[:-4]
    if number == _SHUFFLE:
        if element < 2 or len(data) < element:
            return data
        rows = len(data) // element
        out = bytearray(data)
        for at in range(element):
            out[at : rows * element : element] = data[at * rows : (at + 1) * rows]
        return bytes(out)
    try:
        plain = zlib.decompressobj().decompress(data, size + 1)
    except zlib.error as error:
        message = f"a compressed chunk cannot be decompressed: {error}"
        raise Malformed(message) from None
    source.budget.expand(len(plain), len(data), len(plain))
    if len(plain) > size:
        message = f"a chunk decompresses to more than its {size} bytes"
        raise Malformed(message)
    return plain
