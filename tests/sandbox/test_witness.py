"""The sandbox: what its child can and cannot do, what it says, and that nothing is left of it."""

import ctypes
import gc
import os
import pickle
import signal
import subprocess
import sys
import textwrap
import threading
import time
from collections.abc import Callable, Iterator

import pytest

from assaymark.core.witness import Account
from assaymark.sandbox import witness as room
from assaymark.sandbox.witness import Sandbox
from tests.jobs.test_pool import children

pytestmark = [
    pytest.mark.skipif(sys.platform != "linux", reason="only Linux can lock a process down"),
    pytest.mark.filterwarnings("ignore:.*multi-threaded.*fork:DeprecationWarning"),
]


@pytest.fixture
def sandbox() -> Iterator[Sandbox]:
    before = children(), set(os.listdir("/proc/self/fd"))
    box = Sandbox()
    yield box
    box.dismiss()
    gc.collect()
    assert (children(), set(os.listdir("/proc/self/fd"))) == before, "a process or a descriptor is left"


def ask(box: Sandbox, data: bytes, streams: int = 1) -> Account:
    return box.ask([data], len(data), streams)()


def test_it_says_what_a_stream_asks_for_and_where_it_ends(sandbox: Sandbox) -> None:
    said = ask(sandbox, b"cos\nsystem\n(S'x'\ntR.N.", 5)
    assert [(s.asked, s.end, s.stopped) for s in said.streams] == [((("os", "system"),), 20, ""), ((), 22, "")]


def test_nothing_of_a_stream_is_imported_or_called(sandbox: Sandbox, tmp_path: object) -> None:
    mark = f"{tmp_path}/mark"
    said = ask(sandbox, b"cos\nsystem\n(V" + f"touch {mark}".encode() + b"\ntR.")
    assert said.streams[0].asked == (("os", "system"),)
    assert not os.path.exists(mark)


def test_persistent_ids_and_extension_codes_are_told(sandbox: Sandbox) -> None:
    said = ask(sandbox, b"(S'storage'\ncx\ny\ntQ0(S'module'\ncx\ny\ntQ0P1\n.")
    assert said.streams[0].persistent == {"storage", "module", "other"}
    assert ask(sandbox, b"\x82\x07.").streams[0].asked == (("copyreg", "extension 7"),)


def test_buffers_of_protocol_5_and_bytes_outside_of_ascii(sandbox: Sandbox) -> None:
    assert ask(sandbox, b"\x80\x05\x97\x980U\1\xe9.").streams[0].stopped == ""


def test_a_long_stream_crosses_the_pipes(sandbox: Sandbox) -> None:
    data = pickle.dumps([n / 7 for n in range(500_000)])
    pieces = [data[at : at + 100_000] for at in range(0, len(data), 100_000)]
    assert sandbox.ask(pieces, len(data), 1)().streams[0].end == len(data)


def test_what_is_too_long_is_not_handed_over(sandbox: Sandbox) -> None:
    said = sandbox.ask(iter(()), room.LONGEST + 1, 1)()
    assert (said.silent, said.suspicious) == ("longer than 20 MiB", False)


def test_answers_may_be_called_for_late_or_never(sandbox: Sandbox) -> None:
    calls = [sandbox.ask([b"cm%d\nn\n." % n], len(b"cm%d\nn\n." % n), 1) for n in range(20)]
    for number, call in reversed(list(enumerate(calls[::2]))):
        assert call().streams[0].asked == ((f"m{2 * number}", "n"),)


BOMBS = {
    "declared size": (b"\x80\x05\x96" + (1 << 40).to_bytes(8, "little") + b".", "more memory"),
    "time": (
        b"\x80\x04N\x85\x94" + b"".join(b"h%ch%c\x86\x94" % (n, n) for n in range(60)) + b"}h\x3cNs.",
        "not finished within its CPU time",
    ),
    "C stack": (b"\x80\x04}(" + b")" + b"\x85" * 2_000_000 + b"Nu.", "killed by signal 11"),
}


@pytest.mark.parametrize("name", BOMBS)
def test_what_kills_it_is_told_and_the_next_one_is_answered(sandbox: Sandbox, name: str) -> None:
    bomb, why = BOMBS[name]
    said = ask(sandbox, bomb)
    assert why in said.silent
    assert said.suspicious
    assert ask(sandbox, b"N.").streams[0].end == 2


SETS = """
from assaymark.sandbox.witness import Sandbox
box = Sandbox()
said = box.ask([b"\\x80\\x04](" + b"\\x8f" * 3_900_000 + b"e."], 3_900_005, 1)()
print(said.suspicious, said.silent, box.ask([b"N."], 2, 1)().streams[0].end)
"""


def test_objects_that_need_more_memory_than_it_is_given_are_told() -> None:
    """In a process of its own: what a large one has freed, its children may use again without growing."""
    done = subprocess.run([sys.executable, "-c", SETS], capture_output=True, text=True, check=True)
    assert done.stdout == "True its objects need more memory than it is given 2\n"


def test_what_was_asked_for_before_memory_ran_out_is_told(sandbox: Sandbox) -> None:
    said = ask(sandbox, b"cos\nsystem\n0B\xff\xff\xff\xff.")
    assert said.streams[0].asked == (("os", "system"),)


def test_one_that_was_killed_is_replaced(sandbox: Sandbox) -> None:
    ask(sandbox, b"N.")
    assert sandbox._child is not None
    os.kill(sandbox._child.pid, signal.SIGKILL)
    os.waitid(os.P_PID, sandbox._child.pid, os.WEXITED | os.WNOWAIT)
    assert ask(sandbox, b"N.").streams[0].end == 2


def test_threads_ask_in_turn(sandbox: Sandbox) -> None:
    wrong: list[object] = []

    def work(number: int) -> None:
        for _ in range(30):
            said = ask(sandbox, b"cm%d\nn\n." % number)
            if said.streams[0].asked != ((f"m{number}", "n"),):
                wrong.append(said)

    threads = [threading.Thread(target=work, args=(n,)) for n in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []


def test_a_forked_process_makes_one_of_its_own_and_keeps_no_descriptor() -> None:
    """As the workers of the pool are made."""
    script = """
        import os, sys
        from assaymark.sandbox.witness import dismiss, witness
        def ask(): return witness().ask([b"cm\\nn\\n."], 6, 1)().streams[0].asked
        first = ask(), witness()._child.pid
        before = len(os.listdir("/proc/self/fd"))
        child = os.fork()
        if not child:
            inherited = before - len(os.listdir("/proc/self/fd"))
            second = ask(), witness()._child.pid
            os._exit(0 if inherited == 2 and second[0] == first[0] and second[1] != first[1] else 1)
        assert os.waitpid(child, 0)[1] == 0
        assert ask() == first[0] and witness()._child.pid == first[1]
        dismiss()
        try:
            os.waitpid(-1, os.WNOHANG)
        except ChildProcessError:
            print("nobody is left")
    """
    done = subprocess.run([sys.executable, "-c", textwrap.dedent(script)], capture_output=True, text=True, check=False)
    assert (done.stdout, done.stderr) == ("nobody is left\n", "")


def test_it_ends_with_its_parent_however_that_ends() -> None:
    script = """
        import os, time
        from assaymark.sandbox.witness import witness
        witness().ask([b"N."], 2, 1)()
        print(witness()._child.pid, flush=True)
        time.sleep(600)
    """
    with subprocess.Popen([sys.executable, "-c", textwrap.dedent(script)], stdout=subprocess.PIPE, text=True) as parent:
        assert parent.stdout is not None
        pid = int(parent.stdout.readline())
        parent.kill()
    for _ in range(3_000):
        try:
            with open(f"/proc/{pid}/stat", encoding="ascii") as file:
                if file.read().rpartition(")")[2].split()[0] in "ZX":
                    return
        except OSError:
            return
        time.sleep(0.01)
    pytest.fail("it lives on")


# The lock.


def locked(deed: Callable[[], object]) -> int:
    """How a process ends that locks itself down as the child does and then does this: a signal, or its exit status."""
    libc = ctypes.CDLL(None)
    libc.getppid()  # bound before the lock
    pid = os.fork()
    if not pid:
        try:
            from assaymark.sandbox.lockdown import lock_down, settle

            settle(*os.pipe())
            lock_down(memory=64 << 20, seconds=60)
            deed()
        finally:
            os._exit(99)
    status = os.waitpid(pid, 0)[1]
    return os.WTERMSIG(status) if os.WIFSIGNALED(status) else os.waitstatus_to_exitcode(status)


DEEDS: dict[str, Callable[[], object]] = {
    "execute": lambda: os.execv("/bin/true", ["true"]),
    "fork": os.fork,
    "socket": lambda: ctypes.CDLL(None).socket(2, 1, 0),
    "signal the parent": lambda: os.kill(os.getppid(), 0),
    "who am I": os.getuid,
    "unlink": lambda: os.unlink("/tmp/not there"),
    "executable memory": lambda: ctypes.CDLL(None).mmap(None, 4096, 7, 0x22, -1, 0),
    "prctl": lambda: ctypes.CDLL(None).prctl(4, 1, 0, 0, 0),
}


@pytest.mark.parametrize("name", DEEDS)
def test_the_kernel_ends_whatever_reaches_out(name: str) -> None:
    assert locked(DEEDS[name]) == signal.SIGSYS


def test_nothing_can_be_opened() -> None:
    """It fails instead of killing: see lockdown.py. An exception ends the process with 99."""
    assert locked(lambda: os.open("/etc/passwd", os.O_RDONLY)) == 99


def test_the_lock_leaves_memory_and_the_pipes() -> None:
    assert locked(lambda: (bytearray(8 << 20), os.write(1, b"x"), os.read(0, 1), os._exit(7))) == 7


def test_memory_is_limited() -> None:
    def deed() -> None:
        try:
            bytearray(256 << 20)
        except MemoryError:
            os._exit(8)

    assert locked(deed) == 8


def test_where_the_lock_cannot_be_had_nothing_is_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    """An older kernel, another processor, a container that forbids it."""
    from assaymark.sandbox import lockdown

    monkeypatch.setattr(lockdown, "_CALLS", {})
    box = Sandbox()
    said = ask(box, b"N.")
    assert "cannot be locked down: no list of system calls" in said.silent
    assert not said.suspicious
    assert box._child is None
    assert ask(box, b"N.").silent == said.silent
    box.dismiss()


def test_another_system_makes_no_process(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "platform", "darwin")
    box = Sandbox()
    assert (ask(box, b"N.").silent, box._child) == ("only Linux can lock its process down", None)
