"""TLG004."""

from collections.abc import Iterator

from assaymark.core.check import check
from assaymark.core.finding import Hit, Severity
from assaymark.core.subject import Layer
from assaymark.tooling.notebook import UnpinnedInstall


@check("TLG004", layer=Layer.TOOLING, severity=Severity.MEDIUM, since="0.1", refs=("CWE:494", "CWE:1357"))
def notebook_installs_from_an_unpinned_address(install: UnpinnedInstall) -> Iterator[Hit]:
    """A notebook cell installs a package from an address that may hold something else tomorrow.

    Why: Installing runs the package's build code. A branch, a tag or a plain URL gives whatever stands there that day.
    Fix: Name the commit (`git+https://host/repo@<40 hex digits>`) or the hash (`https://host/x.whl#sha256=<digest>`).
    """
    yield Hit(
        f"cell {install.cell} installs from {install.address} without a commit or hash",
        line=install.line,
        symbol=install.address,
        excerpt=install.excerpt,
    )
