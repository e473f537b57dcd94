"""LIB507: the package changes what other packages do."""

from collections.abc import Iterator

from assaymark.core.check import check
from assaymark.core.finding import Hit, Severity
from assaymark.core.subject import Layer
from assaymark.library.malware.model import Chain


@check("LIB507", layer=Layer.LIBRARY, severity=Severity.HIGH, since="0.1", refs=("CWE:506", "ATLAS:AML.T0010.001"))
def attack_on_packages(chain: Chain) -> Iterator[Hit]:
    """The package changes what other packages do.

    Why: Replaced functions, hooks on import and changed settings of pip reach every program of the environment.
    Fix: Read the named lines; install it only if the change is what the package is documented for.
    """
    if chain.rule == "LIB507":
        yield chain.hit()
