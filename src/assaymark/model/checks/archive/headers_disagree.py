"""MDL081: header against header."""

from collections.abc import Iterator

from assaymark.core.check import check
from assaymark.core.finding import Hit, Severity
from assaymark.core.subject import Layer
from assaymark.model.archive import Disagreement


@check(
    "MDL081",
    layer=Layer.MODEL,
    severity=Severity.HIGH,
    since="0.1",
    refs=("CWE:436", "CVE:CVE-2025-1944", "CVE:CVE-2025-1945"),
)
def headers_disagree(difference: Disagreement) -> Iterator[Hit]:
    """Two headers of the same archive member disagree.

    Why: A scanner that believes one header sees another file than the loader that believes the other. No writer does
    that by accident; PyTorch loads such archives.
    Fix: Do not load it. Have it written anew (`torch.save`, `zip -r`, `tar -cf`) from a source you trust.
    """
    message = f"{difference.field} of {difference.name!r} differs: {difference.listed}, {difference.found}"
    yield Hit(message, offset=difference.offset, symbol=f"{difference.name} {difference.field}")
