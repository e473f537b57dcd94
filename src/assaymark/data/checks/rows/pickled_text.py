"""DAT004."""

from collections.abc import Iterator

from assaymark.core.check import check
from assaymark.core.finding import Hit, Severity
from assaymark.core.subject import Layer
from assaymark.data.payloads import PickledText


@check("DAT004", layer=Layer.DATA, severity=Severity.HIGH, since="0.1", refs=("CWE:502", "ATLAS:AML.T0011.000"))
def rows_hold_a_pickle(payload: PickledText) -> Iterator[Hit]:
    """A row holds a pickle as text.

    Why: A field that is decoded and unpickled by the code that reads the rows runs whatever its writer put there.
    Fix: Do not decode it. Ask the supplier for numbers and texts, or for .npy/.safetensors bytes in base64.
    """
    yield Hit(
        f"a pickle of {payload.size:,} bytes in {payload.encoding}",
        offset=payload.offset,
        line=payload.line,
        symbol=f"{payload.encoding} {payload.excerpt[:40]}",
        excerpt=payload.excerpt,
    )
