"""Deployments: reports that a version runs, under a name in an environment, since a moment and until one.

They are what somebody says and no decision: a version that was stopped may still run, and then this is where it is seen.
"""

import re
from typing import Any

import sqlalchemy as sa

from assaymark.core.errors import Conflict, NotFound, UsageError
from assaymark.core.statements import is_moment
from assaymark.registry import tables
from assaymark.registry.graph_tables import deployments
from assaymark.registry.models import find_version, name_of_version
from assaymark.registry.names import ModelName, VersionName
from assaymark.registry.work import Work

PAGE = 1_000
ENVIRONMENT = "production"
_LOCK = 0x6465706C6F79  # "deploy"
_NAME = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9._/:-]{0,126}[A-Za-z0-9])?")
_WHERE = re.compile(r"[a-z0-9](?:[a-z0-9._-]{0,62}[a-z0-9])?")


def deploy(
    work: Work, version: VersionName, name: str, environment: str = ENVIRONMENT, *, since: str = "", actor: str
) -> dict[str, Any]:
    """Take the report that a version runs; another version under that name ended then. The same report again changes nothing."""
    _check_names(name, environment)
    row = find_version(work.connection, version)
    if row.digest is None:
        raise Conflict(f"{version} is {row.state}: it has no bytes that could run", step="seal it first")
    since = _moment(work, since)
    running = live(work, name, environment)
    if running is not None:
        if running.version == row.id:
            return _told(work, running.id)
        if since < running.since:
            step = f"say when: --since, at {running.since} or later"
            raise Conflict(f"{environment}/{name} runs another version since {running.since}", step=step)
        _end(work, running, since, actor)
    elif (last := _last(work, name, environment)) is not None and since < last:
        raise Conflict(
            f"{environment}/{name} ran another version until {last}", step=f"say when: --since, at {last} or later"
        )
    made = deployments.insert().values(
        version=row.id, name=name, environment=environment, since=since, reported_by=actor
    )
    number = int(work.connection.execute(made.returning(deployments.c.id)).scalar_one())
    work.log(
        "deployed", version.model, actor, version=version.version, digest=row.digest, deployment=name,
        environment=environment, since=since,
    )  # fmt: skip
    work.learn("deployed", number)
    return _told(work, number)


def undeploy(work: Work, name: str, environment: str = ENVIRONMENT, *, until: str = "", actor: str) -> dict[str, Any]:
    """Take the report that nothing runs under a name any more; raises NotFound where nothing did."""
    running = live(work, name, environment)
    if running is None:
        raise NotFound(f"nothing runs as {environment}/{name}"[:300], step="assay registry deployments")
    until = _moment(work, until)
    if until < running.since:
        raise Conflict(f"{environment}/{name} runs since {running.since}, not before", step="say when: --until")
    _end(work, running, until, actor)
    return _told(work, running.id)


def live(work: Work, name: str, environment: str) -> Any:
    """What runs under a name, or None. Reports take turns: SQLite has one writer."""
    if work.connection.dialect.name != "sqlite":
        work.connection.execute(sa.text("SELECT pg_advisory_xact_lock(:key)"), {"key": _LOCK})
    here = sa.and_(deployments.c.name == name, deployments.c.environment == environment, deployments.c.until.is_(None))
    return work.connection.execute(sa.select(deployments).where(here)).first()


def listed(
    connection: sa.Connection,
    model: ModelName | None = None,
    *,
    ended: bool = False,
    after: int = 0,
    projects: frozenset[str] | None = None,
) -> list[dict[str, Any]]:
    """Deployments by the order of their reports, a page of them: of a model or of all, those that ended only where wanted."""
    wanted = _named().where(deployments.c.id > after)
    if model is not None:
        wanted = wanted.where(tables.models.c.project == model.project, tables.models.c.name == model.model)
    if not ended:
        wanted = wanted.where(deployments.c.until.is_(None))
    if projects is not None:
        wanted = wanted.where(tables.models.c.project.in_(projects))
    return [_line(row) for row in connection.execute(wanted.order_by(deployments.c.id).limit(PAGE))]


def running(connection: sa.Connection, name: str, environment: str) -> list[dict[str, Any]]:
    """What runs under a name: one or nothing."""
    here = sa.and_(deployments.c.name == name, deployments.c.environment == environment, deployments.c.until.is_(None))
    return [_line(row) for row in connection.execute(_named().where(here))]


def _end(work: Work, row: Any, until: str, actor: str) -> None:
    change = deployments.update().where(deployments.c.id == row.id, deployments.c.until.is_(None)).values(until=until)
    if work.connection.execute(change).rowcount != 1:
        raise Conflict("somebody else changed this meanwhile", step="look at it again and repeat")
    version = name_of_version(work.connection, row.version)
    work.log(
        "undeployed", version.model, actor, version=version.version, deployment=row.name,
        environment=row.environment, until=until,
    )  # fmt: skip
    work.learn("undeployed", row.id)


def _last(work: Work, name: str, environment: str) -> str | None:
    here = sa.and_(deployments.c.name == name, deployments.c.environment == environment)
    found: str | None = work.connection.execute(sa.select(sa.func.max(deployments.c.until)).where(here)).scalar()
    return found


def _moment(work: Work, given: str) -> str:
    if not given:
        return work.at
    if not is_moment(given):
        raise UsageError(f"{given[:40]!r} is no moment", step="write it as 2026-11-24T10:00:00Z")
    work.check_time(given)
    return given


def _check_names(name: str, environment: str) -> None:
    if not _NAME.fullmatch(name):
        step = "letters, digits and . _ / : - inside, at most 128 characters"
        raise UsageError(f"{name[:64]!r} is no name of a deployment", step=step)
    if not _WHERE.fullmatch(environment):
        step = "a-z, 0-9 and . _ - inside, at most 64 characters, as production"
        raise UsageError(f"{environment[:64]!r} is no name of an environment", step=step)


def _named() -> sa.Select[Any]:
    versions, models = tables.versions, tables.models
    return (
        sa.select(deployments, versions.c.name.label("of"), versions.c.state, models.c.project, models.c.name.label("model"))
        .join(versions, versions.c.id == deployments.c.version)
        .join(models, models.c.id == versions.c.model)
    )  # fmt: skip


def _told(work: Work, number: int) -> dict[str, Any]:
    return _line(work.connection.execute(_named().where(deployments.c.id == number)).one())


def _line(row: Any) -> dict[str, Any]:
    return {
        "id": row.id, "name": row.name, "environment": row.environment,
        "version": f"{row.project}/{row.model}@{row.of}", "state": row.state, "since": row.since, "until": row.until,
        "reported_by": row.reported_by,
    }  # fmt: skip
