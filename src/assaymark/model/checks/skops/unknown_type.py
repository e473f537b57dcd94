"""MDL178."""

from collections.abc import Iterator

from assaymark.core.check import check
from assaymark.core.finding import Hit, Severity
from assaymark.core.subject import Layer
from assaymark.model.skops.schema import SkopsView


@check(
    "MDL178",
    layer=Layer.MODEL,
    severity=Severity.MEDIUM,
    holds=True,
    since="0.1",
    refs=("CWE:502", "ATLAS:AML.T0011.000"),
)
def unknown_type(schema: SkopsView) -> Iterator[Hit]:
    """A skops file names a type that nobody has vetted.

    Why: Only names on the reviewed table are known to be harmless when a file makes them with data of its choice. skops
    asks its user to trust the rest by name, which says nothing of what they do.
    Fix: Review the class (`__setstate__`, `__new__`) or method that the message names, then pass just it in `trusted=`
    and accept the finding with a reasoned, expiring ignore.
    """
    for deed in schema.of("unknown"):
        yield Hit(f"{deed.target} ({deed.loader}) {deed.does}", symbol=deed.target, excerpt=deed.loader)
    if schema.dropped:
        yield Hit(f"{schema.dropped:,} more types are not listed", symbol="more")
