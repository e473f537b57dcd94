"""LIB512: the package loads native code in an unusual way."""

from collections.abc import Iterator

from assaymark.core.check import check
from assaymark.core.finding import Hit, Severity
from assaymark.core.subject import Layer
from assaymark.library.malware.model import Chain


@check("LIB512", layer=Layer.LIBRARY, severity=Severity.HIGH, since="0.1", refs=("CWE:829", "ATLAS:AML.T0010.001"))
def native_code(chain: Chain) -> Iterator[Hit]:
    """The package loads native code in an unusual way.

    Why: Machine code from memory, or in a file that is no library, escapes every look at the sources.
    Fix: Ask its maintainer for the sources and build it yourself, or do without.
    """
    if chain.rule == "LIB512":
        yield chain.hit()
