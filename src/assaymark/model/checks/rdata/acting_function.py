"""MDL182."""

from collections.abc import Iterator

from assaymark.core.check import check
from assaymark.core.finding import Hit, Severity
from assaymark.core.subject import Layer
from assaymark.model.rdata.serialized import RView


@check("MDL182", layer=Layer.MODEL, severity=Severity.MEDIUM, holds=True, since="0.1", refs=("CWE:94",))
def acting_function(r: RView) -> Iterator[Hit]:
    """An R object carries code that acts when it is called, or that cannot be followed.

    Why: A function in the file runs with the rights of whoever calls it, as `predict` may do; code that is made of text
    or read from another file is not in sight at all.
    Fix: Read the function in a session of its own (`print(body(f))` after `readRDS` in a container), or ask the producer
    for an object without it; accept it with a reasoned, expiring ignore.
    """
    for deed in r.of("deferred"):
        yield Hit(f"a function calls {deed.name}, which {deed.does}", offset=deed.offset, symbol=deed.name)
    for deed in r.of("forced"):
        yield Hit(f"reading a variable of an environment calls {deed.name}", offset=deed.offset, symbol=deed.name)
    for deed in r.of("text"):
        yield Hit(f"a call of {deed.name} {deed.does}", offset=deed.offset, symbol=deed.name)
    if r.dropped:
        yield Hit(f"{r.dropped:,} more pieces of code are not listed", symbol="more")
