"""MDL158."""

from collections.abc import Iterator

from assaymark.core.check import check
from assaymark.core.finding import Hit, Severity
from assaymark.core.subject import Layer
from assaymark.model.tflite.model import TfliteCustom


@check(
    "MDL158",
    layer=Layer.MODEL,
    severity=Severity.MEDIUM,
    holds=True,
    since="0.1",
    refs=(
        "CWE:829",
        "ATLAS:AML.T0010",
    ),
)
def tflite_custom_operator(item: TfliteCustom) -> Iterator[Hit]:
    """A TFLite model needs an operator that is not TFLite's own.

    Why: To run it, the program must register native code for it; compiled models of accelerators are carried in the
    options of such an operator. What it does was not looked at.
    Fix: Name the library that registers the operator, scan and pin it like any other dependency, then accept this
    finding with a reasoned ignore; or convert the model with built-in operators only.
    """
    yield Hit(f"{item.name[:200]} is native code that is not in the model", offset=item.offset, symbol=item.name[:300])
