"""MDL140."""

from collections.abc import Iterator

from assaymark.core.check import check
from assaymark.core.finding import Hit, Severity
from assaymark.core.subject import Layer
from assaymark.model.torch.views import Delegate


@check("MDL140", layer=Layer.MODEL, severity=Severity.MEDIUM, holds=True, since="0.1", refs=("CWE:829",))
def program_hands_bytes_to_a_backend(delegate: Delegate) -> Iterator[Hit]:
    """An ExecuTorch program hands a part of itself to a backend as bytes that cannot be read.

    Why: A backend may take them for machine code or a binary of its driver (QNN, Core ML, Ethos-U and others) when the method is
        loaded.
    Fix: Say which backend and compiler made it, or lower the model yourself from the `.pt2`; XNNPACK graphs are read.
    """
    place = f" in {delegate.place}" if delegate.place else ""
    yield Hit(
        f"{delegate.backend or 'a backend without a name'} is given {delegate.size:,} bytes{place}",
        symbol=delegate.backend,
    )
