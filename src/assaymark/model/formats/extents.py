"""Which bytes of a data section belong to which tensor: overlaps, and bytes that belong to none."""

from collections.abc import Iterable
from dataclasses import dataclass

_LISTED = 20
"""Overlaps and holes that are listed; one of either is enough."""

Extent = tuple[int, int, str]
"""Begin and end (exclusive), in bytes from the start of the section, and the tensor's name."""


@dataclass(frozen=True, slots=True)
class Layout:
    """How a data section is laid out."""

    overlaps: tuple[tuple[str, str, int], ...]
    """(tensor, the one before it, bytes that both claim), at most 20."""
    holes: tuple[tuple[int, int], ...]
    """(offset, length) of bytes that no tensor claims between the start and the last tensor, at most 20."""
    end: int
    """Where the last tensor ends."""


def layout(extents: Iterable[Extent], padding: int = 0) -> Layout:
    """Sort out the extents. Up to `padding` bytes before a tensor are alignment, not a hole."""
    overlaps: list[tuple[str, str, int]] = []
    holes: list[tuple[int, int]] = []
    end, last = 0, ""
    for begin, stop, name in sorted(extents):
        if begin == stop:
            continue
        if begin < end:
            if name != last and len(overlaps) < _LISTED:
                overlaps.append((name[:200], last[:200], min(end, stop) - begin))
        elif begin - end > padding and len(holes) < _LISTED:
            holes.append((end, begin - end))
        if stop > end:
            end, last = stop, name
    return Layout(tuple(overlaps), tuple(holes), end)
