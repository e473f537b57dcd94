"""MDL097: members that delete."""

from collections.abc import Iterator

from assaymark.core.check import check
from assaymark.core.finding import Hit, Severity
from assaymark.core.subject import Layer
from assaymark.model.archive import AntiItem


@check("MDL097", layer=Layer.MODEL, severity=Severity.MEDIUM, since="0.1", refs=("CWE:73",))
def anti_item(item: AntiItem) -> Iterator[Hit]:
    """A 7z archive deletes a file where it is unpacked.

    Why: An anti-item has no content: 7-Zip removes the file of its name when it unpacks. Update archives of backups
    have them; in a model or data archive one takes away what lay beside it, a licence, a signature or a safe weight file.
    Fix: Ask its producer for a whole archive (`7z a FILE.7z DIR`), not one made by `7z u -u…z3`.
    """
    yield Hit(f"unpacking deletes {item.name!r}", symbol=item.name)
