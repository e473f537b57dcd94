"""LIB013: a project has dependencies and no lock."""

from collections.abc import Iterator

from assaymark.core.check import check
from assaymark.core.finding import Hit, Severity
from assaymark.core.subject import Layer
from assaymark.library.names import listed
from assaymark.library.project import Unlocked


@check("LIB013", layer=Layer.LIBRARY, severity=Severity.LOW, since="0.1", refs=("CWE:1357", "OWASP-LLM:LLM03"))
def no_lock(project: Unlocked) -> Iterator[Hit]:
    """A project has dependencies and no lock.

    Why: What they need in turn is chosen anew by each install, from whatever was released by then.
    Fix: Run `uv lock` (or `poetry lock`, `pdm lock`, `pipenv lock`, `npm install --package-lock-only`) and commit the lock.
    """
    yield Hit(
        f"{len(project.names)} direct dependencies ({listed(project.names)}) and no lock: run `{project.command}`",
        line=1,
        symbol="lock",
    )
