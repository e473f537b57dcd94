"""Registered models as MLflow means them: `PROJECT~MODEL`, versions, aliases and stages.

A name that the trust root has a policy for is a channel. No alias and no stage moves one: that takes a request which the
requester signs, and approvals.
"""

from typing import Any

import sqlalchemy as sa

from assaymark.core.errors import NotFound, UsageError
from assaymark.registry import mlflow_tables, tables
from assaymark.registry.models import find_model, find_version
from assaymark.registry.names import ModelName, VersionName, check_name
from assaymark.registry.revisions import given, is_channel, standing
from assaymark.registry.states import RequestState, VersionState
from assaymark.registry.work import Work

SEPARATOR = "~"
"""MLflow's model URIs have no room for a slash, and our names none for a tilde."""
_aliases, _versions = mlflow_tables.aliases, tables.versions


def parse_name(text: str) -> ModelName:
    """Read `PROJECT~MODEL`; raises UsageError."""
    project, mark, model = text.partition(SEPARATOR)
    if not mark:
        raise UsageError(
            f"{text[:64]!r} names no model of this registry", step="write PROJECT~MODEL, as in fraud~scorer"
        )
    return ModelName(check_name(project, "project"), check_name(model, "model"))


def mlflow_name(name: ModelName) -> str:
    """`PROJECT~MODEL`."""
    return f"{name.project}{SEPARATOR}{name.model}"


def by_alias(work: Work, name: ModelName, alias: str, person: str) -> Any:
    """The row of the version that a channel or an alias stands at; raises NotFound or Withheld."""
    folded = check_name(alias.lower(), "alias")
    model = find_model(work.connection, name)
    if is_channel(work, model.id, folded):
        row = standing(work.connection, model.id, folded)
    else:
        wanted = sa.select(_versions).join(_aliases, _aliases.c.version == _versions.c.id)
        row = work.connection.execute(wanted.where(_aliases.c.model == model.id, _aliases.c.alias == folded)).first()
    if row is None:
        raise NotFound(f"{name} has no version at {folded}")
    return given(row, person)


def set_alias(work: Work, name: ModelName, alias: str, version: str) -> str | None:
    """Move an alias; returns why not, where it is a channel that stands elsewhere."""
    folded = check_name(alias.lower(), "alias")
    row = find_version(work.connection, VersionName(name, version))
    if is_channel(work, row.model, folded):
        active = standing(work.connection, row.model, folded)
        return (
            None
            if active is not None and active.id == row.id
            else refusal(work, VersionName(name, version), row, folded)
        )
    if row.state == VersionState.TOMBSTONE:
        raise NotFound(f"there is no version {version}")
    _drop(work, row.model, folded)
    work.connection.execute(_aliases.insert().values(model=row.model, alias=folded, version=row.id))
    return None


def drop_alias(work: Work, name: ModelName, alias: str) -> str | None:
    """Remove an alias; returns why not, where it is a channel."""
    folded = check_name(alias.lower(), "alias")
    model = find_model(work.connection, name)
    if is_channel(work, model.id, folded):
        return f"{folded} is a protected channel of {name}: it is emptied by withdrawing what stands in it (assay registry withdraw)"
    _drop(work, model.id, folded)
    return None


def refusal(work: Work, name: VersionName, row: Any, channel: str) -> str:
    """Why an alias did not move a channel, and what to do."""
    pending = (RequestState.OPEN, RequestState.APPROVED)
    asked = sa.select(tables.requests.c.nonce, tables.requests.c.state).where(
        tables.requests.c.version == row.id, tables.requests.c.channel == channel, tables.requests.c.state.in_(pending)
    )
    found = work.connection.execute(asked).first()
    why = f"{channel} is a protected channel: it moves by a request that its requester signs, and by signed approvals. "
    if found is not None:
        what = "approve it with" if found.state == RequestState.OPEN else "it is approved; finish it with"
        act = "approve" if found.state == RequestState.OPEN else "promote"
        return f"{why}Request {found.nonce} is {found.state} already; {what}: assay registry {act} {found.nonce}"
    step = f"assay registry request {name} --channel {channel} --as YOU --key KEY"
    if row.state == VersionState.DRAFT:
        return f"{why}This version is a draft; first: assay registry seal {name} --as YOU --key KEY; then: {step}"
    return f"{why}Ask for it: {step}"


def aliases_of(work: Work, model: int) -> dict[str, list[str]]:
    """Version name -> what stands at it: aliases, and the channels that are active."""
    found: dict[str, list[str]] = {}
    wanted = sa.select(_aliases.c.alias, _versions.c.name).join(_versions, _versions.c.id == _aliases.c.version)
    for row in work.connection.execute(wanted.where(_aliases.c.model == model)):
        if not is_channel(work, model, row.alias):
            found.setdefault(row.name, []).append(row.alias)
    names = sa.select(tables.channels.c.name).where(tables.channels.c.model == model)
    for channel in work.connection.execute(names).scalars():
        active = standing(work.connection, model, channel)
        if active is not None:
            found.setdefault(active.name, []).append(channel)
    return found


def _drop(work: Work, model: int, alias: str) -> None:
    work.connection.execute(_aliases.delete().where(_aliases.c.model == model, _aliases.c.alias == alias))
