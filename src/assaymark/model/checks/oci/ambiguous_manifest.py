"""MDL095: one document, two meanings."""

from collections.abc import Iterator

from assaymark.core.check import check
from assaymark.core.finding import Hit, Severity
from assaymark.core.subject import Layer
from assaymark.model.oci.views import AmbiguousManifest


@check(
    "MDL095",
    layer=Layer.MODEL,
    severity=Severity.HIGH,
    since="0.1",
    refs=(
        "CWE:843",
        "CWE:436",
        "CVE:CVE-2021-41190",
    ),
)
def ambiguous_manifest(manifest: AmbiguousManifest) -> Iterator[Hit]:
    """A manifest of an image can be read in two ways.

    Why: One digest then stands for two images: the one that was checked and signed, and the one that another client loads.
    Fix: Do not load it. Have the image pushed anew by its producer; refuse it in the registry.
    """
    yield Hit(f"{manifest.place}: {manifest.why}", symbol=f"{manifest.place} {manifest.why[:120]}")
