"""Files as blobs: hashed in one pass whatever the order of reads, opened without waiting, watched for changes."""

import hashlib
import os
import socket
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from assaymark.core.errors import Unreadable
from assaymark.storage.files import open_blob
from assaymark.storage.spool import FileSpool

CONTENT = bytes(range(256)) * 4
BIG = os.urandom(700_001)
READS = st.lists(st.tuples(st.integers(0, 1100), st.integers(0, 400)), max_size=12)


@pytest.fixture
def path(tmp_path: Path) -> str:
    place = tmp_path / "file"
    place.write_bytes(CONTENT)
    return str(place)


@given(READS)
@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_the_digest_does_not_depend_on_what_was_read(path: str, reads: list[tuple[int, int]]) -> None:
    with open_blob(path) as blob:
        assert blob.size == len(CONTENT)
        for offset, length in reads:
            assert blob.read(offset, length) == CONTENT[offset : offset + length]
        assert blob.sha256() == blob.sha256() == hashlib.sha256(CONTENT).hexdigest()


@given(st.lists(st.tuples(st.integers(0, len(BIG)), st.integers(0, 300_000)), max_size=6))
@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_neither_does_that_of_a_file_of_several_blocks(tmp_path: Path, reads: list[tuple[int, int]]) -> None:
    place = tmp_path / "big"
    if not place.exists():
        place.write_bytes(BIG)
    with open_blob(str(place)) as blob:
        for offset, length in reads:
            assert blob.read(offset, length) == BIG[offset : offset + length]
        assert blob.sha256() == hashlib.sha256(BIG).hexdigest()


def test_a_file_that_is_read_from_end_to_end_is_read_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    place = tmp_path / "big"
    place.write_bytes(BIG)
    with open_blob(str(place)) as blob:
        blob.read(len(BIG) - 50, 50)  # a look at the tail
        for offset in range(0, len(BIG), 100_000):
            blob.read(offset, 100_000)
        monkeypatch.setattr("os.preadv", None)
        monkeypatch.setattr("os.pread", None)
        assert blob.sha256() == hashlib.sha256(BIG).hexdigest()


def test_without_digest_nothing_is_hashed(path: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("hashlib.sha256", None)
    with open_blob(path, digest=False) as blob:
        assert blob.read(0, 5) == CONTENT[:5]
        assert blob.sha256() is None


def test_the_empty_file(tmp_path: Path) -> None:
    (tmp_path / "empty").touch()
    with open_blob(str(tmp_path / "empty")) as blob:
        assert (blob.size, blob.read(0, 10), blob.sha256()) == (0, b"", hashlib.sha256(b"").hexdigest())


@pytest.mark.parametrize("change", ["append", "truncate", "overwrite", "replace content, keep size and time"])
def test_a_file_that_changes_meanwhile_is_not_vouched_for(path: str, change: str) -> None:
    with open_blob(path) as blob:
        blob.read(0, 10)
        before = os.stat(path)
        with open(path, "r+b") as file:
            if change == "append":
                file.seek(0, os.SEEK_END)
                file.write(b"more")
            elif change == "truncate":
                file.truncate(20)
            else:
                file.write(b"other")
        if change.startswith("replace"):
            os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))
        else:
            os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns + 1_000))
        with pytest.raises(Unreadable, match="changed while it was looked at"):
            blob.sha256()


def test_a_file_that_is_replaced_by_another_is_still_the_first(path: str) -> None:
    with open_blob(path) as blob:
        os.rename(path, path + ".old")
        Path(path).write_bytes(b"another")
        assert blob.read(0, 5) == CONTENT[:5]


def test_a_read_that_fails_is_unreadable(path: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_arguments: object) -> bytes:
        raise OSError(5, "Input/output error")

    with open_blob(path) as blob:
        monkeypatch.setattr("os.pread", fail)
        with pytest.raises(Unreadable, match="read failed at 7: Input/output error"):
            blob.read(7, 1)
    with open_blob(path) as blob:
        monkeypatch.setattr("os.preadv", fail)
        with pytest.raises(Unreadable, match="Input/output error"):
            blob.sha256()


@pytest.mark.parametrize("kind", ["folder", "pipe", "socket", "link", "loop", "gone", "device"])
def test_what_is_no_regular_file_is_refused_at_once(tmp_path: Path, kind: str) -> None:
    place = tmp_path / "x"
    listener = socket.socket(socket.AF_UNIX)
    match kind:
        case "folder":
            place.mkdir()
        case "pipe":
            os.mkfifo(place)
        case "socket":
            listener.bind(os.path.relpath(place))
        case "link":
            (tmp_path / "target").write_bytes(CONTENT)
            place.symlink_to("target")
        case "loop":
            place.symlink_to("x")
        case "device":
            place = Path("/dev/zero")
    try:
        with (
            pytest.raises(Unreadable, match=r"cannot be opened|is not a regular file") as caught,
            open_blob(str(place)),
        ):
            pass
        assert caught.value.step
    finally:
        listener.close()


def test_no_descriptor_is_left_open(path: str, tmp_path: Path) -> None:
    before = len(os.listdir("/proc/self/fd"))
    with open_blob(path):
        pass
    for bad in (str(tmp_path), str(tmp_path / "gone")):
        with pytest.raises(Unreadable), open_blob(bad):
            pass
    with pytest.raises(ValueError, match="x"), open_blob(path):
        raise ValueError("x")
    assert len(os.listdir("/proc/self/fd")) == before


# Spool


@given(st.lists(st.binary(max_size=50), max_size=5), st.integers(0, 300), st.integers(0, 300))
@settings(max_examples=50, deadline=None)
def test_a_spool_gives_back_what_was_written(pieces: list[bytes], offset: int, length: int) -> None:
    spool = FileSpool()
    for piece in pieces:
        spool.write(piece)
    blob = spool.blob()
    whole = b"".join(pieces)
    assert blob.size == len(whole)
    assert blob.read(offset, length) == whole[offset : offset + length]


def test_a_large_spool_has_no_name_and_goes_with_its_blob(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    before = len(os.listdir("/proc/self/fd"))
    spool = FileSpool()
    for _ in range(9):
        spool.write(b"x" * (1 << 20))
    spool.write(b"end")
    blob = spool.blob()
    del spool
    assert (blob.size, blob.read(9 << 20, 9), blob.read(5, 2)) == ((9 << 20) + 3, b"end", b"xx")
    assert os.listdir(tmp_path) == []
    del blob
    assert len(os.listdir("/proc/self/fd")) == before
