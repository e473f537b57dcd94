"""LIB020."""

from collections.abc import Iterator

from assaymark.core.check import check
from assaymark.core.finding import Hit, Severity
from assaymark.core.subject import Layer
from assaymark.library.lockcheck.views import Direct, hit_of


@check("LIB020", layer=Layer.LIBRARY, severity=Severity.LOW, since="0.1", refs=("CWE:829",))
def direct_address(found: Direct) -> Iterator[Hit]:
    """A package comes from an address of its own, not from an index.

    Why: A mirror, its quarantine and advisories by version do not reach it: whoever answers at that address decides.
    Fix: Publish it to your own index and write `name==version` with its hash; until then name a full commit or a sha256.
    """
    what = {"git": "a repository", "url": "an address", "local": "a folder or file beside the project"}[found.form]
    where = found.package.index or "not named"
    yield hit_of(f"{found.package.name} comes from {what} ({where}), not from an index", found.package)
