"""cpio archives with ASCII headers: newc (070701), crc (070702) and odc (070707), as in initramfs images and RPMs."""

import stat
from collections.abc import Iterator
from dataclasses import dataclass

from assaymark.core.blob import Blob, Slice, exact
from assaymark.core.budget import Budget
from assaymark.core.errors import AssayError, Malformed, OverBudget
from assaymark.core.format import Context, Item, Member
from assaymark.model.archive import ArchiveView, Entry, Hole, Kind, carried, unexplained
from assaymark.model.unpack import skip_zeros

_ENTRIES = 200_000
_LONGEST_NAME = 4096
_TRAILER = "TRAILER!!!"
_KINDS = {
    stat.S_IFDIR: Kind.FOLDER, stat.S_IFLNK: Kind.SYMLINK, stat.S_IFIFO: Kind.PIPE,
    stat.S_IFCHR: Kind.DEVICE, stat.S_IFBLK: Kind.DEVICE,
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class _Header:
    mode: int
    size: int
    name_size: int
    length: int
    """Bytes of the header itself."""
    align: int


def parse(blob: Blob, context: Context) -> Iterator[Item]:
    """The archive by its headers, then each regular member."""
    entries: list[Entry] = []
    content: list[tuple[Entry, int]] = []
    end = 0
    fault: AssayError | None = None
    try:
        for entry, data in _walk(blob, context.budget):
            if entry.name == _TRAILER:
                end = data
                break
            entries.append(entry)
            if entry.kind is Kind.FILE or entry.size:
                content.append((entry, data))
        else:
            fault = Malformed("the cpio archive ends without its trailer: it may be cut off", offset=blob.size)
    except (Malformed, OverBudget) as error:
        fault = error
    rest = skip_zeros(blob, end, context.budget) if end else blob.size
    holes = (Hole("after the trailer", rest, blob.size - rest, blob.read(rest, 16)),) if rest < blob.size else ()
    yield ArchiveView("cpio", tuple(entries), holes)
    yield from unexplained(holes)
    for entry, data in content:
        context.budget.tick()
        inside = Slice(blob, data, entry.size)
        yield carried(entry.name, inside) if entry.kind is Kind.SYMLINK else Member(entry.name, inside)
    if holes:
        # The kernel goes on with the next archive, which may be compressed.
        yield Member("bytes after the trailer", Slice(blob, rest, blob.size - rest))
    if fault is not None:
        raise fault


def _walk(blob: Blob, budget: Budget) -> Iterator[tuple[Entry, int]]:
    """Each entry, and the offset of its content."""
    at = count = 0
    while at < blob.size:
        budget.tick()
        header = _header(blob, at)
        if not 0 < header.name_size <= _LONGEST_NAME:
            raise Malformed(f"a cpio name is {header.name_size:,} bytes long", offset=at)
        raw = exact(blob, at + header.length, header.name_size, "a cpio name")
        name = raw.partition(b"\0")[0].decode("utf-8", "surrogateescape")
        data = _aligned(at + header.length + header.name_size, header.align)
        kind = _KINDS.get(stat.S_IFMT(header.mode), Kind.FILE)
        target = ""
        if kind is Kind.SYMLINK:
            target = blob.read(data, min(header.size, _LONGEST_NAME)).decode("utf-8", "replace")
        yield Entry(name, kind, header.size, at, target), data
        if data + header.size > blob.size:
            raise Malformed(f"cpio member {name!r} is cut off: {header.size:,} bytes declared", offset=at)
        count += 1
        if count > _ENTRIES:
            raise OverBudget(f"more than {_ENTRIES:,} members")
        at = _aligned(data + header.size, header.align)


def _header(blob: Blob, at: int) -> _Header:
    magic = blob.read(at, 6)
    if magic == b"070707":
        data = exact(blob, at, 76, "a cpio header")
        mode, name_size, size = (_number(data[a:b], 8, at) for a, b in ((18, 24), (59, 65), (65, 76)))
        return _Header(mode, size, name_size, 76, 1)
    if magic not in {b"070701", b"070702"}:
        raise Malformed(f"no cpio header begins with {magic!r}", offset=at)
    data = exact(blob, at, 110, "a cpio header")
    mode, size, name_size = (_number(data[a : a + 8], 16, at) for a in (14, 54, 94))
    return _Header(mode, size, name_size, 110, 4)


def _number(digits: bytes, base: int, at: int) -> int:
    if digits.lower().strip(b"0123456789abcdef"[:base]):  # int() would take blanks, signs and underscores as well
        raise Malformed(f"a field of a cpio header is no number: {digits!r}", offset=at)
    return int(digits, base)


def _aligned(at: int, align: int) -> int:
    return -(-at // align) * align
