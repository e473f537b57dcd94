"""LIB005: a requirement is fetched from an address whose content may change."""

from collections.abc import Iterator

from assaymark.core.check import check
from assaymark.core.finding import Hit, Severity
from assaymark.core.subject import Layer
from assaymark.library.requirements import Requirement


@check(
    "LIB005",
    layer=Layer.LIBRARY,
    severity=Severity.MEDIUM,
    since="0.1",
    refs=("CWE:494", "CWE:829", "ATLAS:AML.T0010.001"),
)
def moving_reference(requirement: Requirement) -> Iterator[Hit]:
    """A requirement is fetched from an address whose content may change.

    Why: Branches move, tags can be moved, and the file behind a web address can be replaced. Whoever controls that
        place decides what you install, after you have reviewed it.
    Fix: Name the content: `name @ git+https://host/owner/repo@<40 characters of the commit>`, or append
        `#sha256=<64 characters>` to the address of a file.
    """
    if requirement.pinned or requirement.role == "source" or requirement.form not in {"vcs", "url"}:
        return
    if requirement.form == "url":
        what = "no sha256 says what the file must be"
    elif requirement.reference:
        what = f"`{requirement.reference}` is a branch, a tag or a short id, not a full commit"
    else:
        what = "it takes whatever the default branch is that day"
    yield Hit(
        f"{requirement.name or requirement.text}: {what}",
        line=requirement.line,
        symbol=requirement.name or requirement.text,
        excerpt=requirement.excerpt,
    )
