"""MDL077."""

from collections.abc import Iterator

from assaymark.core.check import check
from assaymark.core.finding import Hit, Severity
from assaymark.core.subject import Layer
from assaymark.model.formats.keras import KerasObject


@check(
    "MDL077",
    layer=Layer.MODEL,
    severity=Severity.HIGH,
    since="0.1",
    refs=("CWE:829", "ATLAS:AML.T0010.003"),
)
def saved_model_layer(item: KerasObject) -> Iterator[Hit]:
    """A Keras layer loads a TensorFlow SavedModel from elsewhere.

    Why: `TFSMLayer` loads and runs the graph at the path in its configuration, outside this file and its digest. A graph
    reads and writes files, and the path may be one that the author of the model can write to.
    Fix: Do not load it with `safe_mode=False`. Ask for the layers themselves, or publish, scan and sign the SavedModel with the
    model and load it by a path that your own program chooses.
    """
    if item.leaf == "TFSMLayer":
        path = dict(item.texts).get("filepath", "")
        yield Hit(
            f"{item.place or 'the document'} is a TFSMLayer: it loads the SavedModel {path or 'that it names'}",
            symbol=f"{item.leaf} {path}",
            excerpt=f"filepath: {path}",
        )
