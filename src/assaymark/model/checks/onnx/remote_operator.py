"""MDL056."""

from collections.abc import Iterator

from assaymark.core.check import check
from assaymark.core.finding import Hit, Severity
from assaymark.core.subject import Layer
from assaymark.model.formats.onnx import OnnxModel


@check("MDL056", layer=Layer.MODEL, severity=Severity.HIGH, since="0.1", refs=("CWE:918", "ATLAS:AML.T0025"))
def onnx_remote_operator(model: OnnxModel) -> Iterator[Hit]:
    """An ONNX model sends its input to a server.

    Why: Operators of onnxruntime-extensions call a web service at the address in `model_uri`: what users type, say or
    show goes there, with the access token beside it.
    Fix: Find out whose address it is. Replace the node by a local model, or allow the destination by name in the egress
    policy of the service that runs it.
    """
    for node in model.nodes:
        address = dict(node.attributes).get("model_uri")
        if address is not None:
            yield Hit(
                f"operator {node.operator} of {node.domain!r} sends the model's input to {address[:200]}",
                offset=node.offset,
                symbol=f"{node.domain}.{node.operator}: {address[:200]}",
            )
