"""X.509 certificates that sign models: chains, times, purposes and identities (RFC 5280), and keys on the curves P-256, P-384, P-521."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID
from cryptography.x509.verification import (
    Criticality,
    ExtensionPolicy,
    Policy,
    PolicyBuilder,
    Store,
    VerificationError,
)

from assaymark.core.errors import Untrusted, UsageError

_MAX_PEM = 1 << 20
_HASHES: dict[str, hashes.HashAlgorithm] = {
    "secp256r1": hashes.SHA256(), "secp384r1": hashes.SHA384(), "secp521r1": hashes.SHA512(),
}  # fmt: skip
"""Curve -> hash of its signatures, as the standard pairs them."""


@dataclass(frozen=True)
class CurveKey:
    """A public key on one of the three curves. core.envelope.Verifier."""

    key: ec.EllipticCurvePublicKey

    @property
    def pem(self) -> str:
        """SubjectPublicKeyInfo in PEM."""
        form = serialization.PublicFormat.SubjectPublicKeyInfo
        return self.key.public_bytes(serialization.Encoding.PEM, form).decode()

    @property
    def keyid(self) -> str:
        """See core.envelope.Signer."""
        form = serialization.PublicFormat.SubjectPublicKeyInfo
        return hashlib.sha256(self.key.public_bytes(serialization.Encoding.DER, form)).hexdigest()

    def verify(self, signature: bytes, data: bytes) -> bool:
        """See core.envelope.Verifier."""
        try:
            self.key.verify(signature, data, ec.ECDSA(_HASHES[self.key.curve.name]))
        except InvalidSignature:
            return False
        return True


def load_key(path: str) -> CurveKey:
    """The public key of a PEM file; raises UsageError."""
    try:
        key = serialization.load_pem_public_key(_read(path))
    except (ValueError, UnsupportedAlgorithm) as error:
        raise UsageError(f"{path} is no public key: {error}", step="expected PEM 'BEGIN PUBLIC KEY'") from error
    return _curve_key(key, path)


def load(path: str) -> list[x509.Certificate]:
    """The certificates of a PEM file; raises UsageError."""
    try:
        return x509.load_pem_x509_certificates(_read(path))
    except ValueError as error:
        raise UsageError(f"{path} holds no certificates: {error}", step="expected PEM 'BEGIN CERTIFICATE'") from error


def judge(chain: Sequence[bytes], roots: Sequence[x509.Certificate], identity: str, now: datetime) -> CurveKey:
    """The key of the first certificate of `chain`; raises Untrusted unless all of these hold.

    1. The certificates lead to one of `roots`, and each is valid at `now`, the root too.
    2. The signer's is no authority, and is for signing code or for signatures in general, not for TLS.
    3. It was given to `identity`: a name, address or URI of its subjectAltName, or its whole subject (RFC 4514).
    """
    if not roots:
        raise UsageError("there is no certificate to trust", step="--certificate-chain CA.pem")
    try:
        leaf, *between = (x509.load_der_x509_certificate(data) for data in chain)
        policy = PolicyBuilder().store(Store(list(roots))).time(now).max_chain_depth(8)
        policy = policy.extension_policies(ca_policy=_authority_policy(), ee_policy=_signer_policy())
        policy.build_client_verifier().verify(leaf, between)
        names = _names(leaf)
    except (VerificationError, ValueError, x509.DuplicateExtension, UnsupportedAlgorithm) as error:
        step = "trust the authority that is meant, and have the model signed with a valid certificate for signing"
        raise Untrusted(f"the certificate is not accepted: {error}", step=step) from error
    if identity not in names:
        shown = ", ".join(sorted(names))[:500]
        raise Untrusted(f"the certificate was given to {shown}, not to {identity!r:.200}", step="--identity WHO")
    return _curve_key(leaf.public_key(), "the certificate")


def _authority_policy() -> ExtensionPolicy:
    """RFC 5280, sections 4.2.1.3 and 4.2.1.9. Lengths of paths are looked at by the library itself."""
    policy = ExtensionPolicy.permit_all()
    policy = policy.require_present(x509.BasicConstraints, Criticality.AGNOSTIC, _an_authority)
    return policy.may_be_present(x509.KeyUsage, Criticality.AGNOSTIC, _signs_certificates)


def _an_authority(_: Policy, __: x509.Certificate, found: x509.BasicConstraints) -> None:
    if not found.ca:
        raise ValueError("a certificate between is no authority's")


def _signs_certificates(_: Policy, __: x509.Certificate, found: x509.KeyUsage | None) -> None:
    if found is not None and not found.key_cert_sign:
        raise ValueError("an authority's key (keyUsage) is not for certificates")


def _signer_policy() -> ExtensionPolicy:
    policy = ExtensionPolicy.permit_all()
    policy = policy.may_be_present(x509.BasicConstraints, Criticality.AGNOSTIC, _no_authority)
    policy = policy.may_be_present(x509.ExtendedKeyUsage, Criticality.AGNOSTIC, _for_code)
    return policy.may_be_present(x509.KeyUsage, Criticality.AGNOSTIC, _for_signatures)


def _no_authority(_: Policy, __: x509.Certificate, found: x509.BasicConstraints | None) -> None:
    if found is not None and found.ca:
        raise ValueError("it is an authority's own certificate")


def _for_code(_: Policy, certificate: x509.Certificate, found: x509.ExtendedKeyUsage | None) -> None:
    if found is not None and ExtendedKeyUsageOID.CODE_SIGNING not in found:
        raise ValueError("its purpose (extendedKeyUsage) is another than signing code")
    if found is None:
        certificate.extensions.get_extension_for_class(x509.KeyUsage)  # one of the two says what it is for


def _for_signatures(_: Policy, __: x509.Certificate, found: x509.KeyUsage | None) -> None:
    if found is not None and not found.digital_signature:
        raise ValueError("its key (keyUsage) is not for signatures")


def _names(leaf: x509.Certificate) -> set[str]:
    found = {leaf.subject.rfc4514_string()} - {""}
    try:
        names = leaf.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except x509.ExtensionNotFound:
        return found
    for kind in (x509.RFC822Name, x509.UniformResourceIdentifier, x509.DNSName):
        found.update(names.get_values_for_type(kind))
    return found


def _curve_key(key: object, where: str) -> CurveKey:
    if not isinstance(key, ec.EllipticCurvePublicKey) or key.curve.name not in _HASHES:
        raise UsageError(f"{where}: keys are on the curves P-256, P-384 or P-521", step="sign with such a key")
    return CurveKey(key)


def _read(path: str) -> bytes:
    try:
        with open(path, "rb") as file:
            return file.read(_MAX_PEM)
    except OSError as error:
        raise UsageError(f"{path}: {error.strerror}") from error
