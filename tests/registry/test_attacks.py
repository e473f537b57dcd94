"""Attacks by whoever has the server: root on it, its database, and its keys of log, server and scanner.

He plays the server in process, and signs all that those keys can sign. He must not get a host to load what the approvers did not
approve, nor an approver to sign something else than he means. What he can do all the same is in docs/registry.md.
"""

import json
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from assaymark import registering
from assaymark.core.bundle import Bundle
from assaymark.core.clock import FixedClock, timestamp
from assaymark.core.digest import Digest, sha256
from assaymark.core.envelope import Envelope
from assaymark.core.errors import AssayError, Conflict, Malformed, Untrusted, UsageError
from assaymark.core.evidence import PAYLOAD_TYPE, TEST_RESULT, Statement, read_statement
from assaymark.core.statements import Activation, Approval, Lift, Quarantine, Request, Seal, Timestamp, evidence_set
from assaymark.core.strictjson import canonical
from assaymark.core.subject import Subject
from assaymark.core.trust import pinned
from assaymark.desk import Desk
from assaymark.registrar import sign
from assaymark.registry import gate, models, promotions, tables, versions
from assaymark.registry.names import VersionName
from assaymark.registry.states import VersionState
from assaymark.registry.verify import Channel, NotVerified, State, Verified, verify
from assaymark.storage.keys import public_of
from assaymark.verifying import verify_folder
from tests.registry.makers import bom, finding, key, scan
from tests.registry.org import MODEL, ONE, Org, a_model

TWO = VersionName(MODEL, "2")
CHANNEL = Channel("fraud", "scorer", "production")
PLACE = "fraud/scorer:production"


@pytest.fixture
def org(tmp_path):
    made = Org(tmp_path / "home")
    yield made
    made.registrar.close()


@pytest.fixture
def model(tmp_path) -> Path:
    return a_model(tmp_path / "model")


@pytest.fixture
def evil(tmp_path) -> Path:
    folder = a_model(tmp_path / "evil")
    (folder / "config.json").write_text('{"model_type": "evil"}')
    return folder


def host(org: Org, bundle: Bundle, state: State | None = None) -> Verified:
    """A serving host that has pinned the first trust root."""
    root = pinned(Envelope.from_json(org.root()), public_of)
    return verify(Bundle.read(bundle.to_bytes()), root, CHANNEL, state or State(), org.clock.moment)


def subject_of(org: Org, name: VersionName) -> Subject:
    with org.registrar.look() as work:
        return Subject(str(name), Digest.parse(models.find_version(work.connection, name).digest))


class Thief:
    """Has the server. `sign` uses any of its keys."""

    def __init__(self, org: Org) -> None:
        self.org = org
        own = org.registrar.keys
        self.keys = (own.server, own.log, own.scanner)

    def sign(self, statement: Statement) -> Envelope:
        return Envelope.sign(PAYLOAD_TYPE, statement.payload(), self.keys)

    def sql(self, statement: Any) -> None:
        with self.org.registrar.database.write() as connection:
            connection.execute(statement)

    def bundle(self) -> Bundle:
        return self.org.registrar.bundle(MODEL, "production")

    def logged(self, bundle: Bundle, activation: Envelope) -> Bundle:
        """The bundle with another activation, logged as it should be, with a fresh timestamp."""
        said = Activation.read(read_statement(activation))
        digest = str(sha256(activation.payload))
        subject = Subject(f"{said.project}/{said.model}@{said.version}", bundle.manifest.digest)
        event = {
            "schema": "assaymark/event/v1", "type": "activated", "at": said.at, "project": said.project, "model": said.model,
            "version": said.version, "channel": said.channel, "digest": str(subject.digest), "envelopes": [digest],
            "actor": "dan",
        }  # fmt: skip
        registrar = self.org.registrar
        with registrar.database.write() as connection:
            ticket = registrar.ledger.append(connection, event)
        receipt = registrar.ledger.receipt(ticket)
        now = self.org.clock.moment
        fresh = Timestamp(
            project=said.project, model=said.model, version=said.version, channel=said.channel, counter=said.counter,
            activation=digest, status="active", at=timestamp(now), expires=timestamp(now + timedelta(hours=24)),
        )  # fmt: skip
        return replace(
            bundle, activation=activation, leaf=receipt.leaf, proof=receipt.proof,
            timestamp=self.sign(fresh.statement(subject)),
        )  # fmt: skip

    def activated(self, bundle: Bundle, **changes: Any) -> Bundle:
        """An activation with other fields, that names the seal, request and approvals which stand in the bundle."""
        named = {
            "request": str(sha256(bundle.request.payload)),
            "seal": str(sha256(bundle.seal.payload)),
            "approvals": tuple(sorted(str(sha256(one.payload)) for one in bundle.approvals)),
        }
        said = replace(Activation.read(read_statement(bundle.activation)), **named, **changes)
        subject = Subject(f"{said.project}/{said.model}@{said.version}", bundle.manifest.digest)
        return self.logged(bundle, self.sign(said.statement(subject)))


@pytest.fixture
def promoted(org: Org, model: Path) -> Bundle:
    """Version 1 is in production, as it should be."""
    org.publish(model)
    org.promote()
    made = org.registrar.bundle(MODEL, "production")
    assert host(org, made).counter == 1
    return made


# What the server's keys can sign


def test_the_server_forges_every_statement_of_a_promotion(org: Org, evil: Path, promoted: Bundle) -> None:
    """Seal, request, approvals, activation and timestamp of other bytes, by all keys that stand on the server."""
    thief = Thief(org)
    subject = org.registrar.upload(TWO, str(evil), "ann")
    with org.registrar.look() as work:
        manifest = versions.manifest_of(work.connection, models.find_version(work.connection, TWO).id)
    now = timestamp(org.clock.moment)
    later = timestamp(org.clock.moment + timedelta(days=1))
    seal = Seal(project="fraud", model="scorer", version="2", publisher="ann", at=now)
    clean = Envelope.from_object(scan(subject).to_json())
    asked = replace(
        Request.read(read_statement(promoted.request)), version="2", counter=2, at=now, nonce="f" * 32,
        evidence=evidence_set([sha256(clean.payload)]), expires=later,
    )  # fmt: skip
    sealed, request = thief.sign(seal.statement(subject)), thief.sign(asked.statement(subject))
    digest = str(sha256(request.payload))
    said = [
        Approval(
            decision="approve", request=digest, channel="production", counter=2, policy=asked.policy,
            evidence=asked.evidence, nonce=asked.nonce, approver=by, reason="", at=now, expires=later, valid_until=later,
        )
        for by in ("bea", "cid")
    ]  # fmt: skip
    approvals = tuple(thief.sign(one.statement(subject)) for one in said)
    forged = replace(
        promoted, manifest=manifest, seal=sealed, request=request, approvals=approvals,
        evidence=(thief.sign(Statement((subject,), TEST_RESULT, read_statement(clean).predicate)),),
    )  # fmt: skip
    forged = thief.activated(
        forged, version="2", counter=2, evidence=evidence_set(sha256(e.payload) for e in forged.evidence)
    )
    with pytest.raises(NotVerified, match="step 4") as caught:
        host(org, forged)
    assert caught.value.number == 4


def test_the_server_takes_the_approvals_of_one_version_for_another(org: Org, evil: Path, promoted: Bundle) -> None:
    """Version 2 was sealed and requested by people, but only version 1 was approved."""
    thief = Thief(org)
    org.publish(evil, TWO)
    nonce = org.request(TWO)
    with org.registrar.look() as work:
        promotion = gate.find(work, nonce)
        version = promotion.row.version
        manifest = versions.manifest_of(work.connection, version)
        seal = versions.statement_of(work, version, Seal.TYPE)
        evidence = tuple(item.envelope for item in gate.bound_evidence(work, promotion))
    assert seal
    mixed = replace(
        promoted, manifest=manifest, seal=seal.envelope, request=promotion.signed.envelope, evidence=evidence
    )
    with pytest.raises(NotVerified, match=r"cross-digest|another request"):
        host(org, thief.activated(mixed, version="2", counter=2, evidence=promotion.said.evidence))
    forged = thief.activated(replace(mixed, approvals=()), version="2", counter=2, evidence=promotion.said.evidence)
    with pytest.raises(NotVerified, match="step 5"):
        host(org, forged)


def test_an_old_approved_version_is_served_under_a_new_counter(org: Org, evil: Path, promoted: Bundle) -> None:
    thief = Thief(org)
    org.publish(evil, TWO)
    org.promote(TWO)
    seen = host(org, thief.bundle()).state
    with pytest.raises(NotVerified, match="rollback"):
        host(org, thief.activated(promoted), seen)
    with pytest.raises(NotVerified, match="step 4"):
        host(org, thief.activated(promoted, counter=3), seen)


def test_a_timestamp_is_replayed_or_made_to_last(org: Org, promoted: Bundle) -> None:
    thief = Thief(org)
    org.clock.moment += timedelta(hours=25)
    with pytest.raises(NotVerified, match="freeze"):
        host(org, promoted)
    said = Timestamp.read(read_statement(promoted.timestamp))
    forever = replace(said, expires=timestamp(org.clock.moment + timedelta(days=400)))
    with pytest.raises(NotVerified, match="no sign of freshness"):
        host(org, replace(promoted, timestamp=thief.sign(forever.statement(subject_of(org, ONE)))))


def test_the_scanner_of_the_server_requests_a_promotion(org: Org, model: Path) -> None:
    """Its key stands on the server: a request in its name would be the server's, and nobody's wish."""
    org.publish(model)
    with org.registrar.work() as work:
        subject, asked = promotions.propose(work, ONE, "production", "scanner")
        document = Thief(org).sign(asked.statement(subject))
        with pytest.raises(Untrusted, match="is a scanner"):
            promotions.request(work, ONE, canonical(document.to_json()), "production")


@pytest.mark.parametrize("role", ["quarantine", "lift", "approval"])
def test_the_keys_of_the_server_speak_for_nobody(org: Org, model: Path, role: str) -> None:
    org.publish(model)
    thief, subject, at = Thief(org), subject_of(org, ONE), timestamp(org.clock.moment)
    if role == "approval":
        nonce = org.request()
        said = read_statement(Envelope.from_json(org.approval(nonce, "bea")))
        with pytest.raises(Untrusted), org.registrar.work() as work:
            promotions.decide_on(work, nonce, canonical(thief.sign(said).to_json()))
        return
    stop = Quarantine(project="fraud", model="scorer", version="1", by="eve", reason="x", at=at).statement(subject)
    with org.registrar.work() as work:
        if role == "lift":
            versions.quarantine(work, ONE, sign(stop, key("eve")))
            free = Lift(quarantine=str(sha256(stop.payload())), by="eve", reason="", at=at).statement(subject)
            with pytest.raises(Untrusted):
                versions.lift(work, ONE, canonical(thief.sign(free).to_json()))
        else:
            with pytest.raises(Untrusted):
                versions.quarantine(work, ONE, canonical(thief.sign(stop).to_json()))


# What the database and the disk can say


def test_rows_moved_to_active_by_sql(org: Org, evil: Path, promoted: Bundle) -> None:
    """The channel's row points at a request with one approval of two."""
    thief = Thief(org)
    org.publish(evil, TWO)
    nonce = org.request(TWO)
    org.approve(nonce, "bea")
    thief.sql(sa.update(tables.requests).where(tables.requests.c.nonce == nonce).values(state="active"))
    thief.sql(sa.update(tables.channels).values(request=nonce, counter=2))
    with pytest.raises((AssayError, sa.exc.NoResultFound)):
        thief.bundle()
    made = promoted
    with org.registrar.look() as work:
        promotion = gate.find(work, nonce)
        version = promotion.row.version
        seal = versions.statement_of(work, version, Seal.TYPE)
        assert seal
        made = replace(
            promoted, manifest=versions.manifest_of(work.connection, version), seal=seal.envelope,
            request=promotion.signed.envelope, approvals=tuple(one.envelope for one in promotion.approvals),
            evidence=tuple(one.envelope for one in gate.bound_evidence(work, promotion)),
        )  # fmt: skip
    with pytest.raises(NotVerified, match="step 5"):
        host(org, thief.activated(made, version="2", counter=2, evidence=promotion.said.evidence))


def test_files_of_an_active_version_swapped_in_the_database(org: Org, promoted: Bundle) -> None:
    """Another blob stands under the file's name: the manifest is not the sealed one any more."""
    blob, size = org.registrar.store.put(b'{"model_type": "evil"}')
    here = tables.files.c.path == "config.json"
    Thief(org).sql(sa.update(tables.files).where(here).values(sha256=blob, size=size))
    with pytest.raises(NotVerified, match="cross-digest"):
        host(org, Thief(org).bundle())
    assert promoted


def test_a_blob_swapped_on_the_disk(org: Org, promoted: Bundle, tmp_path: Path) -> None:
    """The store does not give it out; a host that got it by another way refuses it."""
    file = next(file for file in promoted.manifest.files if file.path == "config.json")
    blob = next((Path(org.home) / "registry" / "objects").rglob(file.sha256[2:]))
    blob.chmod(0o600)
    blob.write_bytes(b"X" * file.size)
    with pytest.raises(Untrusted), org.registrar.checkout(ONE):
        pass
    copy = a_model(tmp_path / "copy")
    (copy / "config.json").write_bytes(b"X" * file.size)
    with pytest.raises(NotVerified, match="step 8"):
        verify_folder(str(copy), promoted.to_bytes(), org.root(), PLACE, state=False, now=org.clock.moment)


def test_a_quarantine_deleted_by_sql_stays_one_until_the_timestamp_ends(org: Org, promoted: Bundle) -> None:
    """Conceded: a server that hides a quarantine is believed until its key is taken out. A host that saw it is not undone."""
    subject, at = subject_of(org, ONE), timestamp(org.clock.moment)
    stop = Quarantine(project="fraud", model="scorer", version="1", by="eve", reason="x", at=at).statement(subject)
    with org.registrar.work() as work:
        versions.quarantine(work, ONE, sign(stop, key("eve")))
    with pytest.raises(Conflict, match="quarantined"):
        Thief(org).bundle()
    with_it = replace(promoted, quarantine=(Envelope.from_json(sign(stop, key("eve"))),))
    with pytest.raises(NotVerified, match="in quarantine"):
        host(org, with_it)
    without = org.root(2, server=[key("server").keyid])  # what ends it: root key holders take out the server's key
    with pytest.raises(NotVerified, match="server"):
        host(org, replace(promoted, roots=(*promoted.roots, Envelope.from_json(without))))


def test_quarantined_bytes_are_published_under_another_name(org: Org, model: Path) -> None:
    org.publish(model)
    subject, at = subject_of(org, ONE), timestamp(org.clock.moment)
    stop = Quarantine(project="fraud", model="scorer", version="1", by="eve", reason="x", at=at).statement(subject)
    org.clock.moment += timedelta(seconds=5)
    org.publish(model, TWO)
    nonce = org.request(TWO)
    for by in ("bea", "cid"):
        org.approve(nonce, by)
    org.registrar.activate(nonce, "dan")
    before = Thief(org).bundle()
    with org.registrar.work() as work:
        versions.quarantine(work, ONE, sign(stop, key("eve")))
    with pytest.raises(Conflict, match="quarantined as fraud/scorer@1"):
        Thief(org).bundle()
    with pytest.raises(Conflict, match="quarantined as fraud/scorer@1"):
        org.request(TWO)
    assert before.quarantine == ()


def test_the_ledger_is_rolled_back_from_a_backup(org: Org, promoted: Bundle, tmp_path: Path) -> None:
    """Rows of the last leaves are gone, the signed checkpoint is not: the log refuses to sign another history."""
    with org.registrar.database.write() as connection:
        connection.execute(sa.text("DELETE FROM ledger_leaves WHERE ticket > 3"))
    with pytest.raises((AssayError, sa.exc.SQLAlchemyError)):
        org.registrar.bundle(MODEL, "production")
    with pytest.raises((AssayError, sa.exc.SQLAlchemyError)):
        org.publish(a_model(tmp_path / "more"), TWO) or org.registrar.ledger.integrate()
    assert promoted


# What the approver's side is told


class Liar(Desk):
    """A server that shows approvers and requesters what it likes. `lie` changes an answer before it leaves."""

    def __init__(self, org: Org, lie: Callable[[dict[str, Any]], None] = lambda _: None) -> None:
        super().__init__(org.registrar, "host")
        self.lie = lie
        self.signed: list[bytes] = []

    def request_of(self, nonce: str) -> dict[str, Any]:
        found = json.loads(json.dumps(super().request_of(nonce)))
        self.lie(found)
        return found

    def propose(self, *arguments: Any, **options: Any) -> dict[str, Any]:
        found = super().propose(*arguments, **options)
        self.lie(found)
        return found

    def decide(self, nonce: str, envelope: bytes) -> dict[str, Any]:
        self.signed.append(envelope)
        return super().decide(nonce, envelope)

    def request(self, version: str, envelope: bytes, channel: str) -> dict[str, Any]:
        self.signed.append(envelope)
        return super().request(version, envelope, channel)


@pytest.fixture
def now(org: Org, monkeypatch: pytest.MonkeyPatch) -> FixedClock:
    """People's clocks go as the server's."""
    monkeypatch.setattr(registering, "SystemClock", lambda: org.clock)
    return org.clock


def own(org: Org, **known: Any) -> registering.Own:
    return registering.Own(pinned(Envelope.from_json(org.root()), public_of), **known)


def approve(org: Org, at: Desk, nonce: str, by: str = "bea", **known: Any) -> dict[str, Any]:
    return registering.decide(at, nonce, by, key(by), own=own(org, **known), deny=False, reason="", valid_days=30)


def signed_by(name: str, statement: Mapping[str, Any]) -> Any:
    """An envelope's JSON of a statement as the server would have it, signed by one of its own keys or a stranger."""
    return Envelope.sign(PAYLOAD_TYPE, canonical(dict(statement)), [key(name)]).to_json()


@pytest.mark.usefixtures("now")
def test_an_approver_signs_what_was_asked_for(org: Org, model: Path) -> None:
    org.publish(model)
    at = Liar(org)
    nonce = org.request()
    assert approve(org, at, nonce)["state"] == "open"
    assert approve(org, at, nonce, "cid", version="fraud/scorer@1", channel="production")["state"] == "approved"


def test_the_server_shows_another_request_than_the_approver_named(
    org: Org, model: Path, evil: Path, now: FixedClock
) -> None:
    """Both are real and signed by the requester; the approver means the first."""
    org.publish(model)
    org.publish(evil, TWO)
    first, second = org.request(), org.request(TWO)
    other = Desk(org.registrar, "host").request_of(second)
    at = Liar(org, lambda found: found.update(other))
    with pytest.raises(Untrusted, match="instead of"):
        approve(org, at, first)
    assert not at.signed
    assert now


def _another_digest(found: dict[str, Any]) -> None:
    found["digest"] = "assaymark-manifest-v1:" + "0" * 64


def _another_payload(found: dict[str, Any]) -> None:
    found["payload"] = "sha256:" + "0" * 64


def _another_predicate(found: dict[str, Any]) -> None:
    found["asked"] |= {"version": "9", "channel": "staging"}


@pytest.mark.usefixtures("now")
@pytest.mark.parametrize("lie", [_another_digest, _another_payload, _another_predicate])
def test_what_nobody_signed_is_not_what_the_approver_signs(org: Org, model: Path, lie: Callable[[Any], None]) -> None:
    """The approver signs by the requester's envelope; what the server says beside it changes nothing."""
    org.publish(model)
    at, nonce = Liar(org, lie), org.request()
    approve(org, at, nonce)
    made = read_statement(Envelope.from_json(at.signed[0]))
    assert made.subjects[0] == subject_of(org, ONE)
    with org.registrar.look() as work:
        assert Approval.read(made).request == gate.find(work, nonce).row.digest


def _reforged(found: dict[str, Any], name: str, **changes: Any) -> None:
    statement = json.loads(Envelope.from_object(found["envelopes"][name]).payload)
    statement["predicate"] |= changes
    found["envelopes"][name] = signed_by("log", statement)


LIES: dict[str, Callable[[dict[str, Any]], None]] = {
    "a request by nobody": lambda f: _reforged(f, "request", channel="staging"),
    "another requester": lambda f: _reforged(f, "request", requester="bea"),
    "a seal by nobody": lambda f: _reforged(f, "seal", publisher="dan"),
    "no request": lambda f: f["envelopes"].update(request=None),
    "no seal": lambda f: f["envelopes"].update(seal=None),
    "no evidence": lambda f: f["envelopes"].update(evidence=[]),
    "evidence of another kind": lambda f: f["envelopes"].update(evidence={}),
    "the seal as evidence": lambda f: f["envelopes"].update(evidence=[f["envelopes"]["seal"]]),
    "no envelopes": lambda f: f.pop("envelopes"),
    "a weaker policy": lambda f: f["policy"]["actions"]["promote"].pop(),
    "no policy": lambda f: f.update(policy=None),
    "the request as seal": lambda f: f["envelopes"].update(seal=f["envelopes"]["request"]),
}


@pytest.mark.usefixtures("now")
@pytest.mark.parametrize("lie", LIES)
def test_lies_to_an_approver(org: Org, model: Path, lie: str) -> None:
    org.publish(model)
    at = Liar(org, LIES[lie])
    with pytest.raises((Untrusted, Malformed)):
        approve(org, at, org.request())
    assert not at.signed


@pytest.mark.usefixtures("now")
@pytest.mark.parametrize(
    "known", [{"version": "fraud/scorer@2"}, {"channel": "staging"}, {"digest": "assaymark-manifest-v1:0"}]
)
def test_an_approver_says_beforehand_what_he_means(org: Org, model: Path, known: dict[str, str]) -> None:
    org.publish(model)
    at = Liar(org)
    with pytest.raises(Untrusted, match=f"for the {next(iter(known))}"):
        approve(org, at, org.request(), **known)
    assert not at.signed


@pytest.mark.usefixtures("now")
def test_the_evidence_was_chosen_before_the_bad_scan(org: Org, model: Path) -> None:
    """The server keeps a bad scan of CI to itself. An approver who holds it does not sign without it."""
    org.publish(model)
    nonce = org.request()
    bad = canonical(scan(subject_of(org, ONE), findings=[finding()]).to_json())
    at = Liar(org)
    with pytest.raises(Untrusted, match="without your evidence"):
        approve(org, at, nonce, evidence=(bad,))
    assert not at.signed


@pytest.mark.usefixtures("now")
def test_an_approver_does_not_sign_over_a_bad_scan(org: Org, model: Path) -> None:
    """Break-glass apart, the policy is applied on his side too, whatever the server's gate says."""
    org.publish(model)
    with org.registrar.work() as work:  # the server opens a request that it should not
        bad = scan(subject_of(org, ONE), findings=[finding()])
        row = models.find_version(work.connection, ONE)
        work.keep(row.id, work.signed(canonical(bad.to_json())))
    at = Liar(org, lambda found: found["verdict"].update(outcome="allow", reasons=[]))
    with pytest.raises(Untrusted, match="would not allow it: critical"):
        approve(org, at, org.request())
    assert not at.signed


PROPOSALS: dict[str, dict[str, Any]] = {
    "another channel": {"channel": "staging"},
    "an emergency": {"break_glass": True},
    "another requester": {"requester": "bea"},
    "another reason": {"reason": "the site is down"},
    "a year": {"expires": "2027-11-24T12:00:00Z"},
    "a time to come": {"at": "2027-11-24T12:00:00Z"},
    "another version": {"version": "2"},
    "a field more": {"more": 1},
}


@pytest.mark.usefixtures("now")
@pytest.mark.parametrize("lie", PROPOSALS)
def test_the_server_proposes_what_the_requester_did_not_ask_for(org: Org, model: Path, lie: str) -> None:
    org.publish(model)
    at = Liar(org, lambda found: found["request"].update(PROPOSALS[lie]))
    with pytest.raises((Untrusted, Malformed)):
        registering.request(at, "fraud/scorer@1", "production", "dan", key("dan"), reason="", days=7, emergency=False)
    assert not at.signed


@pytest.mark.usefixtures("now")
def test_the_server_does_not_choose_the_nonce(org: Org, model: Path) -> None:
    """Or two requests could be made to have one name, and the approver of one be shown the other."""
    org.publish(model)
    at = Liar(org, lambda found: found["request"].update(nonce="0" * 32))
    made = registering.request(
        at, "fraud/scorer@1", "production", "dan", key("dan"), reason="", days=7, emergency=False
    )
    assert made["request"] != "0" * 32


# Scans by a scanner that does not stand on the server


def _with_ci(org: Org, threshold: int) -> dict[str, Any]:
    """Changes of the trust root: a scanner in CI, and a production policy that asks for so many scanners."""
    people = org.document()["people"]
    ci = {"key": key("ci").keyid, "from": timestamp(org.clock.moment - timedelta(days=1)), "until": None}
    people["ci"] = {"roles": ["scanner"], "projects": ["*"], "keys": [ci]}
    document = json.loads((Path("src/assaymark/registry/policies") / "production.json").read_text())
    document["actions"]["promote"][0]["threshold"] = threshold
    digest = org.registrar.add_policy(document)
    from tests.registry.org import public_of as half

    keys = org.document()["keys"] | {key("ci").keyid: half(key("ci"))}
    return {"people": people, "keys": keys, "policies": org.document()["policies"] | {"production": digest}}


def test_a_stolen_server_forges_a_clean_scan(org: Org, evil: Path) -> None:
    """With the shipped policy a scan by the server's scanner is enough for step 5: two approvals are what still stands.

    A policy that asks for two scanners, or a trust root that does not list the server's, asks for CI's word.
    """
    org.registrar.install_root(org.root(2, **_with_ci(org, 2)))
    org.publish(evil)
    nonce = org.request()
    for by in ("bea", "cid"):
        state = org.approve(nonce, by)
    assert state == "open"
    with pytest.raises(Conflict):
        org.registrar.activate(nonce, "dan")
    clean = scan(subject_of(org, ONE), by="ci", made=timestamp(org.clock.moment))
    org.registrar.attest(ONE, canonical(clean.to_json()))
    nonce = org.request()
    for by in ("bea", "cid"):
        state = org.approve(nonce, by)
    assert state == "approved"
    org.registrar.activate(nonce, "dan")
    assert host(org, Thief(org).bundle()).people == ("bea", "cid")


def test_a_trust_root_without_the_servers_scanner_takes_the_word_of_ci_alone(org: Org, model: Path) -> None:
    changes = _with_ci(org, 1)
    del changes["people"]["scanner"]
    org.registrar.install_root(org.root(2, **changes))
    subject = org.registrar.upload(ONE, str(model), "ann")
    seal = Seal(project="fraud", model="scorer", version="1", publisher="ann", at=timestamp(org.clock.moment))
    org.registrar.seal(ONE, sign(seal.statement(subject), key("ann")))
    with pytest.raises(UsageError, match="does not list this server's scanner"):
        org.registrar.scan(ONE)
    clean = scan(subject, by="ci", made=timestamp(org.clock.moment))
    assert org.registrar.attest(ONE, canonical(clean.to_json())) == VersionState.VERIFIED
    with org.registrar.look() as work:
        manifest = versions.manifest_of(work.connection, models.find_version(work.connection, ONE).id)
    org.registrar.attest(ONE, canonical(bom(manifest, "ci").to_json()))
    org.promote()
    assert host(org, Thief(org).bundle()).counter == 1


def test_an_old_clean_scan_is_handed_in_after_a_bad_one(org: Org, model: Path) -> None:
    """It was signed once, by the same scanner, before the finding was known: it does not take its place."""
    org.publish(model)
    subject, now = subject_of(org, ONE), org.clock.moment
    org.clock.moment += timedelta(hours=1)
    bad = scan(subject, findings=[finding()], made=timestamp(org.clock.moment))
    assert org.registrar.attest(ONE, canonical(bad.to_json())) == VersionState.REJECTED
    old = scan(subject, made=timestamp(now - timedelta(hours=1)))
    assert org.registrar.attest(ONE, canonical(old.to_json())) == VersionState.REJECTED


def test_other_evidence_does_not_cancel_the_scan(org: Org, model: Path) -> None:
    """An attester's word about something else leaves the scan among the jobs."""
    people = org.document()["people"]
    people["dan"]["roles"] = ["releaser", "attester"]
    org.registrar.install_root(org.root(2, people=people))
    subject = org.registrar.upload(ONE, str(model), "ann")
    seal = Seal(project="fraud", model="scorer", version="1", publisher="ann", at=timestamp(org.clock.moment))
    org.registrar.seal(ONE, sign(seal.statement(subject), key("ann")))
    suppliers = Statement((subject,), "https://cyclonedx.org/bom", {"components": []})
    assert org.registrar.attest(ONE, sign(suppliers, key("dan"))) == VersionState.SEALED
    with org.registrar.database.read() as connection:
        assert connection.execute(sa.select(tables.jobs.c.state)).scalars().all() == ["waiting"]
