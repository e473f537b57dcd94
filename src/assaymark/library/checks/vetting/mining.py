"""LIB516: the package mines for someone else."""

from collections.abc import Iterator

from assaymark.core.check import check
from assaymark.core.finding import Hit, Severity
from assaymark.core.subject import Layer
from assaymark.library.malware.model import Chain


@check("LIB516", layer=Layer.LIBRARY, severity=Severity.CRITICAL, since="0.1", refs=("CWE:506", "ATLAS:AML.T0010.001"))
def mining(chain: Chain) -> Iterator[Hit]:
    """The package mines for someone else.

    Why: It spends the machine's power for the one who wrote it.
    Fix: Do not install it; report the package to its index.
    """
    if chain.rule == "LIB516":
        yield chain.hit()
