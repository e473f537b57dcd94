"""MDL153."""

from collections.abc import Iterator

from assaymark.core.check import check
from assaymark.core.finding import Hit, Severity
from assaymark.core.subject import Layer
from assaymark.model.tensorflow.model import TfOperator


@check(
    "MDL153",
    layer=Layer.MODEL,
    severity=Severity.HIGH,
    since="0.1",
    refs=(
        "CWE:918",
        "ATLAS:AML.T0025",
    ),
)
def tensorflow_connects(item: TfOperator) -> Iterator[Hit]:
    """A TensorFlow graph talks to another process or server.

    Why: What the model is given can be sent to the address, and what comes back is run as a graph or used as data.
    Fix: Find out whose address it is. Ask the producer for a model whose data is read by the program.
    """
    if item.deed == "connects":
        where = ", ".join(item.targets) or "an address that cannot be known"
        yield Hit(
            f"{item.op} at {item.place} connects to {where}",
            offset=item.offset,
            symbol=f"{item.op} {item.function or item.node}: {', '.join(item.targets)}"[:300],
        )
