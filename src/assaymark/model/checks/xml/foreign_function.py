"""MDL187."""

from collections.abc import Iterator

from assaymark.core.check import check
from assaymark.core.finding import Hit, Severity
from assaymark.core.subject import Layer
from assaymark.model.xml.pmml import PmmlView


@check("MDL187", layer=Layer.MODEL, severity=Severity.MEDIUM, holds=True, since="0.1", refs=("CWE:470", "CWE:829"))
def foreign_function(document: PmmlView) -> Iterator[Hit]:
    """A PMML document needs code that is not in it.

    Why: JPMML instantiates the Java class that a function is called by, and scripts mean what their reader makes of them:
    what runs when a record is scored is not in sight.
    Fix: Name the jar that brings the class, review it, and accept the finding with a reasoned, expiring ignore; or write
    the function as a `DefineFunction` of built-in ones.
    """
    for part in document.of("java", "script"):
        yield Hit(f"{part.name} {part.what}", line=part.line, symbol=part.name)
