"""MDL165."""

from collections.abc import Iterator

from assaymark.core.check import check
from assaymark.core.finding import Hit, Severity
from assaymark.core.subject import Layer
from assaymark.model.coreml.model import CoremlOperator


@check(
    "MDL165",
    layer=Layer.MODEL,
    severity=Severity.MEDIUM,
    holds=True,
    since="0.1",
    refs=(
        "CWE:829",
        "ATLAS:AML.T0010",
    ),
)
def coreml_unknown_operator(item: CoremlOperator) -> Iterator[Hit]:
    """An ML program of Core ML has an operator that is not known.

    Why: Custom operators are run by code of the app; what it does is not in the model and was not looked at.
    Fix: Name the code that runs the operator, review it and accept this finding with a reasoned ignore; or convert the
    model with the operators of `coremltools.converters.mil` only.
    """
    message = f"the operator {item.name[:200]!r} is not one of the model intermediate language"
    yield Hit(message, offset=item.offset, symbol=item.name[:300])
