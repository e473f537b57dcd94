"""MDL204."""

from collections.abc import Iterator

from assaymark.core.check import check
from assaymark.core.finding import Hit, Severity
from assaymark.core.subject import Layer
from assaymark.model.huggingface.views import UnseenCode


@check(
    "MDL204", layer=Layer.MODEL, severity=Severity.LOW, holds=True, since="0.1", refs=("CWE:829", "ATLAS:AML.T0010.003")
)
def code_loads_pinned_code(unseen: UnseenCode) -> Iterator[Hit]:
    """Code of another repository is loaded, at a fixed commit.

    Why: The commit cannot be changed after your review, but it was not looked at here.
    Fix: Fetch that commit and scan it beside this folder; then accept this line with a reasoned, expiring ignore.
    """
    if unseen.pinned:
        yield Hit(
            f"{unseen.what} of {unseen.where} at commit {unseen.revision}",
            line=unseen.line,
            symbol=f"{unseen.what}: {unseen.where}@{unseen.revision}",
        )
