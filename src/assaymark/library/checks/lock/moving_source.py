"""LIB012: a locked package comes from a repository without a commit, or over an unprotected connection without a hash."""

from collections.abc import Iterator

from assaymark.core.check import check
from assaymark.core.finding import Hit, Severity
from assaymark.core.subject import Layer
from assaymark.library.lock import LockedPackage
from assaymark.library.urls import is_plain


@check(
    "LIB012",
    layer=Layer.LIBRARY,
    severity=Severity.MEDIUM,
    since="0.1",
    refs=("CWE:494", "CWE:319", "ATLAS:AML.T0010.001"),
)
def moving_locked_source(package: LockedPackage) -> Iterator[Hit]:
    """A locked package comes from a repository without a commit, or over an unprotected connection without a hash.

    Why: A lock is only worth what it nails down: such an entry installs whatever is served at that moment.
    Fix: Lock again so that the full commit is written down (`name @ git+https://host/owner/repo@<40 characters>`), and
        use `https://` addresses.
    """
    if package.fixed:
        return
    if package.origin == "git":
        problem = f"{package.address} without a full commit"
    elif is_plain(package.address):
        problem = f"{package.address} without TLS and without a hash"
    else:
        return
    yield Hit(f"{package.name} comes from {problem}", line=package.line, symbol=package.name, excerpt=package.excerpt)
