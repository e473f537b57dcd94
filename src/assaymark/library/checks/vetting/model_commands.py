"""LIB517: the package lets a language model act on the machine."""

from collections.abc import Iterator

from assaymark.core.check import check
from assaymark.core.finding import Hit, Severity
from assaymark.core.subject import Layer
from assaymark.library.malware.model import Chain


@check("LIB517", layer=Layer.LIBRARY, severity=Severity.HIGH, since="0.1", refs=("CWE:94", "ATLAS:AML.T0010.001"))
def model_commands(chain: Chain) -> Iterator[Hit]:
    """The package lets a language model act on the machine.

    Why: What a model answers can be steered by anybody whose text it reads; run as code it is theirs.
    Fix: Run such answers in a sandbox without network and files, or do without.
    """
    if chain.rule == "LIB517":
        yield chain.hit()
