"""LIB021."""

from collections.abc import Iterator

from assaymark.core.check import check
from assaymark.core.finding import Hit, Severity
from assaymark.core.subject import Layer
from assaymark.library.lockcheck.views import Disagreement, hit_of


@check("LIB021", layer=Layer.LIBRARY, severity=Severity.HIGH, since="0.1", refs=("CWE:345", "CWE:494"))
def hashes_disagree(found: Disagreement) -> Iterator[Hit]:
    """Two places name different contents for the same version of a package.

    Why: A version has one content at one index. One of the two was made from another index, or was changed afterwards.
    Fix: Find out which one is right (`pip download --no-deps --only-binary :all: name==version` and `sha256sum` from
        the index you trust), then lock both again from it.
    """
    package, other = found.package, found.other
    what = "bytes at hand" if other.source in {"wheel", "sdist"} else "another lock"
    yield hit_of(
        f"{package.name} {package.version}: none of its hashes is in {other.place} ({what}), which has "
        f"{other.hashes[0][:23]}…",
        package,
    )
