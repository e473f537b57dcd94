"""MDL088: what follows a compressed stream."""

from collections.abc import Iterator

from assaymark.core.check import check
from assaymark.core.finding import Hit, Severity
from assaymark.core.subject import Layer
from assaymark.model.archive import Tail


@check(
    "MDL088",
    layer=Layer.MODEL,
    severity=Severity.MEDIUM,
    holds=True,
    since="0.1",
    refs=("CWE:436", "CWE:506"),
)
def bytes_after_stream(tail: Tail) -> Iterator[Hit]:
    """Bytes follow the end of a compressed stream.

    Why: Decompressors drop them or fail at them, each in its own way; they are a place to hide a second file.
    Fix: Compress the content anew: `gzip -dc FILE 2>/dev/null | gzip > NEW`, after a look at what followed.
    """
    message = (
        f"{tail.size:,} bytes follow the {tail.codec} stream of {tail.name!r}; they begin with {tail.start.hex(' ')}"
    )
    yield Hit(message, offset=tail.offset, symbol=f"{tail.name}: {tail.start.hex()}")
