"""One account of a zip from all that its records say: every way to read a member, and every byte nobody explains.

The directory that most readers take comes first. What it lists is listed; members that only another directory or a
walk from header to header would find are hidden. Each is a Part, to be looked at like any other.
"""

import re
from collections.abc import Iterator
from dataclasses import field

from assaymark.core.blob import CHUNK, Blob
from assaymark.core.budget import Budget
from assaymark.core.errors import AssayError, Malformed, OverBudget
from assaymark.core.record import dataclass
from assaymark.model.archive import Disagreement, Hole
from assaymark.model.zipread import (
    DESCRIPTOR,
    LOCAL,
    Directory,
    Header,
    central_headers,
    descriptor_length,
    directories,
    local_header,
)

METHODS = {0: "stored", 8: "deflate", 9: "deflate64", 12: "bzip2", 14: "lzma", 93: "zstd", 95: "xz", 99: "AES"}
"""Names of the compression methods (APPNOTE 4.4.5) that archives are met with."""

_DIRECTORIES = 8
_PADDING = 1 << 20
"""Zeros up to here are taken for alignment."""
_PARTS = 200_000
_LISTED = 200
"""Disagreements, holes and overlaps that are kept of each kind."""
_SPANNING = {DESCRIPTOR, b"PK00"}
"""Marks a part of a split archive, or one that turned out to need no splitting (APPNOTE 8.5.3)."""
_SIGNATURE = re.compile(rb"PK(?:\x03\x04|\x07\x08|\x01\x02)")


@dataclass(frozen=True, slots=True)
class Part:
    """One way to read a member: by this header, from `data` on (None where no content is to be found)."""

    name: str
    header: Header
    data: int | None
    packed: int
    """Compressed bytes; up to the next header where none says."""
    names: tuple[str, ...]
    """Every name that a header gives the member."""
    listed: bool = True
    main: bool = True
    """False for the second way to read a member whose headers disagree."""


@dataclass(slots=True)
class Index:
    """What was found. `faults` are what stopped us on the way; the first is raised once all else is said."""

    has_directory: bool = False
    parts: list[Part] = field(default_factory=list)
    disagreements: list[Disagreement] = field(default_factory=list)
    holes: list[Hole] = field(default_factory=list)
    shared: list[tuple[str, str, int]] = field(default_factory=list)
    faults: list[AssayError] = field(default_factory=list)

    inner: list[tuple[int, int]] = field(default_factory=list)
    """Bytes within a listed member that its local header leaves out."""
    visited: set[int] = field(default_factory=set)
    """Offsets of the local headers that were read."""

    def add(self, part: Part) -> None:
        """Raises OverBudget beyond 200,000."""
        if len(self.parts) >= _PARTS:
            raise OverBudget(f"more than {_PARTS:,} members", step="unpack it with a tool you trust, scan the folder")
        self.parts.append(part)

    def disagree(self, item: Disagreement) -> None:
        """Keep the first of them."""
        if len(self.disagreements) < _LISTED:
            self.disagreements.append(item)


@dataclass(frozen=True, slots=True, order=True)
class _Span:
    """Bytes [start, stop) that something accounts for."""

    start: int
    stop: int
    name: str = ""


def read_index(blob: Blob, budget: Budget) -> Index:
    """Read every directory and local header of the archive. Content is only touched where no header explains it."""
    index = Index()
    found = directories(blob, budget)
    if not found:
        index.faults.append(Malformed("no central directory: the archive is cut off, or no zip", offset=blob.size))
        _carve(blob, 0, blob.size, index, budget, listed=True)
        return index
    index.has_directory = True
    seen: set[tuple[object, ...]] | None = set() if len(found) > 1 else None
    spans = [_Span(*span) for span in found[0].end.spans()]
    if blob.read(0, 4) in _SPANNING:
        spans.append(_Span(0, 4))
    spans = sorted(spans + _read_directory(blob, found[0], index, budget, seen, listed=True))
    _note_overlaps(spans, index)
    for directory in found[1 : 1 + _DIRECTORIES]:
        if directory.end.stop == blob.size or not _inside(spans, directory.end.at):
            _read_directory(blob, directory, index, budget, seen, listed=False)
    if len(found) > 1 + _DIRECTORIES:
        index.faults.append(OverBudget(f"{len(found)} central directories; only {1 + _DIRECTORIES} were read"))
    for start, stop in index.inner:
        _carve(blob, start, stop, index, budget, listed=False)
    for start, stop in _gaps(spans, blob.size):
        _explain(blob, start, stop, index, budget, spans)
    return index


def _read_directory(
    blob: Blob,
    directory: Directory,
    index: Index,
    budget: Budget,
    seen: set[tuple[object, ...]] | None,
    *,
    listed: bool,
) -> list[_Span]:
    """Add the members that are new; the bytes that the directory and they account for."""
    spans: list[_Span] = []
    count, last, end = 0, directory.at, directory.end
    try:
        for header in central_headers(blob, directory, budget):
            count, last = count + 1, header.stop
            at = header.local + directory.shift
            key = (at, header.name, header.method, header.packed, header.size, header.encrypted)
            if listed or seen is None or key not in seen:
                spans += _add(blob, header, at, index, listed=listed)
            if seen is not None:
                seen.add(key)
            if not count % 4096:
                budget.tick()
        if last < directory.at + end.size:
            raise Malformed("the central directory holds something that is no entry", offset=last)  # noqa: TRY301 - one way out
        if (count - end.count) % 0x10000:
            told, found = f"end record: {end.count}", f"central directory: {count}"
            index.disagree(Disagreement("(archive)", "number of members", told, found, end.at))
    except (Malformed, OverBudget) as error:
        index.faults.append(error)
    return [*spans, _Span(directory.at, last)]


def _add(blob: Blob, central: Header, at: int, index: Index, *, listed: bool) -> Iterator[_Span]:
    """The member as its central header, and where they differ also as its local header, has it read."""
    name = central.text
    local = local_header(blob, at)
    if local is None and at != central.local:
        local = local_header(blob, central.local)
    if local is None:
        index.disagree(
            Disagreement(name, "place", f"central directory: header at {at}", "local: there is no header", central.at)
        )
        index.add(Part(name, central, None, 0, (name,), listed))
        return
    names = (name, local.text)
    for difference in _compare(central, local):
        index.disagree(difference)
    index.visited.add(local.at)
    index.add(Part(name, central, local.data, central.packed, names, listed))
    stop = local.data + central.packed
    if stop > blob.size:
        index.faults.append(Malformed(f"member {name!r} is cut off: it ends at {stop:,}", offset=local.at))
    if local.deferred or central.deferred:
        stop += descriptor_length(blob, stop, central)
    yield _Span(local.at, min(stop, blob.size), name)
    packed = central.packed if local.deferred else local.packed
    if (local.method, packed, local.encrypted) != (central.method, central.packed, central.encrypted):
        index.add(Part(name, local, local.data, packed, names, listed, main=False))
        if packed < central.packed:
            index.inner.append((local.data + packed, min(stop, blob.size)))


def _compare(central: Header, local: Header) -> Iterator[Disagreement]:
    """What the two headers of a member say differently. Fields that a data descriptor fills in later do not count."""

    def differ(what: str, ours: object, theirs: object) -> Disagreement:
        return Disagreement(central.text, what, f"central directory: {ours}", f"local header: {theirs}", local.at)

    if central.name != local.name:
        yield differ("name", repr(central.text), repr(local.text))
    for header in (central, local):
        for other in _other_names(header):
            yield differ("name", repr(central.text), other)
    if central.method != local.method:
        yield differ("compression", method_name(central.method), method_name(local.method))
    if central.encrypted != local.encrypted:
        yield differ("encryption", *("encrypted" if h.encrypted else "not encrypted" for h in (central, local)))
    if not local.deferred:
        yield from (differ(what, ours, theirs) for what, ours, theirs in _filled_in(central, local) if ours != theirs)


def _other_names(header: Header) -> Iterator[str]:
    preferred = header.unicode_name
    if preferred and header.name.isascii() and preferred != header.name:
        yield f"Unicode Path field {preferred[:200].decode(errors='replace')!r}"
    if b"\0" in header.name:
        yield f"{header.text.partition(chr(0))[0]!r} where names end at a NUL"


def _filled_in(central: Header, local: Header) -> Iterator[tuple[str, object, object]]:
    yield "compressed size", central.packed, local.packed
    yield "size", central.size, local.size
    yield "CRC-32", f"{central.crc:08x}", f"{local.crc:08x}"


def method_name(method: int) -> str:
    """The compression method in words."""
    return METHODS.get(method, f"method {method}")


def _note_overlaps(spans: list[_Span], index: Index) -> None:
    furthest = spans[0]
    for span in spans[1:]:
        if span.start < furthest.stop and span.stop > span.start and len(index.shared) < _LISTED:
            index.shared.append((furthest.name or "(directory)", span.name or "(directory)", span.start))
        if span.stop > furthest.stop:
            furthest = span


def _inside(spans: list[_Span], offset: int) -> bool:
    return any(span.start <= offset < span.stop for span in spans if span.name)


def _gaps(spans: list[_Span], size: int) -> Iterator[tuple[int, int]]:
    at = 0
    for span in spans:
        if span.start > at:
            yield at, span.start
        at = max(at, span.stop)
    if at < size:
        yield at, size


def _explain(blob: Blob, start: int, stop: int, index: Index, budget: Budget, spans: list[_Span]) -> None:
    """Bytes between what the directory accounts for: padding, members that it hides, or a hole."""
    budget.tick()
    if stop - start <= _PADDING and not blob.read(start, stop - start).strip(b"\0"):
        return
    hidden = sorted(_carve(blob, start, stop, index, budget, listed=False))
    for left, right in _gaps([_Span(0, start), *hidden, _Span(stop, stop)], stop):
        if len(index.holes) >= _LISTED:
            return
        begin = blob.read(left, min(right - left, 16))
        if right - left > _PADDING or blob.read(left, right - left).strip(b"\0"):
            index.holes.append(Hole(_place(left, right, spans), left, right - left, begin))


def _place(start: int, stop: int, spans: list[_Span]) -> str:
    if start < spans[0].start:
        return "before the first member"
    return "after the end record" if stop > spans[-1].stop else "between members"


def _carve(blob: Blob, start: int, stop: int, index: Index, budget: Budget, *, listed: bool) -> list[_Span]:
    """Find local headers by their signature; each becomes a part."""
    spans: list[_Span] = []
    at = start
    while (at := _find(blob, LOCAL, at, stop, budget)) >= 0:
        local = local_header(blob, at)
        if local is None or not _plausible(local):
            at += len(LOCAL)
            continue
        packed, following = _extent(blob, local, stop, budget)
        if local.at not in index.visited:
            index.visited.add(local.at)
            try:
                index.add(Part(local.text, local, local.data, packed, (local.text,), listed))
            except OverBudget as error:
                index.faults.append(error)
                break
        spans.append(_Span(at, min(following, stop), local.text))
        at = following
    return spans


def _extent(blob: Blob, local: Header, stop: int, budget: Budget) -> tuple[int, int]:
    """Compressed bytes of a member that only a local header describes, and where to look for the next one."""
    if local.deferred and not local.packed:
        following = _next_header(blob, local.data, stop, budget)
        # A decoder finds its own end; only what is stored plainly ends where the next header begins.
        open_ended = local.method or blob.read(local.data, 2) == b"PK"
        return (stop if open_ended else following) - local.data, following
    packed = min(local.packed, blob.size - local.data)
    return packed, local.data + packed


def _plausible(local: Header) -> bool:
    """Not four bytes that only look like a signature."""
    return 0 < len(local.name) <= 4096 and local.method <= 99 and not any(c < 32 for c in local.name)


def _next_header(blob: Blob, start: int, stop: int, budget: Budget) -> int:
    at = start
    while at < stop:
        budget.tick()
        piece = blob.read(at, min(CHUNK, stop - at))
        match = _SIGNATURE.search(piece)
        if match:
            return at + match.start()
        at += max(len(piece) - 3, 1)
    return stop


def _find(blob: Blob, signature: bytes, start: int, stop: int, budget: Budget) -> int:
    """Offset of the next `signature` in [start, stop), or -1."""
    at = start
    while at < stop:
        budget.tick()
        piece = blob.read(at, min(CHUNK, stop - at))
        found = piece.find(signature)
        if found >= 0:
            return at + found
        at += max(len(piece) - len(signature) + 1, 1)
    return -1
