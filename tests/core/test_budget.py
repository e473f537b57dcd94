"""Blobs and budgets: nothing is read that is not there, nothing is spent that was not asked for."""

import itertools

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from assaymark.core.blob import Bytes, Slice, chunks, exact
from assaymark.core.budget import Budget, Limits
from assaymark.core.errors import AssayError, Malformed, Opaque, OverBudget, Unreadable, Untrusted, UsageError
from assaymark.storage.spool import FileSpool

GIB = 1 << 30
MIB = 1 << 20


def budget(**limits: float) -> Budget:
    return Budget(Limits(**limits), monotonic=lambda: 0.0, spool=FileSpool)


@given(st.binary(max_size=40), st.integers(0, 50), st.integers(0, 50), st.integers(0, 60), st.integers(0, 60))
@settings(max_examples=100, deadline=None)
def test_a_slice_reads_as_a_slice_of_bytes(data: bytes, start: int, size: int, offset: int, length: int) -> None:
    piece = Slice(Bytes(data), start, size)
    expected = data[start : start + size]
    assert piece.size == len(expected)
    assert piece.read(offset, length) == expected[offset : offset + length]
    assert Slice(piece, offset, length).read(0, 99) == expected[offset : offset + length]


@given(st.binary(max_size=40), st.integers(0, 40), st.integers(1, 9))
@settings(max_examples=100, deadline=None)
def test_chunks_are_the_content(data: bytes, start: int, size: int) -> None:
    pieces = list(chunks(Bytes(data), start, size))
    assert b"".join(pieces) == data[start:]
    assert all(len(piece) == size for piece in pieces[:-1])


class Huge:
    """A blob that must not be read as a whole."""

    size = 1 << 40

    def read(self, offset: int, length: int) -> bytes:
        assert length <= MIB
        return b"x" * length


@pytest.mark.parametrize(("offset", "length"), [(0, 5), (4, 1), (2, 4 * GIB), (-1, 2), (0, -1), (1 << 62, 1)])
def test_exact_asks_for_nothing_that_is_not_there(offset: int, length: int) -> None:
    with pytest.raises(Malformed, match="the header needs") as caught:
        exact(Bytes(b"abcd"), offset, length, "the header")
    assert caught.value.offset == offset


def test_exact_gives_what_is_there() -> None:
    assert exact(Bytes(b"abcd"), 1, 3, "x") == b"bcd"
    assert exact(Bytes(b"abcd"), 4, 0, "x") == b""
    assert exact(Huge(), 1 << 39, 3, "x") == b"xxx"


def test_chunks_end_where_a_blob_reads_short() -> None:
    class Short:
        size = 100

        def read(self, offset: int, length: int) -> bytes:
            return b"" if offset else b"abc"

    assert list(chunks(Short())) == [b"abc"]


def test_time_is_counted_from_the_start() -> None:
    clock = itertools.count(1000)
    running = Budget(Limits(seconds=3), monotonic=lambda: next(clock), spool=FileSpool)
    for _ in range(3):
        running.tick()
    with pytest.raises(OverBudget, match="not finished within 3 s") as caught:
        running.tick()
    assert "--timeout" in caught.value.step


def test_expansion_is_counted_over_all_streams() -> None:
    spender = budget(expanded=10 * MIB)
    for _ in range(10):
        spender.expand(MIB, MIB, MIB)
    with pytest.raises(OverBudget, match="decompresses to more than"):
        spender.expand(1, MIB, MIB)


def test_the_ratio_counts_beyond_64_mib() -> None:
    spender = budget(ratio=10)
    spender.expand(64 * MIB, 1, 64 * MIB)
    spender.expand(MIB, 7 * MIB, 65 * MIB)
    with pytest.raises(OverBudget, match="more than 10-fold"):
        spender.expand(MIB, 1, 66 * MIB)
    with pytest.raises(OverBudget, match="more than 10-fold"):
        spender.expand(MIB, 0, 66 * MIB)


def test_a_header_of_4_gb_is_refused_before_it_is_read() -> None:
    budget().header(100 * MIB, "the index")
    with pytest.raises(OverBudget, match=r"the index is 4,294,967,295 bytes long, more than the 100 MiB"):
        budget().header(2**32 - 1, "the index")


def test_members_are_limited() -> None:
    spender = budget(members=2)
    spender.member()
    spender.member()
    with pytest.raises(OverBudget, match="more than 2 members"):
        spender.member()


@pytest.mark.parametrize("kind", [UsageError, OverBudget, Opaque, Unreadable, Untrusted, Malformed])
def test_errors_say_what_and_the_next_step(kind: type[AssayError]) -> None:
    error = kind("what", step="do this")
    assert (error.message, error.step, str(error)) == ("what", "do this", "what")
    assert isinstance(error, AssayError)


def test_errors_survive_a_copy_whole() -> None:
    import copy

    error = copy.copy(Malformed("what", offset=3, step="do"))
    assert (error.message, error.offset, error.step) == ("what", 3, "do")
