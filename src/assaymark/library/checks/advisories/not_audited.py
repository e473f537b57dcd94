"""LIB606."""

from collections.abc import Iterator

from assaymark.core.check import check
from assaymark.core.finding import Hit, Severity
from assaymark.core.subject import Layer
from assaymark.library.advisories.views import Unaudited


@check("LIB606", layer=Layer.LIBRARY, severity=Severity.LOW, holds=True, since="0.1", refs=("CWE:1104",))
def not_audited(view: Unaudited) -> Iterator[Hit]:
    """Something could not be held against the advisories.

    Why: Not looked is never clean.
    Fix: Lock the packages so that each has one version, in a format that is read: `uv lock`, `pip lock`, `npm install`.
    """
    yield Hit(f"{view.what}: {view.why}", line=view.line, symbol=view.what)
