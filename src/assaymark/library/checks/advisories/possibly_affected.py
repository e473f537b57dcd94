"""LIB604."""

from collections.abc import Iterator

from assaymark.core.check import check
from assaymark.core.finding import Hit, Severity
from assaymark.core.subject import Layer
from assaymark.library.advisories.views import Possible, hit_of


@check("LIB604", layer=Layer.LIBRARY, severity=Severity.MEDIUM, holds=True, since="0.1", refs=("CWE:1395",))
def possibly_affected(view: Possible) -> Iterator[Hit]:
    """Whether an advisory means a library cannot be decided.

    Why: A version that cannot be read or is not said, or a record without versions, is a question and not a no.
    Fix: Pin the package to one version of its ecosystem, or compare the file's digest with the advisory by hand.
    """
    yield hit_of(view.known)
