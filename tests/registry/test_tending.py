"""Upkeep of a registry: what a sweep frees and spares, backups that come back, jobs, and what fsck finds."""

import os
import shutil
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import update

from assaymark import tending
from assaymark.core.errors import Conflict, Untrusted, UsageError
from assaymark.core.manifest import ManifestFile
from assaymark.registrar import Registrar
from assaymark.registry import models, queue, tables, versions
from assaymark.registry.names import VersionName
from assaymark.registry.states import VersionState
from assaymark.storage.notes import Leases
from assaymark.tending import Keeping
from tests.registry.org import MODEL, ONE, Org, a_model
from tests.registry.test_registrar import lift, quarantine

TWO = VersionName(MODEL, "2")
DAY = timedelta(days=1)


@pytest.fixture
def org(tmp_path):
    made = Org(tmp_path / "home")
    yield made
    made.registrar.close()


@pytest.fixture
def model(tmp_path) -> Path:
    return a_model(tmp_path / "model")


def stored(org: Org) -> set[str]:
    return {blob.sha256 for blob in org.registrar.store.list()}


def collect(org: Org, **options: bool) -> tuple[list[str], int]:
    done = Keeping.of(org.registrar).collect(DAY, **options)
    return [str(name) for name in done.versions], done.swept.freed


def check(org: Org) -> list[str]:
    return Keeping.of(org.registrar).check()


def test_a_sweep_frees_what_nothing_names_once_it_is_old(org, model):
    org.publish(model)
    kept = stored(org)
    loose, _ = org.registrar.store.put(b"nobody's")
    assert collect(org) == ([], 0)
    org.clock.moment += 2 * DAY
    assert collect(org, dry_run=True) == ([], 1)
    assert loose in stored(org)
    assert collect(org) == ([], 1)
    assert stored(org) == kept


def test_bytes_go_when_the_time_of_their_state_is_over_and_the_records_stay(org, model):
    org.publish(model)
    with org.registrar.work() as work:
        versions.set_state(work, ONE, VersionState.TOMBSTONE, "dan")
    org.clock.moment += 29 * DAY
    assert collect(org) == ([], 0)
    org.clock.moment += DAY
    assert collect(org, dry_run=True)[0] == [str(ONE)]
    names, freed = collect(org)
    assert names == [str(ONE)] and freed == 4
    assert not stored(org)
    assert collect(org) == ([], 0)
    assert check(org) == []
    with org.registrar.look() as work:
        assert models.find_version(work.connection, ONE).freed_at


def test_a_version_whose_bytes_were_let_go_is_never_requested(org, model):
    org.publish(model)
    with org.registrar.work() as work:
        versions.set_state(work, ONE, VersionState.DEPRECATED, "dan")
    org.clock.moment += 365 * DAY
    org.registrar.install_root(org.root(2, expires="2030-01-01T00:00:00Z"))
    assert collect(org)[0] == [str(ONE)]
    with pytest.raises(Conflict, match="were let go"):
        org.request()


def test_what_is_active_or_asked_to_be_keeps_its_bytes(org, model):
    org.publish(model)
    org.promote()
    with org.registrar.work() as work:
        versions.set_state(work, ONE, VersionState.DEPRECATED, "dan")
    kept = stored(org)
    org.clock.moment += 1000 * DAY
    assert collect(org) == ([], 0)
    assert stored(org) == kept


def test_the_files_of_an_open_draft_survive_a_sweep(org, model):
    org.registrar.upload(ONE, str(model), "ann")
    kept = stored(org)
    org.clock.moment += 6 * DAY
    assert collect(org) == ([], 0)
    assert stored(org) == kept
    org.clock.moment += DAY
    assert collect(org) == ([str(ONE)], 3)


def test_an_upload_of_days_survives_the_sweeps_meanwhile(org, model):
    """Between the first file and the draft: what was swept is put again."""
    calls = []

    def progress(_size: int) -> None:
        calls.append(1)
        org.clock.moment += 2 * DAY
        collect(org)

    org.registrar.upload(ONE, str(model), "ann", progress)
    assert len(calls) == 3
    with org.registrar.look() as work:
        manifest = versions.manifest_of(work.connection, models.find_version(work.connection, ONE).id)
    assert {file.sha256 for file in manifest.files} == stored(org)


def test_what_a_lease_holds_survives(org):
    loose, _ = org.registrar.store.put(b"nobody's yet")
    leases = Leases(org.registrar.store)
    lease = leases.grant(org.clock.moment + 10 * DAY)
    leases.hold(lease, loose, org.clock.moment)
    org.clock.moment += 5 * DAY
    assert collect(org) == ([], 0)
    leases.release(lease)
    assert collect(org) == ([], 1)


def test_a_grace_under_an_hour_is_refused_before_anything_is_let_go(org):
    with pytest.raises(UsageError, match="too short"):
        Keeping.of(org.registrar).collect(timedelta(minutes=5))


def test_quota_counts_drafts_and_is_held_when_files_are_listed(org, model):
    keeping = Keeping.of(org.registrar)
    org.registrar.upload(ONE, str(model), "ann")
    used = keeping.quota("fraud").used
    assert used == sum(path.stat().st_size for path in model.rglob("*") if path.is_file())
    assert keeping.set_quota("fraud", used).left == 0
    with pytest.raises(Conflict, match="may hold"):
        org.registrar.upload(TWO, str(model), "ann")
    assert keeping.set_quota("fraud", None).left is None


def test_an_upload_over_the_quota_is_broken_off(org):
    Keeping.of(org.registrar).set_quota("fraud", 10)
    read: list[int] = []

    def endless():
        while True:
            read.append(1)
            yield b"12345678"

    with pytest.raises(Conflict, match="may hold 10 bytes"):
        org.registrar.put_blob("fraud", endless(), "0" * 64)
    assert len(read) == 2 and not stored(org)


# Backup and restore


def backed_up(org: Org, target: Path) -> tuple[str, str]:
    done = Keeping.of(org.registrar).backup(str(target))
    return done.folder, done.digest


def new_home(org: Org, place: Path) -> str:
    """The server's keys, brought from where they are kept."""
    shutil.copytree(Path(org.home) / "keys", place / "keys")
    return str(place)


def test_a_registry_comes_back_from_a_backup(org, model, tmp_path):
    org.publish(model)
    org.promote()
    folder, digest = backed_up(org, tmp_path / "backups")
    home = new_home(org, tmp_path / "new")
    done = tending.restore(home, folder, digest)
    assert done.checkpoint.startswith("registry.example/log\n")
    with Registrar.open(home, clock=org.clock) as registrar:
        assert Keeping.of(registrar).check() == []
        assert registrar.bundle(MODEL, "production").to_bytes()
        assert not registrar.ledger.repair()
    with pytest.raises(UsageError, match="not an empty folder"):
        tending.restore(home, folder, digest)


def test_without_the_servers_keys_nothing_is_restored(org, tmp_path):
    folder, digest = backed_up(org, tmp_path / "backups")
    with pytest.raises(UsageError) as caught:
        tending.restore(str(tmp_path / "new"), folder, digest)
    assert "no backup has them" in caught.value.step
    assert not (tmp_path / "new" / "registry").exists()


@pytest.mark.parametrize("what", ["leaf", "checkpoint", "rolled back"])
def test_attack_a_database_that_contradicts_its_checkpoint_is_not_backed_up(org, model, tmp_path, what):
    from assaymark.storage.ledger_tables import checkpoints, leaves

    org.publish(model)
    org.registrar.ledger.integrate()
    with org.registrar.database.write() as connection:
        if what == "leaf":
            connection.execute(update(leaves).where(leaves.c.ticket == 2).values(leaf=b"{}"))
        elif what == "checkpoint":
            connection.execute(update(checkpoints).values(note=b"nonsense"))
        else:
            last = connection.execute(leaves.select().order_by(leaves.c.ticket.desc())).first().ticket
            connection.execute(leaves.delete().where(leaves.c.ticket == last))
    from assaymark.core.errors import Malformed

    with pytest.raises((Untrusted, Malformed)):
        Keeping.of(org.registrar).backup(str(tmp_path / "backups"))
    made = os.listdir(tmp_path / "backups") if (tmp_path / "backups").exists() else []
    assert set(made) <= {"objects"}


def test_attack_a_backup_of_another_log_is_not_restored(org, model, tmp_path):
    folder, digest = backed_up(org, tmp_path / "backups")
    other = Org(tmp_path / "other")
    other.registrar.close()
    home = new_home(other, tmp_path / "new")
    with pytest.raises(Untrusted):
        tending.restore(home, folder, digest)
    assert not os.path.exists(f"{home}/registry")


# Jobs


def test_a_job_that_fails_is_tried_three_times_and_then_waits_for_somebody(org, model):
    org.registrar.upload(ONE, str(model), "ann")
    from tests.registry.crashing import seal

    seal(org, ONE)
    for _ in range(queue.ATTEMPTS):
        with org.registrar.work() as work:
            job = queue.claim(work)
        with org.registrar.work() as work:
            queue.finish(work, job.id, "the scanner broke")
    keeping = Keeping.of(org.registrar)
    assert [(j["state"], j["error"]) for j in keeping.jobs()] == [("failed", "the scanner broke")]
    with org.registrar.work() as work:
        assert queue.claim(work) is None
    assert keeping.retry() == 1
    assert [j["state"] for j in keeping.jobs()] == ["waiting"]
    assert tending.work(org.home) == 1
    assert keeping.jobs() == []
    with pytest.raises(UsageError, match="no failed job"):
        keeping.retry(77)


# Fsck


def test_a_registry_with_a_history_is_sound(org, model):
    org.publish(model)
    org.promote()
    (model / "config.json").write_text("{}")
    org.publish(model, TWO)
    org.promote(TWO)
    org.request(ONE, days=1)
    quarantine(org)
    lift(org, "eve")
    lift(org, "fay")
    org.clock.moment += 2 * DAY
    from assaymark.registry import promotions

    with org.registrar.work() as work:
        promotions.expire(work)
        promotions.void(work, org_active(work), "dan", "taken back")
        versions.draft(work, VersionName(MODEL, "3"), "ann")
        versions.set_state(work, VersionName(MODEL, "3"), VersionState.TOMBSTONE, "dan")
    assert check(org) == []


def org_active(work) -> str:
    return work.connection.execute(tables.requests.select().where(tables.requests.c.state == "active")).first().nonce


@pytest.mark.parametrize(
    ("table", "change", "said"),
    [
        ("versions", {"state": "deprecated"}, "is deprecated; the ledger says verified"),
        ("versions", {"digest": "assaymark-manifest-v1:" + "0" * 64}, "its files make"),
        ("requests", {"state": "open"}, "is open; the ledger says active"),
        ("channels", {"counter": 5}, "is at counter 5; 1 activations"),
        ("channels", {"ticket": 1}, "does not stand at the last activation"),
        ("files", {"size": 1}, "not 1"),
        ("envelopes", {"document": "{}"}, "cannot be read"),
    ],
)
def test_attack_a_row_edited_by_hand_is_found(org, model, table, change, said):
    org.publish(model)
    org.promote()
    with org.registrar.database.write() as connection:
        connection.execute(update(getattr(tables, table)).values(**change))
    assert any(said in problem for problem in check(org)), check(org)


def test_a_blob_that_is_gone_is_found(org, model):
    org.publish(model)
    for blob in stored(org):
        org.registrar.store.delete(blob)
    assert len(check(org)) == 4


def test_a_draft_that_was_half_uploaded_is_no_problem(org):
    with org.registrar.work() as work:
        versions.draft(work, ONE, "ann")
        versions.note_uploads(work, "fraud", ["0" * 64])
        versions.add_files(work, ONE, [ManifestFile("a", 1, "0" * 64)])
    assert check(org) == []
