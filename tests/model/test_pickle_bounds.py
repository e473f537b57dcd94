"""Memory and steps of the machine do not grow with what a pickle makes of them."""

import multiprocessing
import resource
from collections.abc import Callable

import pytest

from tests.conftest import ids, look_at
from tests.model.bypasses import PROTO4, RUN, sg


def within(megabytes: int, make: Callable[[], bytes]) -> set[str] | None:
    """Ids that a look gives in a process that may take so much more memory; None when it did not come to an end."""
    context = multiprocessing.get_context("fork")
    ours, theirs = context.Pipe()

    def child() -> None:
        data = make()
        with open("/proc/self/statm", encoding="ascii") as file:
            used = int(file.read().split()[0]) * resource.getpagesize()
        resource.setrlimit(resource.RLIMIT_AS, (used + (megabytes << 20),) * 2)
        theirs.send(ids(look_at(data, "x.pkl")))

    process = context.Process(target=child)
    process.start()
    theirs.close()
    try:
        answer: set[str] | None = ours.recv()
    except EOFError:
        answer = None
    process.join()
    return answer


MILLION = 1_000_000
HEAVY: dict[str, Callable[[], bytes]] = {
    "a million memo slots": lambda: PROTO4 + b"](" + b"N\x940" * MILLION + b"e.",
    "a million texts in the memo": lambda: PROTO4 + b"".join(b"\x8c\x07%07d\x940" % n for n in range(MILLION)) + b"N.",
    "a million nested marks": lambda: PROTO4 + b"(" * MILLION + b"N.",
    "a million marks, closed": lambda: PROTO4 + b"(" * MILLION + b"t" * MILLION + b".",
    "a million nested tuples": lambda: PROTO4 + b")" + b"\x85" * MILLION + b".",
    "a million nested lists": lambda: PROTO4 + b"]\x94" + b"]\x94h\0a" * MILLION + b".",
    "a million values on the stack": lambda: PROTO4 + b"K\1" * MILLION + b".",
    "many dangerous names": lambda: b"".join(b"cos\nx%d\n0" % n for n in range(MILLION // 4)) + b"N.",
    "a million instances": lambda: PROTO4 + sg("collections", "OrderedDict") + b"\x94" + b"h\0)R0" * MILLION + b".",
    "ten thousand streams": lambda: b"\x80\x04N." * 10_000,
    "a text of 64 MB": lambda: PROTO4 + b"\x8d" + (64 << 20).to_bytes(8, "little") + bytes(64 << 20) + b".",
    "a line of 64 MB": lambda: b"S'" + b"x" * (64 << 20) + b"'\n.",
    "slots far apart": lambda: PROTO4 + b"".join(b"Nr%b0" % (n * 40_000).to_bytes(4, "little") for n in range(100_000)) + b"N.",
}  # fmt: skip


@pytest.mark.filterwarnings("ignore:.*multi-threaded.*fork:DeprecationWarning")
@pytest.mark.parametrize("name", HEAVY)
def test_memory_does_not_grow_with_the_stream(name: str) -> None:
    found = within(150, HEAVY[name])
    assert found is not None
    assert "CHK001" not in found


def test_a_million_of_anything_is_still_followed() -> None:
    for filler in (b"N\x940", b"(0", b")\x850", b"]K\1a0"):
        assert "MDL001" in ids(look_at(PROTO4 + filler * (MILLION // 4) + RUN + b".", "x.pkl"))
