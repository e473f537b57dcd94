"""MDL160."""

from collections.abc import Iterator

from assaymark.core.check import check
from assaymark.core.finding import Hit, Severity
from assaymark.core.subject import Layer
from assaymark.model.tflite.model import TfliteExternal


@check(
    "MDL160",
    layer=Layer.MODEL,
    severity=Severity.HIGH,
    since="0.1",
    refs=(
        "CWE:22",
        "ATLAS:AML.T0011.000",
    ),
)
def tflite_external_path(item: TfliteExternal) -> Iterator[Hit]:
    """A TFLite model reads weights from a file outside of its folder.

    Why: The interpreter maps the file that the model names, of whoever loads it, into a tensor that the model gives out.
    Fix: Do not load it. An external buffer group names a file beside the model.
    """
    path = item.name.replace("\\", "/")
    if path.startswith("/") or ".." in path.split("/") or ":" in path or not path.isprintable():
        yield Hit(
            f"the external buffers {item.name[:200]!r} lead out of the model's folder",
            offset=item.offset,
            symbol=item.name[:300],
        )
