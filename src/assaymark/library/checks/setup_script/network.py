"""LIB017: setup.py fetches from the network while it installs."""

from collections.abc import Iterator

from assaymark.core.check import check
from assaymark.core.finding import Hit, Severity
from assaymark.core.subject import Layer
from assaymark.library.setup_script import InstallStep


@check(
    "LIB017",
    layer=Layer.LIBRARY,
    severity=Severity.MEDIUM,
    since="0.1",
    refs=("CWE:494", "CWE:829", "ATLAS:AML.T0010.001"),
)
def network_at_install(step: InstallStep) -> Iterator[Hit]:
    """setup.py fetches from the network while it installs.

    Why: What is fetched is in no lock and has no hash: the place it comes from decides, at each install anew, what is put on the
        machine.
    Fix: Ship the file in the package, or declare a dependency for it; build wheels in CI and install those
        (`pip install --only-binary :all: name`). If it must be fetched, compare its sha256 before use.
    """
    if step.kind == "network":
        yield Hit(f"setup.py {step.what}: {step.name}", line=step.line, symbol=step.name, excerpt=step.excerpt)
