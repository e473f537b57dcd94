"""Tar archives (v7, ustar, pax, GNU) by our own walk over the headers; nothing is ever unpacked to disk.

Where readers differ, all readings are followed: past a lone zero block, past a broken header, past the end mark.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Literal

from assaymark.core.blob import CHUNK, Blob, Slice, exact
from assaymark.core.budget import Budget
from assaymark.core.errors import AssayError, Malformed, OverBudget
from assaymark.core.format import Context, Item, Member, Skipped
from assaymark.model.archive import ArchiveView, Disagreement, Entry, Hole, Kind, carried, escape, unexplained
from assaymark.model.torch.part import Layout

BLOCK = 512
_ZERO = bytes(BLOCK)
_OCTAL = re.compile(rb" *([0-7]*)[ \0]*")
"""Digits behind a NUL are none: Python stops there, GNU tar steps over one."""
_ENTRIES = 200_000
_HOLES = 200
_HEADER = 16 << 20
"""Bytes of one extended header; a real one holds a path or two."""
_RECORDS = 200_000
_EIGHT_GIB = 8 << 30
"""From here on a size does not fit the octal field, and only the pax record is right."""
_KINDS = {
    b"1": Kind.HARDLINK, b"2": Kind.SYMLINK, b"3": Kind.DEVICE, b"4": Kind.DEVICE, b"5": Kind.FOLDER, b"6": Kind.PIPE,
}  # fmt: skip
_SKIPPED = {b"D": "a GNU directory dump", b"M": "a part of a file from another volume", b"V": "a volume label"}


@dataclass(slots=True)
class _Archive:
    """What the walk has found."""

    entries: list[Entry] = field(default_factory=list)
    content: list[tuple[str, Blob]] = field(default_factory=list)
    """Name and content of each regular member."""
    skipped: list[Skipped] = field(default_factory=list)
    disagreements: list[Disagreement] = field(default_factory=list)
    holes: list[Hole] = field(default_factory=list)
    faults: list[AssayError] = field(default_factory=list)


@dataclass(slots=True)
class _Pending:
    """What extended headers say of the next member."""

    name: str | None = None
    target: str | None = None
    size: int | None = None
    records: list[tuple[bytes, bytes]] = field(default_factory=list)
    """`GNU.sparse.*` of a sparse member."""
    rivals: list[tuple[str, str, str]] = field(default_factory=list)
    """Field, what an earlier header says of it, and what a later one: some readers keep the first (Python), some the last."""

    def put(self, what: Literal["name", "target", "size"], value: str | int) -> None:
        """Set a field. The name that a sparse member has for old readers is no rival of its real one."""
        before = getattr(self, what)
        for_old = any("GNUSparseFile." in str(name) and not escape(str(name)) for name in (before, value))
        if before not in {None, value} and not for_old:
            self.rivals.append((what, repr(before), repr(value)))
        setattr(self, what, value)


@dataclass(frozen=True, slots=True)
class _Header:
    """The fields of one block that we use. `offset` (bytes) is where it stands."""

    offset: int
    name: str
    size: int
    type: bytes
    target: str
    block: bytes


def parse(blob: Blob, context: Context) -> Iterator[Item]:
    """The archive by its headers, then each regular member."""
    archive = _Archive()
    try:
        _walk(blob, context.budget, archive)
    except (Malformed, OverBudget) as error:
        archive.faults.append(error)
    yield ArchiveView("tar", tuple(archive.entries), tuple(archive.holes))
    yield from unexplained(archive.holes)
    yield from archive.disagreements
    yield from archive.skipped
    yield from _image(archive, context.budget)
    layout = Layout([name for name, _ in archive.content])
    for name, content in archive.content:
        context.budget.tick()
        yield layout.mark(Member(name, content))
    if archive.faults:
        raise archive.faults[0]


def _walk(blob: Blob, budget: Budget, archive: _Archive) -> None:
    at, zeros, pending = 0, 0, _Pending()
    while at < blob.size:
        budget.tick()
        block = blob.read(at, BLOCK)
        if block == _ZERO[: len(block)]:
            zeros, at = zeros + 1, at + BLOCK
            if zeros >= 2:
                at = _after_end(blob, at, budget, archive)
            continue
        zeros = 0
        header = _header(block, at) if is_header(block) else None
        if header is None:
            if not archive.faults:
                archive.faults.append(Malformed("a header block is cut off or has a wrong checksum", offset=at))
            at = _resume(blob, at, budget)
            continue
        if len(archive.entries) >= _ENTRIES:
            raise OverBudget(f"more than {_ENTRIES:,} members")
        at, pending = _take(blob, header, pending, archive, budget)
    if not zeros:
        raise Malformed("the archive ends without its end mark: it may be cut off", offset=blob.size)


def is_header(block: bytes) -> bool:
    """Whether the checksum of the block is right, added as signed or unsigned bytes as old writers differ."""
    if len(block) < BLOCK:
        return False
    match = _OCTAL.fullmatch(block[148:156].partition(b"\0")[0])
    if not match or not match[1]:
        return False
    rest = block[:148] + block[156:]
    excess = sum(rest) + 8 * 32 - int(match[1], 8)
    return excess == 0 or (excess > 0 and excess == 256 * sum(value > 127 for value in rest))


def _header(block: bytes, at: int) -> _Header:
    name, kind = _text(block[:100]), block[156:157]
    prefix = _text(block[345:500]) if block[257:263] == b"ustar\0" else ""
    if prefix and kind != b"S":
        name = f"{prefix}/{name}"
    return _Header(at, name, _number(block[124:136], at), kind, _text(block[157:257]), block)


def _text(field_: bytes) -> str:
    return field_.partition(b"\0")[0].decode("utf-8", "surrogateescape")


def _number(field_: bytes, at: int) -> int:
    """Octal, or base 256 where the top bit is set (GNU)."""
    if field_[0] == 0x80:
        return int.from_bytes(field_[1:], "big")
    match = _OCTAL.fullmatch(field_)
    if field_[0] == 0xFF or not match:
        raise Malformed(f"the size of a member is no number: {field_!r}", offset=at)
    return int(match[1] or b"0", 8)


def _take(blob: Blob, header: _Header, pending: _Pending, archive: _Archive, budget: Budget) -> tuple[int, _Pending]:
    """Account for one header; the offset of the next, and what that one inherits."""
    data = header.offset + BLOCK
    if header.type in {b"L", b"K", b"x", b"X", b"g"}:
        _extend(blob, header, data, pending, archive)
        return data + _padded(header.size), pending
    name = header.name if pending.name is None else pending.name
    target = header.target if pending.target is None else pending.target
    for what, first, last in pending.rivals:
        told, found = f"first extended header: {first}", f"last one: {last}"
        archive.disagreements.append(Disagreement(name, what, told, found, header.offset))
    size = header.size
    if pending.size is not None and pending.size != size:
        if pending.size < _EIGHT_GIB:
            told, found = f"pax record: {pending.size}", f"header: {size}"
            archive.disagreements.append(Disagreement(name, "size", told, found, header.offset))
        size = pending.size
    kind = _KINDS.get(header.type, Kind.FILE)
    if kind is Kind.FILE and name.endswith("/") and header.type == b"\0":
        kind = Kind.FOLDER
    archive.entries.append(Entry(name, kind, size, header.offset, target if "link" in kind else ""))
    if kind is not Kind.FILE:
        return _behind_empty(blob, data, size, name, archive), _Pending()
    if header.type in _SKIPPED:
        archive.skipped.append(Skipped(name, _SKIPPED[header.type]))
        return data + _padded(size), _Pending()
    if header.type == b"S" or pending.records:
        return _take_sparse(blob, header, name, size, pending, archive, budget), _Pending()
    archive.content.append((name, Slice(blob, data, size)))
    if data + size > blob.size:
        raise Malformed(f"member {name!r} is cut off: {size:,} bytes declared", offset=header.offset)
    return data + _padded(size), _Pending()


def _take_sparse(
    blob: Blob, header: _Header, name: str, stored: int, pending: _Pending, archive: _Archive, budget: Budget
) -> int:
    """A member of which only some pieces are stored; the offset of the next header."""
    from assaymark.model.formats import sparse

    data = header.offset + BLOCK
    try:
        if header.type == b"S":
            pieces, size, begin = sparse.old_gnu(blob, header.block, data)
            stop = begin + _padded(stored)
            data, left = begin, stored
        else:
            stop = data + _padded(stored)
            pieces, size, begin = sparse.pax(pending.records, blob, data, stored)
            left = stored - (begin - data)
        archive.content.append((name, sparse.sparse(blob, begin, pieces, size, left, budget)))
    except (Malformed, OverBudget) as error:
        error.message = f"sparse member {name!r}: {error.message}"
        archive.faults.append(error)
        archive.content.append((name, Slice(blob, data, stored)))
        return data + _padded(stored)
    if stop > blob.size:
        raise Malformed(f"member {name!r} is cut off: {stored:,} bytes declared", offset=header.offset)
    return stop


def _image(archive: _Archive, budget: Budget) -> Iterator[Item]:
    """What a container image in the archive says of its blobs."""
    names = {name.removeprefix("./") for name, _ in archive.content}
    marks = {"oci-layout", "index.json", "manifest.json"}
    if not names.isdisjoint(marks) or any(name.startswith("blobs/sha") for name in names):
        from assaymark.model.oci.stores import archive_views

        links = [entry.name for entry in archive.entries if "link" in entry.kind]
        yield from archive_views(archive.content, links, budget)


def _padded(size: int) -> int:
    return -(-size // BLOCK) * BLOCK


def _behind_empty(blob: Blob, data: int, size: int, name: str, archive: _Archive) -> int:
    """Links and folders have no data. Where one declares a size readers differ: some step over it, some unpack it."""
    if not size:
        return data
    beyond, start = data + _padded(size), blob.read(data, BLOCK)
    following = blob.read(beyond, BLOCK)
    if is_header(start):
        if is_header(following):
            told, found = f"declared: {size} bytes", "a next header follows at once"
            archive.disagreements.append(Disagreement(name, "size", told, found, data - BLOCK))
        return data
    if not start.strip(b"\0") or not (is_header(following) or following == _ZERO):
        return data
    member = carried(name, Slice(blob, data, size))
    archive.content.append((member.name, member.blob))
    return beyond


def _extend(blob: Blob, header: _Header, data: int, pending: _Pending, archive: _Archive) -> None:
    """A GNU long name, or pax records."""
    if header.size > _HEADER:
        raise OverBudget(f"an extended header is {header.size:,} bytes long, more than {_HEADER >> 20} MiB")
    content = exact(blob, data, header.size, "an extended header")
    if header.type == b"L":
        pending.put("name", _text(content))
    elif header.type == b"K":
        pending.put("target", _text(content))
    else:
        for key, value in _records(content, data):
            if header.type == b"g" and (key in {b"path", b"linkpath", b"size"} or key.startswith(b"GNU.sparse.")):
                what = f"a global pax record sets the {key.decode()} of every member; readers differ in what they do"
                archive.faults.append(Malformed(what, offset=header.offset))
            _apply(key, value, pending, header.offset)


def _records(content: bytes, offset: int) -> Iterator[tuple[bytes, bytes]]:
    """`length key=value` lines (POSIX.1-2017 pax, extended header)."""
    at = 0
    while at < len(content) and content[at]:
        digits, blank, _ = content[at : at + 10].partition(b" ")
        length = int(digits) if blank and digits.isdigit() else 0
        record = content[at : at + length]
        key, equals, value = record[len(digits) + 1 : -1].partition(b"=")
        if not equals or len(record) != length or record[-1:] != b"\n":
            raise Malformed("a pax record does not say its length or key", offset=offset + at)
        yield key, value
        at += length


def _apply(key: bytes, value: bytes, pending: _Pending, offset: int) -> None:
    if key in {b"path", b"GNU.sparse.name"}:
        pending.put("name", value.decode("utf-8", "surrogateescape"))
    elif key == b"linkpath":
        pending.put("target", value.decode("utf-8", "surrogateescape"))
    elif key == b"size":
        if not value.isdigit() or len(value) > 20:
            raise Malformed(f"a pax size is no number: {value[:40]!r}", offset=offset)
        pending.put("size", int(value))
    if key.startswith(b"GNU.sparse."):
        if len(pending.records) >= _RECORDS:
            raise OverBudget(f"a sparse member has more than {_RECORDS:,} records")
        pending.records.append((key, value))


def _resume(blob: Blob, at: int, budget: Budget) -> int:
    """The next block with a right checksum, where readers that skip damage go on."""
    at += BLOCK
    while at < blob.size:
        budget.tick()
        window = blob.read(at, CHUNK)
        for start in range(0, len(window), BLOCK):
            if window[start + 257 : start + 262] == b"ustar" and is_header(window[start : start + BLOCK]):
                return at + start
        at += CHUNK
    return blob.size


def _after_end(blob: Blob, at: int, budget: Budget, archive: _Archive) -> int:
    """Behind the end mark: only zeros, or a hole; members in it are looked at too."""
    from assaymark.model.unpack import skip_zeros

    start = skip_zeros(blob, at, budget)
    if start >= blob.size:
        return blob.size
    start -= (start - at) % BLOCK
    begin = blob.read(start, 16)
    if len(archive.holes) < _HOLES:
        archive.holes.append(Hole("after the end mark", start, blob.size - start, begin))
    return start if is_header(blob.read(start, BLOCK)) else _resume(blob, start, budget)
