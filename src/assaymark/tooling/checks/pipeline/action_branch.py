"""TLG015."""

from collections.abc import Iterator

from assaymark.core.check import check
from assaymark.core.finding import Hit, Severity
from assaymark.core.subject import Layer
from assaymark.tooling.github import ActionUse


@check("TLG015", layer=Layer.TOOLING, severity=Severity.MEDIUM, since="0.1", refs=("CWE:829", "CWE:1357"))
def action_follows_a_branch(use: ActionUse) -> Iterator[Hit]:
    """An action is taken from the tip of a branch.

    Why: Every push to that branch, by anyone who can push there, runs in this pipeline at its next start.
    Fix: Name the full commit of a release: `uses: owner/action@<40 hex digits> # v4.2.2`.
    """
    if use.moves == "branch":
        name = f"{use.action}@{use.ref}".rstrip("@")
        tip = f"the tip of {use.ref}" if use.ref else "its default branch"
        yield Hit(f"{name} runs {tip}", line=use.line, symbol=name, excerpt=use.excerpt)
