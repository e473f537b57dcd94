"""MDL004."""

from collections.abc import Iterator

from assaymark.core.check import check
from assaymark.core.finding import Hit, Severity
from assaymark.core.subject import Layer
from assaymark.model.formats.pickle import PickleView


@check(
    "MDL004",
    layer=Layer.MODEL,
    severity=Severity.HIGH,
    since="0.1",
    refs=("CWE:502", "CWE:915", "ATLAS:AML.T0011.000"),
)
def pickle_misuses_a_global(pickle: PickleView) -> Iterator[Hit]:
    """A pickle uses a vetted name in a way that it was not vetted for.

    Why: A harmless class becomes a gadget when its attributes are overwritten, its methods are planted, or it is called
    with functions. Files that libraries write do not do that.
    Fix: Do not load it; ask the producer for safetensors weights, or for the code that wrote the file.
    """
    for event in pickle.of("misuse"):
        target = f"{event.module}.{event.name}".replace("?.?", "a computed object")
        yield Hit(
            f"{target} {event.detail}",
            offset=event.offset,
            symbol=f"{target} {event.detail}",
            excerpt=f"{event.opcode} {target}",
        )
