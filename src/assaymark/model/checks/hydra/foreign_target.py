"""MDL127."""

from collections.abc import Iterator

from assaymark.core.check import check
from assaymark.core.finding import Hit, Severity
from assaymark.core.subject import Layer
from assaymark.model.formats.hydra import ForeignTarget


@check(
    "MDL127",
    layer=Layer.MODEL,
    severity=Severity.MEDIUM,
    holds=True,
    since="0.1",
    refs=("CWE:829", "CVE:CVE-2025-23304", "ATLAS:AML.T0010.003"),
)
def hydra_target_of_a_package_not_known(target: ForeignTarget) -> Iterator[Hit]:
    """A configuration has code of a package imported and called that is no known library.

    Why: Instantiating the configuration imports that package, from wherever Python finds one of that name, and calls
    what is named with the arguments that stand there. The code is not in the file.
    Fix: Name the package and scan it (`assay scan` on its source), pin it, then accept this finding by an ignore with a
        reason.
    """
    yield Hit(f"{target.target} is imported and called", line=target.line, symbol=target.target)
