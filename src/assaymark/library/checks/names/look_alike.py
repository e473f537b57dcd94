"""Look-alikes by their letters."""

from collections.abc import Iterator

from assaymark.core.check import check
from assaymark.core.finding import Confidence, Hit, Severity
from assaymark.core.subject import Layer
from assaymark.library.confusion.session import LookAlike


@check(
    "LIB080", layer=Layer.LIBRARY, severity=Severity.HIGH, confidence=Confidence.HIGH, since="0.1", refs=("CWE:1007", "OWASP-LLM:LLM03")
)  # fmt: skip
def look_alike_name(look: LookAlike) -> Iterator[Hit]:
    """A library is named with letters that look like those of a known one.

    Why: Nobody sees the difference, and the index holds two projects. Whoever chose such a name wanted it to be taken for the other.
    Fix: Write the name by hand, in ASCII; look at the owners of the project, if it is meant as it stands.
    """
    yield Hit(f"{look.name} {look.reason}", line=look.line, symbol=look.name)
