"""LIB014: a credential stands in a file that says where packages come from."""

from collections.abc import Iterator

from assaymark.core.check import check
from assaymark.core.finding import Hit, Severity
from assaymark.core.subject import Layer
from assaymark.library.sources import Credential


@check(
    "LIB014", layer=Layer.LIBRARY, severity=Severity.HIGH, since="0.1", refs=("CWE:798", "CWE:522", "ATLAS:AML.T0055")
)
def credential_in_settings(secret: Credential) -> Iterator[Hit]:
    """A credential stands in a file that says where packages come from.

    Why: Everyone who can read the repository, an image layer or a build log has it, and it often may publish too.
    Fix: Revoke it first. Then take it from the environment (`https://${USER}:${TOKEN}@host/simple`,
        `//host/:_authToken=${NPM_TOKEN}`, `UV_INDEX_NAME_PASSWORD`) or from a keyring.
    """
    yield Hit(
        f"{secret.kind} {secret.masked}",
        line=secret.line,
        symbol=f"{secret.kind} {secret.masked}",
        excerpt=secret.excerpt,
    )
