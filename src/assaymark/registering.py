"""What people do with a registry: publish, request, approve, stop, pull. They sign here, with keys that stay with them.

`at` is a `Desk` on the registry of the home, or a `Client` of a server: both have the same methods.
"""

import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta

from assaymark.client import Client
from assaymark.core.bundle import Bundle
from assaymark.core.clock import SystemClock, timestamp
from assaymark.core.digest import Digest
from assaymark.core.envelope import Envelope, Signer
from assaymark.core.errors import Untrusted, UsageError
from assaymark.core.statements import APPROVE, DENY, Approval, Lift, Quarantine, Request, Seal
from assaymark.core.subject import Subject
from assaymark.core.trust import TrustRoot, pinned, update
from assaymark.desk import Desk, Json
from assaymark.registrar import Registrar, sign
from assaymark.registry.names import VersionName
from assaymark.registry.review import review
from assaymark.storage.keys import public_of

At = Desk | Client
HOST = "host"
_ROOT = 8 << 20
"""Who acts on the registry of the home without a name of his own."""


@contextmanager
def opened(
    home: str | None, server: str | None, *, database: str | None = None, store: str | None = None
) -> Iterator[At]:
    """The server that is named, or the registry of the home."""
    if server:
        with Client(server) as client:
            yield client
        return
    with Registrar.open(home, database=database, store=store) as registrar:
        yield Desk(registrar, HOST)


def publish(at: At, version: str, folder: str, publisher: str, key: Signer, *, wait: float = 0.0) -> Json:
    """Upload a folder, and seal it with the publisher's key. In the home it is scanned at once; a server does it itself,
    and is asked for `wait` seconds what came of it.
    """
    subject = at.upload(version, folder, publisher)
    done = seal(at, subject, publisher, key)
    if isinstance(at, Desk):
        done = at.scan(version, folder)
    until = time.monotonic() + wait
    while done["state"] == "sealed" and time.monotonic() < until:
        time.sleep(min(1.0, wait))
        done = {"version": version, "state": at.show(version)["state"]}
    return {**done, "digest": str(subject.digest)}


def seal(at: At, subject: Subject, publisher: str, key: Signer) -> Json:
    """Seal a draft: the publisher's word that these bytes are the version."""
    name = VersionName.parse(subject.name)
    said = Seal(
        project=name.model.project, model=name.model.model, version=name.version, publisher=publisher, at=_now()
    )
    return at.seal(subject.name, sign(said.statement(subject), key))


def request(
    at: At, version: str, channel: str, requester: str, key: Signer, *, reason: str, days: int, emergency: bool
) -> Json:
    """Ask for a promotion."""
    proposed = at.propose(version, channel, requester, reason=reason, days=days, emergency=emergency)
    asked = Request(**proposed["request"])
    return at.request(version, sign(asked.statement(_subject(version, proposed["digest"])), key), channel)


def decide(
    at: At, nonce: str, approver: str, key: Signer, *, root: TrustRoot, deny: bool, reason: str, valid_days: int
) -> Json:
    """Check a request against one's own trust root, and sign a decision on it; raises Untrusted for what does not hold."""
    found = at.request_of(nonce)
    now = SystemClock().now()
    asked, subject, missing = review(found, root, now)
    if missing and not deny:
        raise Untrusted(
            f"the policy would not allow it: {missing[0].message}", step="deny it, or see to what is missing"
        )
    said = Approval(
        decision=DENY if deny else APPROVE, request=found["payload"], channel=asked.channel, counter=asked.counter,
        policy=asked.policy, evidence=asked.evidence, nonce=asked.nonce, approver=approver, reason=reason,
        at=timestamp(now), expires=asked.expires, valid_until=timestamp(now + timedelta(days=valid_days)),
    )  # fmt: skip
    done = at.decide(nonce, sign(said.statement(subject), key))
    return {"version": subject.name, "digest": str(subject.digest), **done}


def quarantine(at: At, version: str, by: str, key: Signer, reason: str) -> Json:
    """Stop a version at once."""
    name = VersionName.parse(version)
    said = Quarantine(
        project=name.model.project, model=name.model.model, version=name.version, by=by, reason=reason, at=_now()
    )
    return at.quarantine(version, sign(said.statement(_subject(version, _digest(at, version))), key))


def lift(at: At, version: str, by: str, key: Signer, reason: str) -> Json:
    """One of the two words that end a quarantine."""
    standing = at.quarantined(version)
    said = Lift(quarantine=standing["quarantine"], by=by, reason=reason, at=_now())
    return at.lift(version, sign(said.statement(_subject(version, standing["digest"])), key))


def pull(at: At, model: str, channel: str, folder: str) -> Bundle:
    """Fetch what stands in a channel into a new folder, and the bundle beside it. It is not verified yet: `assay verify`."""
    made = at.bundle(model, channel)
    name = _named(made)
    os.makedirs(folder, mode=0o700)
    for file in made.manifest.files:
        path = os.path.join(folder, *file.path.split("/"))
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "xb") as target:
            target.writelines(_bytes(at, name, file.path, file.sha256))
    with open(f"{folder.rstrip('/')}.bundle", "wb") as target:
        target.write(made.to_bytes())
    return made


def _bytes(at: At, version: str, path: str, sha256: str) -> Iterator[bytes]:
    if isinstance(at, Client):
        yield from at.read_file(version, path, sha256)
        return
    with at.blob(sha256) as reader:
        yield from reader


def _named(bundle: Bundle) -> str:
    """The version that a bundle speaks of, for fetching alone: nothing of it is believed yet."""
    from assaymark.core.evidence import read_statement

    return read_statement(bundle.seal).subjects[0].name


def _digest(at: At, version: str) -> str:
    digest = at.show(version)["digest"]
    if not isinstance(digest, str):
        raise UsageError(f"{version} is not sealed", step="seal it, or delete it")
    return digest


def _subject(version: str, digest: str) -> Subject:
    try:
        return Subject(version, Digest.parse(digest))
    except ValueError as error:
        raise Untrusted(f"the registry gave {digest[:100]!r} for a digest") from error


def _now() -> str:
    return timestamp(SystemClock().now())


def read_root(path: str) -> TrustRoot:
    """A trust root in a file, as somebody holds it; raises UsageError, Untrusted where its own keys did not sign it."""
    try:
        with open(path, "rb") as file:
            envelope = Envelope.from_json(file.read(_ROOT))
    except OSError as error:
        raise UsageError(f"{path}: {error.strerror}", step="name your copy of the trust root") from error
    return update(pinned(envelope, public_of), [], SystemClock().now())
