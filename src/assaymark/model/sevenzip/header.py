"""The header of a 7z archive as records: pack streams, folders (chains of coders), and files."""

from dataclasses import dataclass, field

from assaymark.core.errors import Malformed, OverBudget
from assaymark.model.sevenzip.cursor import Cursor

HEADER, ENCODED = 0x01, 0x17
_END, _ARCHIVE_PROPERTIES, _ADDITIONAL, _MAIN, _FILES = 0x00, 0x02, 0x03, 0x04, 0x05
_PACK, _UNPACK, _SUBSTREAMS, _SIZE, _CRC, _FOLDER, _UNPACK_SIZE, _COUNT = 6, 7, 8, 9, 10, 11, 12, 13
_EMPTY_STREAM, _EMPTY_FILE, _ANTI, _NAMES, _ATTRIBUTES, _DUMMY = 0x0E, 0x0F, 0x10, 0x11, 0x15, 0x19
_CODERS = 32
_STREAMS = 32
_ENTRIES = 200_000
_PROPERTIES = 1_000
"""Properties of one list; formats and writers know a dozen."""


@dataclass(frozen=True, slots=True)
class Coder:
    """One step of a chain. `method` is its id as written, `properties` what it needs to begin."""

    method: bytes
    properties: bytes
    inputs: int
    outputs: int


@dataclass(slots=True)
class Folder:
    """Coders and how they are joined. `bonds` are pairs of an input and the output that feeds it, counted over all."""

    coders: tuple[Coder, ...]
    bonds: tuple[tuple[int, int], ...]
    packed: tuple[int, ...]
    """Inputs that pack streams feed, in their order."""
    sizes: tuple[int, ...] = ()
    """Declared bytes of each output."""
    crc: int | None = None

    @property
    def size(self) -> int:
        """Bytes of the output that nothing takes in: the content."""
        taken = {output for _, output in self.bonds}
        return next((size for output, size in enumerate(self.sizes) if output not in taken), 0)


@dataclass(slots=True)
class Streams:
    """Where packed bytes lie, and what they unpack to. `parts` are size and CRC of each file's content, by folder."""

    pack_at: int = 0
    pack_sizes: tuple[int, ...] = ()
    folders: list[Folder] = field(default_factory=list)
    parts: list[list[tuple[int, int | None]]] = field(default_factory=list)


@dataclass(slots=True)
class File:
    """One entry of the list. `attributes` has Windows bits below and, with bit 15, a unix mode above."""

    name: str = ""
    has_stream: bool = True
    is_folder: bool = False
    anti: bool = False
    attributes: int = 0


def read_streams(cursor: Cursor) -> Streams:
    """StreamsInfo: pack streams, folders, and how each folder's content is cut into files."""
    streams = Streams()
    kind = cursor.byte("streams")
    if kind == _PACK:
        _read_pack(cursor, streams)
        kind = cursor.byte("streams")
    if kind == _UNPACK:
        _read_folders(cursor, streams)
        kind = cursor.byte("streams")
    streams.parts = [[(folder.size, folder.crc)] for folder in streams.folders]
    if kind == _SUBSTREAMS:
        _read_parts(cursor, streams)
        kind = cursor.byte("streams")
    if kind != _END:
        raise Malformed(f"the 7z header has property {kind:#x} where its streams end")
    return streams


def _read_pack(cursor: Cursor, streams: Streams) -> None:
    streams.pack_at = cursor.number("the place of the pack streams")
    count = _some(cursor, "pack streams")
    while (kind := cursor.byte("pack streams")) != _END:
        if kind == _SIZE:
            streams.pack_sizes = tuple(cursor.number("a pack size") for _ in range(count))
        elif kind == _CRC:
            _read_digests(cursor, count)
        else:
            raise Malformed(f"the 7z header has property {kind:#x} among its pack streams")
    if len(streams.pack_sizes) != count:
        raise Malformed("the 7z header does not say how long its pack streams are")


def _some(cursor: Cursor, what: str) -> int:
    """How many follow. Each takes memory where the header may spend two bytes on it, or, packed, next to nothing."""
    count = cursor.count(what, cursor.left)
    if count > _ENTRIES:
        raise OverBudget(f"the 7z header declares {count:,} {what}, more than {_ENTRIES:,}")
    return count


def _once(kind: int, seen: set[int], where: str) -> None:
    """A property that came before could be read over and over, each time at the full price of its list."""
    if kind in seen or len(seen) > _PROPERTIES:
        raise Malformed(f"the 7z header has property {kind:#x} of {where} twice")
    seen.add(kind)


def _read_digests(cursor: Cursor, count: int) -> list[int | None]:
    defined = cursor.defined(count, "checksums")
    return [cursor.fixed(4, "a checksum") if known else None for known in defined]


def _read_folders(cursor: Cursor, streams: Streams) -> None:
    cursor.expect(_FOLDER, "folders")
    count = _some(cursor, "folders")
    cursor.inside("folders")
    streams.folders = [_read_folder(cursor) for _ in range(count)]
    cursor.expect(_UNPACK_SIZE, "unpacked sizes")
    for folder in streams.folders:
        outputs = sum(coder.outputs for coder in folder.coders)
        folder.sizes = tuple(cursor.number("an unpacked size") for _ in range(outputs))
    while (kind := cursor.byte("folders")) != _END:
        if kind != _CRC:
            raise Malformed(f"the 7z header has property {kind:#x} among its folders")
        for folder, crc in zip(streams.folders, _read_digests(cursor, count), strict=True):
            folder.crc = crc


def _read_folder(cursor: Cursor) -> Folder:
    coders = tuple(_read_coder(cursor) for _ in range(cursor.count("coders", _CODERS)))
    inputs, outputs = sum(c.inputs for c in coders), sum(c.outputs for c in coders)
    if not coders or not outputs or max(inputs, outputs) > _STREAMS:
        raise Malformed(f"a 7z folder has {len(coders)} coders with {inputs} inputs and {outputs} outputs")
    bonds = tuple((cursor.number("a bond"), cursor.number("a bond")) for _ in range(outputs - 1))
    if any(into >= inputs or out >= outputs for into, out in bonds):
        raise Malformed("a 7z folder joins a stream that it does not have")
    fed = {into for into, _ in bonds}
    free = [index for index in range(inputs) if index not in fed]
    count = inputs - len(bonds)
    packed = tuple(free) if count == 1 else tuple(cursor.number("a packed stream") for _ in range(max(count, 0)))
    if sorted(packed) != free:
        raise Malformed("a 7z folder feeds an input twice, or not at all")
    return Folder(coders, bonds, packed)


def _read_coder(cursor: Cursor) -> Coder:
    flags = cursor.byte("a coder")
    if flags & 0xC0:
        raise Malformed(f"a 7z coder has flags {flags:#x} that no version knows")
    method = cursor.take(flags & 0x0F, "a coder's id")
    inputs = outputs = 1
    if flags & 0x10:
        inputs, outputs = cursor.count("inputs", _STREAMS), cursor.count("outputs", _STREAMS)
    properties = cursor.take(cursor.number("properties"), "a coder's properties") if flags & 0x20 else b""
    return Coder(method, properties, inputs, outputs)


def _read_parts(cursor: Cursor, streams: Streams) -> None:
    counts = [1] * len(streams.folders)
    kind = cursor.byte("substreams")
    if kind == _COUNT:
        counts = [cursor.number("a number of files") for _ in streams.folders]
        if sum(counts) > _ENTRIES:
            raise OverBudget(f"the 7z header declares {sum(counts):,} files, more than {_ENTRIES:,}")
        kind = cursor.byte("substreams")
    sizes: list[list[int]] = []
    for folder, count in zip(streams.folders, counts, strict=True):
        known = [cursor.number("a size") for _ in range(count - 1)] if kind == _SIZE else []
        if kind != _SIZE and count > 1:
            raise Malformed("the 7z header does not say how a folder is cut into files")
        if sum(known) > folder.size:
            raise Malformed(f"the files of a 7z folder are longer ({sum(known):,} bytes) than it ({folder.size:,})")
        sizes.append([*known, folder.size - sum(known)][: max(count, 0)])
    if kind == _SIZE:
        kind = cursor.byte("substreams")
    alone = [count == 1 and folder.crc is not None for folder, count in zip(streams.folders, counts, strict=True)]
    unknown = sum(count for count, known in zip(counts, alone, strict=True) if not known)
    digests: list[int | None] = [None] * unknown
    while kind != _END:
        if kind == _CRC:
            digests = _read_digests(cursor, unknown)
        else:
            raise Malformed(f"the 7z header has property {kind:#x} among its substreams")
        kind = cursor.byte("substreams")
    left = iter(digests)
    streams.parts = [
        [(size, folder.crc if known else next(left)) for size in folder_sizes]
        for folder, folder_sizes, known in zip(streams.folders, sizes, alone, strict=True)
    ]


def read_header(cursor: Cursor) -> tuple[Streams, list[File]]:
    """The plain header behind its first byte: the main streams and the files."""
    streams, files, seen = Streams(), list[File](), set[int]()
    while (kind := cursor.byte("the header")) != _END:
        _once(kind, seen, "the header")
        if kind == _ARCHIVE_PROPERTIES:
            _skip_properties(cursor)
        elif kind == _ADDITIONAL:
            read_streams(cursor)
        elif kind == _MAIN:
            streams = read_streams(cursor)
        elif kind == _FILES:
            files = _read_files(cursor)
        else:
            raise Malformed(f"the 7z header has property {kind:#x}, which its version does not know")
    return streams, files


def _skip_properties(cursor: Cursor) -> None:
    """Of the archive: no version of the format has any."""
    for _ in range(_PROPERTIES):
        if not cursor.byte("archive properties"):
            return
        cursor.take(cursor.number("an archive property"), "an archive property")
    raise OverBudget(f"the 7z header has more than {_PROPERTIES:,} archive properties")


def _read_files(cursor: Cursor) -> list[File]:
    count = cursor.number("files")
    if count > _ENTRIES:
        raise OverBudget(f"the 7z header declares {count:,} files, more than {_ENTRIES:,}")
    files = [File() for _ in range(count)]
    empty, seen = [False] * count, set[int]()
    while kind := cursor.byte("a file property"):
        if kind != _DUMMY:
            _once(kind, seen, "the files")
        part = Cursor(cursor.take(cursor.number("a file property"), f"file property {kind:#x}"))
        if kind == _EMPTY_STREAM:
            empty = part.bits(count, "empty streams")
            for file, is_empty in zip(files, empty, strict=True):
                file.has_stream, file.is_folder = not is_empty, is_empty
        elif kind in {_EMPTY_FILE, _ANTI}:
            _read_empty(part, [file for file, is_empty in zip(files, empty, strict=True) if is_empty], kind)
        elif kind == _NAMES:
            _read_names(part, files)
        elif kind == _ATTRIBUTES:
            defined = part.defined(count, "attributes")
            part.inside("attributes")
            for file in (f for f, known in zip(files, defined, strict=True) if known):
                file.attributes = part.fixed(4, "attributes")
    return files


def _read_empty(part: Cursor, streamless: list[File], kind: int) -> None:
    """Which of the files without content are empty files (the others are folders), or anti-items."""
    for file, is_set in zip(streamless, part.bits(len(streamless), "empty files"), strict=True):
        if kind == _EMPTY_FILE:
            file.is_folder = not is_set
        else:
            file.anti = is_set


def _read_names(part: Cursor, files: list[File]) -> None:
    part.inside("names")
    data = part.take(part.left, "names")
    names = data.decode("utf-16-le", "surrogatepass" if len(data) % 2 == 0 else "replace").split("\0")
    if len(names) != len(files) + 1 or names[-1]:
        raise Malformed(f"the 7z header has {len(files):,} files and {len(names) - 1:,} names")
    for file, name in zip(files, names, strict=False):
        file.name = name
