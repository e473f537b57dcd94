"""LIB011: a lock has packages without a hash."""

from collections.abc import Iterator

from assaymark.core.check import check
from assaymark.core.finding import Hit, Severity
from assaymark.core.subject import Layer
from assaymark.library.lock import Lock
from assaymark.library.names import listed


@check(
    "LIB011",
    layer=Layer.LIBRARY,
    severity=Severity.MEDIUM,
    since="0.1",
    refs=("CWE:494", "ATLAS:AML.T0010.001", "OWASP-LLM:LLM03"),
)
def unhashed_lock(lock: Lock) -> Iterator[Hit]:
    """A lock has packages without a hash.

    Why: Without a hash the lock names a version, and whoever answers for the index says what bytes that is.
    Fix: Lock again with a current version of the tool (`uv lock`, `poetry lock`, `pdm lock`, `pipenv lock`,
        `npm install --package-lock-only`); if the index gives no hashes, put a mirror before it that does.
    """
    bare = [package for package in lock.packages if not package.fixed and package.origin in {"index", "url"}]
    if bare:
        yield Hit(
            f"{len(bare)} of {len(lock.packages)} packages have no hash: {listed([p.name for p in bare])}",
            line=bare[0].line,
            symbol="hashes",
            excerpt=bare[0].excerpt,
        )
