"""MDL107."""

from collections.abc import Iterator

from assaymark.core.check import check
from assaymark.core.finding import Hit, Severity
from assaymark.core.subject import Layer
from assaymark.model.formats.hydra import HydraTarget


@check(
    "MDL107",
    layer=Layer.MODEL,
    severity=Severity.CRITICAL,
    since="0.1",
    refs=("CWE:94", "CWE:502", "CVE:CVE-2025-23304"),
)
def target_acts(target: HydraTarget) -> Iterator[Hit]:
    """A configuration's `_target_` runs code instead of making a component.

    Why: `hydra.utils.instantiate` imports and calls what the text names, with arguments from the same text. Libraries
    that instantiate a model's own configuration run it on load.
    Fix: Delete the entry; do not load the model. Loaders: allow targets by a list of class prefixes before instantiating.
    """
    yield Hit(f"_target_ {target.target} {target.does}", line=target.line, symbol=target.target, excerpt=target.excerpt)
