"""MDL225."""

import re
from collections.abc import Iterator

from assaymark.core.check import check
from assaymark.core.finding import Hit, Severity
from assaymark.core.subject import Layer
from assaymark.model.weights.views import TensorStats


@check("MDL225", layer=Layer.MODEL, severity=Severity.MEDIUM, since="0.1", refs=("CWE:1284", "ATLAS:AML.T0018"))
def tensor_not_finite(stats: TensorStats) -> Iterator[Hit]:
    """A tensor has values that are not numbers, or infinite.

    Why: One NaN makes every output that depends on it NaN. Training that diverged, a broken conversion or damage to the file
    leaves them, and they are a cheap way to disable a model.
    Fix: Compare the digest with the publisher's. Convert again from the original weights, in a type of wider range.
    """
    operand = _MASK.search(stats.name) or stats.count < _LEAST or stats.inf == stats.count
    infinite = 0 if operand else stats.inf
    if stats.nan or infinite:
        what = " and ".join(f"{n:,} {w}" for n, w in ((stats.nan, "NaN"), (infinite, "infinite")) if n)
        where = "values" if stats.valued else "scales"
        yield Hit(f"tensor {stats.name[:200]!r} has {what} {where} among {stats.count:,}", symbol=stats.name[:200])


_MASK = re.compile("mask", re.IGNORECASE)
"""Attention masks are kept with minus infinity where nothing may be seen."""
_LEAST = 16
"""Elements: smaller tensors are operands, such as the minus infinity that a maximum begins with."""
