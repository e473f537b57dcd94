"""MDL113."""

from collections.abc import Iterator

from assaymark.core.check import check
from assaymark.core.finding import Hit, Severity
from assaymark.core.subject import Layer
from assaymark.model.huggingface.views import RepositoryFlow


@check(
    "MDL113",
    layer=Layer.MODEL,
    severity=Severity.CRITICAL,
    since="0.1",
    refs=("CWE:94", "CWE:506", "ATLAS:AML.T0010.003"),
)
def outside_data_runs_as_code(reached: RepositoryFlow) -> Iterator[Hit]:
    """Code that a loader imports runs, unpickles or imports what it fetched, decoded or took from the weights.

    Why: What runs is not in the file that was read: it comes from the network, from a hidden text or from the tensors, and can
    change for each victim.
    Fix: Do not load it. Report the repository to the hub and look where it was loaded.
    """
    flow = reached.flow
    if flow.sink in _RUNS:
        verb = {"names": "says what is reached by", "unpickles": "is unpickled by"}.get(flow.sink, "runs in")
        yield Hit(
            f"{flow.source} ({flow.origin}) {verb} {flow.name} {reached.when}",
            line=flow.line,
            symbol=f"{flow.within} {flow.name} {flow.source}",
            excerpt=flow.excerpt,
        )


_RUNS = ("runs", "unpickles", "names")
