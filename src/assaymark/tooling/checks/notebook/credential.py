"""TLG001."""

from collections.abc import Iterator

from assaymark.core.check import check
from assaymark.core.finding import Hit, Severity
from assaymark.core.subject import Layer
from assaymark.tooling.credentials import Credential


@check(
    "TLG001", layer=Layer.TOOLING, severity=Severity.HIGH, since="0.1", refs=("CWE:798", "CWE:312", "ATLAS:AML.T0055")
)
def credential_in_notebook(secret: Credential) -> Iterator[Hit]:
    """A notebook holds a plaintext credential.

    Why: Notebooks are shared with their outputs, copied into issues and kept in history; whoever reads one has the key.
    Fix: Revoke the credential first. Read it from the environment or a store (`os.environ["HF_TOKEN"]`,
        `getpass.getpass()`), clear outputs with `jupyter nbconvert --clear-output --inplace FILE`, and rewrite history.
    """
    held = f" in {secret.name}" if secret.name else ""
    yield Hit(
        f"{secret.where} holds a {secret.kind}{held}: {secret.masked}",
        line=secret.line,
        symbol=f"{secret.kind} {secret.name} {secret.masked}",
        excerpt=secret.excerpt,
    )
