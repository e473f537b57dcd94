"""Requests for promotion. Each is judged on the scope of what it asks for, never on that of the address."""

from typing import Any

from assaymark.core.errors import NotFound
from assaymark.faces.http.routes import KNOWN, Caller, Known, Routes, Wired, hidden, on_object
from assaymark.faces.http.services import Services
from assaymark.faces.http.wired import ENVELOPE, Reason, Signed, desk, readable
from assaymark.registry.access import APPROVE, PROMOTE, READ, REQUEST, Scope

routes = Routes("/api/v1/requests")


@routes.get("", KNOWN)
def list_requests(caller: Known, services: Wired, state: str | None = None) -> list[dict[str, Any]]:
    """Requests that the caller may read, the newest first."""
    found = desk(services, caller).requests(state=state, projects=readable(caller))
    return caller.only(READ, found, _scope)


@routes.get("/{nonce}", on_object(READ))
def show(nonce: str, caller: Known, services: Wired) -> dict[str, Any]:
    """What was asked, who decided, and what the gate says now."""
    _demand(READ, nonce, caller, services)
    return desk(services, caller).request_of(nonce)


@routes.post("/{nonce}/decisions", on_object(APPROVE), largest=ENVELOPE, status_code=201)
def decide(nonce: str, signed: Signed, caller: Known, services: Wired) -> dict[str, Any]:
    """Take a person's signed approval or denial."""
    _demand(APPROVE, nonce, caller, services)
    return desk(services, caller).decide(nonce, signed.document())


@routes.post("/{nonce}/activate", on_object(PROMOTE))
def activate(nonce: str, caller: Known, services: Wired) -> dict[str, Any]:
    """Move the channel."""
    _demand(PROMOTE, nonce, caller, services)
    return desk(services, caller).activate(nonce)


@routes.post("/{nonce}/withdraw", on_object(REQUEST))
def withdraw(nonce: str, why: Reason, caller: Known, services: Wired) -> dict[str, Any]:
    """Void a request of one's own; for that of others, and for what is active, it takes the right to promote."""
    asked = _demand(REQUEST, nonce, caller, services)
    promotes = caller.may(PROMOTE, _scope(asked))
    if not promotes and (asked["state"] == "active" or asked["requester"] != caller.principal.person):
        caller.demand(PROMOTE, _scope(asked))
    return desk(services, caller).withdraw(nonce, why.reason, active=promotes)


def _demand(verb: str, nonce: str, caller: Caller, services: Services) -> dict[str, Any]:
    """The request in a line, when the caller may do this to it."""
    try:
        found = desk(services, caller).asked(nonce)
    except NotFound:
        raise hidden(f"request {nonce}") from None
    caller.demand(verb, _scope(found), f"request {nonce}")
    return found


def _scope(request: dict[str, Any]) -> Scope:
    project, _, model = request["version"].partition("@")[0].partition("/")
    return Scope(project, model, request["channel"])
