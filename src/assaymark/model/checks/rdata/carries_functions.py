"""MDL183."""

from collections.abc import Iterator

from assaymark.core.check import check
from assaymark.core.finding import Hit, Severity
from assaymark.core.subject import Layer
from assaymark.model.rdata.serialized import RView


@check("MDL183", layer=Layer.MODEL, severity=Severity.LOW, since="0.1", refs=("CWE:94",))
def carries_functions(r: RView) -> Iterator[Hit]:
    """An R object carries functions or bindings that run when they are used.

    Why: Functions are part of many honest models (a `glm` keeps its link functions). None that is seen here starts a
    program or reaches the network, but they are code, and R runs them when the model is used.
    Fix: Nothing where you trust the producer. Otherwise export coefficients or trees as data (`xgb.save`, PMML, CSV).
    """
    if r.functions:
        yield Hit(f"{r.functions:,} function{'s' if r.functions > 1 else ''}", symbol="functions")
    for deed in r.of("lazy"):
        yield Hit(f"an argument that was never used calls {deed.name} when it is read", deed.offset, symbol=deed.name)
    for deed in r.of("active"):
        yield Hit("a variable of an environment runs a function each time it is read", deed.offset, symbol=deed.name)
