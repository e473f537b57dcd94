"""MDL096: names that climb."""

from collections.abc import Iterator

from assaymark.core.check import check
from assaymark.core.finding import Hit, Severity
from assaymark.core.subject import Layer
from assaymark.model.oci.views import EscapingReference


@check(
    "MDL096",
    layer=Layer.MODEL,
    severity=Severity.HIGH,
    since="0.1",
    refs=(
        "CWE:22",
        "CVE:CVE-2024-37032",
    ),
)
def reference_escapes(reference: EscapingReference) -> Iterator[Hit]:
    """A digest or file name of an image leads out of its folder.

    Why: Clients that join it to their store read or overwrite files elsewhere; Ollama before 0.1.34 ran code that way.
    Fix: Do not pull or load it, and block where it came from: no tool writes that by accident.
    """
    what = f"{reference.key} {reference.value!r} {reference.why}"
    yield Hit(f"{reference.place}: {what}", symbol=f"{reference.key} {reference.value}")
