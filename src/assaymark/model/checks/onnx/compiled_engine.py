"""MDL055."""

from collections.abc import Iterator

from assaymark.core.check import check
from assaymark.core.finding import Hit, Severity
from assaymark.core.subject import Layer
from assaymark.model.formats.onnx import OnnxModel


@check(
    "MDL055", layer=Layer.MODEL, severity=Severity.MEDIUM, holds=True, since="0.1", refs=("CWE:829", "ATLAS:AML.T0010")
)
def onnx_compiled_engine(model: OnnxModel) -> Iterator[Hit]:
    """An ONNX model is a wrapper around a compiled engine.

    Why: An EPContext node hands a binary (a TensorRT engine, a QNN context) to a driver that runs it as it is. What it
    computes is not in the graph and cannot be judged from its bytes.
    Fix: Compile the engine yourself from the model's source graph, on the machine that runs it.
    """
    for node in model.nodes:
        if node.operator == "EPContext":
            yield Hit(
                f"node {node.name or 'EPContext'} runs a compiled engine, which cannot be looked into",
                offset=node.offset,
                symbol="EPContext",
            )
