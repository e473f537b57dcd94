"""LIB004: packages are fetched without a verified connection."""

from collections.abc import Iterator

from assaymark.core.check import check
from assaymark.core.finding import Hit, Severity
from assaymark.core.subject import Layer
from assaymark.library.sources import Source, is_insecure


@check("LIB004", layer=Layer.LIBRARY, severity=Severity.HIGH, since="0.1", refs=("CWE:319", "CWE:295", "CWE:494"))
def insecure_transport(place: Source) -> Iterator[Hit]:
    """Packages are fetched without a verified connection.

    Why: Whoever sits between you and the server can answer with a package of their own, and installing it runs its code.
    Fix: Use `https://` and remove `trusted-host`, `verify_ssl = false`, `strict-ssl=false` and their like; for a private
        authority give its certificate instead: `PIP_CERT=/path/ca.pem` (`cafile=` for npm, `SSL_CERT_FILE` for uv).
    """
    if is_insecure(place):
        what = "without verifying who answers" if place.kind == "no-verify" else "without TLS"
        yield Hit(
            f"{place.tool} fetches from {place.url or 'every registry'} {what}",
            line=place.line,
            symbol=f"{place.kind} {place.url}".strip(),
            excerpt=place.excerpt,
        )
