"""MDL092: blobs that lie elsewhere."""

from collections.abc import Iterator

from assaymark.core.check import check
from assaymark.core.finding import Hit, Severity
from assaymark.core.subject import Layer
from assaymark.model.oci.views import ForeignBlob


@check(
    "MDL092",
    layer=Layer.MODEL,
    severity=Severity.MEDIUM,
    holds=True,
    since="0.1",
    refs=("CWE:829",),
)
def foreign_blob(blob: ForeignBlob) -> Iterator[Hit]:
    """A blob of an image is fetched from an address of its descriptor.

    Why: Clients that follow `urls` send their request, with credentials in the worst case (CVE-2020-15157), to whoever wrote
    the manifest, and load what comes back.
    Fix: Push the image with its layers (`skopeo copy --preserve-digests`, daemon option `allow-nondistributable-artifacts`).
    """
    also = "" if blob.present else "; it is not here, so it was not looked at"
    yield Hit(f"{blob.blob} has the address {blob.url}{also}", symbol=f"{blob.blob} {blob.url}")
