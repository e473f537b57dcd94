"""MDL167."""

from collections.abc import Iterator

from assaymark.core.check import check
from assaymark.core.finding import Hit, Severity
from assaymark.core.subject import Layer
from assaymark.model.paddle.program import PaddleOperator


@check(
    "MDL167",
    layer=Layer.MODEL,
    severity=Severity.HIGH,
    since="0.1",
    refs=(
        "CWE:73",
        "CWE:22",
        "ATLAS:AML.T0011.000",
    ),
)
def paddle_touches_file(item: PaddleOperator) -> Iterator[Hit]:
    """A Paddle program reads or writes files, or talks to other processes.

    Why: The operator runs whenever the program does, with the rights of that process and a path or address from the
    program: files are overwritten, or secrets flow into the outputs.
    Fix: Do not run it. Export the model with `paddle.static.save_inference_model`, which keeps no such operator.
    """
    if item.deed in {"reads", "writes", "connects"}:
        what = ", ".join(map(repr, item.targets)) or "what it is given"
        symbol = f"{item.name}: {what}"[:300]
        yield Hit(
            f"the operator {item.name} {item.deed.replace('connects', 'connects to')} {what}",
            offset=item.offset,
            symbol=symbol,
        )
