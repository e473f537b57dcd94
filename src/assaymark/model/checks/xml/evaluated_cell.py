"""MDL190."""

from collections.abc import Iterator

from assaymark.core.check import check
from assaymark.core.finding import Hit, Severity
from assaymark.core.subject import Layer
from assaymark.model.xml.pmml import PmmlView


@check("MDL190", layer=Layer.MODEL, severity=Severity.CRITICAL, since="0.1", refs=("CWE:95", "ATLAS:AML.T0011.000"))
def evaluated_cell(document: PmmlView) -> Iterator[Hit]:
    """A PMML document holds Python code where a reader evaluates text.

    Why: nyoka passes the text of table cells and of elements in an `Extension` to `eval` and `exec` while it reads the
    document. Data of a model calls nothing.
    Fix: Do not read it with nyoka. Ask the producer for the document without the code.
    """
    for part in document.of("evaluated"):
        yield Hit(f"element {part.name} {part.what}", line=part.line, symbol=part.name, excerpt=part.what)
