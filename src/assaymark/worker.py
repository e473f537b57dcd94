"""The registry's jobs. Scans read a stranger's bytes: they run in a process of their own, started when there is work.

The server keeps one thread, which closes requests whose time is over, starts that process, and goes to sleep again.
"""

import multiprocessing
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Any

from assaymark.core.errors import AssayError
from assaymark.notifying import Courier
from assaymark.registrar import Registrar
from assaymark.registry import promotions, queue
from assaymark.registry.models import name_of_version

PULSE = 1.0
"""Seconds between two looks when nobody wakes the thread."""


def drain(home: str | None, database: str | None = None, store: str | None = None) -> int:
    """Do every job that waits; returns how many were done. A job that fails says why in its row."""
    done = 0
    with Registrar.open(home, database=database, store=store) as registrar:
        while (job := _claim(registrar)) is not None:
            done += 1
            error = ""
            try:
                with registrar.look() as work:
                    name = name_of_version(work.connection, job.version)
                with _holding(registrar, job.id):
                    registrar.scan(name)
            except AssayError as problem:
                error = f"{problem.message} {problem.step}".strip()
            except Exception as problem:  # noqa: BLE001 - the edge of the job: what broke is kept in its row
                error = f"{type(problem).__name__}: {problem}"
            with registrar.work() as work:
                queue.finish(work, job.id, error)
    return done


class Keeper:
    """The server's thread; `stop` ends it and the process that it started."""

    def __init__(
        self,
        registrar: Registrar,
        home: str | None,
        database: str | None,
        store: str | None,
        say: Callable[[str], None],
    ) -> None:
        self._registrar = registrar
        self._arguments = (home, database, store)
        self._say = say
        self._woken = threading.Event()
        self._stopped = False
        self._thread = threading.Thread(target=self._run, name="keeper", daemon=True)
        self._process: multiprocessing.process.BaseProcess | None = None
        self._courier = Courier(registrar, say=say)
        registrar.wake = self._woken.set

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def stop(self) -> None:
        """End; a scan under way is broken off and is taken up at the next start."""
        self._stopped = True
        self._woken.set()
        self._thread.join(10)
        self._courier.stop()
        if self._process is not None and self._process.is_alive():
            self._process.terminate()
            self._process.join(10)

    def _run(self) -> None:
        while not self._stopped:
            try:
                self._look()
            except AssayError as error:
                self._say(error.message)
            except Exception as error:  # noqa: BLE001 - the edge of the thread: the next look may find things better
                self._say(f"{type(error).__name__}: {error}")
            self._woken.wait(PULSE)
            self._woken.clear()

    def _look(self) -> None:
        self._courier.look()
        with self._registrar.look() as work:
            busy = queue.waiting(work.connection, work.at)
            late = work.root is not None and promotions.any_late(work)
        if late:
            with self._registrar.work() as work:
                promotions.expire(work)
        if busy and (self._process is None or not self._process.is_alive()):
            self._process = multiprocessing.get_context("spawn").Process(
                target=drain, args=self._arguments, daemon=False
            )
            self._process.start()


@contextmanager
def _holding(registrar: Registrar, job: int) -> Iterator[None]:
    """Renew the lease of a job for as long as it takes; a worker that is killed renews nothing."""
    done = threading.Event()

    def renew() -> None:
        while not done.wait(queue.LEASE.total_seconds() / 4):
            with suppress(AssayError, OSError), registrar.work() as work:
                queue.renew(work, job)

    thread = threading.Thread(target=renew, name="lease", daemon=True)
    thread.start()
    try:
        yield
    finally:
        done.set()
        thread.join()


def _claim(registrar: Registrar) -> Any:
    with registrar.work() as work:
        return queue.claim(work)
