"""INF005: a secret is built into the image."""

from collections.abc import Iterator

from assaymark.core.check import check
from assaymark.core.finding import Hit, Severity
from assaymark.core.subject import Layer
from assaymark.infra.script import PlainSecret


@check("INF005", layer=Layer.INFRA, severity=Severity.HIGH, since="0.1", refs=("CWE:798", "CWE:538", "ATLAS:AML.T0055"))
def secret_in_image(secret: PlainSecret) -> Iterator[Hit]:
    """A secret is built into the image.

    Why: Every layer is kept: whoever can pull the image, or read this file, has the secret, even where a later line deletes it.
    Fix: Revoke it first. At build: `RUN --mount=type=secret,id=token TOKEN=$(cat /run/secrets/token) …`. At run time: pass it
        in the environment or mount it.
    """
    yield Hit(
        f"{secret.kind} {secret.masked} in {secret.place}",
        line=secret.line,
        symbol=f"{secret.place} {secret.masked}",
        excerpt=secret.excerpt,
    )
