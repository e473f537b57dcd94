"""Names a slip away from a known one."""

from collections.abc import Iterator

from assaymark.core.check import check
from assaymark.core.finding import Confidence, Hit, Severity
from assaymark.core.subject import Layer
from assaymark.library.confusion.session import NearName


@check(
    "LIB081", layer=Layer.LIBRARY, severity=Severity.MEDIUM, confidence=Confidence.MEDIUM, since="0.1", refs=("CWE:1357", "OWASP-LLM:LLM03")
)  # fmt: skip
def near_name(near: NearName) -> Iterator[Hit]:
    """A library has almost the name of a popular one.

    Why: Names that are a slip of the finger, an affix or a separator away are taken to be installed by mistake, and most such packages that were found steal credentials.
    Fix: Correct the name; if it is meant, look at its owners and its age, and ignore this finding with a reason in assaymark.toml.
    """
    yield Hit(f"{near.name} {near.reason}", line=near.line, symbol=near.name)
