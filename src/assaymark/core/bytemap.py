"""Which bytes of a file were understood: parsed, raw values, or explained by nothing.

Parsers say where raw values lie and what they could not explain (core.format.Region); all else that they went through
counts as parsed. Content that was unpacked counts with the packed bytes it came from.
"""

from collections.abc import Iterable
from dataclasses import field

from assaymark.core.blob import Blob, Slice
from assaymark.core.record import dataclass

Extent = tuple[int, int]
"""Begin and end (exclusive) in bytes."""


@dataclass(frozen=True, slots=True)
class ByteMap:
    """The bytes of one file by what became of them; the three add up to its size."""

    parsed: int = 0
    data: int = 0
    """Raw values that loaders copy and never interpret: hashed with the file, not looked into."""
    unexplained: int = 0
    first: int | None = None
    """Offset of the first unexplained byte."""


NOTHING = ByteMap()


@dataclass
class Marks:
    """What the parsers of one file have said so far. Places are those of the file itself, however deep it is nested."""

    root: Blob
    data: list[Extent] = field(default_factory=list)
    unexplained: list[Extent] = field(default_factory=list)
    unread: list[Extent] = field(default_factory=list)
    """From a fault on: raw values that are known to lie there stay known."""

    def add(self, extents: list[Extent], blob: Blob, offset: int, length: int) -> None:
        """Take in a part of `blob`, if that lies in the file as it is and was not unpacked."""
        length = min(length, blob.size - offset)
        place: Blob = blob
        while isinstance(place, Slice):
            offset += place.start
            place = place.outer
        if place is self.root and length > 0 and offset >= 0:
            extents.append((offset, offset + length))

    def result(self) -> ByteMap:
        """Add it up."""
        size = self.root.size
        if not (self.data or self.unexplained or self.unread):
            return ByteMap(parsed=size)
        unexplained = union(self.unexplained)
        data = without(union(self.data), unexplained)
        unexplained = union([*unexplained, *without(union(self.unread), data)])
        raw, dark = _total(data), _total(unexplained)
        return ByteMap(size - raw - dark, raw, dark, unexplained[0][0] if unexplained else None)


def union(extents: Iterable[Extent]) -> list[Extent]:
    """Sorted, touching ones joined."""
    joined: list[Extent] = []
    for begin, end in sorted(extents):
        if joined and begin <= joined[-1][1]:
            joined[-1] = (joined[-1][0], max(end, joined[-1][1]))
        else:
            joined.append((begin, end))
    return joined


def without(extents: list[Extent], others: list[Extent]) -> list[Extent]:
    """What is in `extents` and not in `others`; both sorted and apart."""
    left: list[Extent] = []
    at = 0
    for begin, end in extents:
        while at < len(others) and others[at][1] <= begin:
            at += 1
        scan = at
        while scan < len(others) and others[scan][0] < end:
            if others[scan][0] > begin:
                left.append((begin, others[scan][0]))
            begin = max(begin, others[scan][1])  # noqa: PLW2901 - the rest of this one
            scan += 1
        if begin < end:
            left.append((begin, end))
    return left


def _total(extents: list[Extent]) -> int:
    return sum(end - begin for begin, end in extents)
