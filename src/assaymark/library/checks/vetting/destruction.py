"""LIB506: the package deletes or encrypts files of the user."""

from collections.abc import Iterator

from assaymark.core.check import check
from assaymark.core.finding import Hit, Severity
from assaymark.core.subject import Layer
from assaymark.library.malware.model import Chain


@check("LIB506", layer=Layer.LIBRARY, severity=Severity.CRITICAL, since="0.1", refs=("CWE:506", "ATLAS:AML.T0010.001"))
def destruction(chain: Chain) -> Iterator[Hit]:
    """The package deletes or encrypts files of the user.

    Why: A library has no reason to remove what it did not make.
    Fix: Do not install it; if it ran, restore from a backup and treat the machine as lost.
    """
    if chain.rule == "LIB506":
        yield chain.hit()
