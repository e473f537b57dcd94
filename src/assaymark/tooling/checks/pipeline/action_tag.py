"""TLG011."""

from collections.abc import Iterator

from assaymark.core.check import check
from assaymark.core.finding import Hit, Severity
from assaymark.core.subject import Layer
from assaymark.tooling.github import ActionUse


@check("TLG011", layer=Layer.TOOLING, severity=Severity.LOW, since="0.1", refs=("CWE:829", "CWE:1357"))
def action_pinned_by_tag(use: ActionUse) -> Iterator[Hit]:
    """An action is named by a tag, which its owner may move.

    Why: Tags of tj-actions/changed-files were moved to code that printed secrets (CVE-2025-30066); a commit stays.
    Fix: Name the full commit and keep the tag as a comment: `uses: owner/action@<40 hex digits> # v4.2.2`.
    """
    if use.moves == "tag":
        name = f"{use.action}@{use.ref}".rstrip("@")
        yield Hit(f"{name} is not pinned to a commit", line=use.line, symbol=name, excerpt=use.excerpt)
