"""Lazily verified files: each shard at first touch and not before, swaps, writers, and what it needs."""

import os
import subprocess
import sys
import threading
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from assaymark.core.clock import timestamp
from assaymark.core.errors import Untrusted, UsageError
from assaymark.registry.verify import NotVerified
from tests.registry.lazy import BIG, SHARD, WORLD, Hashed, flip, lazy_host, opened
from tests.registry.makers import NOW
from tests.registry.test_verifying import ALONE, Host


@pytest.fixture
def host(tmp_path: Path) -> Host:
    return lazy_host(tmp_path, WORLD)


# At first touch and not before


def test_each_shard_is_hashed_once_when_it_is_touched(host: Host, hashed: Hashed, copy: bool) -> None:
    with opened(host, copy=copy) as files:
        big = files.map("big.bin")
        assert hashed.parts == []
        assert big.view(SHARD + 3, 10) == BIG[SHARD + 3 : SHARD + 13]
        assert hashed.parts == [("big.bin", 1)]
        assert big.view(SHARD - 1, SHARD + 2) == BIG[SHARD - 1 : 2 * SHARD + 1]  # both borders of it
        assert hashed.parts == [("big.bin", 1), ("big.bin", 0), ("big.bin", 2)]
        assert big.view(5 * SHARD, 100) == b"tail" * 25
        assert len(big.view(len(BIG), 0)) == len(big.view(0, 0)) == 0
        assert len(hashed.parts) == 4
        assert not files.complete()


def test_a_view_is_read_only_and_outlives_the_model(host: Host, copy: bool) -> None:
    with opened(host, copy=copy) as files:
        view = files.map("big.bin").view(7, 100)
        assert view.readonly
        with pytest.raises(TypeError):
            view[0] = 1
        late = files.map("big.bin")
        reader = files.open("big.bin")
    assert view == BIG[7:107]
    for act in (
        lambda: late.view(0, 1),
        reader.read,
        lambda: files.map("deep/even.bin"),
        lambda: files.open("big.bin"),
    ):
        with pytest.raises(UsageError, match="was closed"):
            act()


@pytest.mark.parametrize(("offset", "length"), [(-1, 2), (0, -1), (0, len(BIG) + 1), (len(BIG), 1), (len(BIG) + 1, 0)])
def test_a_view_of_what_is_not_there(host: Host, offset: int, length: int) -> None:
    with opened(host) as files, pytest.raises(ValueError, match="bytes from"):
        files.map("big.bin").view(offset, length)


@pytest.mark.parametrize("index", range(6))
def test_bit_flip_in_a_shard(host: Host, index: int, copy: bool) -> None:
    flip(host.folder / "big.bin", min(index * SHARD + 99, len(BIG) - 1))
    with opened(host, copy=copy) as files:
        big, reader = files.map("big.bin"), files.open("big.bin")
        for other in set(range(6)) - {index}:
            start, end = other * SHARD, min((other + 1) * SHARD, len(BIG))
            assert big.view(start, end - start) == BIG[start:end]
        with pytest.raises(
            NotVerified, match=r"'big.bin' has other bytes than were approved, somewhere from"
        ) as caught:
            big.view(index * SHARD, 1)
        assert caught.value.number == 8 and caught.value.step
        # Nothing is given after it, not of shards that were right, not of other files.
        for act in (
            lambda: big.view((index + 1) % 6 * SHARD, 1), reader.read, lambda: files.open("config.json"), files.prefetch,
            lambda: files.read("config.json"), lambda: files.map("deep/even.bin"), lambda: files.map("big.bin").view(0, 0),
        ):  # fmt: skip
            with pytest.raises(NotVerified, match="other bytes"):
                act()
        assert not files.complete()


def test_small_files_are_hashed_at_once(host: Host) -> None:
    flip(host.folder / "one.bin", 5)  # just one shard
    with pytest.raises(NotVerified, match=r"'one.bin' has other bytes") as caught:
        opened(host)
    assert caught.value.number == 8


def test_without_lazy_large_files_are_hashed_at_once(host: Host) -> None:
    flip(host.folder / "big.bin", 5)
    with pytest.raises(NotVerified, match=r"'big.bin' has other bytes"):
        opened(host, lazy=False)


def test_a_file_without_shards_is_hashed_at_once(tmp_path: Path) -> None:
    host = Host(tmp_path, WORLD)
    with opened(host) as files:
        assert files.complete()
        assert files.map("big.bin").view(SHARD - 1, 2) == BIG[SHARD - 1 : SHARD + 1]
        assert len(files.map("empty").view(0, 0)) == 0
        flip(host.folder / "big.bin", 5)
        with pytest.raises(NotVerified, match="other bytes"):
            files.map("big.bin").view(SHARD, 2)
    with pytest.raises(NotVerified, match=r"'big.bin' has other bytes"):
        opened(host)


def test_what_the_host_saw_is_kept_when_it_starts(host: Host) -> None:
    with opened(host, state=host.state):
        assert host.state.exists()


def test_a_copy_is_for_lazy(host: Host) -> None:
    with pytest.raises(UsageError, match="copy=True is for lazy=True"):
        opened(host, lazy=False, copy=True)


# Files


def test_a_file_reads_what_was_verified(host: Host, hashed: Hashed, copy: bool) -> None:
    with opened(host, copy=copy) as files:
        one, two = files.open("big.bin"), files.open("big.bin")
        assert one.seek(-100, os.SEEK_END) == 5 * SHARD and one.read() == b"tail" * 25 and one.read() == b""
        assert hashed.parts == [("big.bin", 5)]
        assert two.read() == BIG and two.seek(3) == 3 and two.read(4) == BIG[3:7] and two.tell() == 7
        assert sorted(hashed.parts) == [("big.bin", index) for index in range(6)]
        assert files.read("big.bin") == BIG and files.open("config.json").read() == b"{}"
        assert two.seekable() and not two.writable()
        with pytest.raises(ValueError, match="before the start"):
            two.seek(-1)
        with pytest.raises(UsageError, match="not in the manifest"):
            files.map("../root.json")


# Other bytes than at the start


def truncated(host: Host) -> None:
    os.truncate(host.folder / "big.bin", len(BIG) - 1)


def grown(host: Host) -> None:
    with (host.folder / "big.bin").open("ab") as file:
        file.write(b"x")


@pytest.mark.parametrize("damage", [truncated, grown])
def test_another_size_before_and_after_it_was_opened(host: Host, damage: Callable[[Host], None], copy: bool) -> None:
    with opened(host, copy=copy) as files:
        early = files.map("deep/even.bin")
        damage(host)
        if copy and damage is grown:
            assert files.map("big.bin").view(0, len(BIG)) == BIG  # just the bytes that were approved
        else:
            with pytest.raises(NotVerified, match=r"'big.bin' (has|cannot be mapped)"):
                files.map("big.bin").view(5 * SHARD, 100)
            with pytest.raises(NotVerified, match=r"'big.bin'"):
                early.view(0, 1)
    with pytest.raises(NotVerified, match=r"'big.bin' has .* bytes, not"):
        opened(host)


def test_truncated_after_a_shard_was_verified(host: Host) -> None:
    with opened(host) as files:
        big = files.map("big.bin")
        assert big.view(0, 3) == BIG[:3]
        truncated(host)
        with pytest.raises(NotVerified, match="bytes now, not"):
            big.view(0, 3)


def test_swapped_before_it_was_opened_and_after(host: Host, copy: bool) -> None:
    """The open file is what counts: what takes its name later is not seen, what took it before is refused."""
    other = host.place / "other"
    other.write_bytes(BIG[::-1])
    with opened(host, copy=copy) as files:
        assert files.map("big.bin").view(0, 3) == BIG[:3]
        os.replace(other, host.folder / "big.bin")
        assert files.map("big.bin").view(0, len(BIG)) == BIG
        assert files.open("big.bin").read() == BIG
    with opened(host, copy=copy) as files, pytest.raises(NotVerified, match="other bytes"):
        files.map("big.bin").view(0, 1)


def test_two_shards_that_changed_places(host: Host, copy: bool) -> None:
    (host.folder / "big.bin").write_bytes(BIG[SHARD : 2 * SHARD] + BIG[:SHARD] + BIG[2 * SHARD :])
    with opened(host, copy=copy) as files:
        assert files.map("big.bin").view(2 * SHARD, 5) == BIG[2 * SHARD : 2 * SHARD + 5]
        with pytest.raises(NotVerified, match="other bytes"):
            files.map("big.bin").view(0, 1)


def test_writing_into_a_verified_shard_is_noticed_by_the_files_times(host: Host, hashed: Hashed) -> None:
    with opened(host) as files:
        big = files.map("big.bin")
        assert big.view(0, 3) == BIG[:3] and big.view(SHARD, 1) == BIG[SHARD : SHARD + 1]
        flip(host.folder / "big.bin", 2)
        os.utime(host.folder / "big.bin", ns=(1, 1))
        assert big.view(SHARD, 1) == BIG[SHARD : SHARD + 1]  # verified anew
        assert hashed.parts == [("big.bin", 0), ("big.bin", 1), ("big.bin", 1)]
        with pytest.raises(NotVerified, match="other bytes"):
            big.view(0, 3)


def test_what_is_read_while_someone_writes_is_what_was_approved(host: Host, copy: bool) -> None:
    """He changes a byte and changes it back, within one tick of the file's times too: refused, or the approved bytes."""
    stop = threading.Event()

    def write() -> None:
        while not stop.is_set():
            flip(host.folder / "big.bin", SHARD + 5)
            flip(host.folder / "big.bin", SHARD + 5)
            stop.wait(0.002)

    thread = threading.Thread(target=write)
    thread.start()
    try:
        for _ in range(25):
            with opened(host, copy=copy) as files, suppress(NotVerified), files.open("big.bin") as file:
                file.seek(SHARD)
                assert file.read(SHARD) == BIG[SHARD : 2 * SHARD]
    finally:
        stop.set()
        thread.join()


def test_writing_into_a_copied_shard_changes_nothing(host: Host) -> None:
    with opened(host, copy=True) as files:
        big = files.map("big.bin")
        view = big.view(0, SHARD)
        (host.folder / "big.bin").write_bytes(b"")
        assert view == BIG[:SHARD] == big.view(0, SHARD)
        with pytest.raises(NotVerified, match="other bytes"):
            big.view(SHARD, 1)


def test_renaming_is_no_reason_to_refuse(host: Host) -> None:
    with opened(host) as files:
        big, reader = files.map("big.bin"), files.open("big.bin")
        assert big.view(0, 3) == BIG[:3]
        for number in range(5):
            os.rename(host.folder / "big.bin", host.place / f"away{number}")
            os.rename(host.place / f"away{number}", host.folder / "big.bin")
            assert big.view(0, 3) == BIG[:3]
        assert reader.read() == BIG


# What it needs


def test_it_needs_cryptography_and_the_standard_library_alone(host: Host) -> None:
    program = ALONE.replace(
        "now=datetime.fromisoformat(now)) as files", "now=datetime.fromisoformat(now), lazy=True) as files"
    )
    program = program.replace(
        "    assert files.read", '    assert files.map("big.bin").view(3, 9)\n    assert files.read'
    )
    assert program.count("lazy=True") == 1 and "view(3, 9)" in program
    command = [
        sys.executable, "-c", program, host.folder, host.bundle, host.root, WORLD.place, timestamp(NOW),
        host.place / "copy",
    ]  # fmt: skip
    environment = {**os.environ, "ASSAY_HOME": str(host.place / "home"), "PYTHONPATH": os.pathsep.join(sys.path)}
    done = subprocess.run([str(part) for part in command], capture_output=True, text=True, env=environment, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout.split()[:2] == ["bea", "cid"]


def test_memory_that_there_is_not(monkeypatch: pytest.MonkeyPatch, host: Host) -> None:
    real = os.sysconf
    monkeypatch.setattr(os, "sysconf", lambda name: 1 if name == "SC_PHYS_PAGES" else real(name))
    with opened(host, copy=True) as files:
        with pytest.raises(UsageError, match="does not fit into memory"):
            files.map("big.bin")
        assert bytes(files.map("config.json").view(0, 2)) == b"{}"


def test_a_file_that_cannot_be_read_is_no_wrong_file(monkeypatch: pytest.MonkeyPatch, host: Host) -> None:
    real, broken = os.preadv, True

    def preadv(descriptor: int, buffers: Any, place: int) -> int:
        if broken:
            raise OSError(5, "Input/output error")
        return real(descriptor, buffers, place)

    with opened(host) as files:
        monkeypatch.setattr(os, "preadv", preadv)
        with pytest.raises(Exception, match="Input/output error") as caught:
            files.map("big.bin").view(0, 1)
        assert not isinstance(caught.value, Untrusted)
        with pytest.raises(Exception, match="Input/output error"):
            files.prefetch(wait=True)
        broken = False
        assert files.map("big.bin").view(0, 1) == BIG[:1]
