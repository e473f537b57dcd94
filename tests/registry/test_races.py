"""Every transition against every other: threads on one database, and the order in which things come apart."""

import threading
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest
import sqlalchemy as sa

from assaymark.core.clock import timestamp
from assaymark.core.digest import Digest, sha256
from assaymark.core.errors import AssayError, Conflict, Untrusted, UsageError
from assaymark.core.manifest import ManifestFile
from assaymark.core.statements import DENY, Quarantine, Seal
from assaymark.core.strictjson import canonical
from assaymark.core.subject import Subject
from assaymark.registrar import sign
from assaymark.registry import gate, models, promotions, queue, tables, versions
from assaymark.registry.names import VersionName
from assaymark.registry.states import VersionState
from tests.registry.makers import finding, key, scan
from tests.registry.org import MODEL, ONE, Org, a_model

TWO = VersionName(MODEL, "2")
ROUNDS = 8


@pytest.fixture
def org(tmp_path):
    made = Org(tmp_path / "home")
    yield made
    made.registrar.close()


@pytest.fixture
def model(tmp_path) -> Path:
    return a_model(tmp_path / "model")


def together(*acts: Callable[[], object]) -> list[object]:
    """What each gave, or the error of ours that it raised; anything else fails the test."""
    ready = threading.Barrier(len(acts))
    results: list[object] = [None] * len(acts)

    def run(place: int, act: Callable[[], object]) -> None:
        ready.wait()
        try:
            results[place] = act()
        except AssayError as error:
            results[place] = error
        except BaseException as error:  # noqa: BLE001 - told by the assertion below
            results[place] = repr(error)

    threads = [threading.Thread(target=run, args=pair) for pair in enumerate(acts)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not [result for result in results if isinstance(result, str) and "Error(" in result], results
    return results


def subject_of(org: Org, name: VersionName = ONE) -> Subject:
    with org.registrar.look() as work:
        return Subject(str(name), Digest.parse(models.find_version(work.connection, name).digest))


def quarantine(org: Org, name: VersionName = ONE) -> None:
    said = Quarantine(
        project="fraud", model="scorer", version=name.version, by="eve", reason="x", at=timestamp(org.clock.moment)
    )  # fmt: skip
    with org.registrar.work() as work:
        versions.quarantine(work, name, sign(said.statement(subject_of(org, name)), key("eve")))


def approved(org: Org, name: VersionName = ONE) -> str:
    nonce = org.request(name)
    for by in ("bea", "cid"):
        org.approve(nonce, by)
    return nonce


def counter(org: Org) -> int:
    with org.registrar.database.read() as connection:
        return connection.execute(sa.select(tables.channels.c.counter)).scalar() or 0


def state(org: Org, nonce: str) -> str:
    with org.registrar.look() as work:
        return str(gate.find(work, nonce).row.state)


def test_promote_while_a_quarantine_arrives(org: Org, model: Path) -> None:
    org.publish(model)
    nonce = approved(org)
    together(lambda: org.registrar.activate(nonce, "dan"), lambda: quarantine(org))
    assert counter(org) <= 1
    with pytest.raises(AssayError):
        org.registrar.bundle(MODEL, "production")


def test_promote_while_bad_evidence_arrives(org: Org, model: Path) -> None:
    org.publish(model)
    nonce = approved(org)
    bad = canonical(scan(subject_of(org), findings=[finding()], made=timestamp(org.clock.moment)).to_json())
    together(lambda: org.registrar.activate(nonce, "dan"), lambda: org.registrar.attest(ONE, bad))
    assert state(org, nonce) == "void"
    with pytest.raises(AssayError):
        org.registrar.bundle(MODEL, "production")


def test_several_activations_of_one_request_and_of_two(org: Org, model: Path, tmp_path: Path) -> None:
    org.publish(model)
    other = a_model(tmp_path / "other")
    (other / "config.json").write_text("{}")
    org.publish(other, TWO)
    nonces = [approved(org), approved(org, TWO)]
    results = together(*[lambda nonce=nonce: org.registrar.activate(nonce, "dan") for nonce in nonces * ROUNDS])
    assert len([one for one in results if not isinstance(one, AssayError)]) == 1
    assert counter(org) == 1
    assert sorted(state(org, nonce) for nonce in nonces) == ["active", "approved"]


def test_seal_while_files_are_added(org: Org, model: Path) -> None:
    """What is sealed is what was signed, and what was found in the store."""
    for n in range(ROUNDS):
        name = VersionName(MODEL, f"s{n}")
        subject = org.registrar.upload(name, str(model), "ann")
        seal = Seal(
            project="fraud", model="scorer", version=name.version, publisher="ann", at=timestamp(org.clock.moment)
        )
        document = sign(seal.statement(subject), key("ann"))
        blob, size = org.registrar.store.put(b"more %d" % n)

        def add(name: VersionName = name, blob: str = blob, size: int = size) -> None:
            with org.registrar.work() as work:
                versions.note_uploads(work, "fraud", [blob])
                versions.add_files(work, name, [ManifestFile("more", size, blob)])

        together(lambda name=name, document=document: org.registrar.seal(name, document), add)
        with org.registrar.look() as work:
            row = models.find_version(work.connection, name)
            if row.state == VersionState.SEALED:
                assert str(versions.manifest_of(work.connection, row.id).digest) == str(subject.digest) == row.digest


def test_files_that_came_between_the_look_and_the_seal(org: Org, model: Path) -> None:
    """The publisher signed for a file whose size and bytes nobody compared with the store."""
    subject = org.registrar.upload(ONE, str(model), "ann")
    with org.registrar.work() as work:
        looked = versions.manifest_of(work.connection, models.find_version(work.connection, ONE).id)
        blob = sha256(canonical(looked.to_json())).value
        stored, _ = org.registrar.store.put(b"x")
        versions.note_uploads(work, "fraud", [stored])
        versions.add_files(work, ONE, [ManifestFile("more", 999, stored)])
        after = versions.manifest_of(work.connection, models.find_version(work.connection, ONE).id)
        seal = Seal(project="fraud", model="scorer", version="1", publisher="ann", at=timestamp(org.clock.moment))
        document = sign(seal.statement(Subject(subject.name, after.digest)), key("ann"))
        with pytest.raises(Conflict, match="changed while it was sealed"):
            versions.seal(work, ONE, document, blob)


@pytest.mark.parametrize("how", ["quarantined", "revoked", "rejected"])
def test_what_was_stopped_after_its_approval_is_not_activated(org: Org, model: Path, how: str) -> None:
    org.publish(model)
    nonce = approved(org)
    if how == "quarantined":
        quarantine(org)
    else:
        with org.registrar.work() as work:
            row = models.find_version(work.connection, ONE)
            work.move(tables.versions, row, tables.versions.c.id == row.id, state=how)
    with pytest.raises(Conflict, match=how):
        org.registrar.activate(nonce, "dan")
    assert counter(org) == 0


def test_nobody_approves_or_requests_what_is_quarantined_even_in_an_emergency(org: Org, model: Path) -> None:
    org.publish(model)
    nonce, urgent = org.request(), org.request(emergency=True, reason="the site is down")
    quarantine(org)
    for request, by in ((nonce, "bea"), (urgent, "eve")):
        with pytest.raises(Conflict, match="quarantined"):
            org.approve(request, by)
    with pytest.raises(Conflict, match="quarantined"):
        org.request(emergency=True, reason="the site is down")
    assert org.approve(nonce, "bea", decision=DENY) == "denied"


def test_delete_while_a_request_is_open(org: Org, model: Path) -> None:
    org.publish(model)
    nonce = org.request()
    with pytest.raises(Conflict, match="a request for production waits"), org.registrar.work() as work:
        versions.set_state(work, ONE, VersionState.TOMBSTONE, "dan")
    with org.registrar.work() as work:
        promotions.void(work, nonce, "dan", "")
        versions.set_state(work, ONE, VersionState.TOMBSTONE, "dan")


def test_what_was_superseded_never_comes_back(org: Org, model: Path, tmp_path: Path) -> None:
    """Neither by withdrawing it, nor by withdrawing what came after it."""
    org.publish(model)
    first = org.promote()
    other = a_model(tmp_path / "other")
    (other / "config.json").write_text("{}")
    org.publish(other, TWO)
    second = org.promote(TWO)
    assert (state(org, first), state(org, second)) == ("superseded", "active")
    with pytest.raises(Conflict), org.registrar.work() as work:
        promotions.void(work, first, "dan", "")
    with org.registrar.work() as work:
        promotions.void(work, second, "dan", "bad figures")
    with pytest.raises(Conflict, match="request void"):
        org.registrar.bundle(MODEL, "production")
    with pytest.raises(Conflict):
        org.registrar.activate(first, "dan")
    assert counter(org) == 2
    org.promote(ONE)
    assert counter(org) == 3


def test_a_request_expires_while_it_is_approved(org: Org, model: Path) -> None:
    org.publish(model)
    nonce = org.request(days=1)
    org.approve(nonce, "bea")
    document = org.approval(nonce, "cid")
    org.clock.moment += timedelta(days=1)

    def approve() -> str:
        with org.registrar.work() as work:
            return promotions.decide_on(work, nonce, document)

    def expire() -> int:
        with org.registrar.work() as work:
            return promotions.expire(work)

    results = together(approve, expire, expire)
    assert isinstance(results[0], AssayError)
    assert sorted(results[1:]) == [0, 1]
    assert state(org, nonce) == "expired"


def test_approvals_that_ended_or_lost_their_key_do_not_activate(org: Org, model: Path) -> None:
    """A host would refuse them: the channel must not move to what nobody can load."""
    org.publish(model)
    short, lost = org.request(), org.request()
    soon = timestamp(org.clock.moment + timedelta(hours=1))
    org.approve(short, "bea", expires=soon)
    assert org.approve(short, "cid") == "approved"
    for by in ("bea", "cid"):
        org.approve(lost, by)
    org.clock.moment += timedelta(hours=2)
    people = org.document()["people"]
    with pytest.raises(Conflict, match="the policy says hold"):
        org.registrar.activate(short, "dan")
    people["bea"]["keys"][0]["until"] = soon
    org.registrar.install_root(org.root(2, people=people))
    with pytest.raises(Conflict, match="the policy says hold"):
        org.registrar.activate(lost, "dan")
    assert counter(org) == 0


def test_an_approvers_clock_that_is_a_little_ahead(org: Org, model: Path) -> None:
    """It is approved, and activated as soon as the approval is past for hosts too; one from before the request is refused."""
    org.publish(model)
    nonce = org.request()
    org.approve(nonce, "bea")
    ahead = timestamp(org.clock.moment + timedelta(minutes=2))
    assert org.approve(nonce, "cid", at=ahead) == "approved"
    with pytest.raises(Conflict, match="hold"):
        org.registrar.activate(nonce, "dan")
    org.clock.moment += timedelta(minutes=3)
    org.registrar.activate(nonce, "dan")
    later = org.request()
    with pytest.raises(Untrusted, match="before the request"):
        org.approve(later, "bea", at=timestamp(org.clock.moment - timedelta(minutes=1)))


def test_who_approved_may_still_deny(org: Org, model: Path) -> None:
    org.publish(model)
    nonce = org.request()
    org.approve(nonce, "bea")
    assert org.approve(nonce, "bea", decision=DENY, reason="on second thought") == "denied"
    with pytest.raises(Conflict):
        org.approve(nonce, "bea")


def test_one_request_whose_requester_left_does_not_hold_up_the_others(org: Org, model: Path) -> None:
    """His key is gone from the trust root: his request expires and is withdrawn like any other."""
    org.publish(model)
    first, second = org.request(days=1), org.request(days=1)
    people = org.document()["people"]
    del people["dan"]
    org.registrar.install_root(org.root(2, people=people, keys={
        keyid: entry for keyid, entry in org.document()["keys"].items() if keyid != key("dan").keyid
    }))  # fmt: skip
    with org.registrar.work() as work:
        promotions.void(work, first, "cid", "he left")
    org.clock.moment += timedelta(days=2)
    with org.registrar.work() as work:
        assert promotions.expire(work) == 1
    bad = canonical(scan(subject_of(org), findings=[finding()], made=timestamp(org.clock.moment)).to_json())
    assert org.registrar.attest(ONE, bad) == VersionState.REJECTED
    with pytest.raises(Untrusted), org.registrar.look() as work:
        gate.find(work, second)


def test_bad_evidence_is_taken_where_a_channel_has_no_policy_any_more(org: Org, model: Path) -> None:
    org.publish(model)
    org.request(channel="staging")
    policies = {"production": org.document()["policies"]["production"]}
    org.registrar.install_root(org.root(2, policies=policies))
    bad = canonical(scan(subject_of(org), findings=[finding()], made=timestamp(org.clock.moment)).to_json())
    assert org.registrar.attest(ONE, bad) == VersionState.REJECTED


def test_a_channel_whose_policy_changed_gives_no_bundle_that_hosts_would_refuse(org: Org, model: Path) -> None:
    org.publish(model)
    org.promote()
    policies = org.document()["policies"]
    org.registrar.install_root(org.root(2, policies=policies | {"production": policies["staging"]}))
    with pytest.raises(Conflict, match="another policy"):
        org.registrar.bundle(MODEL, "production")


def test_the_same_bytes_in_two_versions_are_scanned_in_one_second(org: Org, model: Path) -> None:
    org.publish(model)
    org.publish(model, TWO)
    with org.registrar.look() as work:
        assert models.find_version(work.connection, TWO).state == VersionState.VERIFIED


def test_a_job_that_ends_its_workers_fails_in_the_end(org: Org, model: Path) -> None:
    """Nobody renews the lease of a worker that was killed; after three of them the job is given up, and says so."""
    org.publish(model)
    with org.registrar.work() as work:
        work.connection.execute(sa.update(tables.jobs).values(state="waiting"))
    for _ in range(queue.ATTEMPTS):
        with org.registrar.work() as work:
            job = queue.claim(work)
            assert job is not None
            assert queue.claim(work) is None
        org.clock.moment += queue.LEASE + timedelta(seconds=1)
    with org.registrar.work() as work:
        assert queue.claim(work) is None
        assert "no worker came through" in queue.unfinished(work.connection)[0]["error"]


def test_a_worker_that_renews_its_lease_keeps_the_job(org: Org, model: Path) -> None:
    org.publish(model)
    with org.registrar.work() as work:
        work.connection.execute(sa.update(tables.jobs).values(state="waiting"))
        job = queue.claim(work)
    for _ in range(3):
        org.clock.moment += queue.LEASE - timedelta(seconds=1)
        with org.registrar.work() as work:
            queue.renew(work, job.id)
            assert not queue.waiting(work.connection, work.at)


def test_evidence_of_no_time_is_refused(org: Org, model: Path) -> None:
    org.publish(model)
    with pytest.raises(AssayError, match="no time"):
        org.registrar.attest(ONE, canonical(scan(subject_of(org), made="yesterday").to_json()))


def test_a_version_is_not_its_own_parent(org: Org) -> None:
    with pytest.raises(UsageError, match="of itself"), org.registrar.work() as work:
        versions.draft(work, ONE, "ann", [(ONE, "fine-tuned-from")])
