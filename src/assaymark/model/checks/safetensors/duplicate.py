"""MDL033."""

from collections.abc import Iterator

from assaymark.core.check import check
from assaymark.core.finding import Hit, Severity
from assaymark.core.subject import Layer
from assaymark.model.formats.safetensors import SafetensorsView


@check("MDL033", layer=Layer.MODEL, severity=Severity.HIGH, since="0.1", refs=("CWE:1284", "CWE:20"))
def safetensors_duplicate(header: SafetensorsView) -> Iterator[Hit]:
    """The header has a key twice.

    Why: Readers disagree on which one counts: Python keeps the last, others the first, the reference reader refuses.
    What one tool looked at is then not what another one loads.
    Fix: Do not load the file. Ask the producer for one that was written by `safetensors.torch.save_file`.
    """
    for key in header.duplicates:
        yield Hit(f"the header has {key!r} twice: readers disagree on which one is the tensor", symbol=key)
