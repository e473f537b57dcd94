"""OpenSSF Model Signing: a sigstore bundle with a DSSE envelope whose statement lists the files of a model. Pure.

Specs: sigstore bundle v0.3 (JSON), DSSE v1.0, in-toto Statement v1, predicate `https://model_signing/signature/v1.0`, of which
"any other field should be ignored by verifiers": ours carries the digest of the manifest, which binds names and sizes too, while
the subject of the standard is a hash over the digests of the files alone.

Of what the standard allows, this reads `files` with sha256. Paths that a signature says are to be ignored are not ignored.
"""

import base64
import hashlib
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from assaymark.core.digest import Digest
from assaymark.core.envelope import Envelope, Signature, pae
from assaymark.core.errors import Malformed, Untrusted
from assaymark.core.evidence import PAYLOAD_TYPE, STATEMENT
from assaymark.core.manifest import Manifest, ManifestFile, check_path
from assaymark.core.strictjson import canonical, loads

BUNDLE = "application/vnd.dev.sigstore.bundle.v0.3+json"
PREDICATE = "https://model_signing/signature/v1.0"
LIMIT = 256 << 20
"""Bytes of a bundle."""
_CERTIFICATES = 16
_HEX = re.compile(r"[0-9a-f]{64}")
_FORM = "expected a sigstore bundle v0.3 as model_signing writes it"
_SERIALIZATION = {"method": "files", "hash_type": "sha256", "allow_symlinks": False}
_OWN = "assaymark"


@dataclass(frozen=True, slots=True)
class Material:
    """What a bundle says it can be verified with: a key's hint, or certificates in DER, the signer's first."""

    hint: str | None
    certificates: tuple[bytes, ...] = ()


@dataclass(frozen=True, slots=True)
class Bundle:
    """A bundle that was read. Nothing in it is believed before `signed` was verified."""

    material: Material
    envelope: Envelope

    @property
    def signed(self) -> bytes:
        """The bytes that the signature is over."""
        return pae(self.envelope.payload_type, self.envelope.payload)

    @property
    def signature(self) -> bytes:
        """The one signature."""
        return self.envelope.signatures[0].value


@dataclass(frozen=True, slots=True)
class Model:
    """What was signed: the model's name, and path and sha256 of each file, in the order of the statement.

    `digest`: of the manifest, where the signer said it. `ignored`: paths that the signer had left out.
    """

    name: str
    files: tuple[tuple[str, str], ...]
    digest: Digest | None
    ignored: tuple[str, ...]


def payload(name: str, manifest: Manifest) -> bytes:
    """The statement about a model's files, RFC 8785."""
    resources = [{"name": file.path, "algorithm": "sha256", "digest": file.sha256} for file in manifest.files]
    return canonical({
        "_type": STATEMENT,
        "subject": [{"name": name, "digest": {"sha256": _root([file.sha256 for file in manifest.files])}}],
        "predicateType": PREDICATE,
        "predicate": {
            "serialization": _SERIALIZATION,
            "resources": resources,
            _OWN: {"digest": str(manifest.digest)},
        },
    })  # fmt: skip


def hint_of(pem: str) -> str:
    """How the standard names a key: sha256 over its PEM."""
    return hashlib.sha256(pem.encode()).hexdigest()


def write_bundle(statement: bytes, signature: bytes, hint: str) -> bytes:
    """A bundle of a signature that was made with a key."""
    envelope = Envelope(PAYLOAD_TYPE, statement, (Signature("", signature),)).to_json()
    material = {"publicKey": {"hint": hint}, "tlogEntries": []}
    return json.dumps({"mediaType": BUNDLE, "verificationMaterial": material, "dsseEnvelope": envelope}).encode()


def read_bundle(data: bytes) -> Bundle:
    """Read a bundle; raises Malformed. Base64 has one spelling here, so that a bundle's bytes have one meaning."""
    document = loads(data, "not a sigstore bundle: it", limit=LIMIT, floats=True, step=_FORM)
    if not isinstance(document, dict) or document.get("mediaType") != BUNDLE:
        raise Malformed(f"mediaType is not {BUNDLE}", step=_FORM)
    envelope = Envelope.from_object(document.get("dsseEnvelope"))
    if len(envelope.signatures) != 1 or envelope.payload_type != PAYLOAD_TYPE:
        raise Malformed("the envelope has not just one signature over an in-toto statement", step=_FORM)
    if envelope.to_json()["payload"] != document["dsseEnvelope"]["payload"]:
        raise Malformed("the payload is not in the standard alphabet of base64", step=_FORM)
    if _b64(document["dsseEnvelope"]["signatures"][0]["sig"], "the signature") != envelope.signatures[0].value:
        raise Malformed("the signature is not in the standard alphabet of base64", step=_FORM)
    return Bundle(_material(document.get("verificationMaterial")), envelope)


def read_model(bundle: Bundle) -> Model:
    """What a bundle says, once its signature was verified; raises Malformed, Untrusted.

    1. An in-toto statement of the model signing predicate, about one subject.
    2. Whole files, by sha256.
    3. Paths in the grammar of manifests, none twice, not even in another case.
    4. The subject's digest is that of the files listed, and ours, where it is said, that of their manifest (`check_sizes`).
    """
    data = loads(bundle.envelope.payload, "the statement", limit=LIMIT, floats=True)
    try:
        if data["_type"] != STATEMENT or data["predicateType"] != PREDICATE:
            raise Malformed(f"the statement is no {PREDICATE}", step=_FORM)
        (subject,) = data["subject"]
        predicate = data["predicate"]
        serialization, resources, own = predicate["serialization"], predicate["resources"], predicate.get(_OWN)
        if serialization["method"] != "files" or serialization["hash_type"] != "sha256":
            step = "have it signed by files with sha256, which is the default of model_signing"
            raise Malformed(
                f"{serialization['method']!r} by {serialization['hash_type']!r} is not read here", step=step
            )
        files = tuple(_resource(entry) for entry in resources)
        model = Model(
            _text(subject["name"]), files,
            None if own is None else Digest.parse(own["digest"]),
            tuple(_text(path) for path in serialization.get("ignore_paths", ())),
        )  # fmt: skip
        wanted = subject["digest"]["sha256"]
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise Malformed(f"not a statement of model signing: {error}", step=_FORM) from error
    Manifest.of(ManifestFile(path, 0, sha256) for path, sha256 in files)
    if wanted != _root([sha256 for _, sha256 in files]):
        raise Untrusted("the statement contradicts itself: its subject is not the digest of its files")
    return model


def check_sizes(model: Model, manifest: Manifest) -> None:
    """That the files which were found have the digest that the signer said; raises Untrusted."""
    if model.digest is not None and model.digest != manifest.digest:
        raise Untrusted(
            f"the files make {manifest.digest}, but {model.digest} was signed", step="fetch the model again"
        )


def _resource(entry: Mapping[str, Any]) -> tuple[str, str]:
    if entry["algorithm"] != "sha256" or not _HEX.fullmatch(_text(entry["digest"])):
        raise ValueError(f"{entry['name']!r:.200} has no sha256")
    return check_path(_text(entry["name"])), entry["digest"]


def _material(value: Any) -> Material:
    if not isinstance(value, dict):
        raise Malformed("the bundle has no verificationMaterial", step=_FORM)
    kinds = {"publicKey", "x509CertificateChain", "certificate"} & value.keys()
    if kinds == {"certificate"}:
        step = "model_signing verify sigstore; here keys and certificate chains are verified"
        raise Malformed("the bundle was signed through sigstore, without a key of its own", step=step)
    try:
        (kind,) = kinds
        if kind == "publicKey":
            hint = value[kind].get("hint")
            return Material(None if hint is None else _text(hint))
        chain = value[kind]["certificates"]
        if not 0 < len(chain) <= _CERTIFICATES:
            raise ValueError(f"{len(chain)} certificates")  # noqa: TRY301 - one message for all that is wrong
        return Material(None, tuple(_b64(entry["rawBytes"], "a certificate") for entry in chain))
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise Malformed(f"the bundle has not one kind of verificationMaterial: {error}", step=_FORM) from error


def _b64(text: Any, what: str) -> bytes:
    try:
        data = base64.b64decode(_text(text), validate=True)
    except ValueError:  # binascii.Error is one
        data = b""
    if base64.b64encode(data).decode() != text:
        raise Malformed(f"{what} is not base64 in its one standard spelling", step=_FORM)
    return data


def _root(digests: Sequence[str]) -> str:
    """The standard's digest of a model: over the digests of its files, without their names."""
    total = hashlib.sha256()
    for sha256 in digests:
        total.update(bytes.fromhex(sha256))
    return total.hexdigest()


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise TypeError(f"{value!r:.40} is not a text")
    return value
