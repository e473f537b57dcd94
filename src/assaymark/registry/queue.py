"""Jobs on versions. One that is begun is leased: when its worker dies, another one takes it up."""

from datetime import timedelta
from typing import Any

import sqlalchemy as sa

from assaymark.core.clock import timestamp
from assaymark.core.errors import NotFound
from assaymark.registry import tables
from assaymark.registry.work import Work

_jobs = tables.jobs
WAITING, RUNNING, DONE, FAILED = "waiting", "running", "done", "failed"
LEASE = timedelta(minutes=3)
"""For which a worker that does not renew it is waited for."""
ATTEMPTS = 3


def waiting(connection: sa.Connection, at: str) -> bool:
    """Whether there is something to do."""
    return any(connection.execute(sa.select(_jobs.c.id).where(free).limit(1)).first() for free in _free(at))


def claim(work: Work) -> Any:
    """The next job, leased to the caller, or None. One that ended its workers too often has failed."""
    found = [work.connection.execute(sa.select(_jobs).where(f).order_by(_jobs.c.id).limit(1)) for f in _free(work.at)]
    row = next((row for rows in found if (row := rows.first()) is not None), None)
    if row is None:
        return None
    if row.attempts >= ATTEMPTS:
        lost = {"state": FAILED, "error": f"no worker came through with it in {ATTEMPTS} attempts", "lease_until": None}
        work.connection.execute(_jobs.update().where(_jobs.c.id == row.id).values(**lost))
        return claim(work)
    values = {"state": RUNNING, "lease_until": timestamp(work.now + LEASE), "attempts": row.attempts + 1}
    taken = _jobs.update().where(_jobs.c.id == row.id, _jobs.c.attempts == row.attempts).values(**values)
    return row if work.connection.execute(taken).rowcount == 1 else claim(work)


def finish(work: Work, job: int, error: str = "") -> None:
    """Say how it went; what failed is tried again, at most ATTEMPTS times in all."""
    attempts = work.connection.execute(sa.select(_jobs.c.attempts).where(_jobs.c.id == job)).scalar_one()
    state = DONE if not error else FAILED if attempts >= ATTEMPTS else WAITING
    work.connection.execute(
        _jobs.update().where(_jobs.c.id == job).values(state=state, error=error[:2_000] or None, lease_until=None)
    )


def renew(work: Work, job: int) -> None:
    """The worker is still at it."""
    mine = sa.and_(_jobs.c.id == job, _jobs.c.state == RUNNING)
    work.connection.execute(_jobs.update().where(mine).values(lease_until=timestamp(work.now + LEASE)))


def _free(at: str) -> tuple[sa.ColumnElement[bool], ...]:
    """What waits, and what its worker left behind; each by an index."""
    return _jobs.c.state == WAITING, sa.and_(_jobs.c.state == RUNNING, _jobs.c.lease_until < at)


def unfinished(connection: sa.Connection) -> list[dict[str, Any]]:
    """Jobs that are not done, the oldest first."""
    rows = connection.execute(
        sa.select(_jobs, tables.models.c.project, tables.models.c.name, tables.versions.c.name.label("of"))
        .join(tables.versions, tables.versions.c.id == _jobs.c.version)
        .join(tables.models, tables.models.c.id == tables.versions.c.model)
        .where(_jobs.c.state != DONE)
        .order_by(_jobs.c.id)
    )
    return [
        {
            "job": row.id, "kind": row.kind, "version": f"{row.project}/{row.name}@{row.of}", "state": row.state,
            "attempts": row.attempts, "error": row.error or "",
        }
        for row in rows
    ]  # fmt: skip


def retry(work: Work, job: int | None = None) -> int:
    """Let a failed job wait once more, or all of them; returns how many. Raises NotFound."""
    failed = _jobs.c.state == FAILED if job is None else sa.and_(_jobs.c.state == FAILED, _jobs.c.id == job)
    again = {"state": WAITING, "attempts": 0, "error": None, "lease_until": None}
    count = work.connection.execute(_jobs.update().where(failed).values(**again)).rowcount
    if job is not None and not count:
        raise NotFound(f"no failed job has the number {job}", step="assay registry jobs")
    return count
