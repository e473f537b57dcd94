"""OCI image manifests: the one that a version is shown as, those of its signed statements, and the ones that clients push.

Spec: OCI image-spec 1.1, manifest.md ("Guidelines for Artifact Usage"). Pure. A version is shown as a plain artifact, not as a
ModelPack: the config of a ModelPack is a description of its own (`application/vnd.cnai.model.config.v1+json`), while
ours is the canonical manifest that people sign. So the OCI digest follows from the manifest digest and from nothing else.
"""

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from assaymark.core.errors import Malformed
from assaymark.core.manifest import Manifest, ManifestFile
from assaymark.core.strictjson import canonical, loads

MANIFEST = "application/vnd.oci.image.manifest.v1+json"
INDEX = "application/vnd.oci.image.index.v1+json"
MODEL = "application/vnd.assaymark.model.v1"
CONFIG = "application/vnd.assaymark.manifest.v1+json"
FILE = "application/octet-stream"
ENVELOPE = "application/vnd.dsse.envelope.v1+json"
EMPTY = "application/vnd.oci.empty.v1+json"
EMPTY_DOCUMENT = b"{}"
TITLE = "org.opencontainers.image.title"
DIGEST = "org.assaymark.digest"
PREDICATE = "in-toto.io/predicate-type"
UNPACK = "io.deis.oras.content.unpack"
LARGEST = 4 << 20
"""Bytes of a manifest that is pushed (distribution-spec, "Pushing Manifests")."""
LARGEST_CONFIG = 1 << 20
_HEX = re.compile(r"[0-9a-f]{64}")
_STEP = "push files one by one, as `oras push HOST/PROJECT/MODEL:VERSION FILE...` does"


def sha256_of(data: bytes) -> str:
    """Hexadecimal sha256."""
    return hashlib.sha256(data).hexdigest()


def artifact(manifest: Manifest) -> bytes:
    """The OCI manifest of a version: the same bytes for the same files, for ever."""
    config = canonical(manifest.to_json())
    return canonical({
        "schemaVersion": 2,
        "mediaType": MANIFEST,
        "artifactType": MODEL,
        "config": descriptor(CONFIG, sha256_of(config), len(config)),
        "layers": [
            descriptor(FILE, file.sha256, file.size, annotations={TITLE: file.path}) for file in manifest.files
        ],
        "annotations": {DIGEST: str(manifest.digest)},
    })  # fmt: skip


def referrer(subject: Mapping[str, Any], envelope: bytes, predicate_type: str, at: str) -> bytes:
    """The OCI manifest of a signed statement about what `subject` describes."""
    return canonical({
        "schemaVersion": 2,
        "mediaType": MANIFEST,
        "artifactType": ENVELOPE,
        "config": descriptor(EMPTY, sha256_of(EMPTY_DOCUMENT), len(EMPTY_DOCUMENT)),
        "layers": [descriptor(ENVELOPE, sha256_of(envelope), len(envelope), annotations={TITLE: "statement.dsse.json"})],
        "subject": subject,
        "annotations": annotations_of(predicate_type, at),
    })  # fmt: skip


def annotations_of(predicate_type: str, at: str) -> dict[str, str]:
    """What a signed statement is shown with."""
    return {PREDICATE: predicate_type, "org.opencontainers.image.created": at}


def descriptor(media_type: str, sha256: str, size: int, **more: Any) -> dict[str, Any]:
    """An OCI content descriptor."""
    return {"mediaType": media_type, "digest": f"sha256:{sha256}", "size": size, **more}


@dataclass(frozen=True, slots=True)
class Part:
    """What a descriptor of a pushed manifest says: sha256 in hexadecimal, size in bytes."""

    sha256: str
    size: int


@dataclass(frozen=True, slots=True)
class Pushed:
    """A manifest that a client pushed, as far as it becomes a version."""

    config: Part
    files: tuple[ManifestFile, ...]
    has_subject: bool


def read_pushed(document: bytes, content_type: str) -> Pushed:
    """Read a manifest that was pushed; raises Malformed with what is wrong with it.

    1. One OCI image manifest, not an index and not Docker's form.
    2. Every layer is one file: its title is its path in the version, and it is not an archive that a client would unpack.
    3. The paths together make a manifest.
    """
    data = loads(document, "the manifest", limit=LARGEST, floats=True)
    if not isinstance(data, dict) or data.get("schemaVersion") != 2 or isinstance(data["schemaVersion"], bool):
        raise Malformed("the manifest is no object with schemaVersion 2", step=_STEP)
    if content_type != MANIFEST or data.get("mediaType", MANIFEST) != MANIFEST:
        raise Malformed(f"only {MANIFEST} becomes a version, in Content-Type as in mediaType", step=_STEP)
    layers = data.get("layers")
    if not isinstance(layers, list) or not layers:
        raise Malformed("the manifest has no layers, so the version would hold no file", step=_STEP)
    files = Manifest.of(_file(layer, number) for number, layer in enumerate(layers)).files
    return Pushed(_part(data.get("config"), "config"), files, data.get("subject") is not None)


def _file(layer: Any, number: int) -> ManifestFile:
    what = f"layer {number}"
    part = _part(layer, what)
    notes = layer.get("annotations") or {}
    title = notes.get(TITLE) if isinstance(notes, dict) else None
    if not isinstance(title, str):
        raise Malformed(f"{what} has no title ({TITLE}), so there is no path for it", step=_STEP)
    folder = layer["mediaType"] == "application/vnd.oci.image.layer.v1.tar+gzip" and not title.endswith((".gz", ".tgz"))
    if notes.get(UNPACK) == "true" or folder:
        raise Malformed(f"{what}, {title[:200]!r}, is a folder in an archive; archives are not unpacked", step=_STEP)
    return ManifestFile(title, part.size, part.sha256)


def _part(value: Any, what: str) -> Part:
    if not isinstance(value, dict):
        raise Malformed(f"{what} is no descriptor", step=_STEP)
    size, digest = value.get("size"), value.get("digest")
    if not isinstance(size, int) or isinstance(size, bool) or size < 0:
        raise Malformed(f"{what} has no size", step=_STEP)
    if not isinstance(value.get("mediaType"), str):
        raise Malformed(f"{what} has no mediaType", step=_STEP)
    return Part(read_digest(digest), size)


def read_digest(text: Any) -> str:
    """The hexadecimal part of `sha256:…`; raises Malformed for every other spelling and algorithm."""
    algorithm, colon, value = text.partition(":") if isinstance(text, str) else ("", "", "")
    if algorithm != "sha256" or not colon or not _HEX.fullmatch(value):
        raise Malformed("a digest is sha256: and 64 lower-case hexadecimal digits")
    return value
