"""Drafts that clients of the Hugging Face hub commit to. A commit never publishes: a draft waits for its publisher's seal."""

from collections.abc import Iterable, Sequence
from typing import Any

import sqlalchemy as sa

from assaymark.core.errors import Conflict
from assaymark.core.manifest import ManifestFile
from assaymark.registry import hub_tables, quota, tables, versions
from assaymark.registry.models import find_model, find_version
from assaymark.registry.names import ModelName, VersionName, check_name
from assaymark.registry.revisions import MAIN, is_channel, newest, next_number
from assaymark.registry.states import VersionState
from assaymark.registry.work import Work

_versions, _files = tables.versions, tables.files


def open_draft(work: Work, name: ModelName, branch: str, person: str) -> Any:
    """The row of the draft that this person's commits to `branch` go to; made when there is none.

    `main`: a draft with the next number, which begins with what `main` holds, as a commit does. Any other name is the
    draft's own and begins empty. A channel takes no commits, and nobody writes to another person's draft.
    """
    row = find_draft(work.connection, name, branch, person)
    if row is not None:
        return row
    model = find_model(work.connection, name)
    if branch != MAIN and is_channel(work, model.id, branch):
        step = f"commit to main or to a new version's name, and ask: assay registry request {name}@VERSION --channel {branch}"
        raise Conflict(f"{branch} is a channel: it moves by signed approvals, not by a commit", step=step)
    version = next_number(work.connection, model.id) if branch == MAIN else check_name(branch, "version")
    row = named(work.connection, model.id, version)
    if row is None:
        made = versions.draft(work, VersionName(name, version), person)
        base = newest(work.connection, model.id) if branch == MAIN else None
        if base is not None:
            _copy(work, base.id, made)
        row = named(work.connection, model.id, version)
    elif row.state != VersionState.DRAFT or row.publisher != person:
        raise Conflict(f"{name}@{version} is {row.state} or another's", step="commit to a new version's name")
    _note(work.connection, row.id, branch)
    return row


def find_draft(connection: sa.Connection, name: ModelName, branch: str, person: str) -> Any:
    """The open draft behind this person's `branch`, or None."""
    model = find_model(connection, name)
    wanted = (
        sa.select(_versions)
        .join(hub_tables.drafts, hub_tables.drafts.c.version == _versions.c.id)
        .where(_versions.c.model == model.id, _versions.c.state == VersionState.DRAFT)
        .where(_versions.c.publisher == person, hub_tables.drafts.c.branch == branch)
    )
    return connection.execute(wanted.order_by(_versions.c.id.desc())).first()


def commit(work: Work, name: ModelName, row: Any, added: Sequence[ManifestFile], deleted: Iterable[str] = ()) -> None:
    """Change what a draft holds. Of `deleted`, one that ends in a slash is a folder."""
    version = VersionName(name, row.name)
    for path in deleted:
        here = _files.c.path.startswith(path, autoescape=True) if path.endswith("/") else _files.c.path == path
        work.connection.execute(_files.delete().where(_files.c.version == row.id, here))
    if added:
        versions.add_files(work, version, added)
    else:
        now = find_version(work.connection, version)
        work.move(_versions, now, _versions.c.id == row.id, size=quota.size_of(work.connection, row.id))


def _copy(work: Work, source: int, target: int) -> None:
    columns = (sa.literal(target), _files.c.path, _files.c.size, _files.c.sha256)
    work.connection.execute(
        _files.insert().from_select(
            ["version", "path", "size", "sha256"], sa.select(*columns).where(_files.c.version == source)
        )
    )


def named(connection: sa.Connection, model: int, name: str) -> Any:
    """The row of a model's version of that name, or None."""
    wanted = sa.select(_versions).where(_versions.c.model == model, _versions.c.name == name)
    return connection.execute(wanted).first()


def _note(connection: sa.Connection, version: int, branch: str) -> None:
    known = sa.select(hub_tables.drafts).where(hub_tables.drafts.c.version == version)
    if connection.execute(known).first() is None:
        connection.execute(hub_tables.drafts.insert().values(version=version, branch=branch))
