"""MDL098: documents that are none."""

from collections.abc import Iterator

from assaymark.core.check import check
from assaymark.core.finding import Hit, Severity
from assaymark.core.subject import Layer
from assaymark.model.oci.views import UnreadableDocument


@check(
    "MDL098",
    layer=Layer.MODEL,
    severity=Severity.MEDIUM,
    holds=True,
    since="0.1",
    refs=("CWE:20",),
)
def unreadable_document(document: UnreadableDocument) -> Iterator[Hit]:
    """A manifest of an image cannot be read.

    Why: What it leads to is not known, so nothing ties the blobs beside it to an image, while a client may read it after all.
    Fix: Export the image anew (`skopeo copy docker://NAME@sha256:… oci:DIR`) and compare its digest.
    """
    yield Hit(f"{document.place}: {document.why}", symbol=document.place)
