"""MDL181."""

from collections.abc import Iterator

from assaymark.core.check import check
from assaymark.core.finding import Hit, Severity
from assaymark.core.subject import Layer
from assaymark.model.rdata.serialized import RView


@check("MDL181", layer=Layer.MODEL, severity=Severity.HIGH, since="0.1", refs=("CWE:94", "ATLAS:AML.T0011.000"))
def acting_call(r: RView) -> Iterator[Hit]:
    """An R object holds a call that runs programs, fetches or deletes.

    Why: Formulas, `call` and `terms` are code that `predict`, `update` and `print` evaluate. Those of a model name its
    variables and fitting functions; none has a reason to start a program or to reach the network.
    Fix: Do not use the model. Ask the producer for one that was fitted and saved without it.
    """
    for deed in r.of("call"):
        yield Hit(f"a call of {deed.name} {deed.does} when it is evaluated", offset=deed.offset, symbol=deed.name)
