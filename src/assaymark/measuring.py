"""How a registry does, in figures that cost a few counted queries, and whether it can do its work at all."""

import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import sqlalchemy as sa

from assaymark.core.clock import parse_timestamp
from assaymark.core.errors import AssayError
from assaymark.registrar import Registrar
from assaymark.registry import tables
from assaymark.registry.queue import FAILED, RUNNING, WAITING
from assaymark.registry.states import RequestState, VersionState
from assaymark.registry.webhook_tables import deliveries
from assaymark.storage.ledger_tables import checkpoints, leaves

KEEP = 15.0
"""Seconds for which figures count: however often they are asked for, the database is asked this often."""
READY = 5.0
"""The same for `ready`."""


@dataclass(frozen=True, slots=True)
class Figures:
    """Counts; names of what is counted are ours, never a client's."""

    versions: Mapping[str, int]
    requests: Mapping[str, int]
    jobs: Mapping[str, int]
    ledger_size: int
    """Leaves that have an index."""
    unsigned: int
    """Leaves that no checkpoint covers yet."""
    checkpoint_age: float | None
    """Seconds since the newest checkpoint; None before the first."""
    outbox: int
    """Events that are not yet handed to webhooks."""
    deliveries: int
    dead: int
    root_left: float | None
    """Seconds until the trust root expires."""


@dataclass
class Measures:
    """Of one registrar; threads may share it."""

    registrar: Registrar
    monotonic: Callable[[], float] = time.monotonic
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _figures: tuple[float, Figures] | None = None
    _ready: tuple[float, str] | None = None

    def figures(self) -> Figures:
        """At most KEEP old. Raises what the database raises."""
        with self._lock:
            if self._figures is None or self.monotonic() - self._figures[0] > KEEP:
                self._figures = (self.monotonic(), measure(self.registrar))
            return self._figures[1]

    def trouble(self) -> str:
        """Why the registry cannot do its work: no database, or a ledger that cannot sign. Empty when it can; at most READY old."""
        with self._lock:
            if self._ready is None or self.monotonic() - self._ready[0] > READY:
                self._ready = (self.monotonic(), _trouble(self.registrar))
            return self._ready[1]


def measure(registrar: Registrar) -> Figures:
    """One transaction that reads."""
    now = registrar.clock.now()
    with registrar.look() as work:
        connection = work.connection

        def by_state(table: sa.Table, *states: str) -> dict[str, int]:
            query = sa.select(table.c.state, sa.func.count()).where(table.c.state.in_(states)).group_by(table.c.state)
            return dict.fromkeys(states, 0) | {row[0]: row[1] for row in connection.execute(query)}

        def one(query: Any) -> int:
            return int(connection.execute(query).scalar() or 0)

        def count(column: Any, *where: Any) -> int:
            return one(sa.select(sa.func.count(column)).where(*where))

        size = one(sa.select(sa.func.max(leaves.c.index) + 1))
        newest = connection.execute(sa.select(checkpoints).order_by(checkpoints.c.size.desc()).limit(1)).first()
        pending = count(leaves.c.ticket, leaves.c.index.is_(None))
        return Figures(
            versions=by_state(tables.versions, *VersionState),
            requests=by_state(tables.requests, RequestState.OPEN, RequestState.APPROVED),
            jobs=by_state(tables.jobs, WAITING, RUNNING, FAILED),
            ledger_size=size,
            unsigned=pending + size - (newest.size if newest else 0),
            checkpoint_age=max(0.0, (now - parse_timestamp(newest.at)).total_seconds()) if newest else None,
            outbox=count(tables.outbox.c.id),
            deliveries=count(deliveries.c.id, deliveries.c.dead_at.is_(None)),
            dead=count(deliveries.c.id, deliveries.c.dead_at.is_not(None)),
            root_left=(parse_timestamp(work.root.expires) - now).total_seconds() if work.root else None,
        )


def _trouble(registrar: Registrar) -> str:
    try:
        if registrar.ledger.waiting() or registrar.ledger.checkpoint() is not None:
            registrar.ledger.integrate()  # with nothing to integrate it still compares what was signed with what is there
    except sa.exc.SQLAlchemyError:
        return "the database does not answer"
    except (AssayError, OSError):
        return "the ledger cannot sign"  # why is for the log: this is told to everybody
    return ""
