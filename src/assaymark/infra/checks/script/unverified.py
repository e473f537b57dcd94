"""INF007: verification of what is fetched is switched off."""

from collections.abc import Iterator

from assaymark.core.check import check
from assaymark.core.finding import Hit, Severity
from assaymark.core.subject import Layer
from assaymark.infra.packages import Unverified


@check("INF007", layer=Layer.INFRA, severity=Severity.HIGH, since="0.1", refs=("CWE:295", "CWE:347", "CWE:494"))
def verification_off(place: Unverified) -> Iterator[Hit]:
    """Verification of what is fetched is switched off.

    Why: Certificates and signatures are what tells the real server and the real package from anyone on the way.
    Fix: Take the option or variable out. For a private authority give its certificate: `curl --cacert ca.pem`,
        `PIP_CERT=ca.pem`, `npm config set cafile ca.pem`; for apt a key: `[signed-by=/etc/apt/keyrings/x.gpg]`.
    """
    yield Hit(place.what, line=place.line, symbol=place.what, excerpt=place.excerpt)
