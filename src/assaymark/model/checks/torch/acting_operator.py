"""MDL130."""

from collections.abc import Iterator

from assaymark.core.check import check
from assaymark.core.finding import Hit, Severity
from assaymark.core.subject import Layer
from assaymark.model.torch.views import Operator


@check(
    "MDL130",
    layer=Layer.MODEL,
    severity=Severity.CRITICAL,
    since="0.1",
    refs=("CWE:829", "CWE:73", "ATLAS:AML.T0010.003"),
)
def operator_reaches_out(operator: Operator) -> Iterator[Hit]:
    """A compiled PyTorch program reads or writes files, or runs something elsewhere.

    Why: Operators such as `aten::save` and `aten::from_file` take a file name. No model needs one to compute; a program that
        has one can overwrite start-up files or copy secrets into its output, and `__setstate__` runs while it is loaded.
    Fix: Do not load it, in no sandbox with your files. Ask for the weights as safetensors, and report the file to its host.
    """
    if operator.does:
        place = f" in {operator.place}" if operator.place else ""
        when = "while the file is loaded" if "__setstate__" in operator.place else "when the program runs"
        yield Hit(
            f"{operator.name}{place} {operator.does} {when}",
            line=operator.line,
            symbol=f"{operator.place} {operator.name}",
            excerpt=operator.excerpt,
        )
