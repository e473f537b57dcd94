"""LIB023."""

from collections.abc import Iterator

from assaymark.core.check import check
from assaymark.core.finding import Hit, Severity
from assaymark.core.subject import Layer
from assaymark.library.lockcheck.views import Yanked, hit_of


@check("LIB023", layer=Layer.LIBRARY, severity=Severity.MEDIUM, since="0.1", refs=("CWE:1104",))
def yanked_release(found: Yanked) -> Iterator[Hit]:
    """A locked release was yanked by its index.

    Why: Its maintainers took it back: it is broken, vulnerable or was not theirs. A pin installs it all the same.
    Fix: Lock again without it: `uv lock --upgrade-package name`, or the same for your tool.
    """
    why = f": {found.reason[:200]}" if found.reason else ""
    yield hit_of(f"{found.package.name} {found.package.version} was yanked{why}", found.package)
