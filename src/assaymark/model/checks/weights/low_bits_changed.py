"""MDL228."""

from collections.abc import Iterator

from assaymark.core.check import check
from assaymark.core.finding import Hit, Severity
from assaymark.core.subject import Layer
from assaymark.model.weights.views import LowBitsFound


@check("MDL228", layer=Layer.MODEL, severity=Severity.MEDIUM, holds=True, since="0.1", refs=("CWE:506",))
def low_bits_changed(bits: LowBitsFound) -> Iterator[Hit]:
    """The low bits of a part of a tensor are unlike those of the rest.

    Why: A tensor that was cast from a narrower type has zeros in its low bits everywhere, a trained one has uniform bits there.
    Where a part of it is different, something was written afterwards: hidden data fits there.
    Fix: Compare with the publisher's original. If a part was merged in a wider type, cast the whole tensor again.
    """
    for changed in bits.changed:
        message = (
            f"tensor {changed.tensor!r}: elements {changed.element:,} to {changed.element + changed.elements:,} use their "
            f"low {changed.bits} bits otherwise ({changed.capacity:,} bytes fit there): {changed.why}"
        )
        yield Hit(message, symbol=changed.tensor)
