"""MDL010."""

from collections.abc import Iterator

from assaymark.core.check import check
from assaymark.core.finding import Hit, Severity
from assaymark.core.subject import Layer
from assaymark.model.formats.pickle import SecondReading


@check(
    "MDL010",
    layer=Layer.MODEL,
    severity=Severity.HIGH,
    since="0.1",
    refs=("CWE:502", "CWE:436", "ATLAS:AML.T0011.000"),
)
def pickle_hides_in_an_array(second: SecondReading) -> Iterator[Hit]:
    """A joblib file holds a second program for loaders other than joblib.

    Why: joblib passes over the raw bytes of its arrays; `pickle.load` takes them for opcodes and runs them. Numbers do not
    spell the name of a module and a function by chance.
    Fix: Do not load it, neither with joblib nor with pickle; find out who made it.
    """
    for event in second.events:
        name = f"{event.module}.{event.name}" if event.module not in {"", "?"} else "a computed object"
        target = f"{name} {event.detail}" if event.kind == "misuse" else name
        yield Hit(
            f"pickle.load, which does not know joblib's arrays, reaches {target} in the bytes of one",
            offset=event.offset,
            symbol=target,
            excerpt=event.opcode,
        )
