"""The first bytes of each tensor: one small read, in the order of the file, so that a scan hashes in the same pass."""

from collections.abc import Iterable, Iterator

from assaymark.core.blob import Blob, Slice, is_far
from assaymark.core.format import Item, Skipped
from assaymark.model.weights.signatures import START, carried
from assaymark.model.weights.views import Carried, Contents

_TENSORS = 16_384
_FAR = 16


def starts(blob: Blob, places: Iterable[tuple[int, int, str]]) -> Iterator[Item]:
    """What tensors begin with, if it is a program or an archive. `places` are (offset, length, name)."""
    ordered = sorted(places)
    most = _FAR if is_far(blob) else _TENSORS
    carries = []
    for offset, length, name in ordered[:most]:
        if length < START:
            continue
        start = blob.read(offset, START)
        found = carried(Slice(blob, offset, length), 0, start)
        if found is not None:
            carries.append(Carried(name[:200], *found, 0))
    if ordered:
        yield Contents(tuple(carries))
    if len(ordered) > most:
        why = f"the first bytes of {len(ordered) - most:,} more tensors were not read; assay model weights reads all"
        yield Skipped("tensors", why, holds=False)
