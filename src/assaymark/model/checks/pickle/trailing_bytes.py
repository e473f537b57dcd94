"""MDL006."""

from collections.abc import Iterator

from assaymark.core.check import check
from assaymark.core.finding import Hit, Severity
from assaymark.core.subject import Layer
from assaymark.model.formats.pickle import PickleView


@check(
    "MDL006",
    layer=Layer.MODEL,
    severity=Severity.MEDIUM,
    holds=True,
    since="0.1",
    refs=("CWE:506",),
)
def pickle_has_trailing_bytes(pickle: PickleView) -> Iterator[Hit]:
    """Bytes follow the last pickle stream that nothing explains.

    Why: A loader that reads on, or another program that looks for its own format in them, sees what a scanner that
    stops at the end of the pickle does not.
    Fix: Write the object again with the library that made it, and compare.
    """
    if pickle.trailing is not None:
        yield Hit(
            f"after {pickle.streams} stream(s) the rest of the file is neither a pickle nor a layout that is known",
            offset=pickle.trailing,
            symbol="trailing",
        )
