"""MDL170."""

from collections.abc import Iterator

from assaymark.core.check import check
from assaymark.core.finding import Hit, Severity
from assaymark.core.subject import Layer
from assaymark.model.boosters.views import BoosterView


@check("MDL170", layer=Layer.MODEL, severity=Severity.HIGH, since="0.1", refs=("CWE:125", "CWE:787", "CWE:1284"))
def contradiction(model: BoosterView) -> Iterator[Hit]:
    """A boosted-tree model contradicts itself.

    Why: XGBoost, LightGBM and CatBoost are native code that takes counts and indices from the file: a child, feature or
    leaf that is not there makes them read or write outside of their arrays, or never return.
    Fix: Do not load it. Save the model anew with the library (`save_model`), or fetch it again and compare its digest.
    """
    for part in model.contradictions:
        yield Hit(f"{model.library}: {part.where} {part.what}", symbol=part.where)
    if model.more:
        yield Hit(f"{model.more:,} more contradictions are not listed", symbol="more")
