"""The parent's side: makes the child, asks it, and says why where it gives no answer. An adapter of core.witness.

One child for each process that scans, made at the first pickle. It is forked, not started anew: a thousandth of a second
instead of twenty, and it needs nothing that it could not import. Where it cannot be locked down it is not asked.
"""

import contextlib
import itertools
import os
import select
import struct
import sys
import threading
import time
import warnings
from collections.abc import Callable, Iterable, Mapping
from functools import partial
from json import loads
from typing import Any, NoReturn

from assaymark.core.witness import Account, Reading

LONGEST = 20 << 20
"""Bytes of streams that are handed over; their objects take ten times as much."""
_SMALL = 4 << 20
"""No library writes a pickle this short of which the objects do not fit the child's memory."""
_PATIENCE = 90.0
"""Seconds on the clock. The child has limits of its own in CPU seconds, which are shorter: a busy host is not the file's."""
_LONGEST_ANSWER = 64 << 20
_PIECE = 1 << 20
_UNCALLED = 100
_QUICK = 1 << 15
"""A request this short fits an empty pipe: it is written at once."""


_SIGKILL, _SIGPROF, _SIGSYS = 9, 27, 31
"""On x86-64 and arm64. (The module `signal` takes longer to import than the child takes to come up.)"""


class _Gone(Exception):
    """The child died, or does not answer in time."""

    late = False


class _Late(_Gone):
    """It lives, and says nothing."""

    late = True


class _Child:
    """One child process and the two pipes to it."""

    def __init__(self) -> None:
        theirs_in, self.requests = os.pipe()
        self.answers, theirs_out = os.pipe()
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", DeprecationWarning)  # threads: the child uses none of their locks
                self.pid = os.fork()
        except OSError:
            for descriptor in (theirs_in, theirs_out, self.requests, self.answers):
                os.close(descriptor)
            raise
        if not self.pid:
            _live(theirs_in, theirs_out)
        os.close(theirs_in)
        os.close(theirs_out)
        os.set_blocking(self.requests, False)
        os.set_blocking(self.answers, False)
        self._ready = select.poll()
        self._ready.register(self.answers, select.POLLIN)
        self._room = select.poll()
        self._room.register(self.requests, select.POLLOUT)
        self.greeted = False
        self._come = bytearray()
        self.deadline = time.monotonic() + _PATIENCE

    def ask(self, head: bytes, pieces: Iterable[bytes], size: int) -> None:
        """Send a request. Raises _Gone."""
        self.deadline = time.monotonic() + _PATIENCE
        if size <= _QUICK:
            self._write(head + b"".join(pieces))
            return
        self._write(head)
        for piece in pieces:
            self._write(piece)

    def answer(self) -> list[object]:
        """The next answer. Raises _Gone."""
        self._read(4)
        length = int.from_bytes(self._come[:4], "little")
        if length > _LONGEST_ANSWER:
            raise _Gone
        self._read(4 + length)
        text = bytes(self._come[4 : 4 + length])
        del self._come[: 4 + length]
        try:
            answer = loads(text)
        except ValueError:
            raise _Gone from None
        if not isinstance(answer, list):
            raise _Gone
        return answer

    def _write(self, data: bytes) -> None:
        rest = memoryview(data)
        while rest:
            try:
                rest = rest[os.write(self.requests, rest) :]
            except BlockingIOError:
                self._wait(self._room)
            except OSError:
                raise _Gone from None

    def _read(self, length: int) -> None:
        """Have at least `length` bytes of what comes."""
        while len(self._come) < length:
            try:
                more = os.read(self.answers, max(1 << 16, length - len(self._come)))
            except BlockingIOError:
                self._wait(self._ready)
                continue
            if not more:
                raise _Gone
            self._come += more

    def _wait(self, poll: select.poll) -> None:
        left = self.deadline - time.monotonic()
        if left <= 0 or not poll.poll(left * 1000):
            raise _Late

    def forget(self) -> None:
        """Close the pipes: another process owns the child."""
        os.close(self.requests)
        os.close(self.answers)

    def alive(self) -> bool:
        """Whether it has not ended by itself."""
        try:
            return not os.waitid(os.P_PID, self.pid, os.WEXITED | os.WNOHANG | os.WNOWAIT)
        except ChildProcessError:
            return False

    def end(self) -> int:
        """Kill it if it lives, and leave no zombie; the signal that it died of, or 0."""
        self.forget()
        with contextlib.suppress(ProcessLookupError):
            os.kill(self.pid, _SIGKILL)  # of one that is dying already, the signal that it dies of stands
        try:
            status = os.waitpid(self.pid, 0)[1]
        except ChildProcessError:  # a handler of the application was quicker
            return 0
        return os.WTERMSIG(status) if os.WIFSIGNALED(status) else 0


def _live(requests: int, answers: int) -> NoReturn:
    """What the child does with its life; it never comes back into the parent's code."""
    try:
        from assaymark.sandbox.worker import serve

        serve(requests, answers)
    finally:
        os._exit(1)


class Sandbox:
    """core.witness.Witness: one child, which is asked and answers in turn."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._child: _Child | None = None
        self._refused = "" if sys.platform == "linux" else "only Linux can lock its process down"
        self._numbers = itertools.count(1)
        self._pending: dict[int, int] = {}
        """Number -> size of each request that was not answered, oldest first."""
        self._heard: dict[int, Account] = {}
        """What was said to requests that nobody called for yet."""

    def prepare(self) -> None:
        """Have a child made, if there is none; it comes up while we go on."""
        if self._child is None:
            with self._lock, contextlib.suppress(OSError):
                self._start()

    def ask(self, pieces: Iterable[bytes], size: int, streams: int) -> Callable[[], Account]:
        """See core.witness.Witness."""
        if size > LONGEST:
            return partial(Account, silent=f"longer than {LONGEST >> 20} MiB")
        number = next(self._numbers) & 0xFFFF_FFFF
        with self._lock:
            try:
                child = self._start()
                if child is not None:
                    self._pending[number] = size
                    child.ask(struct.pack("<IQI", number, size, streams), pieces, size)
            except OSError as error:
                return partial(Account, silent=f"no process for it: {error.strerror}")
            except _Gone as gone:
                self._bury(gone)
            except BaseException:
                self._end()  # half of a request is in the pipe
                raise
        return partial(self._answer, number)

    def dismiss(self) -> None:
        """End the child; the next request has a new one made."""
        with self._lock:
            self._end()

    def forget(self) -> None:
        """In a process forked from ours: the child is not ours."""
        child, self._child = self._child, None
        if child is not None:
            child.forget()
        self._lock = threading.Lock()
        self._pending, self._heard = {}, {}

    def _answer(self, number: int) -> Account:
        """What was said to this request; waits for it."""
        with self._lock:
            try:
                while number in self._pending and self._child is not None:
                    self._hear(self._child)
            except _Gone as gone:
                self._bury(gone)
            except BaseException:
                self._end()
                raise
            self._pending.pop(number, None)
            silent = self._refused or "its process was ended by another file"
            return self._heard.pop(number, None) or Account(silent=silent)

    def _start(self) -> _Child | None:
        """The child; None where it refused. Raises OSError where no process can be made."""
        if self._child is not None and not self._child.alive():
            self._end()
        if self._child is None and not self._refused:
            self._child = _Child()
        return self._child

    def _hear(self, child: _Child) -> None:
        """Take in one answer. Raises _Gone."""
        if not child.greeted:
            child.greeted = True
            try:
                (problem,) = child.answer()
            except (_Gone, ValueError):
                problem = "it ended"
            if problem:
                self._refused = f"its process cannot be locked down: {str(problem)[:200]}"
                self._end()
            return
        number, said = _account(child.answer(), self._pending)
        if len(self._heard) > _UNCALLED:
            self._heard.clear()  # of requests that failed for another reason
        self._heard[number] = said
        del self._pending[number]
        if said.silent:  # for want of memory
            self._end()

    def _bury(self, gone: _Gone) -> None:
        """The child died of the oldest request that it had not answered, and says nothing to the others."""
        pending = dict(self._pending)
        signal = self._end()
        for number, size in list(pending.items())[:1]:
            self._heard[number] = _obituary(signal, size, late=gone.late)

    def _end(self) -> int:
        child, self._child = self._child, None
        self._pending.clear()
        return child.end() if child is not None else 0


def _account(answer: list[object], pending: Mapping[int, int]) -> tuple[int, Account]:
    """The child's answer; nothing about it is taken for granted. Raises _Gone."""
    number, spent, *streams = answer if len(answer) > 1 else (None, None)
    if not isinstance(number, int) or number not in pending:
        raise _Gone
    readings = tuple(map(_reading, streams))
    silent = "its objects need more memory than it is given" if spent else ""
    return number, Account(readings, silent, suspicious=bool(spent) and pending[number] <= _SMALL)


def _reading(said: Any) -> Reading:
    """What was said of one stream. Raises _Gone."""
    try:
        asked, kinds, end, stopped = said
        names = tuple((str(module), str(name)) for module, name in asked)
        at = None if end is None else int(end)
        return Reading(names, frozenset(map(str, kinds)), at, str(stopped))
    except (TypeError, ValueError):
        raise _Gone from None


def _obituary(number: int, size: int, *, late: bool) -> Account:
    """Why the child died in the middle of it."""
    if late:
        return Account(silent=f"no answer within {_PATIENCE:g} s", suspicious=True)
    if number == _SIGPROF:
        return Account(silent="not finished within its CPU time", suspicious=True)
    if number == _SIGSYS:
        return Account(silent="killed when it tried a system call that reading needs none of", suspicious=True)
    if number == _SIGKILL:
        return Account(silent="killed by the system, which is short of memory", suspicious=size <= _SMALL)
    return Account(silent=f"killed by signal {number}" if number else "ended without an answer", suspicious=True)


_ours: list[Sandbox] = []


def witness() -> Sandbox:
    """The sandbox of this process, with its child on the way."""
    if not _ours:
        _ours.append(Sandbox())
        os.register_at_fork(after_in_child=_ours[0].forget)
    _ours[0].prepare()
    return _ours[0]


def dismiss() -> None:
    """End the child of this process, if there is one."""
    for sandbox in _ours:
        sandbox.dismiss()
