"""Artifacts of runs and logged models before they are registered: content by digest in the store, paths as data.

EXPERIMENT/RUN/artifacts/…            of a run
EXPERIMENT/models/ID/artifacts/…      of a logged model
versions/PROJECT/MODEL/VERSION/…      what was registered, to be read alone
"""

from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from assaymark.core.errors import Conflict, NotFound
from assaymark.core.manifest import ManifestFile, check_path
from assaymark.registry import mlflow_tables as tables
from assaymark.registry import quota, versions
from assaymark.registry.mlflow_tracking import find_logged, find_run
from assaymark.registry.names import ModelName, VersionName
from assaymark.registry.work import Work

_artifacts, _sources = tables.artifacts, tables.sources


@dataclass(frozen=True, slots=True)
class Place:
    """Where a path leads. `area` is None for a version's own files; `path` is below the root of either, "" for the root."""

    project: str
    path: str
    area: str | None = None
    version: VersionName | None = None
    run: str = ""


def place(connection: sa.Connection, path: str) -> Place:
    """Read a path of the artifact service, and load what it names; raises NotFound or Malformed."""
    match path.strip("/").split("/"):
        case ["versions", project, model, version, *rest]:
            name = VersionName.parse(f"{project}/{model}@{version}")
            return Place(project, _path(rest), version=name)
        case [experiment, "models", area, "artifacts", *rest]:
            row = find_logged(connection, area)
            found = Place(row.project, _path(rest), area, run=row.run or "")
        case [experiment, area, "artifacts", *rest]:
            row = find_run(connection, area)
            found = Place(row.project, _path(rest), area, run=area)
        case _:
            raise NotFound(
                "there is nothing at that path", step="paths begin with an experiment's id, or with versions/"
            )
    if str(row.experiment) != experiment:
        raise NotFound("there is nothing at that path")
    return found


def check_open(connection: sa.Connection, area: str, path: str) -> None:
    """Raise Conflict where a version was made of what stands at this path, or above or below it."""
    for row in connection.execute(sa.select(_sources.c.prefix).where(_sources.c.area == area)):
        prefix = row.prefix
        if _covers(prefix, path) or _covers(path, prefix):
            raise Conflict("this was registered as a version, and its bytes never change", step="log it in a new run")


def put(work: Work, at: Place, sha256: str, size: int) -> None:
    """Keep what was stored at a path of an area."""
    assert at.area is not None  # noqa: S101 - the caller has refused versions
    check_open(work.connection, at.area, at.path)
    versions.note_uploads(work, at.project, [sha256])
    same = sa.and_(_artifacts.c.area == at.area, _artifacts.c.path == at.path)
    work.connection.execute(_artifacts.delete().where(same))
    work.connection.execute(_artifacts.insert().values(area=at.area, path=at.path, size=size, sha256=sha256))


def usage(connection: sa.Connection, project: str) -> quota.Usage:
    """What a project holds, staged artifacts among it."""
    areas = [
        sa.select(table.c.id).join(tables.experiments, tables.experiments.c.id == table.c.experiment)
        .where(tables.experiments.c.project == project)
        for table in (tables.runs, tables.logged_models)
    ]  # fmt: skip
    held = sa.select(sa.func.coalesce(sa.func.sum(_artifacts.c.size), 0)).where(
        _artifacts.c.area.in_(sa.union_all(*areas))
    )
    now = quota.usage_of(connection, project)
    return quota.usage(project, now.quota, [now.used, int(connection.execute(held).scalar_one())])


def remove(work: Work, area: str, path: str) -> None:
    """Drop a file or a folder of an area."""
    check_open(work.connection, area, path)
    work.connection.execute(_artifacts.delete().where(_artifacts.c.area == area, _below(path)))


def staged(connection: sa.Connection, area: str, prefix: str) -> list[Any]:
    """The files at or below a path."""
    wanted = sa.select(_artifacts).where(_artifacts.c.area == area, _below(prefix))
    return list(connection.execute(wanted.order_by(_artifacts.c.path)))


def register(work: Work, name: ModelName, version: str, at: Place, person: str) -> int:
    """Freeze what lies below a path into a draft. Returns the version's row id."""
    assert at.area is not None  # noqa: S101 - the caller has refused versions
    strip = len(at.path) + 1 if at.path else 0
    found = staged(work.connection, at.area, at.path)
    files = [ManifestFile(row.path[strip:], row.size, row.sha256) for row in found if row.path != at.path]
    if not files:
        raise NotFound("there are no artifacts at that source", step="log the model first")
    full = VersionName(name, version)
    made = versions.draft(work, full, person)
    versions.note_uploads(work, name.project, (file.sha256 for file in files))  # he may read them where they are
    versions.add_files(work, full, files)
    versions.manifest_of(work.connection, made)  # names that clash are refused now
    work.connection.execute(_sources.insert().values(version=made, area=at.area, prefix=at.path, run=at.run))
    return made


def source_of(connection: sa.Connection, version: int) -> Any:
    """Where a version came from, or None."""
    return connection.execute(sa.select(_sources).where(_sources.c.version == version)).first()


def marked(connection: sa.Connection) -> set[str]:
    """Blobs that staged artifacts need."""
    return set(connection.execute(sa.select(_artifacts.c.sha256)).scalars())


def _path(parts: list[str]) -> str:
    return check_path("/".join(parts)) if parts else ""


def _covers(prefix: str, path: str) -> bool:
    return not prefix or path == prefix or path.startswith(f"{prefix}/")


def _below(prefix: str) -> sa.ColumnElement[bool]:
    if not prefix:
        return sa.true()
    return sa.or_(_artifacts.c.path == prefix, _artifacts.c.path.startswith(f"{prefix}/", autoescape=True))
