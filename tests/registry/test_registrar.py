"""A version's life through the composition root: real files, a real database, real keys, bundles that the verifier judges."""

import threading
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from assaymark.core.clock import timestamp
from assaymark.core.envelope import Envelope
from assaymark.core.errors import AssayError, Conflict, NotFound, Untrusted, UsageError
from assaymark.core.statements import DENY, Lift, Quarantine
from assaymark.core.subject import Subject
from assaymark.core.trust import pinned
from assaymark.registrar import sign
from assaymark.registry import gate, models, promotions, queries, versions
from assaymark.registry.names import ModelName, VersionName
from assaymark.registry.states import VersionState
from assaymark.registry.verify import Channel, NotVerified, State, Verified, verify
from assaymark.storage.keys import public_of
from tests.registry.makers import finding, key, scan
from tests.registry.org import MODEL, ONE, Org, a_model

TWO = VersionName(MODEL, "2")
CHANNEL = Channel("fraud", "scorer", "production")


@pytest.fixture
def org(tmp_path, database_url):
    made = Org(tmp_path / "home", database=database_url)
    yield made
    made.registrar.close()


@pytest.fixture
def model(tmp_path) -> Path:
    return a_model(tmp_path / "model")


def judged(org: Org, state: State | None = None, channel: str = "production") -> Verified:
    """What a host says that has pinned the first trust root."""
    bundle = org.registrar.bundle(MODEL, channel)
    root = pinned(Envelope.from_json(org.root()), public_of)
    return verify(bundle, root, replace(CHANNEL, name=channel), state or State(), org.clock.moment)


def state_of(org: Org, name: VersionName = ONE) -> str:
    with org.registrar.look() as work:
        return models.find_version(work.connection, name).state


def events(org: Org) -> list[str]:
    """Types of what was logged, in order."""
    import json

    from assaymark.storage.ledger_tables import Rows

    org.registrar.ledger.integrate()
    with org.registrar.database.read() as connection:
        size = Rows(connection).size()
    return [json.loads(org.registrar.ledger.receipt(ticket).leaf)["type"] for ticket in range(1, size + 1)]


def test_a_promoted_version_is_verified_offline_by_a_host(org, model):
    org.publish(model)
    org.promote()
    made = judged(org)
    assert made.people == ("bea", "cid")
    assert str(made.subject.name) == "fraud/scorer@1"
    assert events(org) == [
        "trust", "created", "sealed", "attested", "scanned", "requested", "approved", "approved", "activated",
    ]  # fmt: skip


def test_a_version_that_runs_code_is_rejected_and_cannot_be_requested(org, tmp_path):
    bad = tmp_path / "bad"
    bad.mkdir()
    (bad / "model.pkl").write_bytes(b"cos\ngetcwd\n(tR.")
    org.publish(bad)
    assert state_of(org) == VersionState.REJECTED
    with pytest.raises(Conflict, match="rejected, not verified"):
        org.request()


def test_sealed_bytes_never_change(org, model):
    org.publish(model)
    from assaymark.core.manifest import ManifestFile

    with pytest.raises(Conflict, match="its bytes never change"), org.registrar.work() as work:
        versions.add_files(work, ONE, [ManifestFile("config.json", 2, "0" * 64)])


@pytest.mark.parametrize("again", ["version", "model", "deleted version"])
def test_names_are_never_reused(org, model, again):
    org.publish(model)
    if again == "model":
        with pytest.raises(Conflict, match="given before"), org.registrar.work() as work:
            models.create_model(work, MODEL, "ann")
        return
    if again == "deleted version":
        with org.registrar.work() as work:
            versions.set_state(work, ONE, VersionState.TOMBSTONE, "dan")
    with pytest.raises(Conflict, match="given before"):
        org.publish(model)


def test_a_digest_alone_does_not_open_what_another_project_holds(org, model):
    org.publish(model)
    with org.registrar.look() as work:
        known = queries.files(work.connection, ONE)[0]
    from assaymark.core.manifest import ManifestFile

    other = VersionName(ModelName("rivals", "thief"), "1")
    with org.registrar.work() as work:
        models.create_project(work, "rivals")
        models.create_model(work, other.model, "mallory")
        versions.draft(work, other, "mallory")
    with pytest.raises(Conflict, match="was not uploaded to rivals"), org.registrar.work() as work:
        versions.add_files(work, other, [ManifestFile("x", known["size"], known["sha256"])])


def test_quota_is_held_at_the_seal(org, model):
    from sqlalchemy import update

    from assaymark.registry.tables import projects

    with org.registrar.work() as work:
        work.connection.execute(update(projects).values(quota=10))
    with pytest.raises(Conflict, match="may hold 10 bytes"):
        org.publish(model)


@pytest.mark.parametrize(
    ("by", "why"),
    [
        ("ann", "a publisher approves her own"),
        ("dan", "the requester has not the role"),
        ("eve", "security does not approve a normal request"),
        ("scanner", "a service does not approve"),
    ],
)
def test_only_approvers_who_are_strangers_to_the_request_approve(org, model, by, why):
    org.publish(model)
    nonce = org.request()
    with pytest.raises(Untrusted):
        org.approve(nonce, by)


def test_a_requester_who_is_an_approver_does_not_approve_what_he_asked_for(org, model):
    org.publish(model)
    nonce = org.request(by="bea")
    with pytest.raises(Untrusted, match="neither published nor requested"):
        org.approve(nonce, "bea")
    assert org.approve(nonce, "cid") == "open"


def test_one_approver_twice_is_one(org, model):
    org.publish(model)
    nonce = org.request()
    assert org.approve(nonce, "bea") == "open"
    with pytest.raises(Conflict, match="decided on this request before"):
        org.approve(nonce, "bea")


def test_an_approval_of_one_request_is_worth_nothing_for_another(org, model):
    org.publish(model)
    first, second = org.request(), org.request()
    document = org.approval(first, "bea")
    with pytest.raises(Untrusted, match="binds another request"), org.registrar.work() as work:
        promotions.decide_on(work, second, document)


@pytest.mark.parametrize("field", ["channel", "counter", "policy", "evidence", "nonce"])
def test_an_approval_binds_every_field_of_the_request(org, model, field):
    org.publish(model)
    nonce = org.request()
    other = {"channel": "staging", "counter": 2, "policy": "sha256:" + "0" * 64, "evidence": "sha256:" + "1" * 64}
    with pytest.raises(Untrusted, match=f"binds another {field}"):
        org.approve(nonce, "bea", **{field: other.get(field, "n" * 32)})


def test_an_expired_approval_is_refused(org, model):
    org.publish(model)
    nonce = org.request()
    with pytest.raises(Untrusted, match="expired"):
        org.approve(nonce, "bea", expires=timestamp(org.clock.moment))


def test_one_denial_denies(org, model):
    org.publish(model)
    nonce = org.request()
    assert org.approve(nonce, "bea", decision=DENY, reason="trained on leaked data") == "denied"
    with pytest.raises(Conflict, match="this request is denied"):
        org.approve(nonce, "cid")


def test_a_request_expires(org, model):
    org.publish(model)
    nonce = org.request(days=1)
    org.clock.moment += timedelta(days=2)
    with pytest.raises(Conflict, match="expired"):
        org.approve(nonce, "bea")
    with org.registrar.work() as work:
        assert promotions.expire(work) == 1
    with org.registrar.look() as work:
        assert gate.find(work, nonce).row.state == "expired"


def test_the_second_of_two_promotions_at_one_counter_is_refused(org, model, tmp_path):
    org.publish(model)
    (model / "config.json").write_text("{}")
    org.publish(model, TWO)
    first, second = org.request(ONE), org.request(TWO)
    for nonce in (first, second):
        for by in ("bea", "cid"):
            org.approve(nonce, by)
    org.registrar.activate(first, "dan")
    with pytest.raises(Conflict, match="the channel moved"):
        org.registrar.activate(second, "dan")


def test_a_newer_promotion_supersedes_and_a_host_refuses_to_go_back(org, model):
    org.publish(model)
    org.promote()
    before = org.registrar.bundle(MODEL, "production")
    (model / "config.json").write_text("{}")
    org.publish(model, TWO)
    org.promote(TWO)
    made = judged(org)
    assert (made.counter, made.subject.name) == (2, "fraud/scorer@2")
    root = pinned(Envelope.from_json(org.root()), public_of)
    with pytest.raises(NotVerified, match=r"rollback|older"):
        verify(before, root, CHANNEL, made.state, org.clock.moment)


def test_worse_evidence_voids_what_was_approved_and_what_is_active(org, model):
    org.publish(model)
    active = org.promote(channel="staging")
    pending = org.request()
    org.approve(pending, "bea")
    with org.registrar.look() as work:
        row = models.find_version(work.connection, ONE)
    from assaymark.core.digest import Digest
    from assaymark.core.strictjson import canonical

    worse = scan(Subject("fraud/scorer@1", Digest.parse(row.digest)), findings=[finding()])
    assert org.registrar.attest(ONE, canonical(worse.to_json())) == VersionState.REJECTED
    with org.registrar.look() as work:
        assert {gate.find(work, nonce).row.state for nonce in (active, pending)} == {"void"}
    with pytest.raises(Conflict, match="request void"):
        org.registrar.bundle(MODEL, "staging")


def test_evidence_by_a_stranger_is_refused(org, model):
    org.publish(model)
    with org.registrar.look() as work:
        row = models.find_version(work.connection, ONE)
    from assaymark.core.digest import Digest
    from assaymark.core.strictjson import canonical

    forged = scan(Subject("fraud/scorer@1", Digest.parse(row.digest)), by="bea")
    with pytest.raises(Untrusted, match="a scanner of fraud"):
        org.registrar.attest(ONE, canonical(forged.to_json()))


def quarantine(org: Org, by: str = "eve") -> None:
    with org.registrar.look() as work:
        row = models.find_version(work.connection, ONE)
    from assaymark.core.digest import Digest

    said = Quarantine(
        project="fraud", model="scorer", version="1", by=by, reason="reported", at=timestamp(org.clock.moment)
    )
    document = sign(said.statement(Subject("fraud/scorer@1", Digest.parse(row.digest))), key(by))
    with org.registrar.work() as work:
        versions.quarantine(work, ONE, document)


def lift(org: Org, by: str) -> VersionState:
    with org.registrar.look() as work:
        row = models.find_version(work.connection, ONE)
        standing = versions.statement_of(work, row.id, Quarantine.TYPE)
    from assaymark.core.digest import Digest

    said = Lift(quarantine=str(standing.evidence.digest), by=by, reason="false alarm", at=timestamp(org.clock.moment))
    document = sign(said.statement(Subject("fraud/scorer@1", Digest.parse(row.digest))), key(by))
    with org.registrar.work() as work:
        return versions.lift(work, ONE, document)


def test_quarantine_stops_new_bundles_at_once_and_takes_two_to_lift(org, model):
    org.publish(model)
    org.promote()
    quarantine(org)
    with pytest.raises(Conflict, match="quarantined"):
        org.registrar.bundle(MODEL, "production")
    assert lift(org, "eve") == VersionState.QUARANTINED
    with pytest.raises(Conflict, match="is here already"):
        lift(org, "eve")
    assert lift(org, "fay") == VersionState.VERIFIED
    assert judged(org).counter == 1


@pytest.mark.parametrize("by", ["ann", "bea", "dan"])
def test_only_security_people_quarantine(org, model, by):
    org.publish(model)
    with pytest.raises(Untrusted, match="as a security"):
        quarantine(org, by)


def test_break_glass_takes_two_security_people_a_reason_and_then_a_review(org, tmp_path):
    bad = tmp_path / "bad"
    bad.mkdir()
    (bad / "model.pkl").write_bytes(b"cos\ngetcwd\n(tR.")
    org.publish(bad)
    with pytest.raises(UsageError, match="needs its reason"):
        org.request(emergency=True)
    nonce = org.request(emergency=True, reason="the site is down")
    with pytest.raises(Untrusted):
        org.approve(nonce, "bea")
    assert org.approve(nonce, "eve") == "open"
    assert org.approve(nonce, "fay") == "approved"
    org.registrar.activate(nonce, "dan")
    assert any("emergency" in warning.lower() or "break" in warning.lower() for warning in judged(org).warnings)
    org.clock.moment += timedelta(hours=9)
    with pytest.raises(NotVerified, match="break-glass"):
        judged(org)
    (bad / "model.pkl").write_bytes(b"\x80\x04N.")
    org.publish(bad, TWO)
    with pytest.raises(Conflict, match="not reviewed"):
        org.request(TWO)
    with org.registrar.work() as work:
        promotions.review(work, MODEL, "production", "eve", "it was justified")
    assert org.request(TWO)


def test_what_is_active_is_not_deleted(org, model):
    org.publish(model)
    org.promote()
    with pytest.raises(Conflict, match="is what channel production stands at"), org.registrar.work() as work:
        versions.set_state(work, ONE, VersionState.TOMBSTONE, "dan")


def test_blobs_of_a_deleted_parent_stay_while_a_child_lives(org, model):
    org.publish(model)
    with org.registrar.look() as work:
        parent = {file["sha256"] for file in queries.files(work.connection, ONE)}
    (model / "model.safetensors").write_bytes(b"\x02\0\0\0\0\0\0\0{}")
    with org.registrar.work() as work:
        versions.draft(work, TWO, "ann", [(ONE, "fine-tuned-from")])
    with org.registrar.work() as work:
        versions.set_state(work, ONE, VersionState.TOMBSTONE, "dan")
    assert parent <= org.registrar.marked()
    with org.registrar.work() as work:
        versions.set_state(work, TWO, VersionState.TOMBSTONE, "dan")
    assert not parent & org.registrar.marked()


def test_the_database_edited_to_active_by_hand_gives_no_bundle_that_a_host_takes(org, model):
    """SQL alone: the row says approved, but the approvals that the policy asks for are not there."""
    from sqlalchemy import update

    from assaymark.registry.tables import requests

    org.publish(model)
    nonce = org.request()
    org.approve(nonce, "bea")
    with org.registrar.work() as work:
        work.connection.execute(update(requests).where(requests.c.nonce == nonce).values(state="approved"))
    with pytest.raises(Conflict, match="the policy says hold"):
        org.registrar.activate(nonce, "dan")


def test_a_trust_root_that_does_not_know_this_server_is_refused(org):
    with pytest.raises(UsageError, match="does not list this server's key"):
        org.registrar.install_root(org.root(2, server=[key("server").keyid]))


def test_the_next_trust_root_counts_at_once(org, model):
    org.publish(model)
    people = org.document()["people"]
    people["bea"]["keys"][0]["until"] = timestamp(org.clock.moment)
    org.registrar.install_root(org.root(2, people=people))
    nonce = org.request()
    with pytest.raises(Untrusted, match="not signed by bea"):
        org.approve(nonce, "bea")


def test_concurrent_approvals_make_one_transition(org, model):
    """Twenty threads hand in the approvals of two people: one of each is taken, and one transition is logged."""
    org.publish(model)
    nonce = org.request()
    documents = [org.approval(nonce, by, reason=f"{n}") for n in range(10) for by in ("bea", "cid")]
    results: list[str] = []
    ready = threading.Barrier(len(documents))

    def hand_in(document: bytes) -> None:
        ready.wait()
        try:
            with org.registrar.work() as work:
                results.append(promotions.decide_on(work, nonce, document))
        except Conflict:
            results.append("refused")

    threads = [threading.Thread(target=hand_in, args=(document,)) for document in documents]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(results) == ["approved", "open", *["refused"] * 18]
    assert events(org).count("approved") == 2


def test_there_is_no_leaf_without_its_state(org, model, monkeypatch):
    """The transaction breaks after the leaf was written: neither is there."""
    org.publish(model)
    before = events(org)
    monkeypatch.setattr(promotions, "_log", lambda *_a, **_k: (_ for _ in ()).throw(AssayError("broken")))
    with pytest.raises(AssayError, match="broken"):
        org.request()
    assert events(org) == before
    with org.registrar.look() as work:
        assert queries.requests(work.connection) == []


def test_what_is_not_there_is_said_to_be_not_there(org):
    with pytest.raises(NotFound), org.registrar.look() as work:
        models.find_version(work.connection, ONE)
    with pytest.raises(NotFound), org.registrar.look() as work:
        models.find_model(work.connection, ModelName("fraud", "nothing"))
    with pytest.raises(NotFound):
        org.registrar.bundle(MODEL, "production")


@pytest.mark.parametrize(
    "name", ["Fraud/scorer", "fraud", "fraud/../x", "fraud/sc orer", "fraud/" + "x" * 65, "/x", "x/"]
)
def test_names_have_one_spelling(name):
    with pytest.raises(UsageError):
        ModelName.parse(name)
