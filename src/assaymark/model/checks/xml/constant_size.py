"""MDL189."""

from collections.abc import Iterator

from assaymark.core.check import check
from assaymark.core.finding import Hit, Severity
from assaymark.core.subject import Layer
from assaymark.model.xml.openvino import OpenvinoView


@check("MDL189", layer=Layer.MODEL, severity=Severity.HIGH, since="0.1", refs=("CWE:125", "CWE:1284"))
def constant_size(network: OpenvinoView) -> Iterator[Hit]:
    """A constant of an OpenVINO model is not as long as its type and shape say.

    Why: The plugin that compiles the model reads as many bytes as the shape needs, from memory that was mapped for fewer.
    OpenVINO writes type, shape and size from one tensor: they always agree.
    Fix: Do not load it. Convert the model anew (`ovc`), or fetch it again and compare its digest.
    """
    for part in network.of("constant"):
        yield Hit(f"constant {part.layer} {part.what}", line=part.line, symbol=part.layer)
