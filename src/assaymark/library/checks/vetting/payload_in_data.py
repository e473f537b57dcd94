"""LIB514: a data file of the package holds something else."""

from collections.abc import Iterator

from assaymark.core.check import check
from assaymark.core.finding import Hit, Severity
from assaymark.core.subject import Layer
from assaymark.library.malware.model import Chain


@check("LIB514", layer=Layer.LIBRARY, severity=Severity.HIGH, since="0.1", refs=("CWE:506", "ATLAS:AML.T0010.001"))
def payload_in_data(chain: Chain) -> Iterator[Hit]:
    """A data file of the package holds something else.

    Why: Code that is kept in a picture or under another name is not meant to be found.
    Fix: Look at what stands there (`xxd FILE | tail`); do not install it unless its maintainer explains it.
    """
    if chain.rule == "LIB514":
        yield chain.hit()
