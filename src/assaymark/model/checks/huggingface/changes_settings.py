"""MDL117."""

from collections.abc import Iterator

from assaymark.core.check import check
from assaymark.core.finding import Hit, Severity
from assaymark.core.subject import Layer
from assaymark.model.huggingface.views import RepositoryFlow


@check("MDL117", layer=Layer.MODEL, severity=Severity.HIGH, since="0.1", refs=("CWE:426", "CWE:427"))
def code_changes_what_is_loaded(reached: RepositoryFlow) -> Iterator[Hit]:
    """Code that a loader imports sets an environment variable that has other programs load or trust something else.

    Why: The next library, download or child process takes its code, packages or certificates from where this file says.
    Fix: Delete the line. Set such variables where the service is configured, never in a model.
    """
    flow = reached.flow
    if flow.sink == "sets":
        yield Hit(
            f"{flow.name} sets {flow.source} {reached.when}",
            line=flow.line,
            symbol=f"{flow.within} {flow.source}",
            excerpt=flow.excerpt,
        )
