"""MDL093: blobs that nobody names."""

from collections.abc import Iterator

from assaymark.core.check import check
from assaymark.core.finding import Hit, Severity
from assaymark.core.subject import Layer
from assaymark.model.oci.views import UnreferencedBlob


@check(
    "MDL093",
    layer=Layer.MODEL,
    severity=Severity.LOW,
    since="0.1",
    refs=("CWE:1164",),
)
def unreferenced_blob(blob: UnreferencedBlob) -> Iterator[Hit]:
    """A blob in an image layout belongs to no manifest.

    Why: It travels with the image, unlisted and unsigned, and a second index can bring it to use. It was looked at all the same.
    Fix: Remove it (`skopeo copy oci:DIR oci:NEW`, `ollama rm` and pull again), or find out which tool left it.
    """
    yield Hit(f"no manifest leads to {blob.path} ({blob.size:,} bytes)", symbol=blob.path)
