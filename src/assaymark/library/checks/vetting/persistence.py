"""LIB504: the package makes a program start by itself."""

from collections.abc import Iterator

from assaymark.core.check import check
from assaymark.core.finding import Hit, Severity
from assaymark.core.subject import Layer
from assaymark.library.malware.model import Chain


@check("LIB504", layer=Layer.LIBRARY, severity=Severity.CRITICAL, since="0.1", refs=("CWE:506", "ATLAS:AML.T0010.001"))
def persistence(chain: Chain) -> Iterator[Hit]:
    """The package makes a program start by itself.

    Why: What is written to shell profiles, cron or a service stays when the package is removed.
    Fix: Do not install it; if it ran, look through the named place and take the entry out.
    """
    if chain.rule == "LIB504":
        yield chain.hit()
