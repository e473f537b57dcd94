"""MDL223."""

from collections.abc import Iterator

from assaymark.core.check import check
from assaymark.core.finding import Hit, Severity
from assaymark.core.subject import Layer
from assaymark.model.weights.views import PROGRAM, Contents


@check("MDL223", layer=Layer.MODEL, severity=Severity.MEDIUM, holds=True, since="0.1", refs=("CWE:506",))
def tensor_carries_archive(contents: Contents) -> Iterator[Hit]:
    """A tensor holds an archive, a compressed stream or text.

    Why: What is in it is not looked at, and no layer computes with it: something takes it out and uses it.
    Fix: Ask the producer what it is for; have it kept as a file of its own, where it is looked at.
    """
    for carried in contents.carried:
        if carried.kind != PROGRAM:
            yield Hit(
                f"tensor {carried.tensor!r} holds {carried.what}",
                symbol=f"{carried.tensor} {carried.what}",
                offset=carried.offset,
            )
