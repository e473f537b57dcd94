"""MDL076."""

from collections.abc import Iterator

from assaymark.core.check import check
from assaymark.core.finding import Hit, Severity
from assaymark.core.subject import Layer
from assaymark.model.formats.keras import KerasObject
from assaymark.model.keras.origin import Origin


@check(
    "MDL076",
    layer=Layer.MODEL,
    severity=Severity.LOW,
    since="0.1",
    refs=("CWE:829",),
)
def bare_name(item: KerasObject) -> Iterator[Hit]:
    """A Keras configuration names something that only the loading program knows.

    Why: Keras cannot import it: the program that loads the model has to hand it over in `custom_objects`. What the
    model does depends on that code, which is not in the file.
    Fix: Keep the source of the class or function beside the model, under review and pinned like any dependency.
    """
    if item.origin is Origin.NAMED:
        yield Hit(f"{item.place or 'the document'} needs {item.name} from the loading program", symbol=item.name)
