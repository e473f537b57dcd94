"""A remote file as a blob gives the same bytes as the file, for any order of reads, in bounded memory."""

from collections.abc import Iterator, Sequence

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from assaymark.core.errors import Unreadable
from assaymark.core.remote import NoRanges, Pinned, Remote, RemoteFile, Shelf, Traffic
from assaymark.feeds import blob as module
from assaymark.feeds.blob import PAGE, RemoteBlob, open_remote
from assaymark.storage.spool import FileSpool


class Memory:
    """core.remote.RemoteSource over bytes."""

    name = given = "memory"
    is_folder = False

    def __init__(self, data: bytes, *, ranges: bool = True) -> None:
        self.data = data
        self.ranges = ranges
        self.asked: list[tuple[int, int]] = []

    def resolve(self) -> Pinned:
        return Pinned("memory", "none", "")

    def files(self) -> Sequence[RemoteFile]:
        return [RemoteFile("x", len(self.data))]

    def read(self, path: str, offset: int, length: int, traffic: Traffic) -> bytes:
        if not self.ranges:
            raise NoRanges("no ranges")
        self.asked.append((offset, length))
        traffic.bytes += length
        return self.data[offset : offset + length]

    def stream(self, path: str, traffic: Traffic) -> Iterator[bytes]:
        for at in range(0, len(self.data), 1000):
            yield self.data[at : at + 1000]

    def close(self) -> None:
        pass


def blob_of(source: Memory, size: int | None = None) -> RemoteBlob:
    file = RemoteFile("x", len(source.data) if size is None else size)
    return RemoteBlob(Remote(source, file, Shelf()), FileSpool)


DATA = bytes(range(251)) * 3_000


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.tuples(st.integers(0, len(DATA) + 10), st.integers(0, 90_000)), max_size=25),
    st.sampled_from([len(DATA), 524_289, 524_288, 4_096, 4_095, 1, 0]),
    st.booleans(),
)
def test_any_order_of_reads(reads: list[tuple[int, int]], size: int, ranges: bool) -> None:
    data = DATA[:size]
    blob = blob_of(Memory(data, ranges=ranges))
    for offset, length in reads:
        assert blob.read(offset, length) == data[offset : offset + length]


def test_few_pages_are_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_KEPT", 8)
    blob = blob_of(Memory(DATA))
    for at in range(0, len(DATA), 1_000):
        assert blob.read(at, 3_000) == DATA[at : at + 3_000]
        assert len(blob._pages) <= 8
    assert blob.read(0, len(DATA)) == DATA


def test_reading_on_fetches_ahead() -> None:
    source = Memory(bytes(64 << 20))
    blob = blob_of(source)
    for at in range(0, 64 << 20, 8_192):
        blob.read(at, 8_192)
    assert len(source.asked) < 30
    assert sum(length for _, length in source.asked) == 64 << 20


def test_a_glance_costs_a_page() -> None:
    source = Memory(bytes(64 << 20))
    blob = blob_of(source)
    for number in range(1, 100):
        blob.read(number * 500_000, 100)
    assert all(length <= 2 * PAGE for _, length in source.asked)


def test_a_source_that_sends_less_is_noticed() -> None:
    with pytest.raises(Unreadable, match="sent 10 bytes"):
        blob_of(Memory(bytes(10)), 20).read(0, 20)


def test_a_small_file_is_fetched_once_however_often_it_is_opened() -> None:
    source = Memory(b"{}")
    remote = Remote(source, RemoteFile("x", 2), Shelf())
    for _ in range(3):
        with open_remote(remote, FileSpool, full=False) as blob:
            assert blob.read(0, 10) == b"{}"
    assert len(source.asked) == 1


def test_full_reads_no_byte_twice() -> None:
    source = Memory(bytes(20 << 20))
    with open_remote(Remote(source, RemoteFile("x", 20 << 20), Shelf()), FileSpool, full=True) as blob:
        assert blob.read(5, 100) == bytes(100)
        assert blob.sha256()
    assert sum(length for _, length in source.asked) == 20 << 20


def test_a_full_disk_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    class Full(FileSpool):
        def write(self, data: bytes) -> object:
            raise OSError(28, "No space left on device")

    blob = RemoteBlob(Remote(Memory(bytes(100)), RemoteFile("x", 100), Shelf()), Full)
    with pytest.raises(Unreadable, match="no room for 100 bytes") as caught:
        blob.fetch_whole()
    assert "TMPDIR" in caught.value.step


def test_the_shelf_is_bounded() -> None:
    shelf = Shelf()
    for number in range(100):
        shelf.put(str(number), bytes(1 << 20))
    assert sum(shelf.get(str(number)) is not None for number in range(100)) == 64
