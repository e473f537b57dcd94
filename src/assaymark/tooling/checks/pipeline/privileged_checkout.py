"""TLG012."""

from collections.abc import Iterator

from assaymark.core.check import check
from assaymark.core.finding import Confidence, Hit, Severity
from assaymark.core.subject import Layer
from assaymark.tooling.github import HeadCheckout


@check(
    "TLG012",
    layer=Layer.TOOLING,
    severity=Severity.HIGH,
    confidence=Confidence.MEDIUM,
    since="0.1",
    refs=("CWE:863", "CWE:829"),
)
def privileged_workflow_takes_foreign_code(checkout: HeadCheckout) -> Iterator[Hit]:
    """A workflow with the repository's rights checks out the code of a pull request.

    Why: `pull_request_target`, `workflow_run` and `issue_comment` run with a write token and secrets. A build script,
    a test or a setup step in the checked-out code then belongs to whoever opened the pull request.
    Fix: Use `on: pull_request` for anything that builds or tests the change; keep the privileged workflow to labels and
        comments, without a checkout of `github.event.pull_request.head`.
    """
    yield Hit(
        f"a workflow for {checkout.trigger} takes the code of the pull request",
        line=checkout.line,
        symbol=f"{checkout.trigger}: {checkout.excerpt[:120]}",
        excerpt=checkout.excerpt,
    )
