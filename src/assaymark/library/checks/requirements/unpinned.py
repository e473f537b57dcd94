"""LIB001: a requirement is not pinned to one version."""

from collections.abc import Iterator

from assaymark.core.check import check
from assaymark.core.finding import Hit, Severity
from assaymark.core.subject import Layer
from assaymark.library.requirements import Requirement


@check(
    "LIB001",
    layer=Layer.LIBRARY,
    severity=Severity.MEDIUM,
    since="0.1",
    refs=("CWE:1357", "ATLAS:AML.T0010.001", "OWASP-LLM:LLM03"),
)
def unpinned_requirement(requirement: Requirement) -> Iterator[Hit]:
    """A requirement is not pinned to one version.

    Why: Each install takes the newest release that fits. When a package you trust is taken over, its poisoned release
        is on your machines within minutes, and two installs of one commit are never the same environment.
    Fix: Write `name==version` for what you tested, or keep the ranges in `requirements.in` and compile the pins:
        `uv pip compile --generate-hashes requirements.in -o requirements.txt`.
    """
    if (
        requirement.form != "index"
        or requirement.pinned
        or requirement.constrained
        or requirement.role != "requirements"
    ):
        return
    why = (
        f"`{requirement.specifier}` lets releases in that nobody has seen yet"
        if requirement.specifier
        else "any release will do"
    )
    yield Hit(
        f"{requirement.name} is not pinned: {why}",
        line=requirement.line,
        symbol=requirement.name,
        excerpt=requirement.excerpt,
    )
