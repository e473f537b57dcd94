"""MDL155."""

from collections.abc import Iterator

from assaymark.core.check import check
from assaymark.core.finding import Hit, Severity
from assaymark.core.subject import Layer
from assaymark.model.tensorflow.model import TfOperator


@check(
    "MDL155",
    layer=Layer.MODEL,
    severity=Severity.MEDIUM,
    holds=True,
    since="0.1",
    refs=(
        "CWE:829",
        "ATLAS:AML.T0010",
    ),
)
def tensorflow_opaque_payload(item: TfOperator) -> Iterator[Hit]:
    """A TensorFlow graph carries a compiled or computed program that was not looked at.

    Why: TensorRT engines, XLA modules and custom calls, MLIR texts and graphs that are put together at run time are run
    as they are; what stands in them is not visible to this version.
    Fix: Ask the producer for the model before compilation and compile it yourself, or accept the finding with a reasoned
    ignore for this digest.
    """
    if item.deed == "opaque":
        what = ", ".join(item.targets)
        yield Hit(
            f"{item.op} at {item.place} runs a program that was not looked into{f': {what}' if what else ''}",
            offset=item.offset,
            symbol=f"{item.op} {item.function or item.node}: {', '.join(item.targets)}"[:300],
        )
