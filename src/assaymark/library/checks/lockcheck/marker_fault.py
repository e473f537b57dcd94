"""LIB024."""

from collections.abc import Iterator

from assaymark.core.check import check
from assaymark.core.finding import Hit, Severity
from assaymark.core.subject import Layer
from assaymark.library.lockcheck.views import MarkerFault, hit_of


@check("LIB024", layer=Layer.LIBRARY, severity=Severity.MEDIUM, since="0.1", refs=("CWE:1357",))
def marker_fault(found: MarkerFault) -> Iterator[Hit]:
    """The markers of one package leave out a Python that lies between others, or hold for two versions at once.

    Why: In the hole the package is not installed, or is resolved anew from whatever is released by then; where two
        versions hold, the installer refuses or takes whichever comes first.
    Fix: Lock for all platforms at once: `uv lock`, or `uv pip compile --universal --generate-hashes`.
    """
    yield hit_of(f"{found.package.name} {found.problem}", found.package)
