"""LIB510: the package acts without being called."""

from collections.abc import Iterator

from assaymark.core.check import check
from assaymark.core.finding import Hit, Severity
from assaymark.core.subject import Layer
from assaymark.library.malware.model import Chain


@check("LIB510", layer=Layer.LIBRARY, severity=Severity.HIGH, since="0.1", refs=("CWE:506", "ATLAS:AML.T0010.001"))
def acts_by_itself(chain: Chain) -> Iterator[Hit]:
    """The package acts without being called.

    Why: Code of a .pth file, of sitecustomize, or at the top of a module runs in every program of the
        environment.
    Fix: Read the named line; install it only if that is what the package is documented for, and pin its hash.
    """
    if chain.rule == "LIB510":
        yield chain.hit()
