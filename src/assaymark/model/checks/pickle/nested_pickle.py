"""MDL007."""

from collections.abc import Iterator

from assaymark.core.check import check
from assaymark.core.finding import Hit, Persona, Severity
from assaymark.core.subject import Layer
from assaymark.model.formats.pickle import PickleView


@check(
    "MDL007",
    layer=Layer.MODEL,
    severity=Severity.INFO,
    persona=Persona.AUDITOR,
    since="0.1",
    refs=("CWE:502",),
)
def pickle_within_a_pickle(pickle: PickleView) -> Iterator[Hit]:
    """A pickle hands bytes of its own to another unpickler.

    Why: What stands in those bytes is loaded too. It is looked at here like a file of its own; tools that do not
    descend see nothing of it.
    Fix: Nothing to do where the inner pickle is clean; `torch.save` in the zip format avoids the nesting.
    """
    for event in pickle.of("nested"):
        yield Hit(
            f"{event.module}.{event.name} unpickles bytes that are part of this stream",
            offset=event.offset,
            symbol=f"{event.module}.{event.name}",
            excerpt=event.opcode,
        )
