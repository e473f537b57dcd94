"""MDL034."""

from collections.abc import Iterator

from assaymark.core.check import check
from assaymark.core.finding import Hit, Severity
from assaymark.core.subject import Layer
from assaymark.model.formats.safetensors import SafetensorsView


@check("MDL034", layer=Layer.MODEL, severity=Severity.HIGH, since="0.1", refs=("CWE:1284", "CWE:20"))
def safetensors_size_mismatch(header: SafetensorsView) -> Iterator[Hit]:
    """A tensor's dtype and shape do not fit its bytes.

    Why: A reader that trusts the shape reads past the tensor's end, into its neighbours or out of the buffer.
    Fix: Do not load the file. Ask the producer for one that was written by `safetensors.torch.save_file`.
    """
    for name, what in header.mismatches:
        yield Hit(f"tensor {name!r}: {what}", symbol=name)
