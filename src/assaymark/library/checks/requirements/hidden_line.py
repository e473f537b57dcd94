"""LIB008: a requirement hides behind a character that editors do not show as the end of a line."""

from collections.abc import Iterator

from assaymark.core.check import check
from assaymark.core.finding import Hit, Severity
from assaymark.core.subject import Layer
from assaymark.library.requirements import HiddenLine


@check("LIB008", layer=Layer.LIBRARY, severity=Severity.HIGH, since="0.1", refs=("CWE:451", "ATLAS:AML.T0010.001"))
def hidden_requirement(hidden: HiddenLine) -> Iterator[Hit]:
    """A requirement hides behind a character that editors do not show as the end of a line.

    Why: pip ends lines at form feeds, U+0085, U+2028 and their like; editors and reviews show what follows as part of
        the comment or requirement before. Such a line is installed and never read.
    Fix: Delete the character and what follows it, or start a real line if the requirement is meant.
    """
    yield Hit(
        f"pip reads `{hidden.excerpt}` as a line of its own, after {hidden.separator}",
        line=hidden.line,
        symbol=hidden.excerpt,
        excerpt=hidden.excerpt,
    )
