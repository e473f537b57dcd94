"""MDL241."""

from collections.abc import Iterator

from assaymark.core.check import check
from assaymark.core.finding import Hit, Severity
from assaymark.core.subject import Layer
from assaymark.model.origin.views import Claims


@check("MDL241", layer=Layer.MODEL, severity=Severity.HIGH, since="0.1", refs=("CWE:345",))
def claim_is_contradicted(said: Claims) -> Iterator[Hit]:
    """What is claimed of a model is not what its bytes are.

    Why: A model that has another size, architecture, base or licence than it is said to have is not the one that was reviewed.
    Weights that were exchanged under a trusted card look so.
    Fix: Compare with the publisher's own repository at the commit that was reviewed; ask who made these files. `assay model origin`
    lists what was compared with what.
    """
    for claim in said.contradicted(Severity.HIGH):
        note = f" ({claim.note})" if claim.note else ""
        yield Hit(
            f"{claim.about}: claimed {claim.says}; found {claim.found}{note}",
            symbol=f"{claim.about} {claim.says}"[:200],
        )
