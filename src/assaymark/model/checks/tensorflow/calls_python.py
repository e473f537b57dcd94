"""MDL152."""

from collections.abc import Iterator

from assaymark.core.check import check
from assaymark.core.finding import Hit, Severity
from assaymark.core.subject import Layer
from assaymark.model.tensorflow.model import TfOperator


@check(
    "MDL152",
    layer=Layer.MODEL,
    severity=Severity.HIGH,
    since="0.1",
    refs=(
        "CWE:94",
        "ATLAS:AML.T0011.000",
    ),
)
def tensorflow_calls_python(item: TfOperator) -> Iterator[Hit]:
    """A TensorFlow graph calls a Python function of the process that runs it.

    Why: The function is found by a token ("pyfunc_0") in a table of the running process: the graph chooses which of the
    functions registered there is called, with arguments of its choice. In another process it is another function.
    Fix: Ask the producer to replace `tf.py_function` and `tf.numpy_function` by TensorFlow operators and export anew.
    """
    if item.deed == "python":
        yield Hit(
            f"{item.op} at {item.place} calls the Python function {', '.join(item.targets)}",
            offset=item.offset,
            symbol=f"{item.op} {item.function or item.node}: {', '.join(item.targets)}"[:300],
        )
