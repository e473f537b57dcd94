"""MDL086: content behind a password."""

from collections.abc import Iterator

from assaymark.core.check import check
from assaymark.core.finding import Hit, Severity
from assaymark.core.subject import Layer
from assaymark.model.archive import ArchiveView


@check(
    "MDL086",
    layer=Layer.MODEL,
    severity=Severity.MEDIUM,
    holds=True,
    since="0.1",
    refs=("CWE:506",),
)
def encrypted_member(archive: ArchiveView) -> Iterator[Hit]:
    """Members of an archive are encrypted.

    Why: Nobody without the password can see what is in it, and no model loader needs it.
    Fix: Unpack it with the password where nothing can run, and scan the folder: `unzip FILE -d DIR`, `assay scan DIR`.
    """
    names = [entry.name for entry in archive.entries if entry.encrypted]
    if names:
        which = f"member {names[0]!r} is" if len(names) == 1 else f"{len(names):,} members, {names[0]!r} first, are"
        yield Hit(f"{which} marked as encrypted", symbol=names[0])
