"""Projects and models: names that are given once and never again."""

from typing import Any

import sqlalchemy as sa

from assaymark.core.errors import Conflict, NotFound
from assaymark.registry import tables
from assaymark.registry.names import ModelName, VersionName, check_name
from assaymark.registry.work import Work

_models, _versions = tables.models, tables.versions

# Made once: every request looks for one of these.
_MODEL = sa.select(_models).where(_models.c.project == sa.bindparam("project"), _models.c.name == sa.bindparam("model"))
_VERSION = (
    sa.select(_versions)
    .join(_models, _models.c.id == _versions.c.model)
    .where(_models.c.project == sa.bindparam("project"), _models.c.name == sa.bindparam("model"))
    .where(_models.c.deleted_at.is_(None), _versions.c.name == sa.bindparam("version"))
)


def create_project(work: Work, name: str, quota: int | None = None) -> None:
    """A new project. `quota`: bytes that its versions may hold in all. Raises Conflict."""
    check_name(name, "project")
    if work.connection.execute(sa.select(tables.projects).where(tables.projects.c.name == name)).first():
        raise Conflict(f"project {name} is there already", step="choose another name")
    work.connection.execute(tables.projects.insert().values(name=name, quota=quota, made_at=work.at))


def find_project(connection: sa.Connection, name: str) -> Any:
    """The row; raises NotFound."""
    row = connection.execute(sa.select(tables.projects).where(tables.projects.c.name == name)).first()
    if row is None:
        raise NotFound(f"there is no project {name}", step=f"assay registry create {name}")
    return row


def create_model(work: Work, name: ModelName, actor: str, card: str = "") -> int:
    """A new model in a project that is there; raises NotFound or Conflict. Returns its row's id."""
    find_project(work.connection, name.project)
    if _model(work.connection, name) is not None:
        raise Conflict(f"the name {name} was given before", step="names are never reused; choose another")
    values = {"project": name.project, "name": name.model, "card": card, "made_at": work.at}
    made = work.connection.execute(_models.insert().values(**values).returning(_models.c.id)).scalar_one()
    work.log("created", name, actor)
    return int(made)


def find_model(connection: sa.Connection, name: ModelName) -> Any:
    """The row of a model that was not deleted; raises NotFound."""
    row = _model(connection, name)
    if row is None or row.deleted_at is not None:
        raise NotFound(f"there is no model {name}", step="assay registry list")
    return row


def find_version(connection: sa.Connection, name: VersionName) -> Any:
    """The row of a version; raises NotFound."""
    row = connection.execute(
        _VERSION, {"project": name.model.project, "model": name.model.model, "version": name.version}
    ).first()
    if row is None:
        find_model(connection, name.model)
        raise NotFound(f"there is no version {name}", step=f"assay registry show {name.model}")
    return row


def name_of_version(connection: sa.Connection, version: int) -> VersionName:
    """The name of the version with that row id."""
    found = connection.execute(
        sa.select(_models.c.project, _models.c.name, _versions.c.name.label("version"))
        .join(_versions, _versions.c.model == _models.c.id)
        .where(_versions.c.id == version)
    ).one()
    return VersionName(ModelName(found.project, found.name), found.version)


def describe(work: Work, name: ModelName, card: str) -> None:
    """Replace the model card."""
    row = find_model(work.connection, name)
    work.connection.execute(_models.update().where(_models.c.id == row.id).values(card=card))


def delete_model(work: Work, name: ModelName, actor: str) -> None:
    """Leave a tombstone; raises Conflict while a version of it is not one."""
    row = find_model(work.connection, name)
    living = sa.select(_versions.c.name).where(_versions.c.model == row.id, _versions.c.state != "tombstone")
    kept = work.connection.execute(living).first()
    if kept is not None:
        raise Conflict(f"{name} still has version {kept.name}", step="delete its versions first")
    work.connection.execute(_models.update().where(_models.c.id == row.id).values(deleted_at=work.at))
    work.log("deleted", name, actor)


def _model(connection: sa.Connection, name: ModelName) -> Any:
    return connection.execute(_MODEL, {"project": name.project, "model": name.model}).first()
