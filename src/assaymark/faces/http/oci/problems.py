"""Errors as OCI clients read them (distribution-spec 1.1, "Error Codes"), and how they learn to log in."""

import json
from collections.abc import Callable, Sequence
from typing import Any, TypeVar

from starlette.requests import Request
from starlette.responses import Response

from assaymark.faces.http.problems import Problem
from assaymark.faces.http.routes import LARGEST, Permission, Routes

_Endpoint = TypeVar("_Endpoint", bound=Callable[..., Any])
_CODES = {
    400: "UNSUPPORTED", 401: "UNAUTHORIZED", 403: "DENIED", 404: "NAME_UNKNOWN", 405: "UNSUPPORTED", 409: "DENIED",
    413: "SIZE_INVALID", 415: "UNSUPPORTED", 416: "BLOB_UPLOAD_INVALID", 422: "MANIFEST_INVALID", 429: "TOOMANYREQUESTS",
}  # fmt: skip
"""Where no handler says otherwise. A bug of ours has no code of the specification."""


class Facade(Routes):
    """Routes under `/v2`, which our own description of the interface leaves to the specification."""

    def add(
        self, methods: Sequence[str], path: str, permission: Permission, largest: int = LARGEST, **options: Any
    ) -> Callable[[_Endpoint], _Endpoint]:
        """See Routes."""
        return super().add(methods, path, permission, largest, **options, include_in_schema=False)


def facade() -> Facade:
    """Routes of one file."""
    return Facade("/v2", errors)


def refuse(status: int, code: str, message: str, step: str = "", **headers: str) -> Problem:
    """A problem with a code of the specification."""
    return Problem(
        status, message, step, headers={name.replace("_", "-"): text for name, text in headers.items()}, code=code
    )


def errors(request: Request, problem: Problem) -> Response:
    """The answer to a request that was refused."""
    status = problem.status_code
    code = problem.more.get("code") or _CODES.get(status, "UNKNOWN")
    message = problem.detail or ("a bug of ours" if status == 500 else "refused")
    fault = {"code": code, "message": message}
    if problem.step:
        fault["detail"] = problem.step
    elif status == 500:
        fault["detail"] = f"the log has request {request.scope.get('assay_id', '')}"
    headers = dict(problem.headers or {})
    if status == 401:
        headers["WWW-Authenticate"] = challenge(request)
    return Response(json.dumps({"errors": [fault]}).encode(), status, headers, "application/json")


def challenge(request: Request) -> str:
    """Where a client gets a token, and what for (distribution's token specification)."""
    parts = [f'Bearer realm="{address(request)}/v2/token"', 'service="assaymark"']
    project, model = (request.path_params.get(name, "") for name in ("project", "model"))
    if project and model and f"{project}{model}".replace("-", "").replace("_", "").replace(".", "").isalnum():
        verbs = "pull" if request.method in {"GET", "HEAD"} else "pull,push"
        parts.append(f'scope="repository:{project}/{model}:{verbs}"')
    return ",".join(parts)


def address(request: Request) -> str:
    """How the client calls this server; the shell has looked at the name, the port is looked at here."""
    host = request.headers.get("host", "")
    name, colon, port = host.rpartition(":")
    if colon and not host.endswith("]"):
        host = f"{name}:{port}" if port.isascii() and port.isdigit() else name
    secure = request.url.scheme == "https" or request.app.state.services.behind_proxy
    return f"{'https' if secure else 'http'}://{host}"
