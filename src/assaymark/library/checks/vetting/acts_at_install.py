"""LIB511: the package reaches out while it is installed."""

from collections.abc import Iterator

from assaymark.core.check import check
from assaymark.core.finding import Hit, Severity
from assaymark.core.subject import Layer
from assaymark.library.malware.model import Chain


@check("LIB511", layer=Layer.LIBRARY, severity=Severity.HIGH, since="0.1", refs=("CWE:829", "ATLAS:AML.T0010.001"))
def acts_at_install(chain: Chain) -> Iterator[Hit]:
    """The package reaches out while it is installed.

    Why: `pip install` of a source distribution runs this before anybody looks at it.
    Fix: Install wheels only (`pip install --only-binary :all:`), or build it where there is no network.
    """
    if chain.rule == "LIB511":
        yield chain.hit()
