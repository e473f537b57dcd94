"""LIB509: the package watches the user."""

from collections.abc import Iterator

from assaymark.core.check import check
from assaymark.core.finding import Hit, Severity
from assaymark.core.subject import Layer
from assaymark.library.malware.model import Chain


@check("LIB509", layer=Layer.LIBRARY, severity=Severity.CRITICAL, since="0.1", refs=("CWE:506", "ATLAS:AML.T0010.001"))
def spying(chain: Chain) -> Iterator[Hit]:
    """The package watches the user.

    Why: Keys that are pressed, the clipboard and the screen hold passwords.
    Fix: Do not install it; if it ran, change what was typed on that machine.
    """
    if chain.rule == "LIB509":
        yield chain.hit()
