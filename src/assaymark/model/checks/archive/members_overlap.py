"""MDL089: members that share bytes."""

from collections.abc import Iterator

from assaymark.core.check import check
from assaymark.core.finding import Hit, Severity
from assaymark.core.subject import Layer
from assaymark.model.archive import ArchiveView


@check(
    "MDL089",
    layer=Layer.MODEL,
    severity=Severity.MEDIUM,
    holds=True,
    since="0.1",
    refs=("CWE:409", "CWE:436"),
)
def members_overlap(archive: ArchiveView) -> Iterator[Hit]:
    """Members of a zip share bytes.

    Why: No packer writes that. It is how small archives unpack to petabytes, and how one content gets two meanings.
    Fix: Do not unpack it; ask its producer for an archive written by `zip`, `torch.save` or `zipfile`.
    """
    for first, second, offset in archive.shared:
        yield Hit(f"members {first!r} and {second!r} overlap", offset=offset, symbol=f"{first} {second}")
