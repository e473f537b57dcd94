"""MDL071."""

from collections.abc import Iterator

from assaymark.core.check import check
from assaymark.core.finding import Hit, Severity
from assaymark.core.subject import Layer
from assaymark.model.formats.keras import KerasObject
from assaymark.model.keras.origin import Origin


@check(
    "MDL071",
    layer=Layer.MODEL,
    severity=Severity.CRITICAL,
    since="0.1",
    refs=("CWE:502", "CWE:470", "ATLAS:AML.T0011.000", "CVE:CVE-2025-1550", "CVE:CVE-2025-8747", "CVE:CVE-2025-9906"),
)
def acting_reference(item: KerasObject) -> Iterator[Hit]:
    """A Keras configuration names something that acts on the machine.

    Why: Keras takes classes and functions by the name that the file gives: versions before 3.9 from any Python module,
    later ones from Keras itself, which can download and unpack archives, load other models, and switch safe mode off.
    A Lambda layer then calls it with arguments from the file.
    Fix: Do not load it, with safe mode or without. No layer needs this name: ask the producer where it comes from, and
    use Keras 3.12 or later in any case.
    """
    if item.origin is Origin.ACTS:
        yield Hit(
            f"{item.place or 'the document'} names {item.reference}, which runs commands, reaches files or the network, or "
            "loads code",
            symbol=item.reference,
            excerpt=item.reference,
        )
