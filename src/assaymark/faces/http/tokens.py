"""API tokens over HTTP: one's own, and those that an admin makes for services."""

from datetime import timedelta
from typing import Any, cast

from pydantic import BaseModel, ConfigDict, Field
from starlette.requests import Request

from assaymark.core.clock import parse_timestamp
from assaymark.core.errors import NotFound
from assaymark.faces.http.problems import Problem
from assaymark.faces.http.routes import KNOWN, Caller, Known, Routes, Wired, hidden, on_object
from assaymark.registry import tokens
from assaymark.registry.access import ADMIN, APPROVE, ORG, VERBS, Limit
from assaymark.registry.tokens import Token

routes = Routes("/api/v1/tokens")


class NewToken(BaseModel):
    """A token to be made. `hub`: one that clients of the Hugging Face hub take."""

    model_config = ConfigDict(extra="forbid")
    user: str | None = Field(default=None, max_length=128)
    label: str = Field(default="", max_length=100)
    verbs: list[str] | None = Field(default=None, max_length=len(VERBS))
    project: str | None = Field(default=None, max_length=64)
    days: int = Field(default=tokens.LIFETIME.days, ge=1, le=tokens.LONGEST.days)
    hub: bool = False


class ShownToken(BaseModel):
    """All of a token but its secret."""

    id: str
    user: str
    label: str
    verbs: list[str]
    project: str | None
    made_at: str
    expires: str
    last_used: str | None
    revoked_at: str | None


class MadeToken(ShownToken):
    """A token with its secret, which is shown this once."""

    token: str


@routes.get("", KNOWN)
def list_tokens(caller: Known, services: Wired) -> list[ShownToken]:
    """One's own tokens; those of all for an admin."""
    whose = None if caller.may(ADMIN, ORG) else caller.name
    with services.database.read() as connection:
        return [ShownToken(**_fields(token)) for token in tokens.list_tokens(connection, whose)]


@routes.post("", on_object(ADMIN), status_code=201)
def create_token(new: NewToken, request: Request, caller: Known, services: Wired) -> MadeToken:
    """Make a token for oneself, at most as good and as lasting as the one at hand; or, as admin, for another account.

    What an admin makes for another is never good for approving: nobody approves in the name of somebody else.
    """
    mine = new.user in {None, caller.name}
    verbs = frozenset(VERBS if new.verbs is None else new.verbs)
    if mine:
        caller.judged = True
        verbs = verbs & caller.principal.limit.verbs if new.verbs is None else verbs
    else:
        caller.demand(ADMIN, ORG)
        verbs = verbs - {APPROVE} if new.verbs is None else verbs
    limit = Limit(verbs, new.project)
    lifetime = timedelta(days=new.days)
    used = cast("Token | None", request.scope.get("assay_token"))
    if mine:
        lifetime = _within(caller, limit, used, lifetime, services)
    elif APPROVE in verbs:
        raise Problem(403, "nobody approves in the name of somebody else", "let them make it themselves")
    with services.database.write() as connection:
        order = tokens.Order(new.label, limit, lifetime, new.hub)
        token, secret = tokens.create_token(connection, new.user or caller.name, order, services.clock.now())
    return MadeToken(**_fields(token), token=secret)


@routes.post("/{token_id}/revoke", on_object(ADMIN))
def revoke_token(token_id: str, caller: Known, services: Wired) -> ShownToken:
    """End a token: one's own, or as admin any."""
    with services.database.write() as connection:
        try:
            token = tokens.get_token(connection, token_id)
        except NotFound:
            caller.judged = True
            raise hidden(f"token {token_id[:32]}") from None
        if token.user == caller.name:
            caller.judged = True
        elif not caller.may(ADMIN, ORG):
            raise hidden(f"token {token_id[:32]}")
        else:
            caller.demand(ADMIN, ORG)
        tokens.revoke_token(connection, token_id, services.clock.now())
        return ShownToken(**_fields(tokens.get_token(connection, token_id)))


def _within(caller: Caller, limit: Limit, used: Token | None, lifetime: timedelta, services: Wired) -> timedelta:
    """The lifetime, cut to that of the token at hand; raises 403 where more is asked for than that one may."""
    held = caller.principal.limit
    if limit.verbs - held.verbs or (held.project is not None and limit.project != held.project):
        raise Problem(403, "a token makes none that may more than itself", "name fewer verbs, or its project")
    if used is None:
        return lifetime
    return min(lifetime, parse_timestamp(used.expires) - services.clock.now())


def _fields(token: Token) -> dict[str, Any]:
    return {
        "id": token.id, "user": token.user, "label": token.label, "verbs": sorted(token.limit.verbs),
        "project": token.limit.project, "made_at": token.made_at, "expires": token.expires,
        "last_used": token.last_used, "revoked_at": token.revoked_at,
    }  # fmt: skip
