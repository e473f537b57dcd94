"""MDL131."""

from collections.abc import Iterator

from assaymark.core.check import check
from assaymark.core.finding import Hit, Severity
from assaymark.core.subject import Layer
from assaymark.model.torch.views import Operator


@check("MDL131", layer=Layer.MODEL, severity=Severity.MEDIUM, holds=True, since="0.1", refs=("CWE:829",))
def operator_of_a_foreign_library(operator: Operator) -> Iterator[Hit]:
    """A compiled PyTorch program uses an operator that PyTorch does not bring.

    Why: The operator, or the class, is native code of a library that has to be loaded first. What it does with the arguments
        that the file gives it was not seen.
    Fix: Say which library and version it is, lock it with its hash, and accept the operator with a reasoned, expiring ignore;
        or export the model without it.
    """
    if not operator.does:
        place = f" in {operator.place}" if operator.place else ""
        yield Hit(
            f"{operator.name}{place} is no operator of PyTorch that is known to compute only",
            line=operator.line,
            symbol=operator.name,
            excerpt=operator.excerpt,
        )
