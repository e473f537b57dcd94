"""Containment: everything that comes from one thing, stopped at once and lifted by two.

A containment holds in scopes; who makes or lifts it may quarantine in each of them, and sees nothing of others.
"""

import json
from typing import Annotated, Any

from fastapi import Query
from pydantic import Field

from assaymark.faces.http.problems import Problem
from assaymark.faces.http.routes import Caller, Known, Routes, Wired, hidden, on_object
from assaymark.faces.http.wired import Strict, desk
from assaymark.registry.access import ORG, QUARANTINE, READ, ROLES, Scope
from assaymark.registry.containment import MOST, Stale

routes = Routes("/api/v1")
BATCH = 64 << 20
"""Bytes of a body: twenty thousand small envelopes."""
What = Annotated[str, Query(min_length=1, max_length=1_000)]


class Batch(Strict):
    """Statements, each in its envelope."""

    envelopes: list[dict[str, Any]] = Field(min_length=1, max_length=MOST)

    def documents(self) -> list[bytes]:
        """As core.envelope reads them."""
        return [json.dumps(envelope).encode() for envelope in self.envelopes]


class NewContainment(Batch):
    """Quarantines of everything that comes from `what`. `scope`: as in the preview that they were signed after."""

    what: str = Field(min_length=1, max_length=1_000)
    reason: str = Field(max_length=2_000)
    scope: list[str] = Field(default=["*"], min_length=1, max_length=100)
    partial: bool = False


@routes.get("/containments/preview", on_object(QUARANTINE))
def preview(
    what: What, caller: Known, services: Wired, scope: Annotated[str, Query(max_length=4_000)] = ""
) -> dict[str, Any]:
    """What would be stopped, in these scopes or in all where the caller may quarantine."""
    asked = scope.split(",") if scope else _own(caller)
    _demand(caller, asked)
    return desk(services, caller).preview_containment(what, scope=asked)


@routes.post("/containments", on_object(QUARANTINE), status_code=201, largest=BATCH)
def contain(new: NewContainment, caller: Known, services: Wired) -> dict[str, Any]:
    """Stop all of it in one transaction, or nothing: 409 names what the batch lacks or has beyond."""
    _demand(caller, new.scope)
    try:
        return desk(services, caller).contain(
            new.what, new.reason, new.documents(), scope=new.scope, partial=new.partial
        )
    except Stale as error:
        raise _stale(error) from None


@routes.get("/containments", on_object(READ))
def containments(caller: Known, services: Wired, *, standing: bool = True) -> list[dict[str, Any]]:
    """Containments that hold where the caller may read, the newest first."""
    found = desk(services, caller).containments(standing=standing)
    caller.judged = True
    return [one for one in found if _may_see(caller, one["scope"])]


@routes.get("/containments/{number}", on_object(READ))
def show(number: str, caller: Known, services: Wired) -> dict[str, Any]:
    """One containment, with those of its versions that the caller may read."""
    found = desk(services, caller).containment(number)
    if not _may_see(caller, found["scope"]):
        raise hidden(f"containment {number}")
    mine = caller.only(READ, found["versions"], lambda one: Scope(*one["version"].partition("@")[0].split("/", 1)))
    return found | {"versions": mine}


@routes.get("/vex", on_object(READ))
def vex(
    what: What, caller: Known, services: Wired, form: Annotated[str, Query(max_length=20)] = "openvex",
    scope: Annotated[str, Query(max_length=4_000)] = "",
) -> dict[str, Any]:  # fmt: skip
    """How each version that the caller may read stands to `what`: OpenVEX, or with form=cyclonedx CycloneDX."""
    asked = scope.split(",") if scope else _own(caller, READ)
    _demand(caller, asked, READ)
    return desk(services, caller).vex(what, form, scope=asked)


@routes.post("/containments/{number}/lift", on_object(QUARANTINE), largest=BATCH)
def lift(number: str, batch: Batch, caller: Known, services: Wired) -> dict[str, Any]:
    """One person's lifts of all that it stopped; the second distinct person ends it."""
    at = desk(services, caller)
    scope = at.containment(number)["scope"]
    if not _may_see(caller, scope):
        raise hidden(f"containment {number}")
    _demand(caller, scope)
    try:
        return at.lift_containment(number, batch.documents())
    except Stale as error:
        raise _stale(error) from None


def _own(caller: Caller, verb: str = QUARANTINE) -> list[str]:
    """Where the caller may do it, by the narrower of his roles and his token."""
    principal = caller.principal
    limit = principal.limit.project
    held = [binding.scope for binding in principal.bindings if verb in ROLES[binding.role]]
    held = [Scope(one.project, one.model) for one in held if one.channel is None]
    if limit is not None:
        held = [Scope(limit) if one.project is None else one for one in held if one.project in {None, limit}]
    texts = sorted({str(one) for one in held})
    return ["*"] if "*" in texts or not texts else texts


def _demand(caller: Caller, scope: list[str], verb: str = QUARANTINE) -> None:
    for text in scope:
        where = ORG if text == "*" else Scope.parse(text)
        if where.channel is not None:
            raise Problem(400, "a containment is of projects and models, not of channels")
        caller.demand(verb, where)


def _may_see(caller: Caller, scope: list[str]) -> bool:
    """Whether he may read something of where a containment holds."""
    reading = [binding.scope for binding in caller.principal.bindings if READ in ROLES[binding.role]]
    limit = Scope(caller.principal.limit.project)
    places = [Scope.parse(text) for text in scope]
    return any(place.meets(one) and place.meets(limit) for place in places for one in reading)


def _stale(error: Stale) -> Problem:
    return Problem(409, error.message, error.step, missing=list(error.missing), beyond=list(error.beyond))
