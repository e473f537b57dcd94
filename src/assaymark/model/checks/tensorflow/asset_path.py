"""MDL156."""

from collections.abc import Iterator

from assaymark.core.check import check
from assaymark.core.finding import Hit, Severity
from assaymark.core.subject import Layer
from assaymark.model.tensorflow.model import TfAsset


@check(
    "MDL156",
    layer=Layer.MODEL,
    severity=Severity.HIGH,
    since="0.1",
    refs=(
        "CWE:22",
        "ATLAS:AML.T0011.000",
    ),
)
def tensorflow_asset_path(item: TfAsset) -> Iterator[Hit]:
    """An asset of a SavedModel lies outside of the model.

    Why: The loader joins the asset's name to the folder of the model; a name that is absolute, a URL or climbs with `..`
    has the graph read another file of whoever loads it, into a table whose values the model gives out.
    Fix: Do not load it. An asset's name is the plain name of a file below `assets/`.
    """
    path = item.name.replace("\\", "/")
    if path.startswith("/") or ".." in path.split("/") or ":" in path or not path.isprintable():
        message = f"the asset {item.name[:200]!r} leads out of the folder assets/"
        yield Hit(message, offset=item.offset, symbol=item.name[:300])
