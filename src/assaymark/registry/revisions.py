"""What clients of other registries mean by a revision, an alias or a stage: one version, and whether they may have it.

`main` is the newest verified version; a channel's name is what stands there; 40 hexadecimal digits are the start of a
manifest's digest; anything else is a version's name. A channel wins over a version that somebody gave its name.
"""

import re
from typing import Any

import sqlalchemy as sa

from assaymark.core.digest import MANIFEST
from assaymark.core.errors import AssayError, NotFound
from assaymark.registry import tables
from assaymark.registry.models import find_model
from assaymark.registry.names import ModelName
from assaymark.registry.states import RequestState, VersionState
from assaymark.registry.versions import manifest_of
from assaymark.registry.work import Work

MAIN = "main"
SERVED = frozenset({VersionState.VERIFIED, VersionState.DEPRECATED})
"""States of versions that everybody who may read gets."""
_OWN = SERVED | {VersionState.DRAFT, VersionState.SEALED, VersionState.REJECTED}
"""States of versions that their publisher gets."""
_COMMIT = re.compile(r"[0-9a-f]{40}")
_OWN_DRAFTS = 20
"""Of a publisher, that are looked through for a digest."""
_versions = tables.versions


class Withheld(AssayError):
    """The version is there, and is not given to this person."""


def find_revision(work: Work, name: ModelName, revision: str, person: str) -> Any:
    """The row of the version that `person` gets; raises NotFound or Withheld."""
    model = find_model(work.connection, name)
    if is_channel(work, model.id, revision):
        row = standing(work.connection, model.id, revision)
    elif revision == MAIN:
        row = newest(work.connection, model.id)
    elif _COMMIT.fullmatch(revision):
        row = _by_digest(work.connection, model.id, revision, person)
    else:
        row = _one(work.connection, _versions.c.model == model.id, _versions.c.name == revision)
    if row is None:
        raise NotFound(f"{name} has no revision {revision[:64]}", step=f"assay registry show {name}")
    return given(row, person)


def given(row: Any, person: str) -> Any:
    """The row, if its bytes are given to this person; raises NotFound or Withheld."""
    own = bool(person) and row.publisher == person
    if row.state in SERVED or (own and row.state in _OWN):
        return row
    if row.state in {VersionState.DRAFT, VersionState.TOMBSTONE}:  # nobody else's business, and nobody's any more
        raise NotFound(f"there is no version {row.name}, or it is not there yet")
    step = {
        VersionState.SEALED: "wait for its scan",
        VersionState.QUARANTINED: "two security people lift the quarantine",
    }.get(row.state, "take another version")
    raise Withheld(f"version {row.name} is {row.state} and is not given out", step=step)


def is_channel(work: Work, model: int, name: str) -> bool:
    """Whether this is the name of a channel: the trust root has a policy for it, or something stood in it."""
    if work.root is not None and name in work.root.policies:
        return True
    known = sa.select(tables.channels.c.name).where(tables.channels.c.model == model, tables.channels.c.name == name)
    return work.connection.execute(known).first() is not None


def standing(connection: sa.Connection, model: int, channel: str) -> Any:
    """The row of the version that is active in a channel, or None."""
    wanted = (
        sa.select(_versions)
        .join(tables.requests, tables.requests.c.version == _versions.c.id)
        .join(tables.channels, tables.channels.c.request == tables.requests.c.nonce)
        .where(tables.channels.c.model == model, tables.channels.c.name == channel)
        .where(tables.requests.c.state == RequestState.ACTIVE)
    )
    return connection.execute(wanted).first()


def newest(connection: sa.Connection, model: int) -> Any:
    """The row of the newest version that was verified, or None."""
    return _one(connection, _versions.c.model == model, _versions.c.state == VersionState.VERIFIED)


def next_number(connection: sa.Connection, model: int) -> str:
    """The name of the next version for clients that only count. Whoever asks meanwhile waits (PostgreSQL)."""
    connection.execute(sa.select(tables.models.c.id).where(tables.models.c.id == model).with_for_update())
    names = connection.execute(sa.select(_versions.c.name).where(_versions.c.model == model)).scalars()
    numbers = [int(name) for name in names if name.isascii() and name.isdigit() and len(name) < 16]
    return str(max(numbers, default=0) + 1)


def digest_of(connection: sa.Connection, row: Any) -> str:
    """The manifest's digest in hexadecimal, of a draft as it is now."""
    if row.digest:
        return str(row.digest.rpartition(":")[2])
    return manifest_of(connection, row.id).digest.value


def _by_digest(connection: sa.Connection, model: int, start: str, person: str) -> Any:
    here = _versions.c.digest.startswith(f"{MANIFEST}:{start}", autoescape=True)
    found = list(connection.execute(sa.select(_versions).where(_versions.c.model == model, here)))
    if found:  # the same bytes may be there twice; one that is given out is preferred
        return max(found, key=lambda row: (row.state in SERVED, row.id))
    mine = sa.select(_versions).where(
        _versions.c.model == model, _versions.c.state == VersionState.DRAFT, _versions.c.publisher == person
    )
    drafts = connection.execute(mine.order_by(_versions.c.id.desc()).limit(_OWN_DRAFTS)).all()
    return next((row for row in drafts if digest_of(connection, row).startswith(start)), None)


def _one(connection: sa.Connection, *where: sa.ColumnElement[bool]) -> Any:
    return connection.execute(sa.select(_versions).where(*where).order_by(_versions.c.id.desc())).first()
