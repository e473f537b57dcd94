"""MDL162."""

from collections.abc import Iterator

from assaymark.core.check import check
from assaymark.core.finding import Hit, Severity
from assaymark.core.subject import Layer
from assaymark.model.coreml.model import CoremlCode


@check(
    "MDL162",
    layer=Layer.MODEL,
    severity=Severity.MEDIUM,
    holds=True,
    since="0.1",
    refs=(
        "CWE:829",
        "ATLAS:AML.T0010",
    ),
)
def coreml_custom_class(item: CoremlCode) -> Iterator[Hit]:
    """A Core ML model needs a class of the app that loads it.

    Why: A custom layer or model is run by the class of that name in the app's own code; a serialized component by a
    framework that reads bytes of its own. What either does with this model's parameters was not looked at.
    Fix: Name the class and who ships it, review it, then accept this finding with a reasoned ignore; or convert the model
    with built-in layers only.
    """
    what = {"layer": "a layer runs", "model": "the model is", "serialized": "bytes are read by the component"}[
        item.kind
    ]
    yield Hit(f"{what} {item.name[:200]!r}, which is not in the model", offset=item.offset, symbol=item.name[:300])
