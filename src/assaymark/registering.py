"""What people do with a registry: publish, request, approve, stop, pull. They sign here, with keys that stay with them.

`at` is a `Desk` on the registry of the home, or a `Client` of a server: both have the same methods.
"""

import os
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import timedelta

from assaymark import attesting, verifying
from assaymark.app import identify
from assaymark.client import Client
from assaymark.core.bundle import Bundle
from assaymark.core.clock import SystemClock, timestamp
from assaymark.core.digest import Digest, sha256
from assaymark.core.envelope import Envelope, Signer
from assaymark.core.errors import Conflict, Untrusted, UsageError
from assaymark.core.evidence import Statement, read_statement
from assaymark.core.manifest import Manifest, ManifestFile
from assaymark.core.statements import APPROVE, DENY, Approval, Lift, Quarantine, Request, Seal
from assaymark.core.subject import Subject
from assaymark.core.trust import TrustRoot, update
from assaymark.desk import Desk, Json
from assaymark.registrar import Registrar, sign
from assaymark.registry.containment import Asked
from assaymark.registry.names import VersionName
from assaymark.registry.review import Reviewed, review
from assaymark.registry.versions import LIFTS
from assaymark.registry.work import new_nonce

At = Desk | Client
HOST = "host"
"""Who acts on the registry of the home without a name of his own."""
_AGAIN = "look at ASSAY_SERVER, and publish again under another name"
_SKEW = timedelta(minutes=5)
"""How far a server's clock may be from ours."""


@dataclass(frozen=True, slots=True)
class Own:
    """What an approver has of his own, and no registry chooses: his trust root, and what he knows of the request beforehand.

    A text that is empty is not compared.
    """

    root: TrustRoot
    version: str = ""
    channel: str = ""
    digest: str = ""
    evidence: tuple[bytes, ...] = ()
    """Envelopes that have to be among what the request binds: a registry cannot leave out what the approver holds."""
    confirm: Callable[[Reviewed], None] = lambda _: None
    """Is shown what is about to be signed; what it raises stops it."""


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
    """Upload a folder, and seal it and its bill of materials with the publisher's key.

    In the home it is scanned at once; a server does it itself, and is asked for `wait` seconds what came of it.
    """
    made = attesting.build(
        folder, SystemClock().now()
    )  # first: a draft that cannot be finished would have taken the name
    subject = at.upload(version, folder, publisher)
    manifest = Manifest.of(_listed(at, version))
    if manifest.digest != subject.digest:
        raise Untrusted(f"{version} holds {manifest.digest}, but {subject.digest} was sent", step=_AGAIN)
    done = seal(at, subject, publisher, key, sign(attesting.statement(made, version, manifest), key))
    if isinstance(at, Desk):
        done = at.scan(version, folder)
    until = time.monotonic() + wait
    while done["state"] == "sealed" and time.monotonic() < until:
        time.sleep(min(1.0, wait))
        done = {"version": version, "state": at.show(version)["state"]}
    return {**done, "digest": str(subject.digest)}


def seal_draft(
    at: At, version: str, publisher: str, key: Signer, *, folder: str | None = None, digest: str | None = None
) -> Json:
    """Sign what a draft holds as it was uploaded by other clients: this is what publishes it. In the home it is scanned at once.

    The digest that is signed is taken here from the list of files. `folder` or `digest`: what the publisher means to
    sign; raises Untrusted when the draft holds something else.
    """
    subject = Subject(version, Manifest.of(_listed(at, version)).digest)
    if folder is not None:
        digest = str(identify(folder)[0])
    if digest is not None and digest != str(subject.digest):
        raise Untrusted(f"{version} holds {subject.digest}, not {digest}", step="upload again what you mean to publish")
    done = seal(at, subject, publisher, key)
    if isinstance(at, Desk):
        done = at.scan(version)
    return {**done, "digest": str(subject.digest)}


def seal(at: At, subject: Subject, publisher: str, key: Signer, bom: bytes | None = None) -> Json:
    """Seal a draft: the publisher's word that these bytes are the version, and what went into it."""
    name = VersionName.parse(subject.name)
    said = Seal(
        project=name.model.project, model=name.model.model, version=name.version, publisher=publisher, at=_now()
    )
    return at.seal(subject.name, sign(said.statement(subject), key), bom)


def request(
    at: At, version: str, channel: str, requester: str, key: Signer, *, reason: str, days: int, emergency: bool
) -> Json:
    """Ask for a promotion. What the registry proposes is signed only as far as it is what was asked for; the nonce is ours."""
    proposed = at.propose(version, channel, requester, reason=reason, days=days, emergency=emergency)
    subject = _subject(version, str(proposed.get("digest")))
    said = _proposed(subject, proposed.get("request"))
    wanted = {"channel": channel, "requester": requester, "reason": reason, "break_glass": emergency}
    wrong = [name for name, value in wanted.items() if getattr(said, name) != value]
    now = SystemClock().now()
    if not timestamp(now - _SKEW) <= said.at <= timestamp(now + _SKEW):
        wrong.append("at")
    if said.expires > timestamp(now + timedelta(days=days) + _SKEW):
        wrong.append("expires")
    if wrong:
        step = "set this clock right" if wrong == ["at"] else "do not sign; ask whoever runs the registry"
        raise Untrusted(f"the registry proposes another {', '.join(wrong)} than was asked for", step=step)
    return at.request(version, sign(replace(said, nonce=new_nonce()).statement(subject), key), channel)


def decide(
    at: At, nonce: str, approver: str, key: Signer, *, own: Own, deny: bool, reason: str, valid_days: int
) -> Json:
    """Check a request on the approver's own side, and sign a decision on it; raises Untrusted for what does not hold."""
    now = SystemClock().now()
    seen = review(at.request_of(nonce), own.root, now, nonce)
    asked = seen.request
    _check_expected(seen, own)
    if seen.missing and not deny:
        step = "deny it, or see to what is missing"
        raise Untrusted(f"the policy would not allow it: {seen.missing[0].message}", step=step)
    own.confirm(seen)
    said = Approval(
        decision=DENY if deny else APPROVE, request=seen.digest, channel=asked.channel, counter=asked.counter,
        policy=asked.policy, evidence=asked.evidence, nonce=asked.nonce, approver=approver, reason=reason,
        at=timestamp(now), expires=asked.expires, valid_until=timestamp(now + timedelta(days=valid_days)),
    )  # fmt: skip
    done = at.decide(nonce, sign(said.statement(seen.subject), key))
    return {"version": seen.subject.name, "digest": str(seen.subject.digest), **done}


def attest(at: At, version: str, document: bytes) -> Json:
    """Hand in evidence that was signed elsewhere, as by a scanner in CI."""
    return at.attest(version, document)


def said(at: At, version: str, digest: str, *, predicate: bool = False) -> Json:
    """An envelope about a version, or what it says. Raises Untrusted where it is another one than was asked for."""
    found = at.statement(version, digest)
    envelope = Envelope.from_object(found)
    if str(sha256(envelope.payload)) != digest:
        raise Untrusted(f"the registry gave another statement than {digest}", step="look at ASSAY_SERVER")
    return dict(read_statement(envelope).predicate) if predicate else found


def _proposed(subject: Subject, predicate: object) -> Request:
    if not isinstance(predicate, dict):
        raise Untrusted("the registry proposes no request", step="look at --server")
    return Request.read(Statement((subject,), Request.TYPE, predicate))


def _check_expected(seen: Reviewed, own: Own) -> None:
    """What an approver says of his own accord about what he means to approve."""
    for what, wanted, given in (
        ("version", own.version, seen.subject.name),
        ("channel", own.channel, seen.request.channel),
        ("digest", own.digest, str(seen.subject.digest)),
    ):
        if wanted and wanted != given:
            raise Untrusted(
                f"the request is for the {what} {given}, not {wanted}", step="do not sign; ask the requester"
            )
    bound = {str(item.digest) for item in seen.evidence}
    for document in own.evidence:
        digest = str(sha256(Envelope.from_json(document).payload))
        if digest not in bound:
            step = "hand it in with: assay registry attest; then have it requested anew"
            raise Untrusted(f"the request was made without your evidence {digest}", step=step)


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


def contain(
    at: At, what: str, by: str, key: Signer, reason: str, *, scope: Sequence[str] = (), partial: bool = False,
    confirm: Callable[[Json], None] = lambda _: None,
) -> Json:  # fmt: skip
    """Stop everything that comes from `what`: one statement for each version is signed here, and all are sent together.

    `confirm` is shown what would be stopped; what it raises stops it. Raises Conflict where nothing is left to stop, and
    where more is affected by the time that the batch arrives.
    """
    seen = at.preview_containment(what, scope=scope) if scope else at.preview_containment(what)
    if not seen["versions"]:
        raise Conflict(f"no version is here that comes from {what} and can be stopped", step="assay impact shows more")
    confirm(seen)
    asked = Asked(what, reason, tuple(seen["scope"]))
    moment = _now()
    signed = []
    for one in seen["versions"]:
        name = VersionName.parse(one["version"])
        said = Quarantine(
            project=name.model.project, model=name.model.model, version=name.version, by=by,
            reason=asked.signed_reason, at=moment,
        )  # fmt: skip
        signed.append(sign(said.statement(_subject(one["version"], one["digest"])), key))
    return at.contain(what, reason, signed, scope=seen["scope"], partial=partial)


def lift_containment(
    at: At, number: str, by: str, key: Signer, reason: str, *, confirm: Callable[[Json], None] = lambda _: None
) -> Json:
    """One of the two persons' words that end a containment: a lift of each version that needs one of his."""
    found = at.containment(number)
    waiting = [one for one in found["versions"] if len(one["lifted_by"]) < LIFTS and by not in one["lifted_by"]]
    if not waiting:
        raise Conflict(f"{by} lifted containment {number} before, or it stands no more", step="another person has to")
    confirm(found | {"versions": waiting})
    moment = _now()
    signed = [
        sign(
            Lift(quarantine=one["quarantine"], by=by, reason=reason, at=moment).statement(
                _subject(one["version"], one["digest"])
            ),
            key,
        )
        for one in waiting
    ]
    return at.lift_containment(number, signed)


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


def _listed(at: At, version: str) -> Iterator[ManifestFile]:
    after = ""
    while page := at.files(version, after=after):
        yield from (ManifestFile(file["path"], file["size"], file["sha256"]) for file in page)
        if page[-1]["path"] <= after:
            raise Untrusted("the registry lists the same files again", step="look at ASSAY_SERVER")
        after = page[-1]["path"]


def _bytes(at: At, version: str, path: str, sha256: str) -> Iterator[bytes]:
    if isinstance(at, Client):
        yield from at.read_file(version, path, sha256)
        return
    with at.blob(sha256) as reader:
        yield from reader


def _named(bundle: Bundle) -> str:
    """The version that a bundle speaks of, for fetching alone: nothing of it is believed yet."""
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
    """A trust root in a file, as somebody holds it, and in force; raises UsageError, Untrusted."""
    return update(verifying.read_root(path), [], SystemClock().now())
