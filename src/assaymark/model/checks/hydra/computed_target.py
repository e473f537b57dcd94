"""MDL203."""

from collections.abc import Iterator

from assaymark.core.check import check
from assaymark.core.finding import Hit, Severity
from assaymark.core.subject import Layer
from assaymark.model.formats.hydra import ComputedTarget


@check("MDL203", layer=Layer.MODEL, severity=Severity.MEDIUM, holds=True, since="0.1", refs=("CWE:470",))
def target_is_computed(target: ComputedTarget) -> Iterator[Hit]:
    """A configuration's target is put together from what is not in the file.

    Why: What is imported and called depends on the environment or on a resolver; it was not seen.
    Fix: Write the class out: `_target_: package.module.Class`.
    """
    yield Hit(f"target {target.target} is not known before it is read", line=target.line, symbol=target.target)
