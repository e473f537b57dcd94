"""The folder as a store: killed writers, full disks, rot, planted links."""

import hashlib
import os
import random
import signal
import stat
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from assaymark.core.clock import FixedClock, SystemClock
from assaymark.core.errors import Unreadable, Untrusted
from assaymark.core.ports import StoreFault
from assaymark.storage.notes import Leases
from assaymark.storage.objects import ingest, open_store
from assaymark.storage.objects_folder import FolderStore
from assaymark.storage.upkeep import scrub, sweep

DAY = timedelta(days=1)
NOW = datetime(2026, 11, 24, 10, tzinfo=UTC)


def sha(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return tmp_path / "store"


@pytest.fixture
def store(root: Path) -> Iterator[FolderStore]:
    opened = FolderStore(str(root), SystemClock())
    yield opened
    opened.close()


def place(root: Path, name: str) -> Path:
    return root / "blobs" / "sha256" / name[:2] / name[2:]


def visible(root: Path) -> list[Path]:
    return [path for path in (root / "blobs").rglob("*") if path.is_file()]


def test_only_the_owner_may_look(root: Path, store: FolderStore) -> None:
    store.put(b"private")
    old = os.umask(0)
    try:
        store.put(b"private too")
    finally:
        os.umask(old)
    for path in (root, *root.rglob("*")):
        assert stat.S_IMODE(path.stat().st_mode) == (0o700 if path.is_dir() else 0o600), path


def test_nothing_is_left_in_tmp(root: Path, store: FolderStore) -> None:
    def fails() -> Iterator[bytes]:
        yield b"half"
        raise ConnectionResetError(104, "reset")

    with pytest.raises(StoreFault):
        store.put(fails())
    with pytest.raises(Untrusted):
        store.put(b"x", sha(b"y"))
    store.put(b"x")
    store.put(b"x")
    assert list((root / "tmp").iterdir()) == []


def test_leftovers_are_swept_after_a_grace(root: Path, store: FolderStore) -> None:
    (root / "tmp" / "old").write_bytes(b"x")
    os.utime(root / "tmp" / "old", (0, 0))
    (root / "tmp" / "young").write_bytes(b"x")
    (root / "tmp" / "folder").mkdir()
    open_store(str(root)).close()
    assert sorted(path.name for path in (root / "tmp").iterdir()) == ["folder", "young"]


def test_a_file_that_changes_while_it_is_read(tmp_path: Path, root: Path, store: FolderStore) -> None:
    file = tmp_path / "file"
    file.write_bytes(b"x" * 3_000_000)
    real = os.pread

    def pread(descriptor: int, length: int, offset: int) -> bytes:
        if offset == 1 << 20:
            with file.open("r+b") as other:
                other.write(b"changed")
            os.utime(file, ns=(1, 1))
        return real(descriptor, length, offset)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(os, "pread", pread)
        with pytest.raises(Unreadable, match="changed"):
            store.put(str(file))
    assert visible(root) == []


@pytest.mark.parametrize("link", [True, False])
def test_a_source_that_is_no_regular_file(tmp_path: Path, store: FolderStore, link: bool) -> None:
    source = tmp_path / "source"
    if link:
        source.symlink_to("/etc/passwd")
    else:
        os.mkfifo(source)
    with pytest.raises(Unreadable):
        store.put(str(source))


# --- killed


WRITER = """
import os, sys
from assaymark.storage.objects import ingest, open_store
store = open_store(sys.argv[1])
print("up", flush=True)
while True:
    for number in range(40):
        store.put(os.urandom(1) * (number * 9973))
    ingest(store, sys.argv[2])
    for blob in store.list():
        store.delete(blob.sha256)
"""


def test_kill_9_while_writing_leaves_no_wrong_blob(tmp_path: Path, root: Path) -> None:
    """Sixty writers, each killed at some moment of put, ingest or delete; what is visible is always whole."""
    folder = tmp_path / "model"
    folder.mkdir()
    for number in range(12):
        (folder / str(number)).write_bytes(random.randbytes(number * 50_000))
    rng = random.Random(4)
    looked = 0
    for _ in range(15):
        command = [sys.executable, "-c", WRITER, str(root), str(folder)]
        crowd = [subprocess.Popen(command, stdout=subprocess.PIPE) for _ in range(4)]
        for child in crowd:
            assert child.stdout is not None
            assert child.stdout.readline() == b"up\n"
        for child in crowd:
            time.sleep(rng.random() * 0.05)
            child.send_signal(signal.SIGKILL)
            child.wait()
            assert child.stdout is not None
            child.stdout.close()
        for path in visible(root):
            assert sha(path.read_bytes()) == path.parent.name + path.name
            looked += 1
    assert looked
    later = FixedClock(datetime.now(UTC) + 2 * DAY)
    store = FolderStore(str(root), later)
    assert list((root / "tmp").iterdir()) == []
    assert scrub(store).damaged == []
    ingest(store, str(folder))
    store.close()


def test_a_name_is_given_after_the_bytes_are_durable(
    root: Path, store: FolderStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    """After power is cut there is the whole blob or none: fsync of the file, its name, fsync of the folder, in this order."""
    seen: list[str] = []
    fsync, link = os.fsync, os.link

    def noted_fsync(descriptor: int) -> None:
        path = os.readlink(f"/proc/self/fd/{descriptor}")
        seen.append("folder" if os.path.isdir(path) else f"file of {os.fstat(descriptor).st_size}")
        fsync(descriptor)

    def noted_link(*args: str, **options: int) -> None:
        link(*args, **options)  # type: ignore[arg-type]
        seen.append("name")

    store.put(b"the folder is made before")
    monkeypatch.setattr(os, "fsync", noted_fsync)
    monkeypatch.setattr(os, "link", noted_link)
    name, _ = store.put(b"durable")
    assert seen == ["file of 7", "folder", "name", "folder"]  # the first folder is where the one of two digits was made
    seen.clear()
    store.put(b"durable", name)  # by another one, who may not have come to the last step yet
    assert seen == ["folder"]


@pytest.mark.parametrize("step", ["write", "fsync", "link", "unlink", "utime"])
def test_eio_at_every_step(root: Path, store: FolderStore, step: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def fails(*_: object, **__: object) -> None:
        raise OSError(5, "Input/output error")

    with monkeypatch.context() as patch:
        patch.setattr(os, step, fails)
        with pytest.raises(StoreFault, match="Input/output error") as caught:
            store.put(b"never half" * 1000)
    assert caught.value.step
    for path in visible(root):
        assert sha(path.read_bytes()) == path.parent.name + path.name
    store.put(b"never half" * 1000)
    assert store.has(sha(b"never half" * 1000))


def test_eio_while_reading_is_reported_and_not_moved(store: FolderStore, monkeypatch: pytest.MonkeyPatch) -> None:
    name, _ = store.put(b"readable again later")

    def fails(*_: object) -> bytes:
        raise OSError(5, "Input/output error")

    with monkeypatch.context() as patch:
        patch.setattr(os, "pread", fails)
        found = scrub(store).damaged
    assert [(d.sha256, d.moved) for d in found] == [(name, False)]
    assert store.has(name)


FULL = """
import resource, sys
from assaymark.core.ports import StoreFault
from assaymark.storage.objects import open_store
store = open_store(sys.argv[1])
resource.setrlimit(resource.RLIMIT_FSIZE, (1_500_000, resource.getrlimit(resource.RLIMIT_FSIZE)[1]))
try:
    store.put([b"x" * 1_000_000] * 3)
except StoreFault as error:
    print(error.full, error.message, error.step)
"""


def test_disk_full(root: Path) -> None:
    """The limit on the size of a file answers as a full disk does, in the middle of a write."""
    done = subprocess.run([sys.executable, "-c", FULL, root], capture_output=True, text=True, check=True)
    assert done.stdout.startswith("True")
    assert "no room" in done.stdout
    assert "sweep" in done.stdout
    assert visible(root) == []
    assert list((root / "tmp").iterdir()) == []


def test_disk_full_on_a_real_file_system(tmp_path: Path) -> None:
    mount = tmp_path / "small"
    mount.mkdir()
    try:
        done = subprocess.run(
            ["mount", "-t", "tmpfs", "-o", "size=1m", "none", mount], capture_output=True, check=False
        )
    except FileNotFoundError:
        pytest.skip("there is no mount command")
    if done.returncode:
        pytest.skip("mounting is not permitted here")
    try:
        store = open_store(str(mount / "store"))
        store.put(b"fits")
        with pytest.raises(StoreFault, match="no room"):
            store.put([os.urandom(300_000)] * 5)
        assert [blob.size for blob in store.list()] == [4]
        store.put(b"fits still")
        store.close()
    finally:
        subprocess.run(["umount", mount], check=True)


def test_without_hard_links(root: Path, store: FolderStore, monkeypatch: pytest.MonkeyPatch) -> None:
    def refused(*_: object, **__: object) -> None:
        raise PermissionError(1, "Operation not permitted")

    monkeypatch.setattr(os, "link", refused)
    store.put(b"renamed")
    store.put(b"renamed")
    assert [path.read_bytes() for path in visible(root)] == [b"renamed"]
    assert list((root / "tmp").iterdir()) == []


# --- rot and tampering


@pytest.mark.parametrize("size", [1, 1000, 2_500_000])
def test_a_flipped_bit_is_never_served_whole(root: Path, store: FolderStore, size: int) -> None:
    good = os.urandom(size)
    name, _ = store.put(good)
    for at in {0, size // 2, size - 1}:
        bad = bytearray(good)
        bad[at] ^= 1
        place(root, name).write_bytes(bad)
        for length in (-1, 1, 1 << 16):
            if length == 1 and size > 1000:
                continue
            served: list[int] = []
            with pytest.raises(Untrusted, match="damaged"), store.open(name) as reader:
                served.extend(len(data) for data in iter(lambda: reader.read(length), b""))  # noqa: B023 - used at once
            assert sum(served) < size
    report = scrub(store)
    assert [(d.sha256, d.moved) for d in report.damaged] == [(name, True)]
    assert not store.has(name)
    assert [path.name.partition(".")[0] for path in (root / "quarantine").iterdir()] == [name]
    store.put(good)
    with store.open(name) as reader:
        assert reader.read() == good


@pytest.mark.parametrize("bad", [b"", b"cut", b"hello, bits and more"])
def test_a_blob_of_another_size_is_found_and_healed_by_a_put(root: Path, store: FolderStore, bad: bytes) -> None:
    name, _ = store.put(b"hello, bits")
    place(root, name).write_bytes(bad)
    with pytest.raises(Untrusted), store.open(name) as reader:
        reader.read()
    assert store.put(b"hello, bits") == (name, 11)
    with store.open(name) as reader:
        assert reader.read() == b"hello, bits"
    assert len(list((root / "quarantine").iterdir())) == 1


def test_a_named_put_heals_too(root: Path, store: FolderStore) -> None:
    name, _ = store.put(b"hello, bits")
    place(root, name).write_bytes(b"cut")
    with pytest.raises(StoreFault, match="damaged"):
        store.put([b"hello, bits"], name)  # read once, and found out then
    assert store.put([b"hello, bits"], name) == (name, 11)
    place(root, name).write_bytes(b"cut")
    assert store.put(b"hello, bits", name) == (name, 11)
    with store.open(name) as reader:
        assert reader.read() == b"hello, bits"


@pytest.mark.parametrize("kind", ["link", "dangling", "pipe", "folder"])
def test_symlink_planted_in_place_of_a_blob(root: Path, store: FolderStore, tmp_path: Path, kind: str) -> None:
    secret = tmp_path / "secret"
    secret.write_bytes(b"hello, bits")
    name, _ = store.put(b"hello, bits")
    victim = place(root, name)
    victim.unlink()
    match kind:
        case "link":
            victim.symlink_to(secret)
        case "dangling":
            victim.symlink_to(tmp_path / "made")
        case "pipe":
            os.mkfifo(victim)
        case _:
            victim.mkdir()
    for ask in (store.open, store.size, lambda n: store.read_range(n, 0, 4)):
        with pytest.raises(Untrusted):
            ask(name)
    assert [d.moved for d in scrub(store).damaged] == [True]
    assert store.put(b"hello, bits") == (name, 11)
    assert victim.is_file()
    assert not victim.is_symlink()
    assert not (tmp_path / "made").exists()
    assert secret.read_bytes() == b"hello, bits"


@pytest.mark.parametrize("which", ["blobs", "blobs/sha256", "tmp", "quarantine", "notes"])
def test_symlink_planted_in_place_of_a_folder(root: Path, tmp_path: Path, which: str) -> None:
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    (root / which).parent.mkdir(parents=True)
    (root / which).symlink_to(elsewhere)
    with pytest.raises(StoreFault, match="cannot open the store"):
        open_store(str(root))
    assert list(elsewhere.iterdir()) == []


def test_symlink_planted_in_place_of_a_shard(root: Path, store: FolderStore, tmp_path: Path) -> None:
    name = sha(b"hello")
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    (elsewhere / name[2:]).write_bytes(b"hello")
    (root / "blobs" / "sha256" / name[:2]).symlink_to(elsewhere)
    for ask in (store.open, lambda _: store.put(b"hello"), store.delete, store.touch):
        with pytest.raises(StoreFault):
            ask(name)
    assert [path.name for path in elsewhere.iterdir()] == [name[2:]]


def test_strangers_are_no_blobs(root: Path, store: FolderStore) -> None:
    store.put(b"one")
    shard = next((root / "blobs" / "sha256").iterdir())
    (shard / "x").write_bytes(b"")
    (shard / ("G" * 62)).write_bytes(b"")
    (root / "blobs" / "sha256" / "zz").mkdir()
    (root / "blobs" / "sha256" / "f").write_bytes(b"")
    assert [blob.sha256 for blob in store.list()] == [sha(b"one")]


# --- together


def test_many_processes_put_one_blob(root: Path) -> None:
    script = "import sys; from assaymark.storage.objects import open_store; print(open_store(sys.argv[1]).put(b'y' * 5_000_000)[0])"
    crowd = [subprocess.Popen([sys.executable, "-c", script, str(root)], stdout=subprocess.PIPE) for _ in range(6)]
    said = {child.communicate()[0].decode().strip() for child in crowd}
    assert said == {sha(b"y" * 5_000_000)}
    assert len(visible(root)) == 1


def test_a_sweep_beside_puts_takes_nothing_that_was_just_put(root: Path) -> None:
    """Old garbage is put again and again while it is swept: after each put the blob is there."""
    store = FolderStore(str(root), FixedClock(NOW + 10 * DAY))
    name, _ = store.put(b"contended")
    freed: list[bool] = []
    stop = threading.Event()

    def swept() -> None:
        while not stop.is_set():
            freed.append(store.free(name, NOW + DAY))  # NOW is what the blob's age is set back to below

    def aged() -> None:
        with suppress(FileNotFoundError):
            os.utime(place(root, name), (NOW.timestamp(), NOW.timestamp()))

    thread = threading.Thread(target=swept)
    thread.start()
    try:
        for _ in range(200):
            assert store.put(b"contended") == (name, 9)
            assert store.has(name)
            aged()
    finally:
        stop.set()
        thread.join()
    assert any(freed)


class Life(RuleBasedStateMachine):
    """Puts, deletes, sweeps and leases against a model in memory; the store agrees after each step."""

    def __init__(self) -> None:
        super().__init__()
        import tempfile

        self.folder = tempfile.TemporaryDirectory()
        self.clock = FixedClock(NOW)
        self.store = FolderStore(self.folder.name, self.clock)
        self.leases = Leases(self.store)
        self.model: dict[bytes, datetime] = {}
        self.leased: dict[str, tuple[datetime, set[bytes]]] = {}

    contents = st.sampled_from([b"", b"a", b"b", b"c" * 5000])

    @rule(data=contents, named=st.booleans())
    def put(self, data: bytes, named: bool) -> None:
        assert self.store.put(data, sha(data) if named else None) == (sha(data), len(data))
        self.model[data] = self.clock.moment

    @rule(data=contents)
    def touch(self, data: bytes) -> None:
        assert self.store.touch(sha(data)) == (data in self.model)
        if data in self.model:
            self.model[data] = self.clock.moment

    @rule(data=contents)
    def delete(self, data: bytes) -> None:
        self.store.delete(sha(data))
        self.model.pop(data, None)

    @rule(data=contents)
    def quarantine(self, data: bytes) -> None:
        self.store.quarantine(sha(data))
        self.model.pop(data, None)

    @rule(hours=st.integers(1, 60))
    def wait(self, hours: int) -> None:
        self.clock.moment += timedelta(hours=hours)

    @rule(days=st.integers(1, 5))
    def grant(self, days: int) -> None:
        until = self.clock.moment + days * DAY
        self.leased[self.leases.grant(until)] = (until, set())

    @rule(data=contents, which=st.integers(0, 5))
    def hold(self, data: bytes, which: int) -> None:
        running = [lease for lease, (until, _) in self.leased.items() if until > self.clock.moment]
        if running:
            lease = running[which % len(running)]
            assert self.leases.hold(lease, sha(data), self.clock.moment) == (data in self.model)
            self.leased[lease][1].add(data)
            if data in self.model:
                self.model[data] = self.clock.moment

    @rule(which=st.integers(0, 5))
    def release(self, which: int) -> None:
        if self.leased:
            lease = sorted(self.leased)[which % len(self.leased)]
            self.leases.release(lease)
            del self.leased[lease]

    @rule(marked=st.sets(contents))
    def sweep(self, marked: set[bytes]) -> None:
        now = self.clock.moment
        held = {data for until, datas in self.leased.values() if until > now for data in datas}
        spared = {d: t for d, t in self.model.items() if d in marked or d in held or t >= now - DAY}
        swept = sweep(self.store, {sha(data) for data in marked}, DAY, now)
        assert swept.freed == len(self.model) - len(spared)
        self.model = spared

    @invariant()
    def agrees(self) -> None:
        assert [b.sha256 for b in self.store.list()] == sorted(map(sha, self.model))
        for data, touched in self.model.items():
            with self.store.open(sha(data)) as reader:
                assert reader.read() == data
            assert next(b for b in self.store.list() if b.sha256 == sha(data)).touched == touched
        assert scrub(self.store).damaged == []

    def teardown(self) -> None:
        self.store.close()
        self.folder.cleanup()


TestLife = Life.TestCase
TestLife.settings = settings(
    max_examples=25, stateful_step_count=25, deadline=None, suppress_health_check=list(HealthCheck)
)
