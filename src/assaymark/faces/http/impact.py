"""Which models are affected by something, and what went into one. Answers hold what the caller may read, no more."""

import json
from collections.abc import Iterator
from typing import Annotated, Any

from fastapi import Query
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse

from assaymark import impacting
from assaymark.core.impact import Impact
from assaymark.faces.http.routes import KNOWN, ORG, READ, Caller, Known, Routes, Wired
from assaymark.impact_answers import Sees
from assaymark.registry.access import Scope

routes = Routes("/api/v1")
_NDJSON = "application/x-ndjson"
_PIECE = 64 << 10
What = Annotated[str, Query(max_length=3_000)]
"""A digest, package URL, name, or an advisory's id."""
Moment = Annotated[str, Query(max_length=40)]
Limit = Annotated[int, Query(ge=1, le=1_000)]
After = Annotated[int, Query(ge=0, lt=1 << 53)]
"""Hits that were told before."""


@routes.get("/impact", KNOWN)
def impact(
    request: Request, caller: Known, services: Wired, what: What, as_of: Moment = "",
    channel: Annotated[str, Query(max_length=64)] = "", limit: Limit = 100, after: After = 0,
) -> Response:  # fmt: skip
    """A page of hits; with `Accept: application/x-ndjson` the head, all hits and an end, a line each."""
    found = impacting.impact(services.registrar, what, as_of=as_of, channel=channel, sees=_sees(caller))
    if _NDJSON in request.headers.get("accept", ""):
        return StreamingResponse(_lines(found), media_type=_NDJSON)
    return Response(json.dumps(found.page(limit, after)), media_type="application/json")


@routes.get("/impact/why", KNOWN)
def why(
    caller: Known, services: Wired, model: Annotated[str, Query(max_length=3_000)], what: What, as_of: Moment = ""
) -> dict[str, Any]:
    """The way by which it reaches a model; `path` is empty where it does not."""
    return impacting.why(services.registrar, model, what, as_of=as_of, sees=_sees(caller))


@routes.get("/graph/ancestry", KNOWN)
def ancestry(
    caller: Known, services: Wired, model: Annotated[str, Query(max_length=3_000)], as_of: Moment = ""
) -> dict[str, Any]:
    """All that went into a model, and the edges between."""
    return impacting.ancestry(services.registrar, model, as_of=as_of, sees=_sees(caller))


def _sees(caller: Caller) -> Sees | None:
    """None for whoever may read everything."""
    if caller.may(READ, ORG):
        return None
    known: dict[tuple[str, str], bool] = {}

    def sees(project: str, model: str) -> bool:
        if (project, model) not in known:
            known[project, model] = caller.may(READ, Scope(project, model))
        return known[project, model]

    return sees


def _lines(found: Impact) -> Iterator[bytes]:
    """Lines, joined to pieces that are worth sending."""
    held = bytearray()
    for line in found.lines():
        held += json.dumps(line, separators=(",", ":")).encode() + b"\n"
        if len(held) >= _PIECE:
            yield bytes(held)
            held.clear()
    yield bytes(held)
