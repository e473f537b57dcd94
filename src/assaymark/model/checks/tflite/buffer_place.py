"""MDL159."""

from collections.abc import Iterator

from assaymark.core.check import check
from assaymark.core.finding import Hit, Severity
from assaymark.core.subject import Layer
from assaymark.model.tflite.model import TfliteBuffer


@check(
    "MDL159",
    layer=Layer.MODEL,
    severity=Severity.MEDIUM,
    since="0.1",
    refs=(
        "CWE:125",
        "CWE:1284",
    ),
)
def tflite_buffer_place(item: TfliteBuffer) -> Iterator[Hit]:
    """A buffer of a TFLite model is not in the file.

    Why: Interpreters map the file and read buffers where it says they are; past the end they read the memory of the
    process, or stop it.
    Fix: Fetch the file again and compare its digest; check it with `tf.lite.Interpreter(path)` in a sandbox.
    """
    yield Hit(f"{item.owner} {item.fault}", offset=item.offset, symbol=item.owner[:300])
