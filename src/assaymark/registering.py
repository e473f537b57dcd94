"""What people do with a registry: publish, request, approve, stop, pull. They sign here, with keys that stay with them.

`at` is a `Desk` on the registry of the home, or a `Client` of a server: both have the same methods.
"""

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta

from assaymark.client import Client
from assaymark.core.bundle import Bundle
from assaymark.core.clock import SystemClock, timestamp
from assaymark.core.digest import Digest
from assaymark.core.envelope import Signer
from assaymark.core.errors import Untrusted, UsageError
from assaymark.core.statements import APPROVE, DENY, Approval, Lift, Quarantine, Request, Seal
from assaymark.core.subject import Subject
from assaymark.desk import Desk, Json
from assaymark.registrar import Registrar, sign
from assaymark.registry.names import VersionName

At = Desk | Client
HOST = "host"
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


def publish(
    at: At, version: str, folder: str, publisher: str, key: Signer, progress: Callable[[int], None] | None = None
) -> Json:
    """Upload a folder, and seal it with the publisher's key. In the home it is scanned at once, a server does it itself."""
    name = VersionName.parse(version)
    subject = at.upload(version, folder, publisher, progress)
    seal = Seal(
        project=name.model.project, model=name.model.model, version=name.version, publisher=publisher, at=_now()
    )
    done = at.seal(version, sign(seal.statement(subject), key))
    if isinstance(at, Desk):
        done = at.scan(version, folder)
    return {**done, "digest": str(subject.digest)}


def request(
    at: At, version: str, channel: str, requester: str, key: Signer, *, reason: str, days: int, emergency: bool
) -> Json:
    """Ask for a promotion."""
    proposed = at.propose(version, channel, requester, reason=reason, days=days, emergency=emergency)
    asked = Request(**proposed["request"])
    return at.request(version, sign(asked.statement(_subject(version, proposed["digest"])), key), channel)


def decide(
    at: At, nonce: str, approver: str, key: Signer, *, deny: bool, reason: str, valid_days: int, digest: str | None
) -> Json:
    """Sign a decision on a request. `digest`: what the approver means to approve; raises Untrusted when it is another."""
    found = at.request_of(nonce)
    if digest is not None and digest != found["digest"]:
        raise Untrusted(f"the request is for {found['digest']}, not {digest}", step="approve what you looked at")
    asked = Request(**found["asked"])
    now = SystemClock().now()
    said = Approval(
        decision=DENY if deny else APPROVE, request=found["payload"], channel=asked.channel, counter=asked.counter,
        policy=asked.policy, evidence=asked.evidence, nonce=asked.nonce, approver=approver, reason=reason,
        at=timestamp(now), expires=asked.expires, valid_until=timestamp(now + timedelta(days=valid_days)),
    )  # fmt: skip
    return at.decide(nonce, sign(said.statement(_subject(found["version"], found["digest"])), key))


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
