"""A bundle: everything that a serving host needs to judge, without a network, whether it may load a version from a channel.

One canonical JSON document (RFC 8785) of at most 64 MiB. Reading it believes nothing; registry.verify does the judging.
"""

import base64
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from assaymark.core.envelope import Envelope
from assaymark.core.errors import Malformed
from assaymark.core.manifest import SCHEMA as MANIFEST_SCHEMA
from assaymark.core.manifest import Manifest, ManifestFile
from assaymark.core.strictjson import canonical, loads

SCHEMA = "assaymark/bundle/v1"
LIMIT = 64 << 20
"""Bytes."""
_MOST = {"evidence": 1_000, "approvals": 100, "quarantine": 1_000, "roots": 1_024}
_SIGNATURES = 16
"""On one envelope."""
_SINGLE = ("seal", "request", "activation", "timestamp")
_FIELDS = {"schema", "manifest", "policy", "leaf", "proof", *_SINGLE, *_MOST}
_STEP = "fetch the bundle again from the registry"
_HEX = frozenset("0123456789abcdef")


@dataclass(frozen=True, slots=True)
class Bundle:
    """Field names are those of the document."""

    manifest: Manifest
    seal: Envelope
    evidence: tuple[Envelope, ...]
    request: Envelope
    approvals: tuple[Envelope, ...]
    activation: Envelope
    policy: Mapping[str, Any]
    leaf: bytes
    proof: str
    timestamp: Envelope
    quarantine: tuple[Envelope, ...]
    roots: tuple[Envelope, ...]

    def to_json(self) -> dict[str, Any]:
        """The document."""
        return {
            "schema": SCHEMA,
            "manifest": self.manifest.to_json(),
            "policy": dict(self.policy),
            "leaf": base64.b64encode(self.leaf).decode(),
            "proof": self.proof,
            **{name: getattr(self, name).to_json() for name in _SINGLE},
            **{name: [envelope.to_json() for envelope in getattr(self, name)] for name in _MOST},
        }

    def to_bytes(self) -> bytes:
        """The document as it is written; raises Malformed where it would be too large, or its policy cannot be written."""
        try:
            data = canonical(self.to_json())
        except ValueError as error:
            raise Malformed(f"the bundle has no canonical form: {error}", step=_STEP) from error
        if len(data) > LIMIT:
            raise Malformed(
                f"a bundle of {len(data):,} bytes, more than {LIMIT:,}", step="use fewer files, or archives"
            )
        return data

    @classmethod
    def read(cls, data: bytes) -> "Bundle":
        """Read a document; raises Malformed unless it is exactly what `to_bytes` gives."""
        document = loads(data, "the bundle", limit=LIMIT, step=_STEP)
        if not isinstance(document, dict) or document.get("schema") != SCHEMA:
            raise Malformed("not a bundle of this version", step=f"expected the schema {SCHEMA}")
        if document.keys() != _FIELDS:
            raise Malformed(f"a bundle lacks or has beyond its fields {sorted(document.keys() ^ _FIELDS)}", step=_STEP)
        for name in ("leaf", "proof"):
            if not isinstance(document[name], str):
                raise Malformed(f"{name} of the bundle is not a text", step=_STEP)
        if not isinstance(document["policy"], dict):
            raise Malformed("the policy of the bundle is not an object", step=_STEP)
        envelopes: dict[str, Any] = {
            **{name: _envelope(name, document[name]) for name in _SINGLE},
            **{name: _envelopes(name, document[name]) for name in _MOST},
        }
        bundle = cls(
            manifest=read_manifest(document["manifest"]),
            policy=document["policy"],
            leaf=_bytes(document["leaf"]),
            proof=document["proof"],
            **envelopes,
        )
        if bundle.to_bytes() != data:
            raise Malformed("the bundle is not in canonical form (RFC 8785)", step=_STEP)
        return bundle


def read_manifest(data: Any) -> Manifest:
    """A manifest's document; raises Malformed."""
    if not isinstance(data, dict) or data.keys() != {"schema", "files"} or data["schema"] != MANIFEST_SCHEMA:
        raise Malformed("not a manifest of this version", step=f"expected the schema {MANIFEST_SCHEMA}")
    if not isinstance(data["files"], list):
        raise Malformed("the files of the manifest are not a list", step=_STEP)
    manifest = Manifest.of(_file(entry) for entry in data["files"])
    if manifest.to_json()["files"] != data["files"]:
        raise Malformed("the files of the manifest are not sorted by path", step=_STEP)
    return manifest


def _file(entry: Any) -> ManifestFile:
    if not isinstance(entry, dict) or entry.keys() != {"path", "size", "sha256"}:
        raise Malformed("a file of the manifest has not just path, size and sha256", step=_STEP)
    path, size, sha256 = entry["path"], entry["size"], entry["sha256"]
    if not isinstance(path, str) or type(size) is not int or size < 0:
        raise Malformed(f"a file of the manifest has no path, or no size in bytes: {entry!r:.100}", step=_STEP)
    if not isinstance(sha256, str) or len(sha256) != 64 or not _HEX.issuperset(sha256):
        raise Malformed(f"the sha256 of {path!r:.100} is not 64 lower-case hexadecimal digits", step=_STEP)
    return ManifestFile(path, size, sha256)


def _envelope(name: str, data: Any) -> Envelope:
    try:
        envelope = Envelope.from_object(data)
    except Malformed as error:
        raise Malformed(f"{name} of the bundle: {error.message}", step=_STEP) from error
    if len(envelope.signatures) > _SIGNATURES:
        raise Malformed(f"{name} of the bundle has more than {_SIGNATURES} signatures", step=_STEP)
    return envelope


def _envelopes(name: str, data: Any) -> tuple[Envelope, ...]:
    if not isinstance(data, list) or len(data) > _MOST[name]:
        raise Malformed(f"{name} of the bundle is not a list of at most {_MOST[name]:,}", step=_STEP)
    return tuple(_envelope(name, entry) for entry in data)


def _bytes(text: str) -> bytes:
    try:
        return base64.b64decode(text, validate=True)  # its one spelling: the canonical form is compared as a whole
    except ValueError:
        raise Malformed("the leaf of the bundle is not base64", step=_STEP) from None
