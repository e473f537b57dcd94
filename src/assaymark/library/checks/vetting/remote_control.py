"""LIB508: the package lets another machine command this one."""

from collections.abc import Iterator

from assaymark.core.check import check
from assaymark.core.finding import Hit, Severity
from assaymark.core.subject import Layer
from assaymark.library.malware.model import Chain


@check("LIB508", layer=Layer.LIBRARY, severity=Severity.CRITICAL, since="0.1", refs=("CWE:506", "ATLAS:AML.T0010.001"))
def remote_control(chain: Chain) -> Iterator[Hit]:
    """The package lets another machine command this one.

    Why: A shell on a connection, or commands that are asked for in a loop, hand the machine over.
    Fix: Do not install it; if it ran, take the machine off the network and treat it as lost.
    """
    if chain.rule == "LIB508":
        yield chain.hit()
