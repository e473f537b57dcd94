"""MDL174."""

from collections.abc import Iterator

from assaymark.core.check import check
from assaymark.core.finding import Hit, Severity
from assaymark.core.subject import Layer
from assaymark.model.msgpack.views import MsgpackView


@check("MDL174", layer=Layer.MODEL, severity=Severity.HIGH, since="0.1", refs=("CWE:1284", "CWE:436"))
def duplicate_key(checkpoint: MsgpackView) -> Iterator[Hit]:
    """A map of a MessagePack checkpoint has a key twice.

    Why: Readers disagree on which one counts, so that what one tool looked at is not what another one loads.
    Fix: Do not load it. Ask the producer for a checkpoint that was written by `flax.serialization.to_bytes`.
    """
    for part in checkpoint.duplicates:
        yield Hit(f"{part.path} {part.what}", offset=part.offset, symbol=part.path)
