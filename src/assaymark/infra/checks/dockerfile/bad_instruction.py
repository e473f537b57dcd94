"""INF009: a line of a Dockerfile cannot be read."""

from collections.abc import Iterator

from assaymark.core.check import check
from assaymark.core.finding import Hit, Severity
from assaymark.core.subject import Layer
from assaymark.infra.dockerlines import BadInstruction


@check("INF009", layer=Layer.INFRA, severity=Severity.MEDIUM, holds=True, since="0.1", refs=("CWE:20",))
def unreadable_instruction(bad: BadInstruction) -> Iterator[Hit]:
    """A line of a Dockerfile cannot be read.

    Why: What the line does is not known, so it was not looked at.
    Fix: Write it as the Dockerfile reference has it. If the file is a template, scan what it produces.
    """
    yield Hit(bad.why, line=bad.line, symbol=bad.excerpt or bad.why, excerpt=bad.excerpt)
