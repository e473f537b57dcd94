"""MDL227."""

from collections.abc import Iterator

from assaymark.core.check import check
from assaymark.core.finding import Hit, Severity
from assaymark.core.subject import Layer
from assaymark.model.weights.views import LowBitsFound


@check("MDL227", layer=Layer.MODEL, severity=Severity.HIGH, since="0.1", refs=("CWE:506", "ATLAS:AML.T0018"))
def low_bits_carry(bits: LowBitsFound) -> Iterator[Hit]:
    """The low bits of a tensor spell a program, an archive or text.

    Why: The low bits of weights can be replaced without a loss of accuracy; EvilModel hides half of a model's size so. Training
    never spells anything there.
    Fix: Do not use the model or what came with it. Tell its publisher; take the weights from another revision.
    """
    for carry in bits.spelled:
        where = f"low {carry.bits} bits" if carry.bits > 1 else "lowest bits"
        message = f"the {where} of tensor {carry.tensor!r} spell {carry.what}, from element {carry.element:,} on"
        yield Hit(message, symbol=carry.tensor)
