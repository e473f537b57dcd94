"""MDL090: descriptors against blobs."""

from collections.abc import Iterator

from assaymark.core.check import check
from assaymark.core.finding import Hit, Severity
from assaymark.core.subject import Layer
from assaymark.model.oci.views import BlobDiffers


@check(
    "MDL090",
    layer=Layer.MODEL,
    severity=Severity.HIGH,
    since="0.1",
    refs=(
        "CWE:354",
        "CWE:345",
    ),
)
def blob_differs(blob: BlobDiffers) -> Iterator[Hit]:
    """A blob of an image is not what its descriptor says.

    Why: A registry refuses such a blob, but tools that import a layout or archive from disk often do not check: the digest that
    people pinned and signed then stands for other bytes.
    Fix: Do not load it. Pull it again by digest (`skopeo copy docker://NAME@sha256:… oci:DIR`), which compares every blob.
    """
    message = f"{blob.field} of {blob.blob} differs: {blob.place} says {blob.declared}, the blob is {blob.actual}"
    yield Hit(message, symbol=f"{blob.blob} {blob.field}")
