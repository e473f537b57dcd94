"""LIB513: the package has compiled code without its source."""

from collections.abc import Iterator

from assaymark.core.check import check
from assaymark.core.finding import Hit, Severity
from assaymark.core.subject import Layer
from assaymark.library.malware.model import Chain


@check("LIB513", layer=Layer.LIBRARY, severity=Severity.MEDIUM, since="0.1", refs=("CWE:506", "ATLAS:AML.T0010.001"))
def no_source(chain: Chain) -> Iterator[Hit]:
    """The package has compiled code without its source.

    Why: Python runs a .pyc without a .py beside it, and nobody can read what it does.
    Fix: Ask its maintainer for the source; do not install it before.
    """
    if chain.rule == "LIB513":
        yield chain.hit()
