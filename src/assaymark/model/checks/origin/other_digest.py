"""MDL240."""

from collections.abc import Iterator

from assaymark.core.check import check
from assaymark.core.finding import Hit, Severity
from assaymark.core.subject import Layer
from assaymark.model.origin.views import Claims


@check("MDL240", layer=Layer.MODEL, severity=Severity.HIGH, since="0.1", refs=("CWE:345", "CWE:354"))
def file_has_another_digest(said: Claims) -> Iterator[Hit]:
    """A file does not have the digest that is claimed of it.

    Why: The card, a list of checksums or the note of the hub's client speaks of other bytes: the file was exchanged or cut after
    the digest was taken, or the digest was copied from somewhere else.
    Fix: Fetch the file again from its publisher and compare; do not load it before both agree.
    """
    for claim in said.contradicted(Severity.HIGH, digests=True):
        note = f" ({claim.note})" if claim.note else ""
        yield Hit(
            f"{claim.about}: claimed {claim.says}; found {claim.found}{note}",
            symbol=f"{claim.about} {claim.says}"[:200],
        )
