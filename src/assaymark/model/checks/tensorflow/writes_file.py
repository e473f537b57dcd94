"""MDL150."""

from collections.abc import Iterator

from assaymark.core.check import check
from assaymark.core.finding import Hit, Severity
from assaymark.core.subject import Layer
from assaymark.model.tensorflow.model import TfOperator


@check(
    "MDL150",
    layer=Layer.MODEL,
    severity=Severity.CRITICAL,
    since="0.1",
    refs=(
        "CWE:73",
        "CWE:94",
        "ATLAS:AML.T0011.000",
    ),
)
def tensorflow_writes_file(item: TfOperator) -> Iterator[Hit]:
    """A TensorFlow graph writes a file.

    Why: The operator runs when the model is loaded or called, with the rights of that process, and its path and content
    come from the model: a start-up script, a Python package or an authorized key is code that runs later.
    Fix: Do not load it. Ask the producer for a model without this operator: writing files belongs into the program, not
    into the graph.
    """
    if item.deed == "writes":
        where = ", ".join(item.targets) or "a path that cannot be known"
        yield Hit(
            f"{item.op} at {item.place} writes to {where}",
            offset=item.offset,
            symbol=f"{item.op} {item.function or item.node}: {', '.join(item.targets)}"[:300],
        )
