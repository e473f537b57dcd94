"""ar archives: Debian packages, static libraries. Names of the System V, GNU and BSD variants (ar(5)).

The tables that linkers and long names need are read or passed over; every other member is looked at.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field

from assaymark.core.blob import Blob, Slice
from assaymark.core.budget import Budget
from assaymark.core.errors import AssayError, Malformed, Opaque, OverBudget
from assaymark.core.format import Context, Item, Member, Skipped
from assaymark.model.archive import ArchiveView, Entry, Kind

_HEADER = 60
_ENTRIES = 200_000
_LONG_NAMES = 16 << 20
_INDEX = re.compile(r"/|/SYM64/|__\.SYMDEF(_64)?( SORTED)?")
"""Names of the linker's tables of symbols."""


@dataclass(slots=True)
class _Archive:
    entries: list[Entry] = field(default_factory=list)
    content: list[tuple[str, Blob]] = field(default_factory=list)
    index: int = 0
    long_names: bytes = b""


def parse(blob: Blob, context: Context) -> Iterator[Item]:
    """The archive by its headers, then each member."""
    start = blob.read(0, 8)
    if start == b"!<thin>\n":
        raise Opaque("a thin ar archive has no content: it names files that lie elsewhere")
    if start != b"!<arch>\n":
        raise Malformed("an ar archive begins with '!<arch>' and a line feed", offset=0)
    archive = _Archive()
    fault: AssayError | None = None
    try:
        _walk(blob, context.budget, archive)
    except (Malformed, OverBudget) as error:
        fault = error
    yield ArchiveView("ar", tuple(archive.entries))
    if archive.index:
        yield Skipped("symbols", f"{archive.index:,} bytes of a linker's table of symbols", holds=False)
    for name, content in archive.content:
        context.budget.tick()
        yield Member(name, content)
    if fault is not None:
        raise fault


def _walk(blob: Blob, budget: Budget, archive: _Archive) -> None:
    at = 8
    while at < blob.size:
        budget.tick()
        header = blob.read(at, _HEADER)
        if len(header) < _HEADER or header[58:] != b"`\n":
            raise Malformed("a header of the ar archive is cut off or has no end mark", offset=at)
        digits = header[48:58].rstrip(b" ")
        if not digits.isdigit():
            raise Malformed(f"the size of an ar member is no number: {header[48:58]!r}", offset=at)
        size, data = int(digits), at + _HEADER
        if len(archive.entries) >= _ENTRIES:
            raise OverBudget(f"more than {_ENTRIES:,} members")
        missing = data + size > blob.size
        _take(blob, header[:16].rstrip(b" "), at, size, archive)
        if missing:
            raise Malformed(f"an ar member is cut off: {size:,} bytes declared", offset=at)
        at = data + size + size % 2


def _take(blob: Blob, raw: bytes, at: int, size: int, archive: _Archive) -> None:
    """Account for one member: a table, or content under its full name."""
    data = at + _HEADER
    if raw == b"//":
        archive.long_names = blob.read(data, min(size, _LONG_NAMES))
        return
    name = raw.decode("utf-8", "surrogateescape")
    if raw.startswith(b"#1/") and raw[3:].isdigit():
        length = min(int(raw[3:]), size, 4096)
        name = blob.read(data, length).rstrip(b"\0").decode("utf-8", "surrogateescape")
        data, size = data + length, size - length
    elif raw[:1] == b"/" and raw[1:].isdigit():
        place = int(raw[1:])
        name = archive.long_names[place : place + 4096].split(b"\n", 1)[0].decode("utf-8", "surrogateescape")
    if _INDEX.fullmatch(name):
        archive.index += size
        return
    name = name.removesuffix("/")
    archive.entries.append(Entry(name, Kind.FILE, size, at))
    archive.content.append((name, Slice(blob, data, size)))
