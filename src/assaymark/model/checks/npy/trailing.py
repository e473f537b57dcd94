"""MDL021."""

from collections.abc import Iterator

from assaymark.core.check import check
from assaymark.core.finding import Hit, Severity
from assaymark.core.subject import Layer
from assaymark.model.formats.npy import NpyTail


@check("MDL021", layer=Layer.MODEL, severity=Severity.MEDIUM, holds=True, since="0.1", refs=("CWE:20",))
def npy_trailing_bytes(tail: NpyTail) -> Iterator[Hit]:
    """Bytes follow the array.

    Why: numpy stops after the array, so nobody misses or sees what follows: a hidden payload, or a second format that
    another tool finds in the same file.
    Fix: Save the array anew: `np.save("clean.npy", np.load("file.npy", allow_pickle=False))`, and ask the producer what
    the bytes were.
    """
    yield Hit(f"{tail.length:,} bytes after the array are no array", offset=tail.offset, symbol="trailing bytes")
