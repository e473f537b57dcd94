"""MDL084: members that only some readers find."""

from collections.abc import Iterator

from assaymark.core.check import check
from assaymark.core.finding import Hit, Severity
from assaymark.core.subject import Layer
from assaymark.model.archive import ArchiveView


@check(
    "MDL084",
    layer=Layer.MODEL,
    severity=Severity.HIGH,
    since="0.1",
    refs=("CWE:436", "CWE:506"),
)
def hidden_member(archive: ArchiveView) -> Iterator[Hit]:
    """A member of a zip is missing from the directory that most readers use.

    Why: Readers that walk the file, or find another directory, load it; tools that list the archive do not show it.
    Fix: Do not load it. Write the archive anew from the members that you expect.
    """
    for entry in archive.entries:
        if not entry.listed:
            message = f"member {entry.name!r} ({entry.size:,} bytes) is not in the archive's central directory"
            yield Hit(message, offset=entry.offset, symbol=entry.name)
