"""A small organisation with real keys, and bundles of it, good ones and such as an attacker would make.

world = World()
made = world.bundle()                                     # everything as it should be
made = world.bundle(request={"channel": "staging"})       # one field otherwise, and signed as such
made = world.bundle(approvals=[{"approver": "ann"}])      # who signs follows from who is named, unless "key" says otherwise
"""

import base64
import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import cache
from hashlib import sha256
from importlib.resources import files
from typing import Any

from assaymark.core import merkle
from assaymark.core.bom import CYCLONEDX
from assaymark.core.bundle import Bundle
from assaymark.core.clock import timestamp
from assaymark.core.digest import Digest
from assaymark.core.digest import sha256 as digest_of
from assaymark.core.envelope import Envelope
from assaymark.core.evidence import PAYLOAD_TYPE, TEST_RESULT, Statement
from assaymark.core.manifest import Manifest, ManifestFile
from assaymark.core.note import COSIGNATURE, ED25519, Note
from assaymark.core.policy import Policy
from assaymark.core.statements import (
    Activation,
    Approval,
    Lift,
    Predicate,
    Quarantine,
    Request,
    Seal,
    Timestamp,
    evidence_set,
)
from assaymark.core.strictjson import canonical
from assaymark.core.subject import Subject
from assaymark.core.tlog import Checkpoint, Proof
from assaymark.core.trust import PAYLOAD_TYPE as ROOT_TYPE
from assaymark.core.trust import SCHEMA as ROOT_SCHEMA
from assaymark.core.trust import TrustRoot, pinned
from assaymark.storage.keys import PrivateKey, public_of
from assaymark.storage.notekeys import note_signer

NOW = datetime(2026, 11, 24, 12, tzinfo=UTC)
FILES = {"config.json": b"{}", "model.safetensors": b"\x02\0\0\0\0\0\0\0{}", "deep/tokenizer.json": b"[]" * 100}
ORIGIN = "registry.example/log"
PEOPLE: Mapping[str, tuple[str, ...]] = {
    "ann": ("publisher",),
    "bea": ("approver",),
    "cid": ("approver",),
    "dan": ("releaser",),
    "eve": ("security",),
    "fay": ("security",),
    "scanner": ("scanner",),
}
ROOT_KEYS = ("root1", "root2", "root3")


def at(**ago: float) -> str:
    """A time before NOW: `at(hours=2)`."""
    return timestamp(NOW - timedelta(**ago))


@cache
def key(name: str) -> PrivateKey:
    """The key of that name; each is made once."""
    return PrivateKey.generate("ecdsa-p256" if name == "cid" else "ed25519")


def manifest_of(content: Mapping[str, bytes]) -> Manifest:
    return Manifest.of(ManifestFile(path, len(data), sha256(data).hexdigest()) for path, data in content.items())


def policy(name: str = "production") -> dict[str, Any]:
    """A policy that ships."""
    text = (files("assaymark.registry") / "policies" / f"{name}.json").read_text()
    document: dict[str, Any] = json.loads(text)
    return document


def policy_digest(document: Mapping[str, Any]) -> str:
    return Policy.from_json(document).digest


def scan(subject: Subject, *, by: str = "scanner", made: str = "", findings: Sequence[Any] = ()) -> Envelope:
    detail = {
        "at": made or at(hours=5),
        "findings": list(findings),
        "coverage": {"analysed": 3},
    }
    return sign(Statement((subject,), TEST_RESULT, {"result": "PASSED", "assaymark": detail}), by)


def bom(manifest: Manifest, *by: str, subject: Digest | None = None, **changes: Any) -> Envelope:
    """A bill of materials that names every file, signed by the publisher unless others are named. `changes`: by top-level field."""
    return sign(
        Statement((Subject("scorer", subject or manifest.digest),), CYCLONEDX, bom_document(manifest) | changes),
        *(by or ("ann",)),
    )


def bom_document(manifest: Manifest) -> dict[str, Any]:
    """CycloneDX of every file of a manifest."""
    files = [
        {"type": "file", "name": file.path, "hashes": [{"alg": "SHA-256", "content": file.sha256}]}
        for file in manifest.files
    ]
    root = {"type": "machine-learning-model", "name": "scorer"}
    return {"bomFormat": "CycloneDX", "specVersion": "1.7", "metadata": {"component": root}, "components": files}


def finding(severity: str = "critical") -> dict[str, Any]:
    return {"id": "MDL001", "severity": severity, "message": "runs a command", "fingerprint": "f", "holds": False}


def sign(statement: Statement, *by: str) -> Envelope:
    return Envelope.sign(PAYLOAD_TYPE, statement.payload(), [key(name) for name in by])


def payload_digest(envelope: Envelope) -> str:
    return str(digest_of(envelope.payload))


class World:
    """Three root keys of which two sign, seven people, a server with a log, two witnesses of which one is enough."""

    project, model, version, channel = "fraud", "scorer", "7", "production"
    place = "fraud/scorer:production"

    def __init__(self, *, quorum: int = 1, content: Mapping[str, bytes] = FILES) -> None:
        self.quorum = quorum
        self.content = dict(content)
        self.manifest = manifest_of(self.content)
        self.subject = Subject(f"{self.project}/{self.model}@{self.version}", self.manifest.digest)

    # The trust root

    def document(self, **changes: Any) -> dict[str, Any]:
        """Version 1 of the trust root, with other values for top-level fields."""
        names = (*ROOT_KEYS, *PEOPLE, "server", "log", "witness1", "witness2")
        people = {
            name: {
                "roles": list(roles),
                "projects": ["*"],
                "keys": [{"key": key(name).keyid, "from": at(days=400), "until": None}],
            }
            for name, roles in PEOPLE.items()
        }
        return {
            "schema": ROOT_SCHEMA,
            "name": "example",
            "version": 1,
            "expires": timestamp(NOW + timedelta(days=300)),
            "root": {"keys": [key(name).keyid for name in ROOT_KEYS], "threshold": 2},
            "keys": {key(name).keyid: public(name) for name in names},
            "log": [{"origin": ORIGIN, "key": key("log").keyid}],
            "witnesses": {
                "quorum": self.quorum,
                "keys": [{"name": name, "key": key(name).keyid} for name in ("witness1", "witness2")],
            },
            "server": [key("server").keyid],
            "people": people,
            "policies": {name: policy_digest(policy(name)) for name in ("staging", "production")},
            **changes,
        }

    def root(self, by: Sequence[str] = ("root1", "root2"), **changes: Any) -> Envelope:
        return sign_root(self.document(**changes), by)

    def trust(self, **changes: Any) -> TrustRoot:
        """What a host has pinned."""
        return pinned(self.root(**changes), public_of)

    # Bundles

    def bundle(
        self,
        *,
        seal: Mapping[str, Any] | None = None,
        evidence: Sequence[Envelope] | None = None,
        boms: Sequence[Envelope] | None = None,
        request: Mapping[str, Any] | None = None,
        approvals: Sequence[Mapping[str, Any]] = ({"approver": "bea"}, {"approver": "cid"}),
        activation: Mapping[str, Any] | None = None,
        timestamp: Mapping[str, Any] | None = None,
        event: Mapping[str, Any] | None = None,
        policy_document: Mapping[str, Any] | None = None,
        quarantine: Sequence[Envelope] = (),
        roots: Sequence[Envelope] | None = None,
        cosigned: Mapping[str, str] | None = None,
        log: str = "log",
    ) -> Bundle:
        """A bundle; each mapping overrides fields of a statement, its `key` names who signs. `cosigned`: witness -> time.

        Behind the `evidence` are `boms`, of which there is a good one unless others are named.
        """
        document = policy_document or policy(self.channel)
        scans = [scan(self.subject)] if evidence is None else list(evidence)
        scans += [bom(self.manifest)] if boms is None else boms
        named = {"project": self.project, "model": self.model, "version": self.version}
        bound = {
            "channel": self.channel,
            "counter": 3,
            "policy": policy_digest(document),
            "evidence": evidence_set(payload_digest(item) for item in scans),
        }
        sealed = self.say(Seal, "publisher", {**named, "publisher": "ann", "at": at(hours=6)}, seal)
        asked_fields = {
            **named, **bound, "nonce": "n" * 20, "requester": "dan", "publisher": "ann", "expires": at(hours=-20),
            "break_glass": False, "reason": "better recall", "at": at(hours=4),
        }  # fmt: skip
        asked = self.say(Request, "requester", asked_fields, request)
        given = [self.approval(asked, asked_fields | dict(request or {}), fields) for fields in approvals]
        done_fields = {
            **named, **bound, "request": payload_digest(asked), "seal": payload_digest(sealed),
            "approvals": tuple(sorted(map(payload_digest, given))), "previous": None, "break_glass_until": None,
            "at": at(hours=2),
        }  # fmt: skip
        done = self.say(Activation, "", done_fields, activation)
        fresh = {
            **named, "channel": self.channel, "counter": bound["counter"], "activation": payload_digest(done),
            "status": "active", "at": at(hours=1), "expires": at(hours=-23),
        }  # fmt: skip
        leaf = canonical(
            {
                "schema": "assaymark/event/v1", "type": "activated", "at": done_fields["at"], **named,
                "channel": self.channel, "digest": str(self.manifest.digest), "envelopes": [payload_digest(done)],
                "actor": "dan", "from": "approved", "to": "active", **(event or {}),
            }
        )  # fmt: skip
        return Bundle(
            manifest=self.manifest, seal=sealed, evidence=tuple(scans), request=asked, approvals=tuple(given),
            activation=done, policy=document, leaf=leaf,
            proof=prove(leaf, {"witness1": at(hours=1, minutes=59)} if cosigned is None else cosigned, log),
            timestamp=self.say(Timestamp, "", fresh, timestamp), quarantine=tuple(quarantine),
            roots=(self.root(),) if roots is None else tuple(roots),
        )  # fmt: skip

    def approval(self, asked: Envelope, request: Mapping[str, Any], fields: Mapping[str, Any]) -> Envelope:
        names = ("channel", "counter", "policy", "evidence", "nonce")
        usual = {
            "decision": "approve", "request": payload_digest(asked), **{name: request[name] for name in names},
            "reason": "", "at": at(hours=3), "expires": at(hours=-20), "valid_until": at(days=-90),
        }  # fmt: skip
        return self.say(Approval, "approver", usual, fields)

    def say_fresh(self, activation: Envelope, **changes: Any) -> Envelope:
        """A timestamp of an activation, whatever it says."""
        fields = {
            "project": self.project, "model": self.model, "version": self.version, "channel": self.channel, "counter": 3,
            "activation": payload_digest(activation), "status": "active", "at": at(hours=1), "expires": at(hours=-23),
        }  # fmt: skip
        return self.say(Timestamp, "", fields, changes)

    def say(
        self, kind: type[Predicate], who: str, usual: Mapping[str, Any], changes: Mapping[str, Any] | None
    ) -> Envelope:
        """A statement, signed by whoever it names in the field `who`, by the server without one, or by `key`."""
        fields = {**usual, **(changes or {})}
        subject = fields.pop("subject", self.subject)
        signer = fields.pop("key", fields.get(who, "server"))
        if "version" in fields:
            subject = replace(subject, name=f"{fields['project']}/{fields['model']}@{fields['version']}")
        return sign(kind(**fields).statement(subject), signer)

    def quarantine(self, by: str = "eve", **changes: Any) -> Envelope:
        named = {"project": self.project, "model": self.model, "version": self.version}
        return self.say(Quarantine, "by", {**named, "by": by, "reason": "poisoned", "at": at(hours=1)}, changes)

    def lift(self, quarantine: Envelope, by: str, **changes: Any) -> Envelope:
        fields = {"quarantine": payload_digest(quarantine), "by": by, "reason": "false alarm", "at": at(minutes=30)}
        return self.say(Lift, "by", fields, changes)

    def write(self, folder: Any) -> None:
        """The model's files, below a pathlib folder."""
        for path, data in self.content.items():
            (folder / path).parent.mkdir(parents=True, exist_ok=True)
            (folder / path).write_bytes(data)


def public(name: str) -> dict[str, str]:
    half = key(name).public
    return {"kind": half.kind, "public": base64.b64encode(half.der).decode()}


def sign_root(document: Mapping[str, Any], by: Sequence[str]) -> Envelope:
    return Envelope.sign(ROOT_TYPE, canonical(document), [key(name) for name in by])


def prove(leaf: bytes, cosigned: Mapping[str, str], log: str = "log", origin: str = ORIGIN) -> str:
    """A receipt of the leaf in a log of five, its checkpoint signed by the log and by witnesses at those times."""
    hashes = [merkle.leaf_hash(other) for other in (b"a", b"b", leaf, b"c", b"d")]
    path = merkle.inclusion(2, 5, lambda height, index: merkle.root(hashes[index << height : (index + 1) << height]))
    text = Checkpoint(origin, 5, merkle.root(hashes)).text
    signatures = [note_signer(origin, key(log), ED25519).sign(text)]
    for name, moment in cosigned.items():
        seconds = int(datetime.fromisoformat(moment).timestamp())
        signatures.append(note_signer(name, key(name), COSIGNATURE).sign(text, seconds))
    return str(Proof(2, tuple(path), Note(text, tuple(signatures))))
