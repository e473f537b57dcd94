"""MDL083: prefix, gaps and suffix."""

from collections.abc import Iterator

from assaymark.core.check import check
from assaymark.core.finding import Hit, Severity
from assaymark.core.subject import Layer
from assaymark.model.archive import ArchiveView


@check(
    "MDL083",
    layer=Layer.MODEL,
    severity=Severity.MEDIUM,
    holds=True,
    since="0.1",
    refs=("CWE:436", "CWE:506"),
)
def unexplained_bytes(archive: ArchiveView) -> Iterator[Hit]:
    """An archive holds bytes that none of its headers accounts for.

    Why: What stands before, between or behind the members is another file to another reader: a program, a pickle, or
    a second archive (a polyglot). Packers leave nothing but zeros there.
    Fix: Write the archive anew from its members (`zip -r`, `torch.save`), which leaves such bytes out; look at them first.
    """
    for hole in archive.holes:
        if hole.is_model:
            continue
        message = f"{hole.size:,} bytes {hole.place} belong to no member; they begin with {hole.start.hex(' ')}"
        yield Hit(message, offset=hole.offset, symbol=f"{hole.place}: {hole.start.hex()}")
