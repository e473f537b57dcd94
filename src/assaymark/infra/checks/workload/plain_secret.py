"""INF015: a secret stands in clear in a deployment manifest."""

from collections.abc import Iterator

from assaymark.core.check import check
from assaymark.core.finding import Hit, Severity
from assaymark.core.subject import Layer
from assaymark.infra.script import PlainSecret


@check("INF015", layer=Layer.INFRA, severity=Severity.HIGH, since="0.1", refs=("CWE:798", "CWE:256", "ATLAS:AML.T0055"))
def secret_in_manifest(secret: PlainSecret) -> Iterator[Hit]:
    """A secret stands in clear in a deployment manifest.

    Why: Whoever can read the repository has it; base64 in a Secret hides nothing.
    Fix: Revoke it first. Then refer to it: `valueFrom.secretKeyRef`, compose `secrets:` or `${NAME}` from an .env that is not
        committed; keep Secrets sealed (External Secrets, Sealed Secrets, SOPS).
    """
    yield Hit(
        f"{secret.kind} {secret.masked} in {secret.place}",
        line=secret.line,
        symbol=f"{secret.place} {secret.masked}",
        excerpt=secret.excerpt,
    )
