"""MDL221."""

from collections.abc import Iterator

from assaymark.core.check import check
from assaymark.core.finding import Hit, Severity
from assaymark.core.subject import Layer
from assaymark.model.weights.views import Declarations


@check("MDL221", layer=Layer.MODEL, severity=Severity.MEDIUM, since="0.1", refs=("CWE:1284", "CWE:354"))
def tensors_missing_or_unlisted(declared: Declarations) -> Iterator[Hit]:
    """The index or the configuration and the tensors in the files disagree.

    Why: A tensor that is missing starts at random without an error; one that the index does not name is read by no loader and
    travels along unseen.
    Fix: Fetch all shards and the index of one revision again; write the model anew with `save_pretrained`.
    """
    for gap in declared.gaps:
        yield Hit(gap.message, symbol=gap.what)
