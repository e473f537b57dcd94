"""Keys and evidence for the faces: make keys, sign what a scan said, verify it again."""

import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from assaymark.app import identify
from assaymark.core.envelope import Envelope
from assaymark.core.errors import Malformed, Untrusted, UsageError
from assaymark.core.evidence import PAYLOAD_TYPE, Statement, read_statement
from assaymark.core.look import BAD_NAME, UNREADABLE
from assaymark.core.manifest import Manifest
from assaymark.core.scan import ScanReport
from assaymark.report.schemas import check_evidence
from assaymark.settings import home as home_folder
from assaymark.storage import keys, output

_MAX_BYTES = 256 << 20
_SHOWN = 10


@dataclass(frozen=True, slots=True)
class Verified:
    """Evidence whose signature, form and subject held. `compared`: the subject was read from disk and is the same."""

    statement: Statement
    signers: frozenset[str]
    compared: bool

    @property
    def detail(self) -> Mapping[str, Any]:
        """Our part of the predicate, in its published form."""
        detail: Mapping[str, Any] = self.statement.predicate["assaymark"]
        return detail


def create_key(name: str, kind: str, home: str | None) -> tuple[str, keys.PrivateKey]:
    """Make a key pair; `name` is a path, or a name in the home. Returns where the private half is."""
    path = name if os.sep in name else os.path.join(_folder(home), f"{name}.key")
    key = keys.PrivateKey.generate(kind)
    key.save(path)
    return path, key


def private_key(name: str, home: str | None) -> keys.PrivateKey:
    """The private key that a user means by a path or a name; raises UsageError."""
    return keys.load_private(keys.find(name, _folder(home), ".key"))


def public_key(name: str, home: str | None) -> keys.PublicKey:
    """The public key that a user means by a path or a name; raises UsageError."""
    return keys.load_public(keys.find(name, _folder(home), ".pub"))


def write_evidence(report: ScanReport, key: keys.PrivateKey, path: str) -> None:
    """Sign what the scan said; raises UsageError where there is no digest to bind it to."""
    if report.statement is None:
        if any(file.fetched and not file.sha256 for file in report.files):
            raise UsageError("no evidence was written: remote files were not fetched whole", step="scan with --full")
        unbound = sorted({f.where.path for f in report.findings if f.id in {BAD_NAME, UNREADABLE}})
        why = f"{unbound[0]!r} cannot be bound into a digest" if unbound else "the scan took no digests"
        raise UsageError(f"no evidence was written: {why}", step="mend what CHK004 and CHK006 name; scan with digests")
    envelope = Envelope.sign(PAYLOAD_TYPE, report.statement.payload(), [key])
    output.write(path, json.dumps(envelope.to_json(), indent=2) + "\n")


def verify_evidence(
    file: str, trusted: Sequence[keys.PublicKey], path: str | None, exclude: Sequence[str] = ()
) -> Verified:
    """Verify evidence; raises Untrusted or Malformed.

    What the caller still owes: to decide whether this signer and this result are enough for what is to be done.
    """
    # 1. The envelope is read; nothing in it is believed yet.
    envelope = Envelope.from_json(_read(file))
    # 2. A key that the caller trusts signed exactly these bytes.
    signers = envelope.verify(trusted)
    # 3. The bytes are a statement, and its predicate has the published form.
    statement = read_statement(envelope)
    check_evidence(statement.predicate_type, statement.predicate)
    verified = Verified(statement, signers, compared=path is not None)
    # 4. The subject on disk has the digest that was signed.
    if path is not None:
        _compare(verified, path, exclude)
    return verified


def _compare(verified: Verified, path: str, exclude: Sequence[str]) -> None:
    digest, manifest = identify(path, exclude=exclude)
    if any(subject.digest == digest for subject in verified.statement.subjects):
        return
    step = "; ".join(_differences(verified, manifest)) or "the evidence is about something else"
    raise Untrusted(f"{path} is not what was signed: it has digest {digest}", step=step)


def _differences(verified: Verified, manifest: Manifest | None) -> list[str]:
    """Which files were added, removed or changed, at most _SHOWN of them."""
    manifests = verified.detail["manifests"]
    if manifest is None or len(manifests) != 1:
        return []
    (signed,) = manifests.values()
    before = {entry["path"]: entry["sha256"] for entry in signed["files"]}
    after = {file.path: file.sha256 for file in manifest.files}
    changed = [name for name in sorted(before.keys() | after.keys()) if before.get(name) != after.get(name)]
    words = [f"{_verb(name, before, after)} {json.dumps(name)}" for name in changed[:_SHOWN]]
    return words + ([f"and {len(changed) - _SHOWN} more"] if len(changed) > _SHOWN else [])


def _verb(name: str, before: Mapping[str, str], after: Mapping[str, str]) -> str:
    if name not in before:
        return "added"
    return "removed" if name not in after else "changed"


def _read(path: str) -> bytes:
    try:
        if os.path.getsize(path) > _MAX_BYTES:
            raise Malformed(f"{path} is larger than {_MAX_BYTES >> 20} MiB; evidence is not")
        with open(path, "rb") as file:
            return file.read()
    except OSError as error:
        raise UsageError(f"{path}: {error.strerror}") from error


def _folder(home: str | None) -> str:
    return os.path.join(home_folder(home), "keys")
