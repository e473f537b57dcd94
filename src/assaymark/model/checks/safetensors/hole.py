"""MDL031."""

from collections.abc import Iterator

from assaymark.core.check import check
from assaymark.core.finding import Hit, Severity
from assaymark.core.subject import Layer
from assaymark.model.formats.safetensors import SafetensorsView


@check("MDL031", layer=Layer.MODEL, severity=Severity.MEDIUM, holds=True, since="0.1", refs=("CWE:1284", "CWE:20"))
def safetensors_hole(header: SafetensorsView) -> Iterator[Hit]:
    """Bytes between tensors belong to none of them.

    Why: The format leaves no room between tensors. Bytes that no tensor accounts for are a place to carry something
    past everyone who only looks at the tensors.
    Fix: Load the tensors with a reader that you trust and save them anew with `safetensors.torch.save_file`; the extra
    bytes are then gone.
    """
    for offset, count in header.layout.holes:
        yield Hit(
            f"{count:,} bytes from offset {offset:,} of the data belong to no tensor",
            symbol=f"hole at {offset}",
        )
