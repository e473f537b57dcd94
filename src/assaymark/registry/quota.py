"""Quota of a project by logical bytes: what its versions hold, whoever else holds the same bytes.

Deduplication is the operator's gain, not the project's: a count by stored bytes would tell one project what others have,
and would grow by itself when somebody else deletes.
"""

from collections.abc import Iterable
from dataclasses import dataclass

import sqlalchemy as sa

from assaymark.core.errors import Conflict
from assaymark.registry import tables
from assaymark.registry.models import find_project

_versions, _models, _files = tables.versions, tables.models, tables.files


@dataclass(frozen=True, slots=True)
class Usage:
    """Logical bytes of a project, and its limit, None for no limit."""

    project: str
    used: int
    quota: int | None

    @property
    def left(self) -> int | None:
        """Bytes that may still be added, None for no limit."""
        return None if self.quota is None else max(0, self.quota - self.used)


def usage(project: str, quota: int | None, sizes: Iterable[int]) -> Usage:
    """Sum over the sizes of all versions that still hold bytes, drafts included."""
    return Usage(project, sum(sizes), quota)


def admit(now: Usage, more: int) -> Usage:
    """The usage with `more` bytes; raises Conflict where that is over the quota."""
    if now.quota is not None and now.used + more > now.quota:
        step = f"delete versions of {now.project}, or ask an administrator for a larger quota"
        message = f"{more:,} bytes are more than the {now.left:,} that {now.project} may still store (it may hold {now.quota:,} bytes)"
        raise Conflict(message, step=step)
    return Usage(now.project, now.used + more, now.quota)


def usage_of(connection: sa.Connection, project: str, *, without: int | None = None) -> Usage:
    """What the records say of a project, without the version of that id; raises NotFound."""
    quota = find_project(connection, project).quota
    held = (
        sa.select(sa.func.sum(_versions.c.size))
        .join(_models, _models.c.id == _versions.c.model)
        .where(_models.c.project == project, _versions.c.state != "tombstone", _versions.c.freed_at.is_(None))
    )
    if without is not None:
        held = held.where(_versions.c.id != without)
    return usage(project, quota, [int(connection.execute(held).scalar() or 0)])


def set_quota(connection: sa.Connection, project: str, quota: int | None) -> None:
    """Change a project's limit, None for no limit; what is there already stays. Raises NotFound."""
    find_project(connection, project)
    connection.execute(tables.projects.update().where(tables.projects.c.name == project).values(quota=quota))


def size_of(connection: sa.Connection, version: int) -> int:
    """Bytes of the files that a version lists."""
    wanted = sa.select(sa.func.coalesce(sa.func.sum(_files.c.size), 0)).where(_files.c.version == version)
    return int(connection.execute(wanted).scalar_one())
