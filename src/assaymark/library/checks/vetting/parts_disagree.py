"""LIB515: parts of the package disagree or take the place of others."""

from collections.abc import Iterator

from assaymark.core.check import check
from assaymark.core.finding import Hit, Severity
from assaymark.core.subject import Layer
from assaymark.library.malware.model import Chain


@check("LIB515", layer=Layer.LIBRARY, severity=Severity.MEDIUM, since="0.1", refs=("CWE:345", "ATLAS:AML.T0010.001"))
def parts_disagree(chain: Chain) -> Iterator[Hit]:
    """Parts of the package disagree or take the place of others.

    Why: A file that the RECORD does not vouch for, a command with the name of another, or a requirement from an
        address came past the index's rules.
    Fix: Compare with the release of the project's repository; rebuild the wheel from it.
    """
    if chain.rule == "LIB515":
        yield chain.hit()
