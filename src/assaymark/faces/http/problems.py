"""Errors as problem documents (RFC 9457). What a client reads is made from our own words, never from what it sent."""

import json
from collections.abc import Mapping
from typing import Any

from fastapi.exceptions import HTTPException, RequestValidationError
from starlette.exceptions import HTTPException as Unmatched
from starlette.requests import Request
from starlette.responses import Response

from assaymark.core.errors import (
    AssayError,
    Conflict,
    Malformed,
    NotFound,
    OverBudget,
    Unauthorized,
    Unreadable,
    Untrusted,
    UsageError,
)

_TITLES = {
    400: "The request makes no sense",
    401: "Credentials are missing or not accepted",
    403: "Not allowed",
    404: "Not found",
    405: "No such method here",
    409: "Not possible as things stand",
    413: "Too large",
    415: "A type of content that is not read here",
    421: "Not a name of this server",
    422: "Understood, and not acceptable",
    429: "Too many attempts",
    500: "A bug of ours",
    503: "Not possible just now",
}
_STATUS: tuple[tuple[type[AssayError], int], ...] = (
    (NotFound, 404), (Conflict, 409), (UsageError, 400), (Malformed, 400), (OverBudget, 413),
    (Untrusted, 422), (Unauthorized, 503), (Unreadable, 503),
)  # fmt: skip
"""An error of ours -> status; the first that fits. What another host refuses us is no fault of the client."""


class Problem(HTTPException):
    """An answer other than what was asked for. `more` are members of the document."""

    def __init__(
        self, status: int, detail: str = "", step: str = "", *, headers: Mapping[str, str] | None = None, **more: Any
    ) -> None:
        super().__init__(status, detail, dict(headers or {}))
        self.step = step
        self.more = more


def problem_of(error: Exception) -> Problem:
    """What to tell of an error; a bug of ours says nothing of itself but that it is one."""
    if isinstance(error, Problem):
        return error
    if isinstance(error, AssayError):
        status = next((status for kind, status in _STATUS if isinstance(error, kind)), 500)
        return Problem(status, error.message, error.step)
    if isinstance(error, RequestValidationError):
        faults = [{"at": _place(fault["loc"]), "what": fault["msg"]} for fault in error.errors()[:20]]
        return Problem(422, "; ".join(f"{f['at']}: {f['what']}" for f in faults[:3]), errors=faults)
    if isinstance(error, Unmatched):
        return Problem(error.status_code, headers=error.headers)
    return Problem(500, step="tell the operator the request_id; the log has it")


def problem_response(problem: Problem, request_id: str) -> Response:
    """The document, as `application/problem+json`."""
    status = problem.status_code
    title = _TITLES.get(status, "Refused")
    document = {"type": f"urn:assaymark:problem:{status}", "title": title, "status": status, "request_id": request_id}
    if problem.detail:
        document["detail"] = problem.detail
    if problem.step:
        document["next"] = problem.step
    body = json.dumps({**document, **problem.more}).encode()
    return Response(body, status, dict(problem.headers or {}), "application/problem+json")


def answer(request: Request, problem: Problem) -> Response:
    """How a route tells a problem, unless its facade (MLflow, OCI) has a form of its own."""
    return problem_response(problem, str(request.scope.get("assay_id", "")))


def _place(location: tuple[int | str, ...]) -> str:
    return ".".join(str(part)[:64] for part in location[:8])
