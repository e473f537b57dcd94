"""MDL115."""

from collections.abc import Iterator

from assaymark.core.check import check
from assaymark.core.finding import Hit, Severity
from assaymark.core.subject import Layer
from assaymark.model.huggingface.views import RepositoryFlow


@check("MDL115", layer=Layer.MODEL, severity=Severity.HIGH, since="0.1", refs=("CWE:506", "CWE:73"))
def code_writes_what_others_run(reached: RepositoryFlow) -> Iterator[Hit]:
    """Code that a loader imports writes files that others run or trust, or deletes the user's own.

    Why: A line in a start-up file, an authorised key or a module among the installed packages outlives the model.
    Fix: Do not load it. Where it ran, compare the file named here with a backup and reinstall the environment.
    """
    flow = reached.flow
    if flow.sink in {"writes", "deletes"}:
        yield Hit(
            f"{flow.source} ({flow.origin}) is what {flow.name} {flow.sink} {reached.when}",
            line=flow.line,
            symbol=f"{flow.within} {flow.name} {flow.source}",
            excerpt=flow.excerpt,
        )
