"""MDL248."""

from collections.abc import Iterator

from assaymark.core.check import check
from assaymark.core.finding import Hit, Severity
from assaymark.core.subject import Layer
from assaymark.model.origin.views import History


@check("MDL248", layer=Layer.MODEL, severity=Severity.HIGH, since="0.1", refs=("CWE:494", "ATLAS:AML.T0010.003"))
def publication_was_exchanged(history: History) -> Iterator[Hit]:
    """A published model was exchanged, or its publisher was.

    Why: A tag that moves, a past that was rewritten, an account or a repository that was made anew under the old name: what is served now
    is not what was reviewed, whatever it is called.
    Fix: Stay with the digest that was reviewed. Ask the publisher by another way before anything new is taken.
    """
    for shift in history.shifts:
        if shift.severity >= Severity.HIGH:
            yield Hit(f"{shift.what}: {shift.message}", symbol=f"{shift.what} {shift.pointer}"[:200])
