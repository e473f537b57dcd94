"""LIB022."""

from collections.abc import Iterator

from assaymark.core.check import check
from assaymark.core.finding import Hit, Severity
from assaymark.core.subject import Layer
from assaymark.library.lockcheck.views import SourceOnly, hit_of


@check("LIB022", layer=Layer.LIBRARY, severity=Severity.LOW, since="0.1", refs=("CWE:829",))
def source_only(found: SourceOnly) -> Iterator[Hit]:
    """A locked package has no wheel: installing it runs its build.

    Why: A build runs a stranger's code with your rights before anything was imported, and fetches what it builds with
        without a hash.
    Fix: Build a wheel once in a place without secrets (`uv build --wheel`), put it into your index and lock that; then
        install with `--only-binary :all:` (`uv sync --no-build`).
    """
    yield hit_of(f"{found.package.name} {found.package.version} is locked as {found.file} alone", found.package)
