"""Lazily verified files: in the background, by many threads, over any range, and as tensors."""

import threading
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from assaymark import guard
from assaymark.registry.verify import NotVerified
from assaymark.verifying import OpenModel
from tests.registry.lazy import BIG, EVEN, FILES, SHARD, WORLD, Hashed, flip, lazy_host, listed, opened, pieces
from tests.registry.makers import NOW, World, sign
from tests.registry.test_verifying import Host


@pytest.fixture
def host(tmp_path: Path) -> Host:
    return lazy_host(tmp_path, WORLD)


# In the background


def test_prefetch_proves_the_rest(host: Host, hashed: Hashed, copy: bool) -> None:
    with opened(host, copy=copy) as files:
        assert files.map("big.bin").view(0, 1) == BIG[:1]
        files.prefetch(wait=True)
        assert files.complete()
        count = len(hashed.parts)
        assert count == len(set(hashed.parts)) == 8
        assert files.map("big.bin").view(0, len(BIG)) == BIG and files.map("deep/even.bin").view(0, 9) == EVEN[:9]
        assert len(hashed.parts) == count
        files.prefetch(threads=1, wait=True)
        with pytest.raises(ValueError, match="at least one"):
            files.prefetch(threads=0)
    assert not files.complete()


def test_touching_all_is_not_yet_the_whole(host: Host) -> None:
    """Complete is what the digest says that people sealed, not what the scanner said of the parts."""
    with opened(host) as files:
        for path in ("big.bin", "deep/even.bin"):
            files.map(path).view(0, files.map(path).size)
        assert not files.complete()
        files.prefetch(wait=True)
        assert files.complete()
        flip(host.folder / "big.bin", 2)
        assert not files.complete()


def test_prefetch_finds_what_nobody_touched(host: Host, copy: bool) -> None:
    flip(host.folder / "big.bin", 3 * SHARD)
    with opened(host, copy=copy) as files:
        even = files.map("deep/even.bin")
        with pytest.raises(NotVerified, match="other bytes"):
            files.prefetch(wait=True)
        with pytest.raises(NotVerified, match="other bytes"):
            even.view(0, 1)
        assert not files.complete()


def test_a_model_is_closed_while_it_is_prefetched(host: Host) -> None:
    for _ in range(20):
        files = opened(host)
        files.prefetch()
        files.close()


def test_false_list_of_a_scanner_is_found_by_the_whole(tmp_path: Path, copy: bool) -> None:
    """Whoever has a scanner's key, and approvers who did not look, can name other shards, not another whole."""
    evil = b"evil" + BIG[4:]
    made = listed(WORLD)
    made.predicate["files"][0]["shards"][0] = pieces(evil)[0]
    host = lazy_host(tmp_path, WORLD, sign(made, "scanner"))
    (host.folder / "big.bin").write_bytes(evil)
    with opened(host, copy=copy) as files:
        with pytest.raises(NotVerified, match=r"'big.bin' has other bytes than were approved"):
            files.prefetch(wait=True)
        with pytest.raises(NotVerified, match="other bytes"):
            files.map("big.bin").view(0, 1)
        with pytest.raises(NotVerified):
            files.read("big.bin")


# Threads


def test_threads_hash_each_shard_once_and_see_the_same(host: Host, hashed: Hashed, copy: bool) -> None:
    wrong: list[object] = []
    with opened(host, copy=copy) as files:
        big = files.map("big.bin")
        begin = threading.Barrier(8)

        def work(number: int) -> None:
            begin.wait()
            for step in range(40):
                start = (number * 7919 + step * 104729) % (len(BIG) - 9000)
                if big.view(start, 9000) != BIG[start : start + 9000]:
                    wrong.append(start)

        threads = [threading.Thread(target=work, args=(number,)) for number in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert not wrong
    assert len(hashed.parts) == len(set(hashed.parts))


def test_threads_that_wait_for_a_wrong_shard_are_all_refused(host: Host, copy: bool) -> None:
    flip(host.folder / "big.bin", 5)
    refused: list[str] = []
    with opened(host, copy=copy) as files:
        big = files.map("big.bin")
        begin = threading.Barrier(8)

        def work() -> None:
            begin.wait()
            try:
                big.view(0, 10)
            except NotVerified as error:
                refused.append(error.message)

        threads = [threading.Thread(target=work) for _ in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert len(refused) == 8


# Ranges


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[OpenModel, OpenModel]]:
    host = lazy_host(tmp_path_factory.mktemp("shared"), WORLD)
    with opened(host) as mapped, opened(host, copy=True) as copied:
        yield mapped, copied


@settings(max_examples=100, deadline=None)
@given(start=st.integers(0, len(BIG)), length=st.integers(0, len(BIG)), path=st.sampled_from(sorted(FILES)))
def test_any_range_is_that_of_the_file(shared: tuple[OpenModel, OpenModel], start: int, length: int, path: str) -> None:
    data = FILES[path]
    start = min(start, len(data))
    length = min(length, len(data) - start)
    for files in shared:
        assert files.map(path).view(start, length) == data[start : start + length]
        with files.open(path) as file:
            file.seek(start)
            assert file.read(length) == data[start : start + length]


@settings(max_examples=40, deadline=None)
@given(place=st.integers(0, len(BIG) - 1), start=st.integers(0, len(BIG)), length=st.integers(0, len(BIG)))
def test_any_flip_is_seen_just_where_it_matters(
    tmp_path_factory: pytest.TempPathFactory, place: int, start: int, length: int
) -> None:
    host = lazy_host(tmp_path_factory.mktemp("flip"), WORLD)
    flip(host.folder / "big.bin", place)
    length = min(length, len(BIG) - start)
    touched = bool(length) and start // SHARD <= place // SHARD <= (start + length - 1) // SHARD
    with opened(host) as files:
        if touched:
            with pytest.raises(NotVerified):
                files.map("big.bin").view(start, length)
        else:
            assert files.map("big.bin").view(start, length) == BIG[start : start + length]


# Tensors


def test_tensors_are_verified_when_they_are_asked_for(tmp_path: Path, hashed: Hashed, copy: bool) -> None:
    import numpy as np
    from safetensors.numpy import save

    tensors: Mapping[str, Any] = {
        name: np.arange(SHARD // 4, dtype="f4").reshape(2, -1) + number for number, name in enumerate("abcd")
    }
    brain = (np.array([1.5, -2.0], "f4").view("u4") >> 16).astype("<u2").tobytes()
    header = (
        b'{"h":{"dtype":"BF16","shape":[2],"data_offsets":[0,4]},"e":{"dtype":"F32","shape":[0],"data_offsets":[4,4]}}'
    )
    small = len(header).to_bytes(8, "little") + header + brain
    world = World(content={"m.safetensors": save(dict(tensors)), "s.safetensors": small, "config.json": b"{}"})
    host = lazy_host(tmp_path, world)
    flip(host.folder / "m.safetensors", len(world.content["m.safetensors"]) - 1)  # in the last shard, of `d`
    with guard.load_safetensors(
        host.folder, host.bundle, host.root, world.place, state=False, now=NOW, lazy=True, copy=copy
    ) as found:  # type: ignore[attr-defined] # a Mapping without lazy
        assert (
            list(found) and set(found) == {*"abcd", "h", "e"} and len(found) == 6 and "d" in found and "x" not in found
        )
        touched = [part for part in hashed.parts if part[0] == "m.safetensors"]
        assert touched == [("m.safetensors", 0)]
        assert np.array_equal(found["a"], tensors["a"]) and not found["a"].flags.writeable
        assert np.array_equal(found["h"], np.array([1.5, -2.0], "f4")) and found["e"].shape == (0,)
        kept = found["b"]
        with pytest.raises(NotVerified, match="other bytes"):
            found["d"]
        with pytest.raises(NotVerified, match="other bytes"):
            found["a"]
        with pytest.raises(KeyError):
            found["x"]
    assert np.array_equal(kept, tensors["b"])


def test_a_tensor_in_two_files_is_refused_lazily_too(tmp_path: Path) -> None:
    import numpy as np
    from safetensors.numpy import save

    data = save({"a": np.zeros(3)})
    host = lazy_host(tmp_path, World(content={"1.safetensors": data, "2.safetensors": data, "big.bin": BIG}))
    with pytest.raises(guard.Refused, match="'a' is in"):
        guard.load_safetensors(host.folder, host.bundle, host.root, WORLD.place, state=False, now=NOW, lazy=True)
