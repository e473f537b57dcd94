"""MDL011."""

from collections.abc import Iterator

from assaymark.core.check import check
from assaymark.core.finding import Confidence, Hit, Severity
from assaymark.core.subject import Layer
from assaymark.model.crosscheck import CrossCheck


@check(
    "MDL011",
    layer=Layer.MODEL,
    severity=Severity.MEDIUM,
    confidence=Confidence.MEDIUM,
    holds=True,
    since="0.1",
    refs=("CWE:502", "CWE:400"),
)
def pickle_stops_the_unpickler(found: CrossCheck) -> Iterator[Hit]:
    """Python's own unpickler does not come to the end of a pickle that seems well-formed.

    Why: What libraries write is read to its end by Python's unpickler, even where every import is a dummy. A stream that
    makes it fail, or takes memory and time out of all proportion, could not be confirmed and may be made for that.
    Fix: Write the object again with the library that made it; if it stays so, load it only in a sandbox.
    """
    if found.stopped:
        yield Hit(f"the unpickler stops before our reading does: {found.stopped}", symbol="stopped")
