"""MDL072."""

from collections.abc import Iterator

from assaymark.core.check import check
from assaymark.core.finding import Hit, Severity
from assaymark.core.subject import Layer
from assaymark.model.formats.keras import KerasObject
from assaymark.model.keras.origin import Origin


@check(
    "MDL072",
    layer=Layer.MODEL,
    severity=Severity.MEDIUM,
    holds=True,
    since="0.1",
    refs=("CWE:829", "ATLAS:AML.T0010.003"),
)
def custom_code(item: KerasObject) -> Iterator[Hit]:
    """A Keras configuration needs code that is not in the file.

    Why: The class or function belongs to a package that must be installed or imported before the model loads; Keras before
    3.9 imports the module that is named here by itself. What that code does cannot be told from this file.
    Fix: Scan and pin the package that has it (`assay scan` on its source), load with a Keras of 3.9 or later and
    `custom_objects={"Name": Class}`, and accept this finding by an ignore with a reason.
    """
    if item.origin is Origin.CUSTOM:
        yield Hit(
            f"{item.place or 'the document'} needs {item.reference}, which is no part of Keras",
            symbol=item.reference,
            excerpt=item.reference,
        )
