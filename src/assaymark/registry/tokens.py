"""API tokens in the database: made once, shown once, told by their sha256, over after a year at the latest."""

import hmac
import secrets
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa

from assaymark.core.clock import parse_timestamp, timestamp
from assaymark.core.errors import Conflict, NotFound, UsageError
from assaymark.registry.access import VERBS, Limit, Principal
from assaymark.registry.access_tables import tokens
from assaymark.registry.credentials import fingerprint, is_token, new_token
from assaymark.registry.people import get_user, principal_of

LIFETIME = timedelta(days=90)
LONGEST = timedelta(days=365)
ANYTHING = Limit()
_COARSE = 13
"""Characters of a time that say the hour: finer than that nobody's habits are recorded."""
_LABEL = 100


@dataclass(frozen=True, slots=True)
class Token:
    """All of a token but its secret."""

    id: str
    user: str
    label: str
    limit: Limit
    made_at: str
    expires: str
    last_used: str | None = None
    revoked_at: str | None = None


@dataclass(frozen=True, slots=True)
class Order:
    """What kind of token is wanted. `hub`: one that clients of the Hugging Face hub take."""

    label: str = ""
    limit: Limit = ANYTHING
    lifetime: timedelta = LIFETIME
    hub: bool = False

    def __post_init__(self) -> None:
        if not timedelta(minutes=1) <= self.lifetime <= LONGEST:
            raise UsageError("a token lives a minute at least, and a year at most", step=f"at most {LONGEST.days} days")
        if len(self.label) > _LABEL or not self.label.isprintable():
            raise UsageError(f"a label is a line of at most {_LABEL} characters")


def create_token(
    connection: sa.Connection,
    user: str,
    order: Order,
    now: datetime,
    random: Callable[[int], bytes] = secrets.token_bytes,
) -> tuple[Token, str]:
    """A new token and its secret, which is not kept; raises NotFound, Conflict."""
    owner = get_user(connection, user)
    if owner.disabled_at:
        raise Conflict(f"{user} was disabled", step="add another user")
    secret = new_token("hub" if order.hub else owner.kind, random)
    expires = timestamp(now + order.lifetime)
    token = Token(secrets.token_hex(8), user, order.label, order.limit, timestamp(now), expires)
    row = {
        "id": token.id, "sha256": fingerprint(secret), "user": user, "label": token.label,
        "verbs": " ".join(sorted(token.limit.verbs)), "project": token.limit.project,
        "made_at": token.made_at, "expires": token.expires,
    }  # fmt: skip
    connection.execute(tokens.insert().values(**row))
    return token, secret


def list_tokens(connection: sa.Connection, user: str | None = None) -> list[Token]:
    """Tokens of one user or of all, the oldest first, the dead ones too."""
    wanted = sa.select(tokens).order_by(tokens.c.made_at, tokens.c.id)
    rows = connection.execute(wanted if user is None else wanted.where(tokens.c.user == user)).all()
    return [_token(row) for row in rows]


def get_token(connection: sa.Connection, token_id: str) -> Token:
    """A token by its id; raises NotFound."""
    row = connection.execute(sa.select(tokens).where(tokens.c.id == token_id)).first()
    if row is None:
        raise NotFound(f"there is no token {token_id[:32]}", step="assay token list")
    return _token(row)


def revoke_token(connection: sa.Connection, token_id: str, now: datetime) -> None:
    """End a token now; raises NotFound. To do it twice changes nothing."""
    get_token(connection, token_id)
    living = tokens.update().where(tokens.c.id == token_id, tokens.c.revoked_at.is_(None))
    connection.execute(living.values(revoked_at=timestamp(now)))


def authenticate(connection: sa.Connection, secret: str, now: datetime) -> tuple[Principal, Token] | None:
    """Who shows this secret, or None: the answer does not say what was wrong with it."""
    # 1. Its form and checksum: what was never a token costs no query.
    if not is_token(secret):
        return None
    # 2. A row has its digest. The digest of 256 random bits is what the index compares; then once more, in constant time.
    digest = fingerprint(secret)
    row = connection.execute(sa.select(tokens).where(tokens.c.sha256 == digest)).first()
    if row is None or not hmac.compare_digest(row.sha256, digest):
        return None
    # 3. It was not revoked, and its time is not over.
    if row.revoked_at is not None or parse_timestamp(row.expires) <= now:
        return None
    # 4. Its user is there, and was not disabled.
    token = _token(row)
    principal = principal_of(connection, token.user, token.limit)
    return None if principal is None else (principal, token)


def is_stale(token: Token, now: datetime) -> bool:
    """Whether `last_used` lags behind by an hour: then it is worth a write."""
    return (token.last_used or "")[:_COARSE] != timestamp(now)[:_COARSE]


def touch(connection: sa.Connection, token: Token, now: datetime) -> None:
    """Note the hour in which a token was used."""
    hour = f"{timestamp(now)[:_COARSE]}:00:00Z"
    connection.execute(tokens.update().where(tokens.c.id == token.id).values(last_used=hour))


def _token(row: Any) -> Token:
    limit = Limit(frozenset(row.verbs.split()) & frozenset(VERBS), row.project)
    return Token(row.id, row.user, row.label, limit, row.made_at, row.expires, row.last_used, row.revoked_at)
