"""MDL030."""

from collections.abc import Iterator

from assaymark.core.check import check
from assaymark.core.finding import Hit, Severity
from assaymark.core.subject import Layer
from assaymark.model.formats.safetensors import SafetensorsView


@check("MDL030", layer=Layer.MODEL, severity=Severity.HIGH, since="0.1", refs=("CWE:1284", "CWE:20"))
def safetensors_overlap(header: SafetensorsView) -> Iterator[Hit]:
    """Two tensors claim the same bytes.

    Why: No writer makes such a file and the reference reader refuses it; readers that do not check give one tensor the
    values of another, and what was compared or approved is not what is loaded.
    Fix: Do not load the file. Fetch it again and compare the digest; if it stays so, ask its producer to save the
    tensors anew with `safetensors.torch.save_file`.
    """
    for name, other, count in header.layout.overlaps:
        yield Hit(
            f"tensors {name!r} and {other!r} share {count:,} bytes: one is read as part of the other", symbol=name
        )
