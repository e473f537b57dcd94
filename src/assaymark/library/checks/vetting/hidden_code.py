"""LIB503: the package decodes code and runs it."""

from collections.abc import Iterator

from assaymark.core.check import check
from assaymark.core.finding import Hit, Severity
from assaymark.core.subject import Layer
from assaymark.library.malware.model import Chain


@check("LIB503", layer=Layer.LIBRARY, severity=Severity.CRITICAL, since="0.1", refs=("CWE:506", "ATLAS:AML.T0010.001"))
def hidden_code(chain: Chain) -> Iterator[Hit]:
    """The package decodes code and runs it.

    Why: Code that is kept encoded is not meant to be read. Builds and libraries have no use for it.
    Fix: Do not install it; report the package to its index. If it is yours, put the code into the file in
        clear.
    """
    if chain.rule == "LIB503":
        yield chain.hit()
