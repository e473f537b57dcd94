"""Letting bytes go: the rule of `retention` applied to the records.

A version whose bytes were let go keeps its row, its signatures and its leaves; it is never requested again. Another
process may be asking for a promotion meanwhile: in PostgreSQL both take locks on `versions`; SQLite has one writer.
"""

from datetime import datetime
from typing import Any

import sqlalchemy as sa

from assaymark.core.clock import parse_timestamp
from assaymark.core.errors import Conflict
from assaymark.registry import tables
from assaymark.registry.names import ModelName, VersionName
from assaymark.registry.retention import Kept, Retention, may_lose_bytes
from assaymark.registry.states import RequestState, VersionState
from assaymark.registry.work import Work

_versions, _models, _requests = tables.versions, tables.models, tables.requests
_STANDING = (RequestState.OPEN, RequestState.APPROVED, RequestState.ACTIVE)


def due(connection: sa.Connection, rule: Retention, now: datetime) -> list[VersionName]:
    """Versions whose bytes the rule lets go, and that still have them."""
    rows = connection.execute(
        sa.select(_versions, _models.c.project, _models.c.name.label("of"))
        .join(_models, _models.c.id == _versions.c.model)
        .where(_versions.c.freed_at.is_(None))
    ).all()
    standing = set(connection.execute(sa.select(_requests.c.version).where(_requests.c.state.in_(_STANDING))).scalars())
    names = {row.id: VersionName(ModelName(row.project, row.of), row.name) for row in rows}
    parents: dict[int, list[VersionName]] = {}
    for link in connection.execute(sa.select(tables.lineage)):
        if link.parent in names:
            parents.setdefault(link.child, []).append(names[link.parent])
    return may_lose_bytes(
        [
            Kept(
                names[row.id],
                VersionState(row.state),
                parse_timestamp(row.since),
                row.id in standing,
                tuple(parents.get(row.id, ())),
            )
            for row in rows
        ],
        rule,
        now,
    )


def let_go(work: Work, rule: Retention, actor: str) -> list[VersionName]:
    """Note of each version that is due that its bytes are gone, and log it. A sweep frees them afterwards."""
    if work.connection.dialect.name == "postgresql":
        work.connection.execute(sa.text("LOCK TABLE versions IN EXCLUSIVE MODE"))
    names = due(work.connection, rule, work.now)
    for name in names:
        row = _row(work.connection, name)
        work.move(_versions, row, _versions.c.id == row.id, freed_at=work.at)
        work.log("freed", name.model, actor, version=name.version, digest=row.digest)
    return names


def check_kept(work: Work, row: Any, name: VersionName) -> None:
    """Raise Conflict where a version's bytes were let go; until the transaction ends they are not."""
    wanted = sa.select(_versions.c.freed_at).where(_versions.c.id == row.id).with_for_update(read=True)
    freed = work.connection.execute(wanted).scalar_one()
    if freed is not None:
        raise Conflict(f"the bytes of {name} were let go at {freed}", step="publish them again, as a new version")


def spared(connection: sa.Connection) -> set[int]:
    """Deleted versions whose bytes the rule still keeps: those that were not let go."""
    wanted = sa.select(_versions.c.id).where(
        _versions.c.state == VersionState.TOMBSTONE, _versions.c.freed_at.is_(None)
    )
    return set(connection.execute(wanted).scalars())


def _row(connection: sa.Connection, name: VersionName) -> Any:
    """Also of a model that was deleted."""
    return connection.execute(
        sa.select(_versions)
        .join(_models, _models.c.id == _versions.c.model)
        .where(
            _models.c.project == name.model.project,
            _models.c.name == name.model.model,
            _versions.c.name == name.version,
        )
    ).one()
