"""LIB502: the package fetches something and runs it."""

from collections.abc import Iterator

from assaymark.core.check import check
from assaymark.core.finding import Hit, Severity
from assaymark.core.subject import Layer
from assaymark.library.malware.model import Chain


@check("LIB502", layer=Layer.LIBRARY, severity=Severity.CRITICAL, since="0.1", refs=("CWE:494", "ATLAS:AML.T0010.001"))
def fetch_and_run(chain: Chain) -> Iterator[Hit]:
    """The package fetches something and runs it.

    Why: What is fetched is in no lock and has no hash: whoever holds the address decides what runs, today and
        tomorrow.
    Fix: Do not install it; ask its maintainer to ship the file in the package, or to compare a sha256 before it
        is run.
    """
    if chain.rule == "LIB502":
        yield chain.hit()
