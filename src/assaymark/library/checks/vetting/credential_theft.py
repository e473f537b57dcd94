"""LIB501: the package reads credentials and sends them out."""

from collections.abc import Iterator

from assaymark.core.check import check
from assaymark.core.finding import Hit, Severity
from assaymark.core.subject import Layer
from assaymark.library.malware.model import Chain


@check("LIB501", layer=Layer.LIBRARY, severity=Severity.CRITICAL, since="0.1", refs=("CWE:506", "ATLAS:AML.T0010.001"))
def credential_theft(chain: Chain) -> Iterator[Hit]:
    """The package reads credentials and sends them out.

    Why: Keys, browser stores, wallets and tokens are what malicious packages are written for; the code both
        takes them and sends data to an address.
    Fix: Do not install it; if it ran, revoke every credential of that machine. Report the package to its index.
        `assay deps vet` shows both lines.
    """
    if chain.rule == "LIB501":
        yield chain.hit()
