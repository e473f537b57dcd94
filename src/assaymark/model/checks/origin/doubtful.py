"""MDL242."""

from collections.abc import Iterator

from assaymark.core.check import check
from assaymark.core.finding import Hit, Severity
from assaymark.core.subject import Layer
from assaymark.model.origin.views import Claims


@check("MDL242", layer=Layer.MODEL, severity=Severity.MEDIUM, since="0.1", refs=("CWE:345",))
def claim_is_doubtful(said: Claims) -> Iterator[Hit]:
    """What is claimed of a model does not go with its bytes.

    Why: A data type, a label or a field that is wrong is most often carelessness; it also shows that card and weights were not made
    together, and other things that the card says are worth no more.
    Fix: Correct the card or the configuration, or fetch all files of one revision again.
    """
    for claim in said.contradicted(Severity.MEDIUM):
        note = f" ({claim.note})" if claim.note else ""
        yield Hit(
            f"{claim.about}: claimed {claim.says}; found {claim.found}{note}",
            symbol=f"{claim.about} {claim.says}"[:200],
        )
