"""The ledger behind its face: append, integrate, receipts; what it refuses to sign; what it mends; two at once."""

import os
import shutil
import sqlite3
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from assaymark.core import merkle
from assaymark.core.errors import Unreadable, Untrusted, UsageError
from assaymark.core.note import Note
from assaymark.core.tlog import Checkpoint, Proof
from assaymark.storage.keys import PrivateKey
from assaymark.storage.ledger_files import Folder
from assaymark.storage.sequencer import Sequencer
from tests.storage.ledgers import KEY, ORIGIN, PRIVATE, Place


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Place]:
    made = Place(tmp_path)
    yield made
    made.close()


def tree_of(note: bytes | None) -> Checkpoint:
    assert note is not None
    return Checkpoint.read(Note.read(note).text)


def files(folder: Path) -> dict[str, bytes]:
    return {p.relative_to(folder).as_posix(): p.read_bytes() for p in folder.rglob("*") if p.is_file()}


def execute(place: Place, statement: str, *values: object) -> None:
    """As somebody with the database in his hands."""
    with sqlite3.connect(place.root / "assay.db") as connection:
        connection.execute(statement, values)
    connection.close()


def test_leaves_get_their_place_in_order_and_are_proved(place: Place) -> None:
    log = place.open()
    tickets = log.add(range(5)) + log.add(range(5, 300))
    assert log.ledger.integrate().size == 300
    for number in (0, 1, 255, 256, 299):
        receipt = log.ledger.receipt(tickets[number])
        assert (receipt.index, receipt.leaf) == (number, b'{"n":%d}' % number)
        head = Proof.read(receipt.proof.encode()).verify(receipt.leaf, KEY)
        assert head.checkpoint.origin == ORIGIN and head.checkpoint.size == 300
    audit = place.audit()
    assert not audit.problems and not audit.unexplained and audit.head is not None
    assert (place.folder / "checkpoint").read_bytes() == log.ledger.checkpoint()


def test_a_receipt_integrates_what_it_needs(place: Place) -> None:
    log = place.open()
    (ticket,) = log.add([7])
    assert log.ledger.checkpoint() is None
    assert log.ledger.receipt(ticket).index == 0
    with pytest.raises(UsageError, match="no ticket 99"):
        log.ledger.receipt(99)


def test_an_empty_ledger_has_a_checkpoint(place: Place) -> None:
    checkpoint = place.open().ledger.integrate()
    assert (checkpoint.size, checkpoint.root) == (0, merkle.EMPTY)
    assert not place.audit().problems


def test_a_leaf_lives_and_dies_with_its_transaction(place: Place) -> None:
    log = place.open()

    def fail() -> None:
        with log.database.write() as connection:
            log.ledger.append(connection, {"n": 1})
            raise RuntimeError

    with pytest.raises(RuntimeError):
        fail()
    log.add([2])
    log.ledger.integrate()
    assert log.ledger.integrate().size == 1
    assert b'{"n":2}' in (place.folder / "tile/entries/000.p/1").read_bytes()


def test_leaves_are_canonical_and_bounded(place: Place) -> None:
    log = place.open()
    with log.database.write() as connection:
        ticket = log.ledger.append(connection, {"b": "é", "a": [1, None, True]})
        longest = log.ledger.append(connection, {"n": "x" * (65_535 - 8)})
        for refused in ({"n": "x" * (65_535 - 7)}, {"n": 1 << 60}, {"n": float("nan")}, {"n": {1}}, {"n": "\ud800"}):
            with pytest.raises(UsageError):
                log.ledger.append(connection, refused)
    assert log.ledger.receipt(ticket).leaf == '{"a":[1,null,true],"b":"é"}'.encode()
    assert len(log.ledger.receipt(longest).leaf) == 65_535
    assert not place.audit().problems


def test_integrating_again_changes_nothing(place: Place) -> None:
    log = place.open()
    log.add(range(300))
    log.ledger.integrate()
    before = files(place.folder)
    assert log.ledger.integrate() == log.ledger.integrate() == place.open().ledger.integrate()
    assert files(place.folder) == before


def test_files_are_the_same_however_leaves_came(place: Place, tmp_path: Path) -> None:
    log = place.open()
    for begin in range(0, 600, 37):
        log.add(range(begin, min(begin + 37, 600)))
        log.ledger.integrate()
    (tmp_path / "other").mkdir()
    other = Place(tmp_path / "other")
    at_once = other.open()
    at_once.add(range(600))
    at_once.ledger.integrate()
    assert files(other.folder).items() <= files(place.folder).items()
    place.open().ledger.repair()
    other.close()
    assert not place.audit().problems


def test_every_tree_grew_from_those_before(place: Place) -> None:
    log = place.open()
    heads = [log.ledger.integrate()]
    for size in (1, 2, 3, 255, 1, 1, 256, 40):
        log.add(range(size))
        heads.append(log.ledger.integrate())
    last = heads[-1]
    for head in heads:
        proof = log.ledger.consistency(head.size, last.size)
        assert merkle.verify_consistency(head.size, last.size, proof, head.root, last.root)
    path = log.ledger.inclusion(3, heads[5].size)
    leaf = merkle.leaf_hash(b'{"n":0}')
    assert merkle.verify_inclusion(leaf, 3, heads[5].size, path, heads[5].root)
    for wrong in (
        lambda: log.ledger.consistency(9, 5),
        lambda: log.ledger.inclusion(0, 10_000),
        lambda: log.ledger.inclusion(5, 5),
    ):
        with pytest.raises(UsageError):
            wrong()


def test_attack_a_leaf_is_changed_in_the_database(place: Place) -> None:
    log = place.open()
    log.add(range(10))
    log.ledger.integrate()
    execute(place, "UPDATE ledger_leaves SET hash = ? WHERE ticket = 3", bytes(32))
    log.add([10])
    with pytest.raises(Untrusted, match="not those that were signed"):
        place.open().ledger.integrate()


def test_attack_a_leaf_is_changed_in_the_database_but_its_hash_is_not(place: Place) -> None:
    log = place.open()
    (ticket, *_) = log.add(range(10))
    log.ledger.integrate()
    execute(place, "UPDATE ledger_leaves SET leaf = ? WHERE ticket = 1", b'{"n":99}')
    with pytest.raises(Untrusted, match="is not number 0"):
        log.ledger.receipt(ticket)
    for refused in (log.ledger.repair, place.open().ledger.integrate):
        with pytest.raises(Untrusted, match="leaf 0 in the database is not the one that was logged"):
            refused()
    assert not place.audit().problems  # what is published is still what was signed


def test_attack_the_tail_is_cut_off_the_database(place: Place) -> None:
    log = place.open()
    log.add(range(10))
    log.ledger.integrate()
    execute(place, "DELETE FROM ledger_leaves WHERE ticket > 8")
    with pytest.raises(Untrusted, match="rolled back") as refused:
        place.open().ledger.integrate()
    assert "backup" in refused.value.step
    log.add(range(2), word="other")
    with pytest.raises(Untrusted, match="rolled back"):
        place.open().ledger.integrate()
    execute(place, 'UPDATE ledger_leaves SET "index" = ticket - 3 WHERE "index" IS NULL')
    with pytest.raises(Untrusted, match="not those that were signed"):
        place.open().ledger.integrate()


def test_attack_a_leaf_is_taken_out_of_the_middle(place: Place) -> None:
    log = place.open()
    log.add(range(300))
    log.ledger.integrate()
    execute(place, "DELETE FROM ledger_leaves WHERE ticket = 290")
    log.add([300])
    with pytest.raises(Untrusted, match="lost hashes"):
        place.open().ledger.integrate()


def test_attack_the_database_is_rolled_back_from_a_backup(place: Place) -> None:
    """The static files remember."""
    log = place.open()
    log.add(range(5))
    log.ledger.integrate()
    with sqlite3.connect(place.root / "assay.db") as source, sqlite3.connect(place.root / "backup.db") as target:
        source.backup(target)
    source.close()
    target.close()
    log.add(range(5))
    log.ledger.integrate()
    place.close()
    for name in ("assay.db-wal", "assay.db-shm"):
        (place.root / name).unlink(missing_ok=True)
    shutil.copy(place.root / "backup.db", place.root / "assay.db")
    again = place.open()
    again.add(range(9))
    with pytest.raises(Untrusted, match="in the static files"):
        again.ledger.integrate()
    assert tree_of(again.ledger.checkpoint()).size == 5


def test_attack_the_static_files_are_of_a_fork(place: Place, tmp_path: Path) -> None:
    (tmp_path / "fork").mkdir()
    fork = Place(tmp_path / "fork")
    other = fork.open()
    other.add(range(5), word="evil")
    other.ledger.integrate()
    fork.close()
    log = place.open()
    log.add(range(5))
    log.ledger.integrate()
    shutil.copy(fork.folder / "checkpoint", place.folder / "checkpoint")
    log.add([5])
    with pytest.raises(Untrusted, match="static files has another root"):
        log.ledger.integrate()
    with pytest.raises(Untrusted, match="static files has another root"):
        log.ledger.repair()


def test_attack_the_database_is_taken_away(place: Place) -> None:
    """A new database beside the old files must not begin a second log under the same name."""
    log = place.open()
    log.add(range(5))
    log.ledger.integrate()
    place.close()
    for name in ("assay.db", "assay.db-wal", "assay.db-shm"):
        (place.root / name).unlink(missing_ok=True)
    log = place.open()
    log.add(range(9))
    with pytest.raises(Untrusted, match="static files"):
        log.ledger.integrate()
    assert log.ledger.checkpoint() is None


def test_another_key_does_not_go_on_with_the_log(place: Place) -> None:
    log = place.open()
    log.add([1])
    log.ledger.integrate()
    other = place.open(private=PrivateKey.generate("ed25519"))
    other.add([2])
    with pytest.raises(Untrusted, match="not signed by"):
        other.ledger.integrate()


def test_a_damaged_checkpoint_is_refused_and_mended(place: Place) -> None:
    log = place.open()
    log.add(range(3))
    log.ledger.integrate()
    good = (place.folder / "checkpoint").read_bytes()
    for bad in (good[:-9], b"", good.replace(b"\n3\n", b"\n4\n")):
        (place.folder / "checkpoint").write_bytes(bad)
        with pytest.raises(Untrusted):
            log.ledger.integrate()
        assert log.ledger.repair() == ["checkpoint was missing and is written again"]
        assert (place.folder / "checkpoint").read_bytes() == good


def test_torn_missing_and_foreign_tiles_are_mended_and_named(place: Place) -> None:
    log = place.open()
    log.add(range(300))
    log.ledger.integrate()
    good = files(place.folder)
    (place.folder / "tile/0/000").write_bytes(good["tile/0/000"][:5_000])
    (place.folder / "tile/entries/000").unlink()
    assert {problem.path for problem in place.audit().problems} == {"tile/0/000", "tile/entries/000"}
    (place.folder / "tile/1/000.p/1").write_bytes(bytes(32))
    assert log.ledger.repair() == [
        "tile/entries/000 was missing and is written again",
        "tile/0/000 was different and is written again",
        "tile/1/000.p/1 was different and is written again",
    ]
    assert files(place.folder) == good
    assert not log.ledger.repair()
    assert place.said and not place.audit().problems


def test_the_last_tiles_are_mended_when_a_process_begins(place: Place) -> None:
    log = place.open()
    log.add(range(300))
    log.ledger.integrate()
    good = files(place.folder)
    (place.folder / "tile/0/001.p/44").write_bytes(good["tile/0/001.p/44"][:40])
    (place.folder / ".tmp").mkdir(exist_ok=True)
    (place.folder / ".tmp" / "left").write_bytes(b"half")
    place.open().ledger.integrate()
    assert files(place.folder) == good


def test_the_whole_folder_can_be_lost(place: Place) -> None:
    log = place.open()
    log.add(range(600))
    log.ledger.integrate()
    good = files(place.folder)
    shutil.rmtree(place.folder)
    log.ledger.repair()
    assert files(place.folder) == good


def test_a_link_in_the_place_of_a_file_is_not_followed(place: Place) -> None:
    log = place.open()
    log.add(range(3))
    log.ledger.integrate()
    (place.folder / "checkpoint").rename(place.root / "elsewhere")
    (place.folder / "checkpoint").symlink_to(place.root / "elsewhere")
    with pytest.raises(Unreadable):
        Folder(os.fspath(place.folder)).read("checkpoint")


def test_two_integrators_at_once(place: Place) -> None:
    """Each with a database of its own, as two processes have; eight threads append."""
    logs = [place.open() for _ in range(4)]
    errors: list[BaseException] = []
    tickets: list[int] = []

    def append(number: int) -> None:
        try:
            for turn in range(15):
                tickets.extend(logs[number % 4].add([number * 100 + turn]))
        except Exception as error:  # noqa: BLE001 - of a thread
            errors.append(error)

    def integrate(number: int) -> None:
        try:
            for _ in range(15):
                logs[number].ledger.integrate()
        except Exception as error:  # noqa: BLE001 - of a thread
            errors.append(error)

    threads = [threading.Thread(target=append, args=(n,)) for n in range(8)]
    threads += [threading.Thread(target=integrate, args=(n,)) for n in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not errors
    assert logs[0].ledger.integrate().size == 120
    receipts = [logs[1].ledger.receipt(ticket) for ticket in sorted(tickets)]
    assert [receipt.index for receipt in receipts] == list(range(120))
    assert len({receipt.leaf for receipt in receipts}) == 120
    assert not place.audit().problems


def test_a_sequencer_gives_receipts_to_many(place: Place) -> None:
    log = place.open()
    proofs: list[tuple[int, bytes]] = []

    def change(number: int) -> None:
        for turn in range(10):
            (ticket,) = log.add([number * 1000 + turn])
            receipt = sequencer.receipt(ticket)
            Proof.read(receipt.proof.encode()).verify(receipt.leaf, KEY)
            proofs.append((receipt.index, receipt.leaf))

    with Sequencer(log.ledger, delay=0.001) as sequencer:
        threads = [threading.Thread(target=change, args=(n,)) for n in range(6)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert sorted(index for index, _ in proofs) == list(range(60))
    assert len({leaf for _, leaf in proofs}) == 60


def test_a_sequencer_sees_what_others_append_and_integrates_at_its_end(place: Place) -> None:
    log = place.open()
    sequencer = Sequencer(log.ledger, idle=0.001)
    sequencer.start()
    log.add([1])
    sequencer.stop()
    assert tree_of(log.ledger.checkpoint()).size == 1


def test_a_sequencer_tells_why_it_cannot(place: Place) -> None:
    log = place.open()
    log.add(range(4))
    log.ledger.integrate()
    execute(place, "UPDATE ledger_leaves SET hash = ? WHERE ticket = 1", bytes(32))
    fresh = place.open()
    with Sequencer(fresh.ledger, delay=0.0) as sequencer:
        (ticket,) = fresh.add([5])
        with pytest.raises(Untrusted, match="not those that were signed"):
            sequencer.receipt(ticket)
        assert isinstance(sequencer.failure, Untrusted)


def test_the_disk_is_full(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing is signed that was not written; when there is room again, it goes on."""
    log = place.open()
    log.add(range(3))
    log.ledger.integrate()
    tickets = log.add(range(3, 6))
    real = os.fsync

    def full(_descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(Unreadable, match="No space left"):
        log.ledger.integrate()
    assert tree_of(log.ledger.checkpoint()).size == 3
    monkeypatch.setattr(os, "fsync", real)
    assert [log.ledger.receipt(ticket).index for ticket in tickets] == [3, 4, 5]
    assert not place.audit().problems


def test_only_ed25519_signs_a_log() -> None:
    from assaymark.storage.notekeys import note_signer

    with pytest.raises(UsageError, match="Ed25519"):
        note_signer(ORIGIN, PrivateKey.generate("ecdsa-p256"))
    assert note_signer(ORIGIN, PRIVATE).sign("x\n").id == KEY.key.id
