"""MDL229."""

from collections.abc import Iterator

from assaymark.core.check import check
from assaymark.core.finding import Hit, Severity
from assaymark.core.subject import Layer
from assaymark.model.weights.views import Compared


@check(
    "MDL229", layer=Layer.MODEL, severity=Severity.MEDIUM, holds=True, since="0.1", refs=("CWE:506", "ATLAS:AML.T0018")
)
def differs_from_base_in_low_bits(tensor: Compared) -> Iterator[Hit]:
    """A tensor differs from its base in nothing but low bits.

    Why: Training moves all bits of a weight; hidden data is written into the lowest ones, up to a sharp border. By chance a
    window of 4,096 elements looks so once in 5e14.
    Fix: Use the base itself, or a fine-tune whose producer says how it was made.
    """
    found = tensor.difference
    if found is not None:
        where = f"low {found.bits} bits" if found.bits > 1 else "lowest bit"
        message = (
            f"tensor {found.tensor!r}: in {found.elements:,} elements, from {found.element:,} on, only the {where} of "
            f"{found.changed:,} differ from the base: up to {found.capacity:,} bytes are hidden there"
        )
        yield Hit(message, symbol=found.tensor)
