"""MDL186."""

from collections.abc import Iterator

from assaymark.core.check import check
from assaymark.core.finding import Hit, Severity
from assaymark.core.subject import Layer
from assaymark.model.xml.document import XmlReach


@check("MDL186", layer=Layer.MODEL, severity=Severity.HIGH, since="0.1", refs=("CWE:611", "CWE:776"))
def entities(declaration: XmlReach) -> Iterator[Hit]:
    """A model document declares entities or an external DTD.

    Why: An XML reader that follows them puts local files or answers of internal hosts into the model (XXE), or expands a
    few lines to gigabytes. PMML and OpenVINO documents have neither.
    Fix: Do not read it. Have the model exported anew; where such files come in, turn DTDs off in the reader
    (`disallow-doctype-decl`, `resolve_entities=False`).
    """
    yield Hit(f"{declaration.name} {declaration.does}", line=declaration.line, symbol=declaration.name)
