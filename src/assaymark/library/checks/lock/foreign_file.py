"""LIB016: a lock entry installs a file of another package, or from elsewhere than its index."""

from collections.abc import Iterator

from assaymark.core.check import check
from assaymark.core.finding import Hit, Severity
from assaymark.core.subject import Layer
from assaymark.library.lock import LockedPackage, strange_file


@check("LIB016", layer=Layer.LIBRARY, severity=Severity.HIGH, since="0.1", refs=("CWE:829", "ATLAS:AML.T0010.001"))
def foreign_file(package: LockedPackage) -> Iterator[Hit]:
    """A lock entry installs a file of another package, or from elsewhere than its index.

    Why: Nobody reads a lock in a review. One changed address, with a hash that fits, installs a stranger's code under a
        name that you trust, and every check of the hash succeeds.
    Fix: Find out who changed the entry (`git log -p` on the lock), then lock again from the manifest.
    """
    strange = strange_file(package)
    if strange:
        yield Hit(f"{package.name} installs {strange}", line=package.line, symbol=package.name, excerpt=package.excerpt)
