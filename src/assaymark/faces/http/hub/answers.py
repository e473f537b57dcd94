"""Errors as these clients read them: the status, `X-Error-Code`, `X-Error-Message`, and a document with `error`."""

import json
from typing import Annotated, Any

from fastapi import Depends
from starlette.requests import Request
from starlette.responses import Response

from assaymark.faces.http.problems import Problem
from assaymark.faces.http.services import Services

REPO, REVISION, ENTRY = "RepoNotFound", "RevisionNotFound", "EntryNotFound"
"""Codes. A revision that is withheld is `RevisionNotFound` too: of all refusals that one alone stops a client that still
has the version in its cache; after others it goes on with what it has."""
_REFUSED = "Invalid credentials in Authorization header"
"""By which a client tells bad credentials from a repository that one has to log in for."""
_LONGEST = 400


def answer(request: Request, problem: Problem) -> Response:
    """How the routes of the hub tell a problem."""
    status = problem.status_code
    message = "; ".join(part for part in (problem.detail, problem.step) if part)
    if status == 401 and request.headers.get("authorization"):
        message = _REFUSED
    headers = {**(problem.headers or {}), "X-Error-Message": _line(message)}
    code = problem.more.get("code") or (REPO if status == 404 else None)
    if code:
        headers["X-Error-Code"] = str(code)
    document = {"error": message, "request_id": str(request.scope.get("assay_id", ""))}
    return Response(json.dumps(document).encode(), status, headers, "application/json")


def base_of(request: Request, services: Services) -> str:
    """The server's address as this client knows it. The shell has checked the host."""
    scheme = request.url.scheme
    if services.behind_proxy and request.headers.get("x-forwarded-proto", "").lower() == "https":
        scheme = "https"
    return f"{scheme}://{request.headers['host']}"


def to_repo(text: str) -> tuple[str, str]:
    """Project and model of `project/model`; raises Problem."""
    project, slash, model = text.partition("/")
    if not slash:
        raise Problem(400, f"{text[:64]!r} is no model of this registry", "write PROJECT/MODEL")
    return project, model


def _line(text: str) -> str:
    """A text as a header's value."""
    return "".join(c if c.isprintable() and c.isascii() else "?" for c in text)[:_LONGEST]


async def _object(request: Request) -> dict[str, Any]:
    found = await request.json()
    if not isinstance(found, dict):
        raise Problem(400, "the body has to be a JSON object")
    return found


async def _bytes(request: Request) -> bytes:
    return await request.body()


JsonObject = Annotated[dict[str, Any], Depends(_object)]
"""Parameter of a handler: the body, whatever its media type (LFS has its own)."""
Bytes = Annotated[bytes, Depends(_bytes)]
"""Parameter of a handler: the body as it came."""
