"""MDL168."""

from collections.abc import Iterator

from assaymark.core.check import check
from assaymark.core.finding import Hit, Severity
from assaymark.core.subject import Layer
from assaymark.model.paddle.program import PaddleOperator


@check(
    "MDL168",
    layer=Layer.MODEL,
    severity=Severity.MEDIUM,
    holds=True,
    since="0.1",
    refs=(
        "CWE:829",
        "ATLAS:AML.T0010",
    ),
)
def paddle_unknown_operator(item: PaddleOperator) -> Iterator[Hit]:
    """A Paddle program needs an operator that is not known to only compute.

    Why: It comes from a native library that must be loaded into the process, or it runs a compiled engine that the
    program carries; what it does was not looked at.
    Fix: Name the library, scan and pin it like any other dependency, then accept this finding with a reasoned ignore; or
    export the model without custom operators and engines.
    """
    if item.deed in {"unknown", "opaque"}:
        what = (
            "runs a program that was not looked into" if item.deed == "opaque" else "is not in the table of vetted ones"
        )
        yield Hit(f"the operator {item.name[:200]} {what}", offset=item.offset, symbol=item.name[:300])
