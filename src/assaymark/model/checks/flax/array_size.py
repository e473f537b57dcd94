"""MDL173."""

from collections.abc import Iterator

from assaymark.core.check import check
from assaymark.core.finding import Hit, Severity
from assaymark.core.subject import Layer
from assaymark.model.msgpack.views import MsgpackView


@check("MDL173", layer=Layer.MODEL, severity=Severity.HIGH, since="0.1", refs=("CWE:1284", "CWE:20"))
def array_size(checkpoint: MsgpackView) -> Iterator[Hit]:
    """An array of a MessagePack checkpoint is not as long as its type and shape say.

    Why: Loaders take memory for what is declared, or read past what is there. The libraries that write checkpoints take
    type, shape and bytes from one array: they always agree.
    Fix: Do not load it. Fetch it again and compare the digest, or ask its producer to save it anew.
    """
    for part in checkpoint.mismatches:
        yield Hit(f"{part.path or 'the document'} {part.what}", offset=part.offset, symbol=part.path)
