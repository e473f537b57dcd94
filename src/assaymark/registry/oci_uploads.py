"""Uploads of the OCI facade that are under way. What came in lies in the store as pieces; nothing names them but these rows."""

import secrets
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import sqlalchemy as sa

from assaymark.core.clock import timestamp
from assaymark.core.errors import Conflict, NotFound
from assaymark.registry.models import find_model
from assaymark.registry.names import ModelName
from assaymark.registry.oci_tables import pieces, uploads
from assaymark.registry.work import Work

AGE = timedelta(hours=20)
"""For which an upload can be gone on with; the store keeps what nothing names for 24 hours."""
_MOST = 256
"""Uploads that one account has under way."""
_PIECES = 10_000


class TooMany(Conflict):
    """The account has as many uploads under way as it may."""


@dataclass(frozen=True, slots=True)
class Upload:
    """One of an account's uploads into a model. Sizes are bytes."""

    id: str
    size: int
    pieces: tuple[tuple[str, int], ...] = ()
    """Sha256 and size of each."""


def begin(work: Work, name: ModelName, account: str) -> Upload:
    """A new upload; old ones of anybody are dropped. Raises NotFound, TooMany."""
    find_model(work.connection, name)
    old = sa.select(uploads.c.id).where(uploads.c.at < timestamp(work.now - AGE)).limit(1_000)
    for stale in work.connection.execute(old).scalars().all():
        _drop(work.connection, stale)
    mine = sa.select(sa.func.count()).select_from(uploads).where(uploads.c.account == account)
    if work.connection.execute(mine).scalar_one() >= _MOST:
        raise TooMany(f"{account} has {_MOST} uploads under way", step="finish or cancel some of them")
    made = Upload(secrets.token_hex(16), 0)
    values = {"id": made.id, "project": name.project, "model": name.model, "account": account, "at": work.at}
    work.connection.execute(uploads.insert().values(values))
    return made


def find(work: Work, name: ModelName, account: str, upload: str) -> Upload:
    """An upload of this account into this model; raises NotFound, which is also the answer for those of others."""
    row = work.connection.execute(sa.select(uploads).where(_own(name, account, upload))).first()
    if row is None or row.at < timestamp(work.now - AGE):
        raise NotFound("there is no such upload", step="begin a new one")
    kept = sa.select(pieces).where(pieces.c.upload == row.id).order_by(pieces.c.number)
    return Upload(row.id, row.size, tuple((one.sha256, one.size) for one in work.connection.execute(kept)))


def add(work: Work, name: ModelName, account: str, seen: Upload, sha256: str, size: int) -> Upload:
    """Note a piece behind those that were seen; raises Conflict where another one was quicker."""
    number = len(seen.pieces)
    if number >= _PIECES:
        raise Conflict(f"an upload has at most {_PIECES:,} pieces", step="send larger pieces")
    change = uploads.update().where(_own(name, account, seen.id), uploads.c.pieces == number)
    if work.connection.execute(change.values(size=seen.size + size, pieces=number + 1)).rowcount != 1:
        raise Conflict("this upload went on elsewhere meanwhile", step="ask where it stands")
    work.connection.execute(pieces.insert().values(upload=seen.id, number=number, sha256=sha256, size=size))
    return Upload(seen.id, seen.size + size, (*seen.pieces, (sha256, size)))


def end(work: Work, name: ModelName, account: str, upload: str) -> None:
    """Forget it."""
    if work.connection.execute(sa.select(uploads.c.id).where(_own(name, account, upload))).first() is not None:
        _drop(work.connection, upload)


def _drop(connection: sa.Connection, upload: str) -> None:
    connection.execute(pieces.delete().where(pieces.c.upload == upload))
    connection.execute(uploads.delete().where(uploads.c.id == upload))


def _own(name: ModelName, account: str, upload: str) -> sa.ColumnElement[bool]:
    columns: Any = uploads.c
    return sa.and_(
        columns.id == upload, columns.project == name.project, columns.model == name.model, columns.account == account
    )
