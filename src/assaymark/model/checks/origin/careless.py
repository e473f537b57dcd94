"""MDL243."""

from collections.abc import Iterator

from assaymark.core.check import check
from assaymark.core.finding import Hit, Severity
from assaymark.core.subject import Layer
from assaymark.model.origin.views import Claims


@check("MDL243", layer=Layer.MODEL, severity=Severity.LOW, since="0.1", refs=("CWE:1059",))
def card_is_not_its_own(said: Claims) -> Iterator[Hit]:
    """A card is not the model's own, or speaks in two voices.

    Why: A card that was copied from the base documents another model: its data, evaluation and limits are not those of this one.
    Fix: Write what is true of this model, and name its base in `base_model`.
    """
    for claim in said.contradicted(Severity.LOW):
        note = f" ({claim.note})" if claim.note else ""
        yield Hit(
            f"{claim.about}: claimed {claim.says}; found {claim.found}{note}",
            symbol=f"{claim.about} {claim.says}"[:200],
        )
