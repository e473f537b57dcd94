"""MDL005."""

from collections.abc import Iterator

from assaymark.core.check import check
from assaymark.core.finding import Confidence, Hit, Severity
from assaymark.core.subject import Layer
from assaymark.model.formats.pickle import PickleView


@check(
    "MDL005",
    layer=Layer.MODEL,
    severity=Severity.MEDIUM,
    confidence=Confidence.MEDIUM,
    holds=True,
    since="0.1",
    refs=("CWE:502",),
)
def pickle_asks_its_loader(pickle: PickleView) -> Iterator[Hit]:
    """A pickle asks its loader for an object by a persistent id.

    Why: What happens is up to the loader's `persistent_load`, which this file feeds. PyTorch's tensor storages are
    known; other schemes are not, and some evaluate the id.
    Fix: Load it only with the library it was made for, after a review of that library's `persistent_load`.
    """
    for event in pickle.of("persistent"):
        if event.module != "storage":
            yield Hit(
                f"persistent id of kind {event.module!r}, not a PyTorch storage",
                offset=event.offset,
                symbol=event.module,
                excerpt=event.opcode,
            )
