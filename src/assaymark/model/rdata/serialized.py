"""Parser of `.rds` and `.RData` content, uncompressed (the compressed stream around it is a container of its own)."""

from collections.abc import Iterator
from dataclasses import dataclass

from assaymark.core.blob import Blob, Slice
from assaymark.core.errors import Malformed, OverBudget
from assaymark.core.format import Context, Item, Member
from assaymark.model.rdata.reader import open_reader
from assaymark.model.rdata.walk import RDeed, Walk


@dataclass(frozen=True, slots=True)
class RView:
    """What R runs with this file. `functions` counts closures; `dropped` counts deeds that found no room."""

    workspace: bool
    deeds: tuple[RDeed, ...]
    functions: int
    dropped: int

    def of(self, *kinds: str) -> Iterator[RDeed]:
        """The deeds of these kinds."""
        return (deed for deed in self.deeds if deed.kind in kinds)


def parse(blob: Blob, context: Context) -> Iterator[Item]:
    """The view, also when the object breaks off, then what follows the object."""
    reader, workspace = open_reader(blob, context.budget)
    walk = Walk(reader, context.budget, workspace)
    fault: Malformed | OverBudget | None = None
    try:
        walk.run()
    except (Malformed, OverBudget) as error:
        fault = error
    yield RView(workspace, tuple(walk.deeds.values()), walk.functions, walk.dropped)
    if fault is not None:
        raise fault
    rest = blob.size - reader.at
    if rest and blob.read(reader.at, 4096).strip():
        yield Member(f"bytes after the object, at {reader.at}", Slice(blob, reader.at, rest))
