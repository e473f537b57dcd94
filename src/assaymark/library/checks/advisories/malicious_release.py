"""LIB602."""

from collections.abc import Iterator

from assaymark.core.check import check
from assaymark.core.finding import Hit, Severity
from assaymark.core.subject import Layer
from assaymark.library.advisories.views import Malicious, hit_of


@check(
    "LIB602", layer=Layer.LIBRARY, severity=Severity.CRITICAL, since="0.1",
    refs=("CWE:506", "ATLAS:AML.T0010.001", "OWASP-LLM:LLM03"),
)  # fmt: skip
def malicious_release(view: Malicious) -> Iterator[Hit]:
    """A library release is known to be malicious.

    Why: Its code was written to harm whoever installs or imports it; where it was installed, secrets of the machine are lost.
    Fix: Remove it, take the machines that installed it for compromised, and change every credential they could read.
    """
    yield hit_of(view.known)
