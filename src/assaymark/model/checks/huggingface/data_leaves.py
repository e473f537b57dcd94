"""MDL114."""

from collections.abc import Iterator

from assaymark.core.check import check
from assaymark.core.finding import Hit, Severity
from assaymark.core.subject import Layer
from assaymark.model.huggingface.views import RepositoryFlow


@check("MDL114", layer=Layer.MODEL, severity=Severity.HIGH, since="0.1", refs=("CWE:200", "CWE:506"))
def private_data_leaves(reached: RepositoryFlow) -> Iterator[Hit]:
    """Code that a loader imports sends secrets, files or the model's input to the network.

    Why: A model computes; it has nobody to tell what it was asked, nor what lies on the machine that it runs on.
    Fix: Do not load it; where it ran, rotate the secrets of that machine. Serve models without a way out of the network.
    """
    flow = reached.flow
    if flow.sink == "sends":
        yield Hit(
            f"{flow.source} ({flow.origin}) leaves by {flow.name} {reached.when}",
            line=flow.line,
            symbol=f"{flow.within} {flow.name} {flow.source}",
            excerpt=flow.excerpt,
        )
