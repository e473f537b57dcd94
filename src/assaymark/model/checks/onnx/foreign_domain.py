"""MDL051."""

from collections.abc import Iterator

from assaymark.core.check import check
from assaymark.core.finding import Hit, Severity
from assaymark.core.subject import Layer
from assaymark.model.formats.onnx import OnnxModel, OnnxNode
from assaymark.model.onnx_operators import CONTRIB, STANDARD

_ONNX = frozenset({"", "ai.onnx", "ai.onnx.ml", "ai.onnx.training", "ai.onnx.preview", "ai.onnx.preview.training"})


@check(
    "MDL051", layer=Layer.MODEL, severity=Severity.MEDIUM, holds=True, since="0.1", refs=("CWE:829", "ATLAS:AML.T0010")
)
def onnx_foreign_domain(model: OnnxModel) -> Iterator[Hit]:
    """An ONNX model needs operators that are not ONNX's.

    Why: To run it, a native library with these operators must be loaded into the process; what it does is not in the
    model and was not looked at. That the domain is `com.microsoft` says nothing: any library may register in it.
    Fix: Name the library that defines the domain, scan and pin it like any other dependency, then accept this finding
    with a reasoned ignore; or export the model with standard operators only.
    """
    needed: dict[str, list[str]] = {}
    for node in model.nodes:
        if not _is_known(node) and (node.domain, node.operator) not in model.functions:
            needed.setdefault(node.domain, []).append(node.operator)
    for domain, operators in sorted(needed.items()):
        names = ", ".join(sorted(operators)[:5]) + (" …" if len(operators) > 5 else "")
        yield Hit(f"operators of {domain!r} ({names}) need a native library that is not in the model", symbol=domain)


def _is_known(node: OnnxNode) -> bool:
    if node.domain in _ONNX and node.operator in STANDARD:
        return True
    return node.operator in CONTRIB.get("" if node.domain == "ai.onnx" else node.domain, ())
