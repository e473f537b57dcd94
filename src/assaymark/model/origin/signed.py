"""Who signed: bundles beside the files, read and not verified. A signature counts once its key or identity is trusted."""

import base64
import hashlib
from dataclasses import dataclass
from typing import Any

from assaymark.core.envelope import Envelope
from assaymark.core.errors import AssayError
from assaymark.core.oms import BUNDLE, read_bundle, read_model
from assaymark.core.strictjson import loads
from assaymark.model.origin.model import Model

_LIMIT = 64 << 20
_ENDS = (".sig", ".sigstore", ".sigstore.json", ".bundle", ".dsse", ".intoto.jsonl")


@dataclass(frozen=True, slots=True)
class Signed:
    """A bundle. `key` is its hint or key id, `certificate` the sha256 of the signer's certificate in DER."""

    path: str
    kind: str
    key: str
    certificate: str
    subject: str
    """Name that was signed."""
    agrees: bool | None
    """The files that are listed have these digests here; None where that could not be told."""
    differs: tuple[str, ...] = ()
    fault: str = ""
    identity: str = ""
    """Subject and alternative names of the certificate, as it says itself: nobody verified the chain."""

    def to_json(self) -> dict[str, Any]:
        """In the report."""
        return {
            "path": self.path, "kind": self.kind, "key": self.key, "certificate": self.certificate, "subject": self.subject,
            "agrees": self.agrees, "differs": list(self.differs), "fault": self.fault, "verified": False,
            "identity": self.identity,
        }  # fmt: skip


def signatures(model: Model) -> list[Signed]:
    """Every bundle at the top of the folder."""
    found: list[Signed] = []
    for path in sorted(model.tree.files):
        if path.lower().endswith(_ENDS) and path.count("/") <= 1 and len(found) < 50:
            text = model.text(path, _LIMIT)
            if text is not None and text.lstrip().startswith("{"):
                found.append(_read(model, path, text.encode()))
    return found


def _read(model: Model, path: str, data: bytes) -> Signed:
    document: Any = None
    try:
        document = loads(data, path, floats=True)
        if isinstance(document, dict) and document.get("mediaType") == BUNDLE:
            return _bundle(model, path, data)
        envelope = Envelope.from_object(document)
        return Signed(path, "dsse", ", ".join(s.keyid for s in envelope.signatures)[:200], "", "", None)
    except AssayError as error:
        der = _keyless(document)
        kind = "sigstore" if b"sigstore" in data[:4000] else "unknown"
        return Signed(path, kind, "", _digest(der), "", None, fault=error.message[:300], identity=_identity(der))


def _keyless(document: Any) -> bytes:
    """The certificate of a bundle that was signed through sigstore: of one identity and ten minutes."""
    material = document.get("verificationMaterial") if isinstance(document, dict) else None
    given = material.get("certificate") if isinstance(material, dict) else None
    raw = given.get("rawBytes") if isinstance(given, dict) else None
    try:
        return base64.b64decode(raw[:100_000], validate=True) if isinstance(raw, str) else b""
    except ValueError:
        return b""


def _digest(der: bytes) -> str:
    return f"sha256:{hashlib.sha256(der).hexdigest()}" if der else ""


def _identity(der: bytes) -> str:
    """Who a certificate says that it is."""
    if not der:
        return ""
    from cryptography import x509

    try:
        certificate = x509.load_der_x509_certificate(der)
        names = [certificate.subject.rfc4514_string()]
        found = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
        names += [
            str(name.value)
            for name in found
            if isinstance(name, (x509.RFC822Name, x509.UniformResourceIdentifier, x509.DNSName))
        ]
    except x509.ExtensionNotFound:
        pass
    except (ValueError, TypeError, x509.DuplicateExtension, x509.UnsupportedGeneralNameType):
        return "a certificate that cannot be read"
    return ", ".join(filter(None, names))[:500]


def _bundle(model: Model, path: str, data: bytes) -> Signed:
    bundle = read_bundle(data)
    what = read_model(bundle)
    here = {name: digest for name, digest in model.sha256.items() if name != path}
    differs = [name for name, digest in what.files if name in here and here[name] != digest]
    differs += [name for name, _ in what.files if name not in model.tree.files]
    unsigned = sorted(here.keys() - {name for name, _ in what.files})
    known = all(name in here for name, _ in what.files if name in model.tree.files)
    first = bundle.material.certificates[0] if bundle.material.certificates else b""
    return Signed(
        path, "OpenSSF model signing", bundle.material.hint or "", _digest(first), what.name[:200],
        (not differs) if known else None, tuple([*differs, *(f"{name} (not signed)" for name in unsigned)][:20]),
        identity=_identity(first),
    )  # fmt: skip
