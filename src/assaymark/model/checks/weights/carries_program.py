"""MDL222."""

from collections.abc import Iterator

from assaymark.core.check import check
from assaymark.core.finding import Hit, Severity
from assaymark.core.subject import Layer
from assaymark.model.weights.views import PROGRAM, Contents


@check("MDL222", layer=Layer.MODEL, severity=Severity.HIGH, since="0.1", refs=("CWE:506", "ATLAS:AML.T0018"))
def tensor_carries_program(contents: Contents) -> Iterator[Hit]:
    """A tensor holds a program, a script, a pickle or a private key.

    Why: Weights are numbers that nobody reads and that virus scanners pass over: payloads travel in them (StegoNet, EvilModel), to
    be taken out and run by a loader that knows the place.
    Fix: Do not load the model or anything that came with it. Tell its publisher; take the weights from another revision.
    """
    for carried in contents.carried:
        if carried.kind == PROGRAM:
            yield Hit(
                f"tensor {carried.tensor!r} holds {carried.what}",
                symbol=f"{carried.tensor} {carried.what}",
                offset=carried.offset,
            )
