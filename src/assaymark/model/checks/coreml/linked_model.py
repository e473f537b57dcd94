"""MDL164."""

from collections.abc import Iterator

from assaymark.core.check import check
from assaymark.core.finding import Hit, Severity
from assaymark.core.subject import Layer
from assaymark.model.coreml.model import CoremlLink


@check(
    "MDL164",
    layer=Layer.MODEL,
    severity=Severity.MEDIUM,
    holds=True,
    since="0.1",
    refs=(
        "CWE:829",
        "ATLAS:AML.T0010",
    ),
)
def coreml_linked_model(item: CoremlLink) -> Iterator[Hit]:
    """A Core ML model loads another model by its name.

    Why: The other model is looked for in a search path of the device: what is found there was not looked at and is not
    bound to this file's digest.
    Fix: Publish the parts as one pipeline or package, or scan and pin the other model and accept this finding with a
    reasoned ignore.
    """
    where = f" in {item.search[:200]!r}" if item.search else ""
    yield Hit(f"the model {item.name[:200]!r} is looked for{where}", offset=item.offset, symbol=item.name[:300])
