"""MDL003."""

from collections.abc import Iterator

from assaymark.core.check import check
from assaymark.core.finding import Hit, Severity
from assaymark.core.subject import Layer
from assaymark.model.formats.pickle import PickleView


@check(
    "MDL003",
    layer=Layer.MODEL,
    severity=Severity.HIGH,
    since="0.1",
    refs=("CWE:502", "CWE:506", "ATLAS:AML.T0011.000"),
)
def pickle_computes_a_name(pickle: PickleView) -> Iterator[Hit]:
    """A pickle computes the name of what it imports.

    Why: No library writes such files. A module or function name that is put together while loading, or pulled from the
    extension registry, exists to be invisible to scanners.
    Fix: Do not load it; ask the producer how the file was made.
    """
    for event in pickle.of("computed"):
        target = event.detail or f"{event.module}.{event.name}"
        yield Hit(
            event.detail or f"the name of an import ({target}) is computed or not a text",
            offset=event.offset,
            symbol=target,
            excerpt=event.opcode if event.detail else f"{event.opcode} {target}",
        )
    for event in pickle.of("extension"):
        yield Hit(
            f"imports {event.name} of the copyreg registry, whatever that names on the loading host",
            offset=event.offset,
            symbol=event.name,
            excerpt=f"{event.opcode} {event.name}",
        )
