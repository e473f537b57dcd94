"""Outgoing webhooks: who is told of a project's events, and the telling. Sends go out from here alone, by feeds.webhook."""

import random
import threading
from collections.abc import Callable, Sequence
from typing import Any

from assaymark.feeds import offline
from assaymark.feeds.webhook import SECONDS, Answer, Order, check_url, post
from assaymark.registrar import Registrar
from assaymark.registry import webhooks
from assaymark.registry.webhooks import Due

Json = dict[str, Any]
_JITTER = random.SystemRandom().random
_Send = Callable[[Sequence[Order]], list[Answer]]


class Courier:
    """Tells what is in the outbox. `look` returns at once: sending is done by a thread, one at a time."""

    def __init__(
        self,
        registrar: Registrar,
        send: _Send = post,
        jitter: Callable[[], float] = _JITTER,
        say: Callable[[str], None] = lambda _: None,
    ) -> None:
        """`say` is told of what broke; the next look begins again."""
        self._registrar, self._send, self._jitter, self._say = registrar, send, jitter, say
        self._thread: threading.Thread | None = None
        self._stopping = False

    def look(self) -> None:
        """Begin, when there is something to tell and nobody is at it."""
        if self._thread is not None and self._thread.is_alive():
            return
        with self._registrar.database.read() as connection:
            busy = webhooks.busy(connection, self._registrar.clock.now())
        if busy:
            self._thread = threading.Thread(target=self._drain, name="courier", daemon=True)
            self._thread.start()

    def stop(self) -> None:
        """Wait for the round under way, which takes SECONDS at most; what is left is told at the next start."""
        self._stopping = True
        if self._thread is not None:
            self._thread.join(SECONDS + 5)

    def deliver(self) -> int:
        """One round: events become deliveries, and those whose time has come are sent. Returns how many were."""
        clock, database = self._registrar.clock, self._registrar.database
        with database.write() as connection:
            webhooks.spread(connection, clock.now())
            due = [] if offline() else webhooks.claim(connection, clock.now())
        if not due:
            return 0
        answers = self._send([_order(one, self._registrar) for one in due])
        with database.write() as connection:
            for one, answer in zip(due, answers, strict=True):
                webhooks.finish(
                    connection, one, answer.status, answer.why, clock.now(), self._jitter, answer.wait
                )  # fmt: skip
        return len(due)

    def _drain(self) -> None:
        try:
            while not self._stopping and self.deliver():
                pass
        except Exception as error:  # noqa: BLE001 - the edge of the thread: what was leased is sent when its lease is over
            self._say(f"webhooks: {type(error).__name__}: {error}")


def add(registrar: Registrar, project: str, url: str, events: Sequence[str], actor: str) -> Json:
    """A new webhook, with its secret, this once; raises UsageError for a URL that nothing is sent to."""
    check_url(url)
    with registrar.database.write() as connection:
        made, secret = webhooks.add(connection, project, url, events, actor, registrar.clock.now())
    return {"id": made, "project": project, "url": url, "events": sorted(set(events)), "secret": secret}


def listed(registrar: Registrar, project: str) -> list[Json]:
    """Webhooks of a project."""
    with registrar.database.read() as connection:
        return webhooks.listed(connection, project)


def remove(registrar: Registrar, project: str, webhook: str) -> Json:
    """End one."""
    with registrar.database.write() as connection:
        webhooks.remove(connection, project, webhook)
    return {"removed": webhook}


def test(registrar: Registrar, project: str, webhook: str) -> Json:
    """Send a message of the type `test` now, and say how it went."""
    with registrar.database.read() as connection:
        due = webhooks.trial(connection, project, webhook, registrar.clock.now())
    (answer,) = post([_order(due, registrar)])
    return {"id": webhook, "taken": 200 <= answer.status < 300, "status": answer.status, "why": answer.why}


def _order(due: Due, registrar: Registrar) -> Order:
    return Order(due.url, webhooks.signed(due, registrar.clock.now()), due.body)
