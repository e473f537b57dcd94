"""TLG003."""

from collections.abc import Iterator

from assaymark.core.check import check
from assaymark.core.finding import Confidence, Hit, Severity
from assaymark.core.subject import Layer
from assaymark.tooling.active import ActiveContent


@check(
    "TLG003",
    layer=Layer.TOOLING,
    severity=Severity.MEDIUM,
    confidence=Confidence.MEDIUM,
    since="0.1",
    refs=("CWE:79", "CWE:829"),
)
def output_acts_when_opened(content: ActiveContent) -> Iterator[Hit]:
    """A saved output acts on its own when the notebook is opened.

    Why: In a trusted notebook the browser runs it with the reader's session: it can run code in the kernel, read what
    is open in the server, and send it away. No plot needs that.
    Fix: Clear the outputs: `jupyter nbconvert --clear-output --inplace FILE`, and do not trust the notebook before.
    """
    yield Hit(
        f"output of cell {content.cell} ({content.media}) {content.does}",
        line=content.line,
        symbol=f"{content.media}: {content.does}",
        excerpt=content.excerpt,
    )
