"""MDL078."""

from collections.abc import Iterator

from assaymark.core.check import check
from assaymark.core.finding import Hit, Severity
from assaymark.core.subject import Layer
from assaymark.model.formats.keras import KerasObject
from assaymark.model.keras.names import words
from assaymark.model.keras.origin import ACTING_OPERATIONS

_LAYERS = frozenset({"TFOpLambda", "SlicingOpLambda", "ClassMethod", "InstanceMethod", "InstanceProperty"})
_PARTS = words("""
    __operators__ math nn linalg image strings signal bitwise random sets sparse ragged quantization dtypes keras
    RaggedTensor SparseTensor Tensor Variable
""")
"""Parts of TensorFlow that only compute."""
_OPEN = words(
    "io raw_ops data saved_model train distribute debugging summary lookup config experimental queue profiler sysconfig test"
)
_BARE = words("py_function numpy_function print load_op_library load_library import_graph_def eval exec function")


@check(
    "MDL078",
    layer=Layer.MODEL,
    severity=Severity.MEDIUM,
    holds=True,
    since="0.1",
    refs=("CWE:829", "ATLAS:AML.T0011.000"),
)
def unvetted_operation(item: KerasObject) -> Iterator[Hit]:
    """A Keras layer calls a part of TensorFlow that does more than compute.

    Why: The layer takes any public name of TensorFlow, and that has files, servers and Python functions in it. Safe mode
    does not look at the name.
    Fix: Have the layer rebuilt from layers of Keras, or accept this finding by an ignore that says what the operation does.
    """
    if item.leaf not in _LAYERS or not item.operation:
        return
    parts = item.operation.removeprefix("tf.").removeprefix("tensorflow.").removeprefix("compat.v1.").split(".")
    leaf = parts[-1].replace("_", "").lower()
    decodes = parts[0] == "io" and leaf.startswith(("decode", "encode", "parse"))
    if leaf in ACTING_OPERATIONS or decodes:
        return
    plain = len(parts) == 1 and parts[0] not in _BARE
    if not plain and (parts[0] not in _PARTS or not _OPEN.isdisjoint(parts)):
        yield Hit(
            f"{item.place or 'the document'}: {item.leaf} calls {item.operation}",
            symbol=item.operation,
            excerpt=item.operation,
        )
