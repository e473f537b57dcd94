"""OpenSSF Model Signing for the faces: sign a folder so that `model_signing` verifies it, and verify what it signed.

Ours is stricter than the standard's own tool, see docs/oms.md: names, ignored files, extra files, certificates' times
and purposes, who signed, and which model it is.
"""

import os
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from assaymark.core import oms
from assaymark.core.digest import Digest, sha256
from assaymark.core.envelope import pae
from assaymark.core.errors import Malformed, Unreadable, Untrusted, UsageError
from assaymark.core.evidence import PAYLOAD_TYPE
from assaymark.core.manifest import Manifest, ManifestFile, path_problems
from assaymark.settings import home as home_folder
from assaymark.storage import certificates, keys, output, proven
from assaymark.storage.files import Entry, Excluder, open_blob, walk

if TYPE_CHECKING:
    from cryptography.x509 import Certificate

_THREADS = 4
_STEP = "fetch the model again, or find out who changed it"


@dataclass(frozen=True, slots=True)
class Verified:
    """A folder that is what was signed. `signer`: the key's id, or who the certificate says it is."""

    name: str
    digest: Digest
    signer: str
    files: int
    ignored: tuple[str, ...]
    """Paths that the signer wanted ignored. Nothing was ignored."""


def sign(path: str, out: str, key: str, home: str | None) -> Digest:
    """Sign all files of a folder with an ECDSA P-256 key; raises UsageError, Malformed, Unreadable."""
    private = keys.load_private(keys.find(key, _folder(home), ".key"))
    if private.public.kind != keys.ECDSA_P256:
        step = f"assay key create NAME --type {keys.ECDSA_P256}"
        raise UsageError("the standard knows elliptic curve keys only, and this one is Ed25519", step=step)
    top = os.path.realpath(path)
    if os.path.commonpath((top, os.path.realpath(out))) == top:
        raise UsageError(f"{out} lies in the folder that is signed", step="write it beside the folder")
    manifest = _manifest(path)
    with proven.opened(path) as opened:
        proven.require_names(opened, manifest)  # folders that hold nothing are not signed either
    statement = oms.payload(os.path.basename(top), manifest)
    bundle = oms.write_bundle(statement, private.sign(pae(PAYLOAD_TYPE, statement)), oms.hint_of(private.public.pem))
    output.write(out, bundle.decode())
    return manifest.digest


def verify_key(path: str, bundle: str, key: str, home: str | None, subject: str | None = None) -> Verified:
    """Verify against a public key that the caller trusts; raises Untrusted, Malformed, Unreadable, UsageError."""
    # 1. The bundle is read; nothing in it is believed yet.
    data, read = _read(bundle)
    if read.material.certificates:
        raise UsageError("the bundle was signed with a certificate", step="--certificate-chain CA --identity WHO")
    # 2. The key that the caller trusts signed exactly these bytes.
    public = certificates.load_key(keys.find(key, _folder(home), ".pub"))
    if read.material.hint is not None and read.material.hint != oms.hint_of(public.pem):
        raise Untrusted("the bundle names another key", step="ask the signer for his public key")
    if not public.verify(read.signature, read.signed):
        raise Untrusted("the signature was not made by this key", step="check the file, and the key")
    # 3. to 5. What was signed is what is there.
    return _compare(path, bundle, data, oms.read_model(read), subject, public.keyid)


def verify_certificate(
    path: str, bundle: str, chain: Sequence[str], identity: str, subject: str | None = None, now: datetime | None = None
) -> Verified:
    """Verify against certificate authorities that the caller trusts, and the identity that he expects.

    `now`: a moment of signing that the caller knows from a source that he trusts. Nothing in a bundle tells it, so that
    without one certificates have to be valid at this moment.
    """
    data, read = _read(bundle)
    if not read.material.certificates:
        raise UsageError("the bundle was signed with a key, not a certificate", step="--key PUB")
    roots: list[Certificate] = [one for place in chain for one in certificates.load(place)]
    signer = certificates.judge(read.material.certificates, roots, identity, now or datetime.now(UTC))
    if not signer.verify(read.signature, read.signed):
        raise Untrusted("the signature was not made with the certificate's key", step="check the file")
    return _compare(path, bundle, data, oms.read_model(read), subject, identity)


def _compare(path: str, bundle: str, data: bytes, model: oms.Model, subject: str | None, signer: str) -> Verified:
    """Numbered on from `verify_key`."""
    # 3. It is the model that the caller means, under the name that it was signed with.
    wanted = subject if subject is not None else os.path.basename(os.path.realpath(path))
    if model.name != wanted:
        step = f"if that is the model that you want: --subject {model.name!r}"
        raise Untrusted(f"{model.name!r:.200} was signed, and this is {wanted!r:.200}", step=step)
    # 4. The folder's files are exactly those that were signed, byte for byte; the bundle itself may lie among them.
    files = list(_sized(path, model))
    top, place = os.path.realpath(path), os.path.realpath(bundle)
    extra = []
    if os.path.commonpath((top, place)) == top:
        inside = os.path.relpath(place, top).replace(os.sep, "/")
        extra = [ManifestFile(inside, len(data), sha256(data).value)]
    proven.check(path, Manifest.of([*files, *extra]))
    # 5. Sizes and names together are what the signer says that they are.
    manifest = Manifest.of(files)
    oms.check_sizes(model, manifest)
    return Verified(model.name, manifest.digest, signer, len(files), model.ignored)


def _sized(path: str, model: oms.Model) -> list[ManifestFile]:
    """The files that were signed with the sizes that they have; `proven.check` opens them without following links."""
    found: list[ManifestFile] = []
    with proven.opened(path) as top:
        for name, digest in model.files:
            try:
                size = os.stat(name, dir_fd=top, follow_symlinks=False).st_size
            except OSError as error:
                raise Untrusted(f"{name!r:.200} cannot be had: {error.strerror}", step=_STEP) from error
            found.append(ManifestFile(name, size, digest))
    return found


def _manifest(folder: str) -> Manifest:
    """Every file below a folder, `.git` and hidden ones too."""
    if not os.path.isdir(folder):
        raise UsageError(f"{folder}: is not a folder", step="name the folder that holds the model")
    entries = list(walk(folder, follow_links=False, excluded=Excluder((), git=False)))
    problems = [f"{entry.path}: {entry.problem}" for entry in entries if entry.problem]
    links = (entry.path for entry in entries if os.path.islink(os.path.join(folder, entry.path)))
    problems += [f"{link}: is a symbolic link" for link in links]
    problems += path_problems(entry.path for entry in entries).values()
    if problems or not entries:
        raise Malformed(
            problems[0] if problems else "the folder is empty", step="a signature can hold regular files only"
        )

    def measure(entry: Entry) -> ManifestFile:
        with open_blob(entry.real) as blob:
            digest = blob.sha256()
            if digest is None:
                raise Unreadable(f"{entry.path}: no digest")
            return ManifestFile(entry.path, blob.size, digest)

    with ThreadPoolExecutor(_THREADS) as pool:
        return Manifest.of(pool.map(measure, entries))


def _read(path: str) -> tuple[bytes, oms.Bundle]:
    try:
        with open(path, "rb") as file:
            data = file.read(oms.LIMIT + 1)
    except OSError as error:
        raise UsageError(f"{path}: {error.strerror}", step="name the bundle with --bundle") from error
    return data, oms.read_bundle(data)


def _folder(home: str | None) -> str:
    return os.path.join(home_folder(home), "keys")
