"""MDL157."""

from collections.abc import Iterator

from assaymark.core.check import check
from assaymark.core.finding import Hit, Severity
from assaymark.core.subject import Layer
from assaymark.model.tensorflow.model import TfOperator


@check(
    "MDL157",
    layer=Layer.MODEL,
    severity=Severity.MEDIUM,
    holds=True,
    since="0.1",
    refs=("CWE:400",),
)
def tensorflow_stops_process(item: TfOperator) -> Iterator[Hit]:
    """A TensorFlow graph ends the process that runs it.

    Why: `Abort` kills the server, with all other models in it, as soon as the node runs.
    Fix: Ask the producer for a model without it; use `tf.debugging.Assert` where a check is meant.
    """
    if item.deed == "stops":
        yield Hit(
            f"{item.op} at {item.place} ends the process",
            offset=item.offset,
            symbol=f"{item.op} {item.function or item.node}: {', '.join(item.targets)}"[:300],
        )
