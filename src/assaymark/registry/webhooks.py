"""Outgoing webhooks, as Standard Webhooks (standardwebhooks.com) says: ids, signatures, retries. Dials nothing.

At least once: an event leaves the outbox in the transaction that makes its deliveries, and a delivery goes when it was taken, or
is dead. One that is under way is leased; when its server dies it is sent again, with the same id.
"""

import base64
import hashlib
import hmac
import json
import secrets
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa

from assaymark.core.clock import timestamp
from assaymark.core.errors import Conflict, NotFound, UsageError
from assaymark.registry import tables
from assaymark.registry.models import find_project
from assaymark.registry.webhook_tables import deliveries, webhooks

EVENTS = (
    "created", "sealed", "scanned", "requested", "approved", "denied", "activated", "superseded", "expired", "void",
    "reviewed", "deprecated", "quarantined", "lifted", "revoked", "deleted", "freed", "deployed", "undeployed",
)  # fmt: skip
"""Types that a webhook may ask for; those of the ledger's leaves."""
RETRIES = tuple(timedelta(seconds=s) for s in (5, 300, 1_800, 7_200, 18_000, 36_000, 50_400, 72_000, 86_400))
"""From the end of an attempt to the next one, after the first, second, …: ten attempts in about three days."""
JITTER = 0.1
"""What is added at most, as a part of the wait."""
LEASE = timedelta(seconds=60)
"""For which a delivery under way is left alone."""
KEEP_DEAD = timedelta(days=30)
MOST = 20
"""Webhooks of a project."""
_BATCH = 500
_PREFIX = "whsec_"
_GONE = 410


@dataclass(frozen=True, slots=True)
class Due:
    """A delivery that was claimed; `attempt` counts from 1. `id` 0 is a trial, of which no row is kept."""

    id: int
    webhook: str
    url: str
    message: str
    body: bytes
    secret: str
    attempt: int


def add(
    connection: sa.Connection, project: str, url: str, events: Sequence[str], actor: str, now: datetime
) -> tuple[str, str]:
    """A new webhook; returns its id and its secret, which is not shown again. The URL was judged before (feeds.webhook)."""
    find_project(connection, project)
    if unknown := set(events).difference(EVENTS):
        raise UsageError(f"{min(unknown)[:64]!r} is no event", step=f"events are {', '.join(EVENTS)}")
    have = sa.select(sa.func.count()).select_from(webhooks).where(webhooks.c.project == project)
    if connection.execute(have).scalar_one() >= MOST:
        raise Conflict(f"project {project} has {MOST} webhooks", step="remove one first")
    made, secret = f"wh_{secrets.token_hex(8)}", _PREFIX + base64.b64encode(secrets.token_bytes(32)).decode()
    connection.execute(webhooks.insert().values(
        id=made, project=project, url=url, events=" ".join(sorted(set(events))), secret=secret, made_by=actor,
        made_at=timestamp(now),
    ))  # fmt: skip
    return made, secret


def listed(connection: sa.Connection, project: str) -> list[dict[str, Any]]:
    """Webhooks of a project, without their secrets, and how they do."""
    find_project(connection, project)
    waiting = sa.func.count(deliveries.c.id).filter(deliveries.c.dead_at.is_(None))
    dead = sa.func.count(deliveries.c.dead_at)
    query = (
        sa.select(webhooks, waiting.label("waiting"), dead.label("dead"))
        .outerjoin(deliveries, deliveries.c.webhook == webhooks.c.id)
        .where(webhooks.c.project == project).group_by(webhooks.c.id).order_by(webhooks.c.made_at, webhooks.c.id)
    )  # fmt: skip
    shown = ("id", "url", "made_by", "made_at", "delivered_at", "disabled_at", "why", "waiting", "dead")
    return [
        {name: getattr(row, name) for name in shown} | {"events": row.events.split()}
        for row in connection.execute(query)
    ]


def remove(connection: sa.Connection, project: str, webhook: str) -> None:
    """End a webhook, and what it was still to be told; raises NotFound."""
    _find(connection, project, webhook)
    connection.execute(deliveries.delete().where(deliveries.c.webhook == webhook))
    connection.execute(webhooks.delete().where(webhooks.c.id == webhook))


def trial(connection: sa.Connection, project: str, webhook: str, now: datetime) -> Due:
    """A message of the type `test`, to be sent once and at once; raises NotFound."""
    row = _find(connection, project, webhook)
    event = {"type": "test", "at": timestamp(now), "project": project}
    return Due(0, row.id, row.url, _message_id(), _body(event), row.secret, 1)


def signed(due: Due, now: datetime) -> dict[str, str]:
    """Headers of a message: its id, the moment, and the HMAC-SHA256 of both and the body."""
    moment = str(int(now.timestamp()))
    key = base64.b64decode(due.secret.removeprefix(_PREFIX))
    total = hmac.new(key, f"{due.message}.{moment}.".encode() + due.body, hashlib.sha256).digest()
    return {
        "webhook-id": due.message,
        "webhook-timestamp": moment,
        "webhook-signature": f"v1,{base64.b64encode(total).decode()}",
        "content-type": "application/json",
    }


def busy(connection: sa.Connection, now: datetime) -> bool:
    """Whether there is something to tell by now."""
    found = connection.execute(sa.select(tables.outbox.c.id).limit(1)).first()
    return (
        found is not None
        or connection.execute(sa.select(deliveries.c.id).where(_due(now)).limit(1)).first() is not None
    )


def spread(connection: sa.Connection, now: datetime) -> int:
    """Make deliveries of the oldest events, within one transaction; returns how many events left the outbox."""
    rows = connection.execute(sa.select(tables.outbox).order_by(tables.outbox.c.id).limit(_BATCH)).all()
    live = connection.execute(sa.select(webhooks).where(webhooks.c.disabled_at.is_(None))).all()
    for row in rows:
        if connection.execute(tables.outbox.delete().where(tables.outbox.c.id == row.id)).rowcount != 1:
            continue  # another server has it
        event = json.loads(row.event)
        told = [h for h in live if h.project == row.project and (not h.events or event["type"] in h.events.split())]
        message, body = _message_id(), _body(event).decode()
        if told:
            values = {"message": message, "body": body, "next_at": timestamp(now)}
            connection.execute(deliveries.insert(), [{"webhook": hook.id, **values} for hook in told])
    connection.execute(deliveries.delete().where(deliveries.c.dead_at < timestamp(now - KEEP_DEAD)))
    return len(rows)


def claim(connection: sa.Connection, now: datetime, most: int = 16, each: int = 4) -> list[Due]:
    """Deliveries whose time has come, leased to the caller; `each`: of one webhook, so that a slow one takes no other's place."""
    nth = sa.func.row_number().over(partition_by=deliveries.c.webhook, order_by=deliveries.c.id).label("nth")
    ranked = sa.select(deliveries, nth).where(_due(now)).subquery()
    query = (
        sa.select(ranked, webhooks.c.url, webhooks.c.secret).join(webhooks, webhooks.c.id == ranked.c.webhook)
        .where(ranked.c.nth <= each).order_by(ranked.c.nth, ranked.c.id).limit(most)
    )  # fmt: skip
    found = []
    for row in connection.execute(query).all():
        same = sa.and_(deliveries.c.id == row.id, deliveries.c.attempts == row.attempts)
        taken = deliveries.update().where(same).values(attempts=row.attempts + 1, next_at=timestamp(now + LEASE))
        if connection.execute(taken).rowcount == 1:
            found.append(
                Due(row.id, row.webhook, row.url, row.message, row.body.encode(), row.secret, row.attempts + 1)
            )
    return found


def finish(
    connection: sa.Connection,
    due: Due,
    status: int,
    why: str,
    now: datetime,
    jitter: Callable[[], float],
    wait: int = 0,
) -> None:
    """Say how an attempt went; `status` 0: there was no answer. `wait`: seconds that the receiver asked for.

    What was taken (2xx) goes. Else it is tried again by RETRIES, and is dead after the last one. 410 ends the webhook.
    """
    mine = sa.and_(deliveries.c.id == due.id, deliveries.c.attempts == due.attempt)
    hook = webhooks.update().where(webhooks.c.id == due.webhook)
    if 200 <= status < 300:
        connection.execute(deliveries.delete().where(deliveries.c.id == due.id))
        connection.execute(hook.values(delivered_at=timestamp(now), why=None))
        return
    connection.execute(hook.values(why=why[:500]))
    if status == _GONE:
        connection.execute(hook.values(disabled_at=timestamp(now)))
        connection.execute(
            deliveries.update().where(deliveries.c.webhook == due.webhook).values(dead_at=timestamp(now))
        )
    elif due.attempt > len(RETRIES):
        connection.execute(deliveries.update().where(mine).values(dead_at=timestamp(now)))
    else:
        pause = RETRIES[due.attempt - 1]
        pause = max(pause * (1 + JITTER * jitter()), min(timedelta(seconds=wait), RETRIES[-1]))
        connection.execute(deliveries.update().where(mine).values(next_at=timestamp(now + pause)))


def _due(now: datetime) -> sa.ColumnElement[bool]:
    return sa.and_(deliveries.c.dead_at.is_(None), deliveries.c.next_at <= timestamp(now))


def _find(connection: sa.Connection, project: str, webhook: str) -> Any:
    """Of that project and no other."""
    wanted = sa.select(webhooks).where(webhooks.c.project == project, webhooks.c.id == webhook)
    row = connection.execute(wanted).first()
    if row is None:
        step = f"assay registry webhook list {project}"
        raise NotFound(f"project {project} has no such webhook", step=step)
    return row


def _message_id() -> str:
    return f"msg_{secrets.token_hex(16)}"


def _body(event: dict[str, Any]) -> bytes:
    return json.dumps({"type": event["type"], "timestamp": event["at"], "data": event}, sort_keys=True).encode()
