"""LIB015: setup.py runs code that cannot be read in it."""

from collections.abc import Iterator

from assaymark.core.check import check
from assaymark.core.finding import Hit, Severity
from assaymark.core.subject import Layer
from assaymark.library.setup_script import InstallStep


@check(
    "LIB015",
    layer=Layer.LIBRARY,
    severity=Severity.HIGH,
    since="0.1",
    refs=("CWE:506", "CWE:829", "ATLAS:AML.T0010.001"),
)
def hidden_code(step: InstallStep) -> Iterator[Hit]:
    """setup.py runs code that cannot be read in it.

    Why: Whoever installs from source runs this file first. Decoded, fetched or put-together code has no place in a build; it is
        how malicious packages work.
    Fix: Take the call out and report the package to its index. If it is yours, put the code into the file in clear, or ship the
        data it makes.
    """
    if step.kind == "hidden":
        yield Hit(f"setup.py {step.what}: {step.name}", line=step.line, symbol=step.name, excerpt=step.excerpt)
