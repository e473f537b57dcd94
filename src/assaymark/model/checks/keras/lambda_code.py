"""MDL070."""

from collections.abc import Iterator

from assaymark.core.check import check
from assaymark.core.finding import Hit, Severity
from assaymark.core.subject import Layer
from assaymark.model.formats.keras import KerasCode


@check(
    "MDL070",
    layer=Layer.MODEL,
    severity=Severity.CRITICAL,
    since="0.1",
    refs=("CWE:502", "CWE:94", "ATLAS:AML.T0011.000", "CVE:CVE-2024-3660", "CVE:CVE-2025-9905"),
)
def lambda_code(code: KerasCode) -> Iterator[Hit]:
    """A Keras configuration contains Python byte code.

    Why: Loaders unmarshal it and call it: it is a program of the author's choice with the rights of whoever loads the
    model. Keras before 2.13 runs it without asking, later versions with `safe_mode=False`, and some of them from HDF5
    files whatever safe mode says.
    Fix: Do not load it. Have the layer rewritten as a class, or as a named function decorated with
    `@keras.saving.register_keras_serializable()`, whose source is reviewed and installed; then save the model again.
    """
    mentions = f" that mentions {', '.join(code.names)}" if code.names else ""
    yield Hit(
        f"{code.place or 'the document'} ({code.owner}) is {code.size:,} bytes of Python byte code{mentions}",
        symbol=f"{code.owner} {code.digest}",
        excerpt=f"{code.place}: {code.owner}",
    )
