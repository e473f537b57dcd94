"""HDF5: what a file makes its reader fetch from elsewhere, and what it hands to Keras, PyTables and hickle.

The metadata of every object is walked from the root group on (HDF5 File Format Specification, version 3.0). Links and
data that lead out of the file are views; Keras model configurations, and values that a loader unpickles, are members.
"""

import re
from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from assaymark.core.blob import Blob, Bytes
from assaymark.core.bytemap import union, without
from assaymark.core.errors import Malformed, Opaque, OverBudget
from assaymark.core.format import Context, Head, Item, Member, Region, Skipped
from assaymark.model.formats.magic import is_pickle
from assaymark.model.hdf5 import attributes, dataset, header, links, superblock
from assaymark.model.hdf5.header import Message
from assaymark.model.hdf5.heaps import GlobalHeaps
from assaymark.model.hdf5.source import elements
from assaymark.model.weights.views import MetadataTexts

OBJECTS = 500_000
"""Objects of one file that are walked."""
PICKLES = 10_000
"""Elements of one dataset of pickles that are looked at."""
LARGE = 4 << 30
"""Bytes that a dataset may declare without being asked where they are (the floor that Keras itself uses)."""
_SEARCHED = 4 << 20
"""Bytes of a dataset of bytes in which a pickle is looked for."""
_BYTES = frozenset({3, 5})
"""Classes of datatypes that are strings and opaque bytes."""
_SMALL = 64
"""Bytes of a dataset whose values are of no interest."""
_TEXTS = 1_000
_PATH = 300
_CONFIGS = frozenset({"model_config", "training_config"})
_PICKLED = {("PSEUDOATOM", b"object"), ("FLAVOR", b"Object"), ("base_type", b"pickle")}
"""Attributes by which PyTables (now, and before 2.0) and hickle know a dataset of pickles."""
_MARKS = frozenset(name for name, _ in _PICKLED)
_OUTSIDE = re.compile(r"[/\\~]|[A-Za-z]:|[A-Za-z][A-Za-z0-9+.-]*://|(.*[/\\])?\.\.([/\\]|\Z)", re.DOTALL)


@dataclass(frozen=True, slots=True)
class ExternalLink:
    """A link whose target is the object `target` of another HDF5 file. The library follows it without asking."""

    path: str
    file: str
    target: str
    offset: int


@dataclass(frozen=True, slots=True)
class OutsideData:
    """A dataset whose data is in other files: raw bytes of them, or (`virtual`) datasets of HDF5 files."""

    path: str
    files: tuple[str, ...]
    virtual: bool
    offset: int


@dataclass(frozen=True, slots=True)
class LargeDataset:
    """A dataset that declares more than `LARGE` bytes in a file of `file_size`."""

    path: str
    dims: tuple[int, ...]
    declared: int
    file_size: int
    offset: int


@dataclass(frozen=True, slots=True)
class StoredDataset:
    """Where the values of a dataset lie in one piece; `offset` is None where they are packed or in pieces."""

    path: str
    kind: int
    """Class of the datatype: 0 for integers, 1 for floating point."""
    width: int
    big: bool
    dims: tuple[int, ...]
    offset: int | None
    length: int


@dataclass(frozen=True, slots=True)
class PickledDataset:
    """A dataset whose elements `loader` unpickles when they are read."""

    path: str
    loader: str
    offset: int


def leaves_folder(file: str) -> bool:
    """The name is absolute, a URL, or climbs above the folder of the file that has it (on any system)."""
    return bool(_OUTSIDE.match(file))


def parse(blob: Blob, context: Context) -> Iterator[Item]:
    """Views and members of every object, broken ones passed over until the end; then the first fault is raised."""
    yield from _Walk(superblock.read(blob, context.budget)).items()


class _Walk:
    """The state of one walk: objects seen and to be seen, and the first fault."""

    def __init__(self, block: superblock.Superblock) -> None:
        self._block = block
        self._source = block.source
        self._heaps = GlobalHeaps(block.source)
        self._seen: set[int] = set()
        self._waiting: deque[tuple[int, str]] = deque()
        self._fault: Malformed | None = None
        self._texts: list[tuple[str, str]] = []

    def items(self) -> Iterator[Item]:
        block = self._block
        if block.driver is not None:
            yield _several_files()
        if block.extension is not None:
            yield from self._guarded(self._extension(block.extension), "superblock extension")
        self._push(block.root, "")
        if block.root_table is not None:
            yield from self._guarded(self._links(links.symbol_table(self._source, *block.root_table), ""), "/")
        while self._waiting:
            address, path = self._waiting.popleft()
            yield from self._object(address, path)
        yield MetadataTexts.of(self._texts)
        unread = without([(0, self._source.blob.size)], union(self._source.seen))
        yield from (Region(begin, end - begin) for begin, end in unread)
        if self._fault is not None:
            raise self._fault
        size = self._source.blob.size
        if block.end > size:
            message = f"the file is cut: its superblock says that it ends at {block.end:,}, it ends at {size:,}"
            raise Malformed(message, offset=size)

    def _guarded(self, items: Iterable[Item], what: str) -> Iterator[Item]:
        """What can be had of `items`: a fault in one object must not hide the next."""
        try:
            yield from items
        except Malformed as fault:
            if self._fault is None:
                self._fault = fault
        except Opaque as unread:
            yield Skipped(what, unread.message)

    def _push(self, address: int, path: str) -> None:
        if address in self._seen:
            return
        self._seen.add(address)
        if len(self._seen) > OBJECTS:
            message = f"the HDF5 file has more than {OBJECTS:,} objects"
            raise OverBudget(message)
        self._waiting.append((address, path))

    def _extension(self, address: int) -> Iterator[Item]:
        for message in header.messages(self._source, address):
            if message.kind == header.DRIVER:
                yield _several_files()
            elif message.kind == header.SHARED_TABLE:
                fields = message.fields(self._source, "table of shared messages")
                fields.take(1)
                table = fields.address()
                if table is not None:
                    self._source.shared_messages = (table, fields.number(1))

    def _object(self, address: int, path: str) -> Iterator[Item]:
        parts: dict[int, Message] = {}
        marks: dict[str, bytes] = {}
        source, place = self._source, path or "/"
        yield from self._guarded(self._messages(address, path, parts, marks), place)
        if header.SYMBOL_TABLE in parts:
            yield from self._guarded(self._old_group(parts[header.SYMBOL_TABLE], path), place)
        if header.LINK_INFO in parts:
            info = parts[header.LINK_INFO].fields(source, "link info message")
            yield from self._guarded(self._links(links.dense(source, info), path), place)
        if header.ATTRIBUTE_INFO in parts:
            info = parts[header.ATTRIBUTE_INFO].fields(source, "attribute info message")
            yield from self._guarded(self._attributes(attributes.dense(source, info), path, marks), place)
        if header.LAYOUT in parts or header.EXTERNAL_FILES in parts:
            yield from self._guarded(self._dataset(parts, marks, path), place)

    def _messages(self, address: int, path: str, parts: dict[int, Message], marks: dict[str, bytes]) -> Iterator[Item]:
        """Links and attributes of the object header; the other messages by kind in `parts`."""
        source = self._source
        for message in header.messages(source, address):
            if message.kind == header.ATTRIBUTE:
                fields = message.fields(source, "attribute message")
                one = (attributes.attribute(source, fields) for _ in range(1))
                yield from self._guarded(self._attributes(one, path, marks), path or "/")
            elif message.kind == header.LINK:
                fields = message.fields(source, "link message")
                yield from self._guarded(self._links((links.message(fields) for _ in range(1)), path), path or "/")
            else:
                parts.setdefault(message.kind, message)

    def _old_group(self, message: Message, path: str) -> Iterator[Item]:
        fields = message.fields(self._source, "symbol table message")
        tree, heap = fields.address(), fields.address()
        if tree is not None and heap is not None:
            yield from self._links(links.symbol_table(self._source, tree, heap), path)

    def _links(self, found: Iterable[links.Link], path: str) -> Iterator[Item]:
        for link in found:
            place = f"{path}/{link.name}"
            if len(place) > _PATH:
                place = "…" + place[-_PATH:]
            if link.address is not None:
                self._push(link.address, place)
            elif link.file is not None:
                yield ExternalLink(place, link.file, link.target, link.offset)
            elif not link.target:
                yield Skipped(f"link {place}", f"leads nowhere that the format knows (class {link.kind})")

    def _attributes(self, found: Iterable[attributes.Attribute], path: str, marks: dict[str, bytes]) -> Iterator[Item]:
        for attribute in found:
            value = attributes.value(self._source, self._heaps, attribute)
            if not value:
                continue
            if attribute.name in _MARKS:
                marks[attribute.name] = value[:16]
            if len(self._texts) < _TEXTS:
                self._texts.append((attribute.name, value[: 64 << 10].decode("utf-8", "replace")))
            if attribute.name in _CONFIGS or is_pickle(Head(Bytes(value), "")):
                yield Member(f"{path}@{attribute.name}" if path else attribute.name, Bytes(value))

    def _dataset(self, parts: dict[int, Message], marks: dict[str, bytes], path: str) -> Iterator[Item]:
        source = self._source
        outside = parts.get(header.EXTERNAL_FILES)
        if outside is not None:
            files = dataset.external_files(source, outside.fields(source, "external file list"))
            if files:
                yield OutsideData(path, files, virtual=False, offset=outside.offset)
        message = parts.get(header.LAYOUT)
        if message is None:
            return
        stored = dataset.layout(source, message.fields(source, "data layout message"))
        if stored.kind == dataset.VIRTUAL:
            files = tuple(file for file in dataset.virtual_sources(self._heaps, stored) if file != ".")
            if files:
                yield OutsideData(path, files, virtual=True, offset=message.offset)
            return
        if header.DATATYPE not in parts or header.DATASPACE not in parts:
            return
        kind = attributes.datatype(parts[header.DATATYPE].fields(source, "datatype message"))
        dims = attributes.dataspace(parts[header.DATASPACE].fields(source, "dataspace message"))
        declared = kind.size * elements(dims)
        if declared > LARGE and outside is None:
            yield LargeDataset(path, dims, declared, source.blob.size, message.offset)
        if kind.kind in {0, 1} and outside is None and declared > _SMALL:
            whole = stored.kind == dataset.CONTIGUOUS and stored.address is not None
            offset = source.base + stored.address if whole and stored.address is not None else None
            yield StoredDataset(path, kind.kind, kind.size, kind.big, dims, offset, stored.size)
        if not _PICKLED.isdisjoint(marks.items()):
            loader = "PyTables" if kind.variable else "hickle"
            yield PickledDataset(path, loader, message.offset)
            yield from self._pickles(parts, stored, kind, path)
        elif outside is None and declared <= _SEARCHED and (kind.variable or kind.size == 1 or kind.kind in _BYTES):
            yield from self._unmarked(parts, stored, kind, path)

    def _unmarked(
        self, parts: dict[int, Message], stored: dataset.Layout, kind: attributes.Datatype, path: str
    ) -> Iterator[Item]:
        """Pickles in datasets of bytes, which programs unpickle that are no library."""
        try:
            for member in self._pickles(parts, stored, kind, path):
                if isinstance(member, Member) and is_pickle(Head(member.blob, "")):
                    yield member
        except Opaque:
            return  # compressed in a way that only its own library reads

    def _pickles(
        self, parts: dict[int, Message], stored: dataset.Layout, kind: attributes.Datatype, path: str
    ) -> Iterator[Item]:
        source = self._source
        message = parts.get(header.FILTERS)
        pipeline = dataset.filters(message.fields(source, "filter pipeline message")) if message else ()
        found = dataset.pieces(source, stored, pipeline, kind.size)
        if not kind.variable:
            joined = source.budget.spool()  # each of its chunks may unpack to a thousand times its size
            for piece in found:
                joined.write(piece)
            yield Member(path, joined.blob())
            return
        size = 8 + source.offset_size  # length, address, index
        if kind.size != size:
            problem = f"elements of variable length that take {kind.size} bytes, not {size}"
            raise Malformed(problem)
        seen: set[bytes] = set()
        for piece in found:
            for at in range(0, len(piece) - size + 1, size):
                reference = piece[at : at + size]
                if reference in seen or not any(reference):
                    continue
                if len(seen) == PICKLES:
                    yield Skipped(path, f"more than {PICKLES:,} pickles in one dataset")
                    return
                seen.add(reference)
                value = attributes.reference(source, self._heaps, reference)
                if value:
                    yield Member(f"{path}[{len(seen) - 1}]", Bytes(value))


def _several_files() -> Skipped:
    return Skipped("driver information", "the file is one of several that a driver of HDF5 puts together")
