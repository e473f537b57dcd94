"""MDL094: media types against content."""

from collections.abc import Iterator

from assaymark.core.check import check
from assaymark.core.finding import Hit, Severity
from assaymark.core.subject import Layer
from assaymark.model.oci.views import MediaTypeDiffers


@check(
    "MDL094",
    layer=Layer.MODEL,
    severity=Severity.HIGH,
    since="0.1",
    refs=(
        "CWE:646",
        "ATLAS:AML.T0074",
    ),
)
def media_type(blob: MediaTypeDiffers) -> Iterator[Hit]:
    """A blob of an image is not of the media type that its descriptor gives.

    Why: Policies and scanners go by the media type, loaders by content: weights that are called GGUF and are a pickle or a
    program run what they hold.
    Fix: Do not load it. Have the artifact packed anew by its producer with the tool of its kind (`docker model`, `kit`, `ollama`).
    """
    message = f"{blob.blob} is called {blob.media_type} ({blob.expected}), its content is {blob.found}"
    yield Hit(message, symbol=f"{blob.blob} {blob.media_type}")
