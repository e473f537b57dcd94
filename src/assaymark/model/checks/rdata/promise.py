"""MDL180."""

from collections.abc import Iterator

from assaymark.core.check import check
from assaymark.core.finding import Hit, Severity
from assaymark.core.subject import Layer
from assaymark.model.rdata.serialized import RView


@check(
    "MDL180",
    layer=Layer.MODEL,
    severity=Severity.CRITICAL,
    since="0.1",
    refs=("CWE:502", "CVE:CVE-2024-27322", "ATLAS:AML.T0011.000"),
)
def promise(r: RView) -> Iterator[Hit]:
    """An R object holds a promise with code that has not run yet.

    Why: `readRDS` and `load` give the promise to the session, and R runs its expression as soon as anybody looks at the
    variable (CVE-2024-27322). No function that saves data writes one at this place.
    Fix: Do not load it, and do not look into it with R. Ask the producer for the object saved anew with `saveRDS`, or
    use R 4.4.0 or later, which refuses it.
    """
    for deed in r.of("promise"):
        does = f", which {deed.does}" if deed.does else ""
        yield Hit(f"a promise calls {deed.name}{does}", offset=deed.offset, symbol=deed.name)
