"""MDL231."""

from collections.abc import Iterator

from assaymark.core.check import check
from assaymark.core.finding import Hit, Severity
from assaymark.core.subject import Layer
from assaymark.model.formats.mxnet import SymbolNode


@check(
    "MDL231", layer=Layer.MODEL, severity=Severity.MEDIUM, holds=True, since="0.1", refs=("CWE:829", "ATLAS:AML.T0010")
)
def mxnet_operator_acts(node: SymbolNode) -> Iterator[Hit]:
    """An MXNet graph runs code that is not compiled into MXNet.

    Why: The operator calls Python code of whoever loads the graph by a name, or a function by an address that stands in the
    file. What that is was not looked at.
    Fix: Name the package that registers the operator and scan it, then accept this finding with a reasoned ignore; never load a
    graph with `_Native` or `_NDArray`.
    """
    yield Hit(f"node {node.name} ({node.operator}) {node.does}", symbol=f"{node.operator} {node.name}")
