"""Note keys from the keys of people and machines: Ed25519, named."""

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ed25519

from assaymark.core.errors import UsageError
from assaymark.core.note import ED25519, NoteKey, NoteSigner, VerifierKey
from assaymark.storage.keys import PrivateKey, PublicKey


def note_key(name: str, public: PublicKey, kind: int = ED25519) -> NoteKey:
    """A public key as that of a log (kind 1) or of a witness (kind 4); raises UsageError, Malformed."""
    return NoteKey(VerifierKey(name, kind, _raw(public)), public)


def note_signer(name: str, private: PrivateKey, kind: int = ED25519) -> NoteSigner:
    """A private key as that of a log or of a witness; raises UsageError, Malformed."""
    return NoteSigner(VerifierKey(name, kind, _raw(private.public)), private)


def note_key_of(key: VerifierKey) -> NoteKey:
    """What a verifier key says, ready to verify; raises UsageError."""
    try:
        return NoteKey(key, PublicKey(ed25519.Ed25519PublicKey.from_public_bytes(key.raw)))
    except ValueError as error:
        raise UsageError(f"the key of {key.name!r} is no Ed25519 key: {error}") from error


def _raw(public: PublicKey) -> bytes:
    if not isinstance(public.key, ed25519.Ed25519PublicKey):
        step = "make one with: assay key create NAME --type ed25519"
        raise UsageError("logs and witnesses sign with Ed25519 keys; this one is ECDSA", step=step)
    return public.key.public_bytes(serialization.Encoding.Raw, serialization.PublicFormat.Raw)
