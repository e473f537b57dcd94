"""TLG010."""

from collections.abc import Iterator

from assaymark.core.check import check
from assaymark.core.finding import Hit, Severity
from assaymark.core.subject import Layer
from assaymark.tooling.credentials import Credential


@check(
    "TLG010", layer=Layer.TOOLING, severity=Severity.HIGH, since="0.1", refs=("CWE:798", "CWE:312", "ATLAS:AML.T0055")
)
def credential_in_plaintext(secret: Credential) -> Iterator[Hit]:
    """A pipeline, settings file or script holds a plaintext credential.

    Why: Everyone who can read the repository, a build log or a copy has it; trackers and hubs let it publish models.
    Fix: Revoke the credential first. Then let the pipeline hand it in (`${{ secrets.NAME }}`, a masked variable, a
        mounted secret) and read it from the environment; keep `.env` out of version control.
    """
    held = f" in {secret.name}" if secret.name else ""
    yield Hit(
        f"{secret.kind}{held}: {secret.masked}",
        line=secret.line,
        symbol=f"{secret.kind} {secret.name} {secret.masked}",
        excerpt=secret.excerpt,
    )
