"""Group commit: a thread that integrates what was appended, a few milliseconds after the first of a batch."""

import threading
from collections.abc import Callable
from typing import Protocol, Self

from assaymark.core.errors import AssayError, Unreadable
from assaymark.core.tlog import Checkpoint
from assaymark.storage.ledger import Receipt

_DELAY = 0.005
_IDLE = 0.25
_LONGEST = 5.0


class Integrates(Protocol):
    """A ledger (storage.ledger)."""

    def integrate(self) -> Checkpoint:
        """Give every pending leaf its index, and sign."""

    def waiting(self) -> bool:
        """Whether there is something to integrate."""

    def cosign(self) -> int:
        """Ask the witnesses."""

    def receipt(self, ticket: int) -> Receipt:
        """The proof of a leaf."""


class Sequencer:
    """Integrates in the background between `start` and `stop`. Threads call `notify` after their transaction committed."""

    def __init__(
        self,
        ledger: Integrates,
        *,
        delay: float = _DELAY,
        idle: float = _IDLE,
        cosign: bool = False,
        before: Callable[[], object] | None = None,
        say: Callable[[str], None] = lambda _: None,
    ) -> None:
        """`delay`: seconds a batch waits for more; `idle`: seconds between looks for what other processes appended.

        `cosign`: ask the witnesses after each batch. `before`: what the thread does first. `say` is told of each new failure.
        """
        self._ledger = ledger
        self._delay = delay
        self._idle = idle
        self._cosign = cosign
        self._before = before
        self._say = say
        self._changed = threading.Condition()
        self._asked = 0
        self._done = 0
        self._stopping = False
        self._thread: threading.Thread | None = None
        self.failure: AssayError | None = None
        """Why the last batch was not integrated or cosigned; None when it was."""

    def start(self) -> None:
        """Begin."""
        self._thread = threading.Thread(target=self._run, name="ledger-sequencer", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Integrate what is there, and end."""
        with self._changed:
            self._stopping = True
            self._changed.notify_all()
        if self._thread:
            self._thread.join()

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def notify(self) -> int:
        """Say that something was appended and committed; the number is for `wait`."""
        with self._changed:
            self._asked += 1
            self._changed.notify_all()
            return self._asked

    def wait(self, number: int, timeout: float = 30.0) -> None:
        """Wait until what was notified with that number is integrated; raises AssayError."""
        with self._changed:
            self._changed.wait_for(lambda: self._done >= number or self.failure or self._stopping, timeout)
            if self._done >= number:
                return
            failure = self.failure
        raise failure or Unreadable("the ledger did not integrate in time", step="it will; ask for the receipt later")

    def receipt(self, ticket: int, timeout: float = 30.0) -> Receipt:
        """The receipt of what was just committed, in a batch with whatever others appended."""
        self.wait(self.notify(), timeout)
        return self._ledger.receipt(ticket)

    def _run(self) -> None:
        pause = self._idle
        first = True
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._asked > self._done or self._stopping, pause)
                stopping = self._stopping
                if self._asked > self._done and not stopping:
                    self._changed.wait_for(lambda: self._stopping, self._delay)
                asked, needed = self._asked, first or stopping or self.failure is not None
            failure = self._once(needed=needed)
            first = False
            if failure is not None and (self.failure is None or self.failure.message != failure.message):
                self._say(failure.message)
            with self._changed:
                self.failure = failure
                if failure is None:
                    self._done = asked
                self._changed.notify_all()
                if stopping:
                    return
                if failure is not None:  # do not run hot against a full disk, or a log that was rolled back
                    pause = min(pause * 2, _LONGEST)
                    self._changed.wait_for(lambda: self._stopping, pause)
                    continue
            pause = self._idle

    def _once(self, *, needed: bool) -> AssayError | None:
        try:
            if not needed and not self._ledger.waiting():
                return None
            if self._before is not None:
                self._before()
                self._before = None
            self._ledger.integrate()
            if self._cosign:
                self._ledger.cosign()
        except AssayError as error:
            return error
        except Exception as error:  # noqa: BLE001 - of the driver or the system; the thread must live to try again
            return Unreadable(f"the ledger was not integrated: {type(error).__name__}: {error}")
        return None
