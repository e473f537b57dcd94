"""TLG014."""

from collections.abc import Iterator

from assaymark.core.check import check
from assaymark.core.finding import Hit, Severity
from assaymark.core.subject import Layer
from assaymark.tooling.github import Injection


@check("TLG014", layer=Layer.TOOLING, severity=Severity.HIGH, since="0.1", refs=("CWE:78", "CWE:94"))
def text_of_a_stranger_becomes_script(injection: Injection) -> Iterator[Hit]:
    """A script of a workflow is put together with text that anyone may write.

    Why: `${{ … }}` is pasted in before the shell reads the script, so a title like `"; curl … | sh; "` is a command.
    ultralytics 8.3.41 went out with a miner through a branch name (December 2024).
    Fix: Hand the value over as a variable and quote it: `env: TITLE: ${{ github.event.issue.title }}` and `"$TITLE"`.
    """
    yield Hit(
        f"{injection.expression} is pasted into a script",
        line=injection.line,
        symbol=injection.expression,
        excerpt=injection.excerpt,
    )
