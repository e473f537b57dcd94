"""MDL091: blobs that are not there."""

from collections.abc import Iterator

from assaymark.core.check import check
from assaymark.core.finding import Hit, Severity
from assaymark.core.subject import Layer
from assaymark.model.oci.views import BlobMissing


@check(
    "MDL091",
    layer=Layer.MODEL,
    severity=Severity.MEDIUM,
    holds=True,
    since="0.1",
    refs=("CWE:353",),
)
def blob_missing(blob: BlobMissing) -> Iterator[Hit]:
    """A blob that an image needs is missing.

    Why: What was not here could not be looked at; the client fetches it from a registry that nobody named to us.
    Fix: Export the image whole: `skopeo copy docker://NAME@sha256:… oci:DIR`, or `docker save NAME -o FILE`.
    """
    yield Hit(f"{blob.blob} is not there; {blob.place} needs it", symbol=blob.blob)
