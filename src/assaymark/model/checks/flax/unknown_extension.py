"""MDL172."""

from collections.abc import Iterator

from assaymark.core.check import check
from assaymark.core.finding import Hit, Severity
from assaymark.core.subject import Layer
from assaymark.model.msgpack.views import MsgpackView


@check("MDL172", layer=Layer.MODEL, severity=Severity.MEDIUM, holds=True, since="0.1", refs=("CWE:502",))
def unknown_extension(checkpoint: MsgpackView) -> Iterator[Hit]:
    """A MessagePack checkpoint has an extension that no known library writes.

    Why: What an extension means is decided by a function of the loader, of which nothing is known here: it may unpickle.
    Fix: Save the checkpoint with `flax.serialization.to_bytes` or as safetensors; or name the loader and accept the finding
    with a reasoned, expiring ignore.
    """
    for part in checkpoint.unknown:
        yield Hit(f"{part.path or 'the document'} {part.what}", offset=part.offset, symbol=part.path)
