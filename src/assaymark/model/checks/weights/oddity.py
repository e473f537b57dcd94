"""MDL226."""

from collections.abc import Iterator

from assaymark.core.check import check
from assaymark.core.finding import Hit, Severity
from assaymark.core.subject import Layer
from assaymark.model.weights.views import Oddities


@check("MDL226", layer=Layer.MODEL, severity=Severity.LOW, since="0.1", refs=("ATLAS:AML.T0018",))
def tensor_stands_out(oddities: Oddities) -> Iterator[Hit]:
    """The values of a tensor stand out.

    Why: A layer that is empty, of another magnitude than its like or of another precision was changed after training, or was
    never trained.
    Fix: Compare that tensor with the publisher's original; `--base` does so for a fine-tuned model.
    """
    for odd in oddities.found:
        yield Hit(f"tensor {odd.tensor!r}: {odd.message}", symbol=odd.tensor)
