"""MDL188."""

from collections.abc import Iterator

from assaymark.core.check import check
from assaymark.core.finding import Hit, Severity
from assaymark.core.subject import Layer
from assaymark.model.xml.openvino import OpenvinoView


@check("MDL188", layer=Layer.MODEL, severity=Severity.MEDIUM, holds=True, since="0.1", refs=("CWE:829",))
def custom_operator(network: OpenvinoView) -> Iterator[Hit]:
    """An OpenVINO model needs operators of an extension.

    Why: The reader has to load a native library (`core.add_extension`) before it takes this model: what the operator does
    is decided there.
    Fix: Name the library, review it, and accept the finding with a reasoned, expiring ignore; or convert the model anew
    with operators of an opset.
    """
    for part in network.of("operator"):
        yield Hit(f"layer {part.layer} is {part.what}", line=part.line, symbol=part.layer)
