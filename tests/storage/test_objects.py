"""What every content-addressed store promises, on a folder, on moto's S3 and on Azurite's blob service."""

import hashlib
import importlib.util
import io
import os
import random
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from assaymark.core.clock import SystemClock
from assaymark.core.errors import Malformed, Untrusted, UsageError
from assaymark.core.ports import NoSuchBlob, ObjectStore, StoreFault
from assaymark.storage.files import Excluder
from assaymark.storage.notes import Leases
from assaymark.storage.objects import ingest, open_store
from assaymark.storage.upkeep import scrub, sweep
from tests.storage import azurite

DAY = timedelta(days=1)
SERVER = """
import sys, urllib.request
from moto.server import ThreadedMotoServer
server = ThreadedMotoServer("127.0.0.1", 0, verbose=False)
server.start()
url = "http://%s:%d" % server.get_host_and_port()
urllib.request.urlopen(urllib.request.Request(url + "/blobs", method="PUT"), timeout=30).read()
print(url, flush=True)
sys.stdin.read()
"""


def sha(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


@pytest.fixture(scope="session")
def s3() -> Iterator[str]:
    """The endpoint of moto's server, in a process of its own, with a bucket `blobs`."""
    if importlib.util.find_spec("moto") is None or importlib.util.find_spec("flask") is None:
        pytest.skip("moto[server] is not installed, which stands in for S3")
    command = [sys.executable, "-c", SERVER]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        url = process.stdout.readline().strip()
        assert url.startswith("http://"), "moto's server did not start"
        yield url
        process.terminate()


@pytest.fixture
def s3_url(s3: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> str:
    for name in list(os.environ):
        if name.startswith("AWS_"):
            monkeypatch.delenv(name)
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "k")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "s")
    return f"s3://blobs/{tmp_path.name}?endpoint={s3}&region=us-east-1"


@pytest.fixture(scope="session")
def azure() -> Iterator[str]:
    """The endpoint of an emulator with a container `blobs`."""
    program = azurite.program()
    if program is None:
        pytest.skip("azurite is not installed, which stands in for Azure: npm install --prefix build/azurite azurite")
    with azurite.running(program) as endpoint:
        yield endpoint


@pytest.fixture
def azure_url(azure: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> str:
    for name in list(os.environ):
        if name.startswith("AZURE_"):
            monkeypatch.delenv(name)
    monkeypatch.setenv("AZURE_STORAGE_ACCOUNT_NAME", azurite.ACCOUNT)
    monkeypatch.setenv("AZURE_STORAGE_ACCOUNT_KEY", azurite.KEY)
    return f"az://blobs/{tmp_path.name}?endpoint={azure}"


@pytest.fixture(params=["folder", "s3", "azure"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[ObjectStore]:
    folder = request.param == "folder"
    opened = open_store(str(tmp_path / "store") if folder else request.getfixturevalue(f"{request.param}_url"))
    yield opened
    opened.close()


@pytest.mark.parametrize("source", [b"", b"hello", b"x" * 3_000_000])
def test_what_is_put_is_read(store: ObjectStore, source: bytes, tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.write_bytes(source)
    for form in (source, str(file), [source[:2], source[2:]], io.BytesIO(source)):
        assert store.put(form) == (sha(source), len(source))
    assert store.put(source, sha(source)) == (sha(source), len(source))
    with store.open(sha(source)) as reader:
        assert reader.size == len(source)
        assert reader.read(2) + b"".join(reader) == source
        assert reader.read() == b""
    assert store.read_range(sha(source), 1, 3) == source[1:4]
    assert store.read_range(sha(source), 2_999_999, 10) == source[2_999_999:]
    assert store.has(sha(source))
    assert store.size(sha(source)) == len(source)
    assert [(blob.sha256, blob.size) for blob in store.list()] == [(sha(source), len(source))]


def test_other_content_than_expected_is_not_stored(store: ObjectStore) -> None:
    with pytest.raises(Untrusted, match="not"):
        store.put(b"other", sha(b"wanted"))
    assert not store.has(sha(b"other"))
    assert not store.has(sha(b"wanted"))


def test_whoever_names_a_digest_must_have_the_content(store: ObjectStore) -> None:
    store.put(b"of another project")
    with pytest.raises(Untrusted):
        store.put(b"", sha(b"of another project"))


def test_what_is_not_there(store: ObjectStore) -> None:
    name = sha(b"nothing")
    assert not store.has(name)
    assert not store.touch(name)
    for ask in (store.open, store.size, lambda n: store.read_range(n, 0, 1)):
        with pytest.raises(NoSuchBlob):
            ask(name)
    store.delete(name)
    store.quarantine(name)
    assert not store.free(name, datetime.now(UTC) + DAY)


@pytest.mark.parametrize(
    "name",
    ["", "..", "../../../etc/passwd", "a" * 63, "a" * 65, "A" * 64, "/" + "a" * 63, "a" * 62 + "/.", "a" * 63 + "\n",
     "ab/" + "c" * 61, "%2e%2e%2f" + "a" * 55, "..%5c" + "a" * 59, "\uff41" * 64, "a" * 63 + "\0", f"sha256:{'a' * 64}"],
)  # fmt: skip
def test_path_traversal_in_a_name_is_refused(store: ObjectStore, name: str) -> None:
    later = datetime.now(UTC) + DAY
    for ask in (
        store.open, store.has, store.size, store.delete, store.quarantine, store.touch,
        lambda n: store.read_range(n, 0, 1), lambda n: store.put(b"x", n), lambda n: store.free(n, later),
    ):  # fmt: skip
        with pytest.raises(UsageError):
            ask(name)
    assert list(store.list()) == []


def test_listing_goes_on_after_a_name(store: ObjectStore) -> None:
    names = sorted(store.put(bytes([i]))[0] for i in range(20))
    assert [blob.sha256 for blob in store.list()] == names
    assert [blob.sha256 for blob in store.list(names[7])] == names[8:]
    assert [blob.sha256 for blob in store.list("f" * 64)] == []


def test_a_sweep_frees_what_is_old_and_unmarked(store: ObjectStore) -> None:
    garbage, marked, leased = (store.put(data)[0] for data in (b"garbage", b"marked", b"leased"))
    now = datetime.now(UTC)
    leases = Leases(store)
    lease = leases.grant(now + 10 * DAY)
    assert leases.hold(lease, leased, now)
    assert not leases.hold(lease, sha(b"to come"), now)
    young = sweep(store, {marked}, DAY, now + DAY / 2)
    assert (young.freed, young.young, young.leased, young.marked) == (0, 1, 1, 1)
    tried = sweep(store, {marked}, DAY, now + 2 * DAY, dry_run=True)
    assert (tried.freed, store.has(garbage)) == (1, True)
    done = sweep(store, {marked}, DAY, now + 2 * DAY)
    assert (done.freed, done.bytes, done.leased, done.marked) == (1, 7, 1, 1)
    assert [store.has(n) for n in (garbage, marked, leased)] == [False, True, True]
    leases.renew(lease, now + 30 * DAY)
    assert sweep(store, {marked}, DAY, now + 20 * DAY).leased == 1
    assert sweep(store, {marked}, DAY, now + 40 * DAY).freed == 1  # the lease ended by itself
    with pytest.raises(UsageError, match="no lease"):
        leases.renew(lease, now + 50 * DAY)


def test_a_blob_that_is_put_again_is_young(store: ObjectStore) -> None:
    name, _ = store.put(b"again")
    first = next(store.list()).touched
    before = datetime.now(UTC) + timedelta(seconds=3)
    assert not store.free(name, first)
    if store.url.startswith("file:"):
        store._clock = type("Later", (), {"now": lambda _: before + DAY})()
        store.put(b"again")
        assert not store.free(name, before)
        assert store.has(name)
        assert store.free(name, before + 2 * DAY)
    else:
        store.put(b"again")
        assert store._bucket.head(f"touched/{name}") is not None
        assert store.free(name, before + DAY)
        assert store._bucket.head(f"touched/{name}") is None
    assert not store.has(name)
    store.put(b"again")
    assert store.has(name)


def test_a_grace_too_short_is_refused(store: ObjectStore) -> None:
    with pytest.raises(UsageError, match="too short"):
        sweep(store, set(), timedelta(minutes=1), datetime.now(UTC))


def test_leases_are_no_paths(store: ObjectStore) -> None:
    for lease in ("", "../x", "a" * 31, "A" * 32):
        with pytest.raises(UsageError):
            Leases(store).release(lease)
    with pytest.raises(UsageError):
        store.notes().write("../x", b"")


def test_many_threads_put_one_blob(store: ObjectStore) -> None:
    data = os.urandom(200_000)
    said: list[object] = []

    def put() -> None:
        said.append(store.put(data))

    threads = [threading.Thread(target=put) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert said == [(sha(data), len(data))] * 8
    with store.open(sha(data)) as reader:
        assert reader.read() == data


def test_quarantined_is_never_served_and_can_be_put_anew(store: ObjectStore) -> None:
    name, _ = store.put(b"taken aside")
    store.quarantine(name)
    assert not store.has(name)
    assert list(store.list()) == []
    with pytest.raises(NoSuchBlob):
        store.open(name)
    store.put(b"taken aside")
    assert store.has(name)


def test_ingest_gives_the_manifest_of_the_folder(store: ObjectStore, tmp_path: Path) -> None:
    folder = tmp_path / "model"
    (folder / "sub").mkdir(parents=True)
    (folder / ".git").mkdir()
    (folder / ".git" / "HEAD").write_text("ref")
    contents = {"a.bin": os.urandom(100_000), "sub/b.txt": b"text", "sub/empty": b""}
    for path, data in contents.items():
        (folder / path).write_bytes(data)
    (folder / "link.txt").symlink_to("sub/b.txt")
    seen: list[int] = []
    manifest = ingest(store, str(folder), progress=seen.append)
    contents["link.txt"] = b"text"
    assert {f.path: (f.size, f.sha256) for f in manifest.files} == {p: (len(d), sha(d)) for p, d in contents.items()}
    assert sorted(seen) == sorted(map(len, contents.values()))
    for file in manifest.files:
        with store.open(file.sha256) as reader:
            assert reader.read() == contents[file.path]
    left = Excluder(("*.txt",), git=True)
    assert {f.path for f in ingest(store, str(folder), excluded=left).files} == {"a.bin", "sub/empty"}


def test_the_manifest_is_that_of_a_scan(tmp_path: Path) -> None:
    from assaymark.app import scan

    folder = tmp_path / "model"
    folder.mkdir()
    (folder / "config.json").write_text("{}")
    (folder / "copy.json").symlink_to("config.json")
    statement = scan(str(folder), config="", home=str(tmp_path / "home")).statement
    manifest = ingest(open_store(str(tmp_path / "store")), str(folder))
    assert statement is not None
    assert manifest.digest.value in str(statement)


@pytest.mark.parametrize("bad", ["out", "pipe", "a\\b", "e\u0301", "case", "absent"])
def test_what_no_manifest_holds_is_refused_before_a_byte_is_put(store: ObjectStore, tmp_path: Path, bad: str) -> None:
    folder = tmp_path / "model"
    folder.mkdir()
    (folder / "a.bin").write_bytes(b"good")
    match bad:
        case "out":
            (folder / "passwd").symlink_to("/etc/passwd")
        case "pipe":
            os.mkfifo(folder / "pipe")
        case "case":
            (folder / "A.bin").write_bytes(b"other")
        case "absent":
            folder = tmp_path / "nowhere"
        case _:
            (folder / bad).write_bytes(b"x")
    with pytest.raises((Malformed, UsageError)):
        ingest(store, str(folder))
    assert list(store.list()) == []


def test_scrub_goes_on_where_it_stopped(store: ObjectStore) -> None:
    for i in range(6):
        store.put(bytes([i]) * 1000)
    store.put(b"")
    parts, after = [], ""
    while True:
        part = scrub(store, after=after, most_bytes=2000)
        parts.append(part)
        if not part.after:
            break
        after = part.after
    assert sum(p.blobs for p in parts) == 7
    assert sum(p.bytes for p in parts) == 6000
    assert len(parts) >= 3
    assert not any(p.damaged for p in parts)


# --- what only S3 has


def damaged_s3(store: ObjectStore, data: bytes, other: bytes) -> str:
    name, _ = store.put(data)
    store._bucket.write(f"blobs/sha256/{name[:2]}/{name[2:]}", other)
    return name


@pytest.mark.parametrize("other", [b"Hello, bits", b"hello", b"hello, bits and more"])
def test_rot_in_s3_is_found_and_set_aside(s3_url: str, other: bytes) -> None:
    store = open_store(s3_url)
    name = damaged_s3(store, b"hello, bits", other)
    with pytest.raises(Untrusted), store.open(name) as reader:
        reader.read()
    assert [(d.sha256, d.moved) for d in scrub(store).damaged] == [(name, True)]
    assert not store.has(name)
    assert store._bucket.head(f"quarantine/{name}") is not None
    store.put(b"hello, bits")
    with store.open(name) as reader:
        assert reader.read() == b"hello, bits"


def test_a_put_of_other_size_than_what_is_there_heals(s3_url: str) -> None:
    store = open_store(s3_url)
    name = damaged_s3(store, b"hello, bits", b"short")
    store.put(b"hello, bits", name)
    with store.open(name) as reader:
        assert reader.read() == b"hello, bits"


def test_a_conditional_put_does_not_replace(s3_url: str, tmp_path: Path) -> None:
    bucket = open_store(s3_url)._bucket
    (tmp_path / "one").write_bytes(b"one")
    assert bucket.create("x", str(tmp_path / "one"), 3)
    (tmp_path / "two").write_bytes(b"two")
    assert not bucket.create("x", str(tmp_path / "two"), 3)
    assert bucket.read("x", 0, 3) == b"one"


def test_a_large_blob_goes_in_parts(s3_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    from assaymark.storage import buckets

    monkeypatch.setattr(buckets, "_ONE_REQUEST", 1 << 20)
    data = os.urandom(1 << 20) * 40
    store = open_store(s3_url)
    assert store.put([data]) == (sha(data), len(data))
    with store.open(sha(data)) as reader:
        assert reader.read() == data


S3_WRITER = """
import os, sys
from assaymark.storage import buckets
from assaymark.storage.objects import open_store
buckets._ONE_REQUEST = 1 << 20
store = open_store(sys.argv[1])
print("up", flush=True)
while True:
    for size in (100, 300_000, 9_000_000, 0):
        store.put([os.urandom(1) * size])
"""


def test_kill_9_while_writing_to_s3_leaves_no_wrong_blob(s3_url: str) -> None:
    rng = random.Random(4)
    for _ in range(8):
        with subprocess.Popen([sys.executable, "-c", S3_WRITER, s3_url], stdout=subprocess.PIPE) as child:
            assert child.stdout is not None
            assert child.stdout.readline() == b"up\n"
            time.sleep(rng.random() * 0.4)
            child.kill()
    seen = scrub(open_store(s3_url))
    assert seen.blobs
    assert seen.damaged == []


def test_a_put_waits_for_a_sweep_that_is_about_to_delete(s3_url: str) -> None:
    """The sweep dooms the blob, the put sees the mark, the sweep deletes: what was put is there in the end."""
    store = open_store(s3_url)
    name, _ = store.put(b"contended")
    bucket = store._bucket
    waited: list[float] = []

    def sweep_meanwhile(seconds: float) -> None:
        waited.append(seconds)
        store.delete(name)
        bucket.remove(f"doomed/{name}")

    bucket.write(f"doomed/{name}", b"")
    store._wait = sweep_meanwhile
    assert store.put(b"contended") == (name, 9)
    assert waited
    assert store.has(name)


def test_a_sweep_backs_off_from_a_put_that_came_between(s3_url: str) -> None:
    store = open_store(s3_url)
    name, _ = store.put(b"contended")
    looks = 0
    older = store._older

    def put_between(sha256: str, before: datetime) -> bool:
        nonlocal looks
        looks += 1
        return looks == 1 or older(sha256, before)

    store._older = put_between
    assert not store.free(name, datetime.now(UTC) - DAY)
    assert looks == 2
    assert store.has(name)
    assert store._bucket.head(f"doomed/{name}") is None


def test_a_mark_of_a_dead_sweep_is_removed(s3_url: str) -> None:
    store = open_store(s3_url)
    store._bucket.write(f"doomed/{sha(b'x')}", b"")
    store._clock = type("Later", (), {"now": lambda _: SystemClock().now() + timedelta(hours=1)})()
    store._wait = lambda _: None
    store.put(b"x")
    assert store._bucket.head(f"doomed/{sha(b'x')}") is None


def test_strangers_in_the_bucket_are_no_blobs(s3_url: str) -> None:
    store = open_store(s3_url)
    for key in ("blobs/sha256/x", f"blobs/sha256/{'a' * 64}", f"blobs/sha256/zz/{'a' * 62}", "blobs/other"):
        store._bucket.write(key, b"x")
    assert list(store.list()) == []


# --- URLs


@pytest.mark.parametrize(
    "url",
    ["", "file://", "ftp://x/y", "https://x/y", "s3://", "s3:///p", "s3://b/../c", "s3://b//c", "s3://u:p@b/c",
     "s3://b/p?endpoint=http://minio.example", "s3://b/p?key=1", "s3://b/p?endpoint=https://u:p@h", "s3://[b"],
)  # fmt: skip
def test_urls_that_make_no_sense(url: str) -> None:
    with pytest.raises(UsageError):
        open_store(url)


@pytest.mark.parametrize("url", ["gs://bucket/p", "az://container/p"])
def test_the_other_clouds_are_opened(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GOOGLE_SKIP_SIGNATURE", "true")
    monkeypatch.setenv("AZURE_STORAGE_ACCOUNT_NAME", "acct")
    assert open_store(url).url == url


def test_a_service_that_does_not_answer_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    from assaymark.storage import buckets

    monkeypatch.setenv("AWS_SKIP_SIGNATURE", "true")
    store = open_store("s3://blobs/p?endpoint=http://127.0.0.1:1&region=us-east-1")
    monkeypatch.setattr(buckets, "PIECE", 1)
    with pytest.raises(StoreFault, match="s3://blobs/p") as caught:
        store.has("a" * 64)
    assert caught.value.step


def test_the_benchmark_runs() -> None:
    script = Path(__file__).parents[2] / "benchmarks" / "store.py"
    command = [sys.executable, str(script), "--megabytes", "1", "--files", "3", "--repeat", "1"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "ingest" in done.stdout
