"""MDL108."""

from collections.abc import Iterator

from assaymark.core.check import check
from assaymark.core.finding import Hit, Severity
from assaymark.core.subject import Layer
from assaymark.model.huggingface.views import UnreadableConfig


@check("MDL108", layer=Layer.MODEL, severity=Severity.MEDIUM, holds=True, since="0.1", refs=("CWE:20",))
def configuration_cannot_be_read(config: UnreadableConfig) -> Iterator[Hit]:
    """A configuration of a model folder cannot be read.

    Why: What it makes a loader do was not seen; loaders differ in what they forgive.
    Fix: Fetch the file again and compare its digest: `python -m json.tool FILE` names the place of the fault.
    """
    yield Hit(config.reason, symbol="unreadable")
