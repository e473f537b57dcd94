"""Signing keys in PEM files: Ed25519 and ECDSA P-256.

A private key is PKCS #8, mode 0600, encrypted when `ASSAY_KEY_PASSWORD` is set; its public half stands beside it as
SubjectPublicKeyInfo. The id of a key is the sha256 of the latter's DER form.
"""

import hashlib
import os
from dataclasses import dataclass

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519

from assaymark.core.errors import Malformed, UsageError

ED25519 = "ed25519"
ECDSA_P256 = "ecdsa-p256"
KINDS = (ED25519, ECDSA_P256)
_MAX_PEM = 64 << 10

_Private = ed25519.Ed25519PrivateKey | ec.EllipticCurvePrivateKey
_Public = ed25519.Ed25519PublicKey | ec.EllipticCurvePublicKey
_ECDSA = ec.ECDSA(hashes.SHA256())


@dataclass(frozen=True)
class PublicKey:
    """core.envelope.Verifier."""

    key: _Public

    @property
    def kind(self) -> str:
        """`ed25519` or `ecdsa-p256`."""
        return ED25519 if isinstance(self.key, ed25519.Ed25519PublicKey) else ECDSA_P256

    @property
    def keyid(self) -> str:
        """See core.envelope.Signer."""
        return hashlib.sha256(self.der).hexdigest()

    @property
    def der(self) -> bytes:
        """SubjectPublicKeyInfo in DER."""
        return self.key.public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)

    @property
    def pem(self) -> str:
        """SubjectPublicKeyInfo in PEM."""
        form = serialization.PublicFormat.SubjectPublicKeyInfo
        return self.key.public_bytes(serialization.Encoding.PEM, form).decode()

    def verify(self, signature: bytes, data: bytes) -> bool:
        """See core.envelope.Verifier."""
        try:
            if isinstance(self.key, ed25519.Ed25519PublicKey):
                self.key.verify(signature, data)
            else:
                self.key.verify(signature, data, _ECDSA)
        except InvalidSignature:
            return False
        return True


@dataclass(frozen=True)
class PrivateKey:
    """core.envelope.Signer."""

    key: _Private

    @classmethod
    def generate(cls, kind: str) -> "PrivateKey":
        """A new key of one of KINDS."""
        return cls(ed25519.Ed25519PrivateKey.generate() if kind == ED25519 else ec.generate_private_key(ec.SECP256R1()))

    @property
    def public(self) -> PublicKey:
        """The public half."""
        return PublicKey(self.key.public_key())

    @property
    def keyid(self) -> str:
        """See core.envelope.Signer."""
        return self.public.keyid

    def sign(self, data: bytes) -> bytes:
        """See core.envelope.Signer."""
        if isinstance(self.key, ed25519.Ed25519PrivateKey):
            return self.key.sign(data)
        return self.key.sign(data, _ECDSA)

    def secret_for(self, purpose: str) -> bytes:
        """32 bytes that only who has this key can make, the same in each process (HKDF, RFC 5869)."""
        from cryptography.hazmat.primitives.kdf.hkdf import HKDF

        form, plain = serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        own = self.key.private_bytes(serialization.Encoding.DER, form, plain)
        return HKDF(hashes.SHA256(), 32, salt=b"assaymark/secret/v1", info=purpose.encode()).derive(own)

    def save(self, path: str) -> None:
        """Write `path` (0600) and `path` with `.pub`; an existing file is never overwritten. Raises UsageError."""
        secret = _password()
        protection = serialization.BestAvailableEncryption(secret) if secret else serialization.NoEncryption()
        pem = self.key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, protection)
        public = os.path.splitext(path)[0] + ".pub"
        try:
            os.makedirs(os.path.dirname(path) or ".", mode=0o700, exist_ok=True)
            for place, content, mode in ((path, pem, 0o600), (public, self.public.pem.encode(), 0o644)):
                descriptor = os.open(place, os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_NOFOLLOW", 0), mode)
                with os.fdopen(descriptor, "wb") as file:
                    file.write(content)
        except OSError as error:
            step = "choose another name; keys are never overwritten"
            raise UsageError(f"{error.filename or path}: {error.strerror}", step=step) from error


def load_private(path: str) -> PrivateKey:
    """Read a PKCS #8 private key; raises UsageError."""
    try:
        key = serialization.load_pem_private_key(_read(path), _password())
    except (ValueError, TypeError, UnsupportedAlgorithm) as error:
        step = "for an encrypted key set ASSAY_KEY_PASSWORD; a new key is made by: assay key create NAME"
        raise UsageError(f"{path} is no private key that can be read: {error}", step=step) from error
    if isinstance(key, ed25519.Ed25519PrivateKey) or _is_p256(key):
        return PrivateKey(key)  # type: ignore[arg-type] # narrowed by _is_p256
    raise UsageError(f"{path}: keys are Ed25519 or ECDSA P-256")


def load_public(path: str) -> PublicKey:
    """Read a public key, or the public half of a private one; raises UsageError."""
    data = _read(path)
    if b"PRIVATE KEY" in data:
        return load_private(path).public
    try:
        key = serialization.load_pem_public_key(data)
    except (ValueError, UnsupportedAlgorithm) as error:
        raise UsageError(f"{path} is no public key: {error}", step="expected PEM 'BEGIN PUBLIC KEY'") from error
    if isinstance(key, ed25519.Ed25519PublicKey) or _is_p256(key):
        return PublicKey(key)  # type: ignore[arg-type] # narrowed by _is_p256
    raise UsageError(f"{path}: keys are Ed25519 or ECDSA P-256")


def public_of(kind: str, der: bytes) -> PublicKey:
    """The key of a DER SubjectPublicKeyInfo (core.trust.KeyLoader); raises Malformed where it is none of that kind."""
    try:
        key = serialization.load_der_public_key(der)
    except (ValueError, UnsupportedAlgorithm) as error:
        raise Malformed(f"no public key: {error}") from error
    if isinstance(key, ed25519.Ed25519PublicKey) or _is_p256(key):
        made = PublicKey(key)  # type: ignore[arg-type] # narrowed by _is_p256
        if made.kind == kind:
            return made
    raise Malformed(f"no key of kind {kind!r:.40}", step=f"kinds are {', '.join(KINDS)}")


def find(name: str, folder: str, suffix: str) -> str:
    """The file a user means by `name`: a path, or the name of a key in `folder`.

    A name that is no path means the key in `folder` first: the current folder may be a stranger's.
    """
    own = os.path.join(folder, name + suffix)
    if os.sep in name or (os.altsep or os.sep) in name:
        return name
    return name if (os.path.exists(name) or name.endswith(suffix)) and not os.path.exists(own) else own


def _is_p256(key: object) -> bool:
    curve = getattr(key, "curve", None)
    return isinstance(curve, ec.SECP256R1)


def _password() -> bytes | None:
    return os.environ.get("ASSAY_KEY_PASSWORD", "").encode() or None


def _read(path: str) -> bytes:
    try:
        with open(path, "rb") as file:
            return file.read(_MAX_PEM)
    except OSError as error:
        step = "make one with: assay key create NAME"
        raise UsageError(f"key {path}: {error.strerror}", step=step) from error
