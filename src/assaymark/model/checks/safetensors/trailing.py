"""MDL032."""

from collections.abc import Iterator

from assaymark.core.check import check
from assaymark.core.finding import Hit, Severity
from assaymark.core.subject import Layer
from assaymark.model.formats.safetensors import SafetensorsView


@check("MDL032", layer=Layer.MODEL, severity=Severity.MEDIUM, holds=True, since="0.1", refs=("CWE:1284", "CWE:20"))
def safetensors_trailing(header: SafetensorsView) -> Iterator[Hit]:
    """Bytes follow the last tensor.

    Why: The data ends with the last tensor. What follows is unexplained: the usual places for it are an appended
    archive (a file that is two formats at once) or a hidden payload.
    Fix: Save the tensors anew with `safetensors.torch.save_file`, and ask the producer what the bytes were.
    """
    count = header.data - header.layout.end
    if count > 0:
        yield Hit(f"{count:,} bytes after the last tensor belong to no tensor", symbol="trailing bytes")
