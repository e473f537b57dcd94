"""MDL166."""

from collections.abc import Iterator

from assaymark.core.check import check
from assaymark.core.finding import Hit, Severity
from assaymark.core.subject import Layer
from assaymark.model.paddle.program import PaddleOperator


@check(
    "MDL166",
    layer=Layer.MODEL,
    severity=Severity.HIGH,
    since="0.1",
    refs=(
        "CWE:94",
        "ATLAS:AML.T0011.000",
    ),
)
def paddle_calls_python(item: PaddleOperator) -> Iterator[Hit]:
    """A Paddle program calls a Python function of the process that runs it.

    Why: `py_func` finds the function by a number in a table of the running process: the program chooses which of the
    functions registered there is called, with arguments of its choice.
    Fix: Ask the producer for a program without it; what it did belongs into the program that runs the model.
    """
    if item.deed == "python":
        yield Hit(f"the operator {item.name} calls Python", offset=item.offset, symbol=item.name)
