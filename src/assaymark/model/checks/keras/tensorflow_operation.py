"""MDL075."""

from collections.abc import Iterator

from assaymark.core.check import check
from assaymark.core.finding import Hit, Severity
from assaymark.core.subject import Layer
from assaymark.model.formats.keras import KerasObject
from assaymark.model.keras.origin import ACTING_OPERATIONS

_LAYERS = frozenset({"TFOpLambda", "TensorFlowOpLayer", "ClassMethod", "InstanceMethod", "SlicingOpLambda"})


@check(
    "MDL075",
    layer=Layer.MODEL,
    severity=Severity.HIGH,
    since="0.1",
    refs=("CWE:73", "CWE:94", "ATLAS:AML.T0011.000"),
)
def tensorflow_operation(item: KerasObject) -> Iterator[Hit]:
    """A Keras layer wraps a TensorFlow operation on files or Python.

    Why: The layer runs the operation when the model is built or called: files are read into the outputs, written with
    content from the model, or Python functions are called. Safe mode does not look at operations.
    Fix: Do not run it. Ask the producer for a model without this layer: reading and writing belong into the program.
    """
    operation = item.operation.rsplit(".", 1)[-1].replace("_", "").lower()
    if item.leaf in _LAYERS and operation in ACTING_OPERATIONS:
        yield Hit(
            f"{item.place or 'the document'}: {item.leaf} runs {item.operation}",
            symbol=item.operation,
            excerpt=item.operation,
        )
