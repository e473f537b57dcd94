"""Backups of a running registry, and what a restoration refuses."""

import hashlib
import json
import os
import shutil
import sqlite3
import threading
from collections.abc import Callable, Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from assaymark.core.clock import FixedClock, SystemClock
from assaymark.core.errors import AssayError, Malformed, Untrusted, UsageError
from assaymark.core.ports import NoSuchBlob, StoreFault
from assaymark.storage.backup import DATABASE, LOG, Backup, Origin, backup, still_needed
from assaymark.storage.objects_folder import FolderStore
from assaymark.storage.restore import restore
from assaymark.storage.upkeep import sweep

NOW = datetime(2026, 11, 24, 10, tzinfo=UTC)
DAY = timedelta(days=1)


def sha(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


class Registry:
    """A small one: a table of files, a log of one checkpoint, a store."""

    def __init__(self, root: Path) -> None:
        self.root = root
        root.mkdir()
        self.store = FolderStore(str(root / "objects"), SystemClock())
        self.database = str(root / "r.sqlite")
        with closing(self.connect()) as connection:
            connection.execute("PRAGMA journal_mode=WAL")
            connection.execute("CREATE TABLE files (sha256 TEXT)")
        (root / "log" / "tile").mkdir(parents=True)
        self.sign()

    def connect(self) -> sqlite3.Connection:
        return sqlite3.connect(self.database, isolation_level=None, timeout=30)

    def add(self, data: bytes) -> str:
        name, _ = self.store.put(data)
        with closing(self.connect()) as connection:
            connection.execute("INSERT INTO files VALUES (?)", (name,))
        return name

    def sign(self) -> None:
        temporary = self.root / "log" / "checkpoint.tmp"
        temporary.write_text(f"root of {len(needed(self.database))}")
        temporary.replace(self.root / "log" / "checkpoint")

    @property
    def origin(self) -> Origin:
        return Origin(self.store, database=self.database, log=str(self.root / "log"))


def needed(database: str) -> list[str]:
    with closing(sqlite3.connect(database)) as connection:
        return [row[0] for row in connection.execute("SELECT sha256 FROM files")]


def checkpoint(folder: str) -> str:
    """Stands for the ledger: the log must not know more than the database does."""
    said = Path(folder, LOG, "checkpoint").read_text()
    if int(said.rpartition(" ")[2]) > len(needed(os.path.join(folder, DATABASE))):
        raise Untrusted("the log is ahead of the database")
    return said


@pytest.fixture
def registry(tmp_path: Path) -> Iterator[Registry]:
    made = Registry(tmp_path / "registry")
    for data in (b"", b"weights" * 1000, b"card"):
        made.add(data)
    made.sign()
    yield made
    made.store.close()


def make(registry: Registry, tmp_path: Path, moment: datetime = NOW) -> Backup:
    target = str(tmp_path / "backups")
    return backup(registry.origin, target, clock=FixedClock(moment), needed=needed, checkpoint=checkpoint)


def test_backup_and_restore(registry: Registry, tmp_path: Path) -> None:
    registry.store.put(b"garbage of no version")
    made = make(registry, tmp_path)
    assert (made.blobs, made.copied, made.bytes) == (3, 3, 7004)
    shutil.rmtree(registry.root)
    target = tmp_path / "restored"
    done = restore(made.folder, str(target), expected=made.digest, checkpoint=checkpoint)
    assert (done.blobs, done.bytes, done.checkpoint, done.at) == (3, 7004, "root of 3", "2026-11-24T10:00:00Z")
    assert sorted(path.name for path in target.iterdir()) == ["log", "objects", "registry.sqlite"]
    with closing(FolderStore(str(target / "objects"), SystemClock())) as store:
        assert sorted(needed(str(target / DATABASE))) == [blob.sha256 for blob in store.list()]
        with store.open(sha(b"weights" * 1000)) as reader:
            assert reader.read() == b"weights" * 1000
    for path in target.rglob("*"):
        assert path.stat().st_mode & 0o077 == 0, path


def test_the_next_backup_copies_only_what_is_new(registry: Registry, tmp_path: Path) -> None:
    first = make(registry, tmp_path)
    new = registry.add(b"new")
    second = make(registry, tmp_path, NOW + DAY)
    assert (second.blobs, second.copied) == (4, 1)
    assert new in still_needed(str(tmp_path / "backups"))
    shutil.rmtree(second.folder)
    with closing(FolderStore(str(tmp_path / "backups" / "objects"), SystemClock())) as objects:
        done = sweep(objects, still_needed(str(tmp_path / "backups")), DAY, datetime.now(UTC) + 2 * DAY)
    assert done.freed == 1
    assert restore(first.folder, str(tmp_path / "restored")).blobs == 3


def test_online_while_others_write(registry: Registry, tmp_path: Path) -> None:
    stop = threading.Event()

    def write() -> None:
        number = 0
        while not stop.is_set():
            number += 1
            registry.add(f"written meanwhile {number}".encode())
            registry.sign()

    thread = threading.Thread(target=write)
    thread.start()
    try:
        for number in range(5):
            made = make(registry, tmp_path, NOW + number * DAY)
            done = restore(
                made.folder, str(tmp_path / f"restored{number}"), expected=made.digest, checkpoint=checkpoint
            )
            assert done.blobs == made.blobs >= 3
    finally:
        stop.set()
        thread.join()


def test_a_dump_of_postgresql_goes_along(registry: Registry, tmp_path: Path) -> None:
    dump = tmp_path / "dump"
    dump.write_bytes(b"PGDMP")
    made = backup(Origin(registry.store, dump=str(dump)), str(tmp_path / "backups"), clock=FixedClock(NOW))
    restore(made.folder, str(tmp_path / "restored"))
    assert (tmp_path / "restored" / "registry.dump").read_bytes() == b"PGDMP"


def test_blobs_may_go_to_another_store(registry: Registry, tmp_path: Path) -> None:
    made = make(registry, tmp_path)
    with closing(FolderStore(str(tmp_path / "bucket"), SystemClock())) as store:
        restore(made.folder, str(tmp_path / "restored"), store=store)
        assert len(list(store.list())) == 3
    assert not (tmp_path / "restored" / "objects").exists()


def test_signing_keys_are_not_backed_up(registry: Registry, tmp_path: Path) -> None:
    from assaymark.storage.keys import ED25519, PrivateKey

    PrivateKey.generate(ED25519).save(str(registry.root / "log" / "server.pem"))
    with pytest.raises(UsageError, match="private key"):
        make(registry, tmp_path)
    assert [path.name for path in (tmp_path / "backups").iterdir()] == ["objects"]


@pytest.mark.parametrize("what", ["missing", "damaged"])
def test_no_backup_without_all_that_the_database_needs(registry: Registry, tmp_path: Path, what: str) -> None:
    name = registry.add(b"gone")
    place = registry.root / "objects" / "blobs" / "sha256" / name[:2] / name[2:]
    if what == "missing":
        place.unlink()
    else:
        place.write_bytes(b"rot!")
    with pytest.raises((NoSuchBlob, Untrusted)):
        make(registry, tmp_path)
    assert [path.name for path in (tmp_path / "backups").iterdir()] == ["objects"]


def test_a_database_that_cannot_be_copied(registry: Registry, tmp_path: Path) -> None:
    Path(registry.database).write_bytes(b"no database at all")
    for suffix in ("-wal", "-shm"):
        Path(registry.database + suffix).unlink(missing_ok=True)
    with pytest.raises(StoreFault, match="cannot be copied"):
        make(registry, tmp_path)


def test_what_a_killed_backup_left_is_removed_after_a_day(registry: Registry, tmp_path: Path) -> None:
    for name, age in (("old", 2 * DAY), ("young", DAY / 2)):
        left = tmp_path / "backups" / f".{name}.partial"
        left.mkdir(parents=True)
        moment = (NOW - age).timestamp()
        os.utime(left, (moment, moment))
    make(registry, tmp_path)
    assert [path.name for path in (tmp_path / "backups").glob(".*")] == [".young.partial"]


def test_two_backups_in_one_second(registry: Registry, tmp_path: Path) -> None:
    make(registry, tmp_path)
    with pytest.raises(UsageError, match="already"):
        make(registry, tmp_path)


@pytest.mark.parametrize("what", ["file", "folder", "link"])
def test_a_target_that_is_not_empty_is_refused(registry: Registry, tmp_path: Path, what: str) -> None:
    made = make(registry, tmp_path)
    target = tmp_path / "restored"
    match what:
        case "file":
            target.write_bytes(b"precious")
        case "link":
            target.symlink_to(tmp_path)
        case _:
            target.mkdir()
            (target / "precious").write_bytes(b"")
    with pytest.raises(UsageError, match="not an empty folder"):
        restore(made.folder, str(target))
    empty = tmp_path / "empty"
    empty.mkdir()
    assert restore(made.folder, str(empty)).blobs == 3


def flip(path: Path) -> None:
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 4
    path.write_bytes(data)


def files_of(folder: str) -> list[str]:
    root = Path(folder)
    objects = root.parent / "objects" / "blobs"
    return [str(path) for path in (*root.rglob("*"), *objects.rglob("*")) if path.is_file() and path.stat().st_size]


def test_a_bit_flipped_anywhere_in_a_backup_is_refused(registry: Registry, tmp_path: Path) -> None:
    made = make(registry, tmp_path)
    for number, place in enumerate(files_of(made.folder)):
        good = Path(place).read_bytes()
        flip(Path(place))
        target = tmp_path / f"restored{number}"
        with pytest.raises(AssayError):
            restore(made.folder, str(target), expected=made.digest)
        assert not target.exists()
        assert not list(tmp_path.glob(".*.partial"))
        Path(place).write_bytes(good)
    assert restore(made.folder, str(tmp_path / "restored"), expected=made.digest).blobs == 3


def test_a_file_taken_away_from_a_backup_is_refused(registry: Registry, tmp_path: Path) -> None:
    made = make(registry, tmp_path)
    for place in files_of(made.folder):
        good = Path(place).read_bytes()
        Path(place).unlink()
        with pytest.raises(AssayError):
            restore(made.folder, str(tmp_path / "restored"))
        assert not (tmp_path / "restored").exists()
        Path(place).write_bytes(good)


def test_log_rolled_back_from_a_backup(registry: Registry, tmp_path: Path) -> None:
    """Database and document were exchanged together for older ones: the noted digest, or the log's root, tells."""
    made = make(registry, tmp_path)
    with pytest.raises(Untrusted, match="not"):
        restore(made.folder, str(tmp_path / "restored"), expected="0" * 64)
    with pytest.raises(Untrusted, match="ends at"):
        restore(made.folder, str(tmp_path / "restored"), checkpoint=lambda _: "root of 2")
    assert not (tmp_path / "restored").exists()


def edited(path: str) -> Callable[[dict[str, object]], None]:
    def edit(document: dict[str, object]) -> None:
        files = document["files"]
        assert isinstance(files, list)
        files.append({"path": path, "size": 0, "sha256": sha(b"")})

    return edit


@pytest.mark.parametrize(
    "edit",
    [
        *(edited(path) for path in ("../x", "/etc/passwd", "log/../../x", "objects/x", "x", "log\\x", "")),
        lambda d: d.update(files="x"),
        lambda d: d.update(files=[]),
        lambda d: d.update(files=[[]]),
        lambda d: d.update(files=d["files"] * 2),
        lambda d: d.update(schema="other"),
        lambda d: d.update(at=1),
        lambda d: d.update(checkpoint=[]),
        lambda d: d.update(more=1),
        lambda d: d.pop("at"),
    ],
)
def test_path_traversal_and_garbage_in_a_backup(registry: Registry, tmp_path: Path, edit: Callable[..., None]) -> None:
    made = make(registry, tmp_path)
    place = Path(made.folder, "backup.json")
    document = json.loads(place.read_text())
    edit(document)
    place.write_text(json.dumps(document))
    with pytest.raises(Malformed):
        restore(made.folder, str(tmp_path / "restored"))
    assert not (tmp_path / "restored").exists()


@pytest.mark.parametrize("text", ["", "[]", "1", "{", "[" * 100_000, "\xff"])
def test_a_document_that_is_none(registry: Registry, tmp_path: Path, text: str) -> None:
    made = make(registry, tmp_path)
    Path(made.folder, "backup.json").write_text(text, encoding="latin-1")
    with pytest.raises(Malformed):
        restore(made.folder, str(tmp_path / "restored"))


@pytest.mark.parametrize("lines", ["../../etc/passwd 1\n", "x", f"{'a' * 64} x\n", f"{sha(b'card')} 5\n"])
def test_a_list_of_blobs_that_lies(registry: Registry, tmp_path: Path, lines: str) -> None:
    made = make(registry, tmp_path)
    place = Path(made.folder, "backup.json")
    document = json.loads(place.read_text())
    Path(made.folder, "blobs.txt").write_text(lines)
    for file in document["files"]:
        if file["path"] == "blobs.txt":
            file.update(size=len(lines), sha256=sha(lines.encode()))
    place.write_text(json.dumps(document))
    with pytest.raises(AssayError):
        restore(made.folder, str(tmp_path / "restored"))
    assert not (tmp_path / "restored").exists()
