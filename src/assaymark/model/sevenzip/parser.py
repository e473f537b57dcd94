"""A 7z archive: its header with every checksum, then each folder (solid block) unpacked once and cut into its files."""

import stat
import zlib
from collections.abc import Iterator
from dataclasses import dataclass, field

from assaymark.core.blob import Blob, Bytes, Slice, exact
from assaymark.core.budget import Budget
from assaymark.core.errors import AssayError, Malformed, Opaque, OverBudget
from assaymark.core.format import Context, Item, Member, Region, Skipped
from assaymark.model.archive import (
    AntiItem,
    ArchiveView,
    Entry,
    Hole,
    Kind,
    Mismatch,
    Tail,
    carried,
    crc_of,
    unexplained,
)
from assaymark.model.sevenzip.cursor import Cursor
from assaymark.model.sevenzip.folders import encrypted, pack_spans, unpack_folder
from assaymark.model.sevenzip.header import ENCODED, HEADER, File, Folder, Streams, read_header, read_streams

_START = 32
_ENCODINGS = 4
"""Headers that unpack to headers; writers pack one once."""
_LONGEST_TARGET = 4096
_UNIX = 0x8000
_REPARSE = 0x400


@dataclass(slots=True)
class _Archive:
    """What the headers say. `spans` are (offset, size, name) of all that they account for."""

    streams: Streams = field(default_factory=Streams)
    files: list[File] = field(default_factory=list)
    spans: list[tuple[int, int, str]] = field(default_factory=list)
    faults: list[AssayError] = field(default_factory=list)
    targets: dict[int, str] = field(default_factory=dict)
    """Index of a file that is a symbolic link -> where it points."""


def parse(blob: Blob, context: Context) -> Iterator[Item]:
    """The archive by its header, then each file; where it has symbolic links, the archive comes last, with them."""
    archive = _Archive()
    for fault in _read(blob, context.budget, archive):
        archive.faults.append(fault)
    placed = _placed(archive)
    linked = any(_kind(file) is Kind.SYMLINK for file in archive.files)
    if not linked:
        yield _view(blob, archive, placed)
    yield from unexplained(_account(blob, archive)[0])
    yield from (AntiItem(file.name) for file in archive.files if file.anti)
    yield from _folders(blob, archive, placed, context.budget)
    if linked:
        yield _view(blob, archive, placed)
    for file in archive.files:
        if not file.has_stream and not file.is_folder and not file.anti:
            yield Member(file.name, Bytes(b""))
    if archive.faults:
        raise archive.faults[0]


def _read(blob: Blob, budget: Budget, archive: _Archive) -> Iterator[AssayError]:
    """Fill `archive` from the start header and what it leads to; faults that leave something to look at are given."""
    start = exact(blob, 0, _START, "the start header")
    offset, size = (int.from_bytes(start[at : at + 8], "little") for at in (12, 20))
    if zlib.crc32(start[12:32]) != int.from_bytes(start[8:12], "little"):
        yield Malformed("the start header has another checksum than it declares", offset=8)
    archive.spans.append((0, _START, "(start header)"))
    if not size:
        return
    budget.header(size, "the 7z header")
    at, declared = _START + offset, int.from_bytes(start[28:32], "little")
    archive.spans.append((at, size, "(header)"))
    try:
        data = exact(blob, at, size, "the 7z header")
        for _ in range(_ENCODINGS):
            if zlib.crc32(data) != declared:
                yield Malformed("the 7z header has another checksum than is declared for it", offset=at)
            if data[:1] == bytes((HEADER,)):
                archive.streams, archive.files = read_header(_behind_kind(data))
                return
            if data[:1] != bytes((ENCODED,)):
                raise Malformed(f"the 7z header begins with {data[:1].hex()}, no kind of header", offset=at)  # noqa: TRY301 - one way out
            data, declared = _decoded(blob, read_streams(_behind_kind(data)), budget, archive)
    except (Malformed, OverBudget) as error:
        yield error
        return
    yield Malformed(f"the 7z header is packed more than {_ENCODINGS} times over")


def _behind_kind(data: bytes) -> Cursor:
    cursor = Cursor(data)
    cursor.byte("the header")
    return cursor


def _decoded(blob: Blob, streams: Streams, budget: Budget, archive: _Archive) -> tuple[bytes, int]:
    """The header that a packed one unpacks to, and the checksum that it should have."""
    if not streams.folders or not streams.pack_sizes:
        raise Malformed("the packed 7z header leads to nothing")
    folder, spans = streams.folders[0], pack_spans(streams)
    archive.spans += [(at, size, "(packed header)") for at, size in spans]
    if encrypted(folder):
        raise Opaque(
            "the header of this 7z archive is encrypted: not even the names of its files can be read",
            step="unpack it with the password where nothing can run, and scan the folder",
        )
    budget.header(folder.size, "the 7z header")
    content = unpack_folder(blob, folder, spans, budget)
    if content.fault is not None:
        raise content.fault
    budget.header(content.size, "the 7z header")
    data = content.blob.read(0, content.size)
    return data, zlib.crc32(data) if folder.crc is None else folder.crc


def _placed(archive: _Archive) -> list[tuple[int, int, int, int | None]]:
    """For each file: folder (-1: none), offset in it, size, CRC."""
    parts = (
        (number, offset, size, crc)
        for number, folder in enumerate(archive.streams.parts)
        for (size, crc), offset in zip(folder, _offsets(folder), strict=True)
    )
    placed = [next(parts, (-1, 0, 0, None)) if file.has_stream else (-1, 0, 0, None) for file in archive.files]
    if any(file.has_stream and place[0] < 0 for file, place in zip(archive.files, placed, strict=True)):
        archive.faults.append(Malformed("the 7z header lists more files than there is content for"))
    left = sum(1 for _ in parts)
    if left:
        archive.faults.append(Malformed(f"the 7z archive has {left} contents that belong to no file"))
    return placed


def _offsets(parts: list[tuple[int, int | None]]) -> list[int]:
    offsets, at = [], 0
    for size, _ in parts:
        offsets.append(at)
        at += size
    return offsets


def _kind(file: File) -> Kind:
    mode = file.attributes >> 16 if file.attributes & _UNIX else 0
    if stat.S_ISLNK(mode) or file.attributes & _REPARSE:
        return Kind.SYMLINK
    if stat.S_ISFIFO(mode):
        return Kind.PIPE
    if stat.S_ISCHR(mode) or stat.S_ISBLK(mode):
        return Kind.DEVICE
    return Kind.FOLDER if file.is_folder else Kind.FILE


def _view(blob: Blob, archive: _Archive, placed: list[tuple[int, int, int, int | None]]) -> ArchiveView:
    folders = archive.streams.folders
    starts = _folder_spans(archive)
    entries = []
    for index, (file, (number, _, size, _)) in enumerate(zip(archive.files, placed, strict=True)):
        locked = number >= 0 and encrypted(folders[number])
        at = starts[number][0][0] if number >= 0 and starts[number] else 0
        entries.append(Entry(file.name, _kind(file), size, at, archive.targets.get(index, ""), encrypted=locked))
    holes, shared = _account(blob, archive)
    return ArchiveView("7z", tuple(entries), holes, shared)


def _account(blob: Blob, archive: _Archive) -> tuple[tuple[Hole, ...], tuple[tuple[str, str, int], ...]]:
    """Bytes that no header accounts for, and what shares bytes. Nothing where no list of files could be read."""
    if archive.faults and not archive.files:
        return (), ()
    packs = enumerate(pack_spans(archive.streams))
    spans = sorted(archive.spans + [(at, size, f"(pack stream {index})") for index, (at, size) in packs if size])
    holes, shared, end, last = [], [], 0, ""
    for at, size, name in [*spans, (blob.size, 0, "")]:
        if at > end:
            holes.append(Hole("between pack streams and header", end, at - end, blob.read(end, 16)))
        elif at < end and size:
            shared.append((last, name, at))
        if at + size > end:
            end, last = at + size, name
    return tuple(hole for hole in holes if hole.size > 0)[:200], tuple(shared[:200])


def _folder_spans(archive: _Archive) -> list[list[tuple[int, int]]]:
    """The pack streams of each folder."""
    spans = iter(pack_spans(archive.streams))
    return [[span for _, span in zip(folder.packed, spans, strict=False)] for folder in archive.streams.folders]


def _folders(
    blob: Blob, archive: _Archive, placed: list[tuple[int, int, int, int | None]], budget: Budget
) -> Iterator[Item]:
    """Each solid block once, and the files in it."""
    inside: list[list[int]] = [[] for _ in archive.streams.folders]
    for index, (number, *_) in enumerate(placed):
        if number >= 0:
            inside[number].append(index)
    for number, (folder, spans) in enumerate(zip(archive.streams.folders, _folder_spans(archive), strict=True)):
        names = [archive.files[index].name for index in inside[number]]
        label = names[0] if len(names) == 1 else f"{len(names)} files, {names[0]!r} first" if names else "a folder"
        if encrypted(folder):
            yield from (Region(at, size, data=False) for at, size in spans)
            continue  # the view says which files
        budget.tick()
        try:
            if len(spans) != len(folder.packed):
                raise Malformed("a 7z folder has no pack stream")  # noqa: TRY301 - one way out
            yield from _files(blob, archive, folder, spans, [(i, *placed[i][1:]) for i in inside[number]], budget)
        except Opaque as error:
            yield Skipped(label, error.message)
            yield from (Region(at, size, data=False) for at, size in spans)
        except (Malformed, OverBudget) as error:
            error.message = f"{label}: {error.message}"
            archive.faults.append(error)


def _files(
    blob: Blob,
    archive: _Archive,
    folder: Folder,
    spans: list[tuple[int, int]],
    places: list[tuple[int, int, int, int | None]],
    budget: Budget,
) -> Iterator[Item]:
    content = unpack_folder(blob, folder, spans, budget)
    for index, offset, size, crc in places:
        budget.tick()
        file, part = archive.files[index], Slice(content.blob, offset, size)
        if _kind(file) is Kind.SYMLINK:
            archive.targets[index] = part.read(0, _LONGEST_TARGET).decode("utf-8", "replace")
            yield carried(file.name, part)
            continue
        if part.size or not content.fault:
            yield Member(file.name, part)
        if part.size == size and crc is not None and (actual := crc_of(part, budget)) != crc:
            yield Mismatch(file.name, "CRC-32", f"{crc:08x}", f"{actual:08x}", spans[0][0])
    named = max((offset + size for _, offset, size, _ in places), default=0)
    if named < folder.size and named < content.size:
        what = f"{folder.size - named:,} bytes of a 7z folder belong to no file"
        archive.faults.append(Malformed(what, offset=spans[0][0]))
        yield Member("content of no file", Slice(content.blob, named, folder.size - named))
    if content.fault is not None:
        raise content.fault
    if content.size != folder.size:
        yield Mismatch("(folder)", "size", f"{folder.size:,} bytes", f"{content.size:,} bytes", spans[0][0])
        if content.size > folder.size:
            yield Member("bytes after the files", Slice(content.blob, folder.size, content.size - folder.size))
    if content.rest is not None:
        at, size = content.rest
        yield Tail("(pack stream)", "7z", at, size, blob.read(at, min(size, 16)))
        yield Member("bytes after the stream", Slice(blob, at, size))
