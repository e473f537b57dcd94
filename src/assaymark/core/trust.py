"""The trust root: whose keys count, for what and how long. Signed by k of n offline keys, versioned, expiring.

After the root role of TUF (specification 1.0, sections 4.3 and 5.3): a host pins one version, and follows a chain of others of which
each was signed by the threshold of the version before it and by its own. Pure: a KeyLoader makes keys of bytes (storage.keys).
"""

import base64
import hashlib
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from assaymark.core.clock import parse_timestamp
from assaymark.core.envelope import Envelope, Verifier
from assaymark.core.errors import Malformed, Untrusted
from assaymark.core.trustdoc import SCHEMA, read_document

__all__ = ["PAYLOAD_TYPE", "SCHEMA", "KeyGrant", "KeyLoader", "Person", "TrustRoot", "pinned", "signed_by", "update"]

PAYLOAD_TYPE = "application/vnd.assaymark.trust-root+json"
CHAIN = 1_024
"""Versions that one update may bring (TUF: endless data)."""

KeyLoader = Callable[[str, bytes], Verifier]
"""A key of its kind and its DER SubjectPublicKeyInfo; raises Malformed. The real one: storage.keys.public_of."""


@dataclass(frozen=True, slots=True)
class KeyGrant:
    """A key is its person's from `since` until before `until`, or without end. Keyids, RFC 3339 texts."""

    key: str
    since: str
    until: str | None = None

    def covers(self, at: str) -> bool:
        """Whether a signature made at that time counts."""
        return self.since <= at and (self.until is None or at < self.until)


@dataclass(frozen=True, slots=True)
class Person:
    """A person, or a service such as a scanner. `projects` are names, or `*` for all."""

    id: str
    roles: tuple[str, ...]
    projects: tuple[str, ...]
    keys: tuple[KeyGrant, ...]

    @property
    def is_service(self) -> bool:
        """Whether it does nothing but scan. Its key may stand on a server, so it asks for nothing."""
        return set(self.roles) == {"scanner"}

    def has(self, role: str, project: str) -> bool:
        """Whether he has the role there."""
        return role in self.roles and self.is_in(project)

    def is_in(self, project: str) -> bool:
        """Whether the project is among his."""
        return "*" in self.projects or project in self.projects


@dataclass(frozen=True, slots=True)
class Key:
    """Public bytes, and what verifies with them."""

    kind: str
    public: bytes
    verifier: Verifier = field(compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class NamedKey:
    """A log's key by its origin, or a witness's by its name."""

    name: str
    key: str


@dataclass(frozen=True, slots=True)
class TrustRoot:
    """One version. Made by `read`, which validates; verified by `pinned` and `update`."""

    name: str
    version: int
    expires: str
    root_keys: tuple[str, ...]
    threshold: int
    keys: Mapping[str, Key]
    log: tuple[NamedKey, ...]
    witnesses: tuple[NamedKey, ...]
    quorum: int
    server: tuple[str, ...]
    people: Mapping[str, Person]
    policies: Mapping[str, str]
    """Channel -> digest of its policy."""
    load: KeyLoader = field(compare=False, repr=False)

    @classmethod
    def read(cls, payload: bytes, load: KeyLoader) -> "TrustRoot":
        """Parse and validate; raises Malformed. Says nothing of signatures."""
        data = read_document(payload)
        root = cls(
            name=data["name"],
            version=data["version"],
            expires=data["expires"],
            root_keys=tuple(data["root"]["keys"]),
            threshold=data["root"]["threshold"],
            keys={keyid: _key(keyid, entry, load) for keyid, entry in data["keys"].items()},
            log=tuple(NamedKey(entry["origin"], entry["key"]) for entry in data["log"]),
            witnesses=tuple(NamedKey(entry["name"], entry["key"]) for entry in data["witnesses"]["keys"]),
            quorum=data["witnesses"]["quorum"],
            server=tuple(data["server"]),
            people={name: _person(name, entry) for name, entry in data["people"].items()},
            policies=data["policies"],
            load=load,
        )
        _validate(root)
        return root

    def signers(self, envelope: Envelope) -> frozenset[str]:
        """The keys, of all that are named here for whatever purpose, that signed the envelope."""
        return envelope.signers({keyid: key.verifier for keyid, key in self.keys.items()})

    def keys_of(self, role: str, project: str, at: str) -> dict[str, str]:
        """Keyid -> person, of all who had the role in the project and whose key counted at that time (RFC 3339)."""
        return {
            grant.key: person.id
            for person in self.people.values()
            if person.has(role, project)
            for grant in person.keys
            if grant.covers(at)
        }

    def keys_of_person(self, person: str, at: str) -> frozenset[str]:
        """The keys by which that person spoke at that time."""
        known = self.people.get(person)
        return frozenset(grant.key for grant in known.keys if grant.covers(at)) if known else frozenset()

    def person_of(self, keyid: str) -> str | None:
        """Whose key it is or was."""
        holders = (p.id for p in self.people.values() if any(grant.key == keyid for grant in p.keys))
        return next(holders, None)


def pinned(envelope: Envelope, load: KeyLoader) -> TrustRoot:
    """The root that a host was given out of band; raises Malformed, or Untrusted where its own keys did not sign it."""
    root = _read(envelope, load)
    _require(envelope, root, f"trust root {root.version}")
    return root


def update(root: TrustRoot, envelopes: Iterable[Envelope], now: datetime, *, at_least: int = 1) -> TrustRoot:
    """Follow the chain to the newest version (TUF 5.3); raises Malformed or Untrusted.

    1. Versions before the one that is held are passed over; the same version must be the same root.
    2. Each further version is exactly one more, and was signed by the threshold of the one before it.
    3. It was also signed by its own threshold.
    4. The newest is not older than `at_least` (what this host has seen before: rollback).
    5. Only the newest has to be in force now (freeze).
    """
    for number, envelope in enumerate(envelopes):
        if number >= CHAIN:
            raise Untrusted(f"more than {CHAIN:,} versions of the trust root", step="pin a newer root on this host")
        new = _read(envelope, root.load)
        if new.version < root.version:
            continue
        if new.version == root.version:
            if new != root:
                raise Untrusted(
                    f"trust root {new.version} is another one than this host holds", step="find out who signed two"
                )
            continue
        root = _next(root, new, envelope)
    if root.version < at_least:
        raise Untrusted(
            f"trust root {root.version} is older than {at_least}, which this host has seen (rollback)",
            step="fetch a current bundle, or a current root, from the registry",
        )
    if parse_timestamp(root.expires) <= now:
        raise Untrusted(
            f"trust root {root.version} expired at {root.expires}",
            step="fetch a bundle with the next root; the key holders make one with: assay trust rotate",
        )
    return root


def _next(root: TrustRoot, new: TrustRoot, envelope: Envelope) -> TrustRoot:
    if new.version != root.version + 1:
        step = "fetch a bundle that has every version between"
        raise Untrusted(f"trust root {new.version} does not follow {root.version}", step=step)
    _require(envelope, root, f"trust root {new.version}, by the keys of version {root.version}")
    _require(envelope, new, f"trust root {new.version}, by its own keys")
    return new


def signed_by(envelope: Envelope, root: TrustRoot) -> frozenset[str]:
    """The root keys of `root` that signed the envelope."""
    return envelope.signers({keyid: root.keys[keyid].verifier for keyid in root.root_keys})


def _require(envelope: Envelope, root: TrustRoot, what: str) -> None:
    count = len(signed_by(envelope, root))
    if count < root.threshold:
        raise Untrusted(
            f"{what}: signed by {count} of the {root.threshold} root keys that it takes",
            step="let more key holders sign it: assay trust sign FILE --key KEY",
        )


def _read(envelope: Envelope, load: KeyLoader) -> TrustRoot:
    if envelope.payload_type != PAYLOAD_TYPE:
        raise Malformed(f"payload type {envelope.payload_type!r:.100} is not {PAYLOAD_TYPE!r}")
    return TrustRoot.read(envelope.payload, load)


def _key(keyid: str, entry: Mapping[str, Any], load: KeyLoader) -> Key:
    public = base64.b64decode(entry["public"], validate=True)
    verifier = load(entry["kind"], public)
    if hashlib.sha256(public).hexdigest() != keyid or verifier.keyid != keyid:
        raise Malformed(f"key {keyid[:12]}… of the trust root is not the hash of its bytes")
    return Key(entry["kind"], public, verifier)


def _person(name: str, entry: Mapping[str, Any]) -> Person:
    grants = tuple(KeyGrant(grant["key"], grant["from"], grant["until"]) for grant in entry["keys"])
    return Person(name, tuple(entry["roles"]), tuple(entry["projects"]), grants)


def _validate(root: TrustRoot) -> None:
    """What its parts say of each other."""
    if root.threshold > len(root.root_keys):
        raise Malformed(f"{root.threshold} signatures of {len(root.root_keys)} root keys can never be had")
    if root.quorum > len(root.witnesses):
        raise Malformed(f"a quorum of {root.quorum} of {len(root.witnesses)} witnesses can never be had")
    services = {*root.server, *(entry.key for entry in root.log)}
    witnesses = {entry.key for entry in root.witnesses}
    owners: dict[str, str] = dict.fromkeys(root.root_keys, "")
    for person in root.people.values():
        for grant in person.keys:
            if owners.setdefault(grant.key, person.id) not in {"", person.id}:
                raise Malformed(f"key {grant.key[:12]}… belongs to {owners[grant.key]!r} and to {person.id!r}")
            owners[grant.key] = person.id
            if grant.until is not None and grant.until < grant.since:
                raise Malformed(f"a key of {person.id!r} counts until before it counts")
    if mixed := (services & owners.keys()) | (witnesses & (services | owners.keys())):
        raise Malformed(f"key {min(mixed)[:12]}… serves people and machines, or a log and its witness")
    if len({entry.name for entry in root.witnesses}) < len(root.witnesses):
        raise Malformed("two witnesses have one name")
    if missing := (services | witnesses | owners.keys()) - root.keys.keys():
        raise Malformed(f"key {min(missing)[:12]}… is named, but not among the keys")
    _require_note_keys(root)


def _require_note_keys(root: TrustRoot) -> None:
    for entry in (*root.log, *root.witnesses):
        if root.keys[entry.key].kind != "ed25519":
            step = "make one with: assay key create NAME --type ed25519"
            raise Malformed(
                f"the key of {entry.name!r} is no Ed25519 key, which logs and witnesses sign with", step=step
            )
