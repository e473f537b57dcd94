"""MDL224."""

from collections.abc import Iterator

from assaymark.core.check import check
from assaymark.core.finding import Hit, Severity
from assaymark.core.subject import Layer
from assaymark.model.weights.views import MetadataTexts


@check("MDL224", layer=Layer.MODEL, severity=Severity.HIGH, since="0.1", refs=("CWE:312", "CWE:798"))
def metadata_holds_secret(texts: MetadataTexts) -> Iterator[Hit]:
    """The metadata of a model holds a password, token or key.

    Why: Metadata is copied with every download of the model. Whoever has the file has the secret.
    Fix: Revoke the secret now, then write the file again without that metadata.
    """
    from assaymark.core.source.secrets import find_secrets, looks_secret, mask  # slow to import, and seldom needed

    for key, text in texts.entries:
        found = [(secret.kind, secret.masked) for secret in find_secrets(text)]
        kind = looks_secret(key, text) if not found and len(text) <= _LONGEST else None
        if kind:
            found = [(kind, mask(text))]
        for what, masked in found[:_LISTED]:
            yield Hit(f"metadata {key!r} holds a secret ({what}): {masked}", symbol=f"{key} {what}")


_LONGEST = 500
_LISTED = 20
