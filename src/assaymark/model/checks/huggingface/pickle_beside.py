"""MDL105."""

from collections.abc import Iterator

from assaymark.core.check import check
from assaymark.core.finding import Hit, Severity
from assaymark.core.subject import Layer
from assaymark.model.huggingface.views import PickleBeside


@check("MDL105", layer=Layer.MODEL, severity=Severity.LOW, since="0.1", refs=("CWE:502",))
def pickle_beside_safetensors(weights: PickleBeside) -> Iterator[Hit]:
    """Weights are there as a pickle and as safetensors.

    Why: A loader may take the pickle, which can run code; nobody needs it where the same tensors are in safetensors.
    Fix: Delete the pickled file, and load with `use_safetensors=True`.
    """
    yield Hit(f"{weights.pickle} stands beside {weights.safe}", symbol=weights.pickle)
