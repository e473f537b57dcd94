"""MDL247."""

from collections.abc import Iterator

from assaymark.core.check import check
from assaymark.core.finding import Hit, Severity
from assaymark.core.subject import Layer
from assaymark.model.origin.views import Unchecked


@check("MDL247", layer=Layer.MODEL, severity=Severity.MEDIUM, holds=True, since="0.1", refs=("CWE:345",))
def claim_not_checked(left: Unchecked) -> Iterator[Hit]:
    """A claim had to be checked, and could not be.

    Why: What was not looked at is never verified: weights that cannot be read bear nothing out.
    Fix: Bring what is missing: all shards, the weights themselves instead of git-lfs pointers, the base.
    """
    yield Hit(f"{left.what}: {left.why}", symbol=left.what)
