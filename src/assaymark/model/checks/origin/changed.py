"""MDL249."""

from collections.abc import Iterator

from assaymark.core.check import check
from assaymark.core.finding import Hit, Severity
from assaymark.core.subject import Layer
from assaymark.model.origin.views import History


@check("MDL249", layer=Layer.MODEL, severity=Severity.MEDIUM, since="0.1", refs=("CWE:494", "ATLAS:AML.T0010.003"))
def publication_changed(history: History) -> Iterator[Hit]:
    """A published model changed.

    Why: New weights, formats, people or licences are how projects live, and how they are taken over.
    Fix: Look at what changed, scan the new revision, and pin its commit.
    """
    for shift in history.shifts:
        if shift.severity < Severity.HIGH:
            yield Hit(f"{shift.what}: {shift.message}", symbol=f"{shift.what} {shift.pointer}"[:200])
