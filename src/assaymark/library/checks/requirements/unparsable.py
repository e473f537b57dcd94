"""LIB006: a line of a requirement file cannot be read."""

from collections.abc import Iterator

from assaymark.core.check import check
from assaymark.core.finding import Hit, Severity
from assaymark.core.subject import Layer
from assaymark.library.requirements import BadLine


@check("LIB006", layer=Layer.LIBRARY, severity=Severity.MEDIUM, holds=True, since="0.1", refs=("CWE:20",))
def unparsable_requirement(bad: BadLine) -> Iterator[Hit]:
    """A line of a requirement file cannot be read.

    Why: What is asked for here is not known, so it was not looked at; installers may differ in what they make of it.
    Fix: Write the line as PEP 508 has it (`name[extra]==version; marker`) or as an option that pip knows. If the file is
        a template, scan what it produces.
    """
    yield Hit(f"not a requirement: {bad.why}", line=bad.line, symbol=bad.excerpt, excerpt=bad.excerpt)
