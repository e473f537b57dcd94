"""LIB605."""

from collections.abc import Iterator

from assaymark.core.check import check
from assaymark.core.finding import Hit, Severity
from assaymark.core.subject import Layer
from assaymark.library.advisories.views import FeedTrouble


@check("LIB605", layer=Layer.LIBRARY, severity=Severity.MEDIUM, holds=True, since="0.1", refs=("CWE:1104",))
def feed_missing_or_stale(view: FeedTrouble) -> Iterator[Hit]:
    """The advisories are missing or too old to say that nothing is known.

    Why: Nothing found in an empty or old list is not the same as nothing known; scanners that print "clean" then are why.
    Fix: Fetch the feed anew and import it: `assay feeds import PATH`; `assay feeds status` shows what is there.
    """
    yield Hit(view.why, symbol=view.what)
