"""MDL232."""

from collections.abc import Iterator

from assaymark.core.check import check
from assaymark.core.finding import Hit, Severity
from assaymark.core.subject import Layer
from assaymark.model.formats.ncnn import NcnnNetwork


@check(
    "MDL232", layer=Layer.MODEL, severity=Severity.MEDIUM, holds=True, since="0.1", refs=("CWE:829", "ATLAS:AML.T0010")
)
def ncnn_foreign_layer(network: NcnnNetwork) -> Iterator[Hit]:
    """A network of ncnn needs layers that ncnn has not.

    Why: The program that loads it must register native code for them; what that does is not in the network.
    Fix: Name the library that registers the layers, scan and pin it, then accept this finding with a reasoned ignore; or convert
    the model with the layers of ncnn (`pnnx`).
    """
    for kind in network.foreign:
        yield Hit(f"layer {kind!r} is none of ncnn's: a native library must bring it", symbol=kind)
