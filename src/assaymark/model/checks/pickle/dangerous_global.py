"""MDL001."""

from collections.abc import Iterator

from assaymark.core.check import check
from assaymark.core.finding import Hit, Severity
from assaymark.core.subject import Layer
from assaymark.model.formats.pickle import PickleView


@check(
    "MDL001",
    layer=Layer.MODEL,
    severity=Severity.CRITICAL,
    since="0.1",
    refs=("CWE:502", "ATLAS:AML.T0011.000", "OWASP-LLM:LLM03"),
)
def pickle_reaches_dangerous_global(pickle: PickleView) -> Iterator[Hit]:
    """A pickle imports something dangerous when it is loaded.

    Why: Unpickling imports what the file names and calls it with what the file holds. This name runs commands or code,
    reaches the network or the file system, or loads more code.
    Fix: Do not load it. Ask the producer for safetensors weights; if the file came from you, find out who changed it.
    """
    for event in pickle.of("dangerous"):
        target = f"{event.module}.{event.name}"
        yield Hit(f"{target} {event.detail}", offset=event.offset, symbol=target, excerpt=f"{event.opcode} {target}")
