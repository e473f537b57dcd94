"""What MLflow's clients send and read: parameters by name, and errors with `error_code` and `message`."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any

from fastapi import Depends
from starlette.requests import Request
from starlette.responses import Response

from assaymark.faces.http.problems import Problem

API = "/api/2.0/mlflow"
_INVALID, _MISSING = "INVALID_PARAMETER_VALUE", "RESOURCE_DOES_NOT_EXIST"
_CODES = {
    400: _INVALID, 401: "UNAUTHENTICATED", 403: "PERMISSION_DENIED", 404: _MISSING, 405: "ENDPOINT_NOT_FOUND",
    409: "RESOURCE_CONFLICT", 413: _INVALID, 415: "BAD_REQUEST", 422: _INVALID, 429: "REQUEST_LIMIT_EXCEEDED",
    501: "NOT_IMPLEMENTED", 503: "TEMPORARILY_UNAVAILABLE",
}  # fmt: skip
_LIST = 1_000
"""Entries of a list at most."""


def answer(request: Request, problem: Problem) -> Response:
    """How the routes of MLflow tell a problem."""
    status = problem.status_code
    code = problem.more.get("code") or _CODES.get(status, "INTERNAL_ERROR")
    if status == 409 and request.url.path.endswith("/create"):
        code = "RESOURCE_ALREADY_EXISTS"  # by which a client that registers sees that it need not create
    message = "; ".join(part for part in (problem.detail, problem.step) if part) or "not possible"
    document = {"error_code": code, "message": message, "request_id": str(request.scope.get("assay_id", ""))}
    return Response(json.dumps(document).encode(), status, dict(problem.headers or {}), "application/json")


@dataclass(frozen=True, slots=True)
class Given:
    """The parameters of a call: of the query for GET, else of the body. Each is read by its type, or refused."""

    values: Mapping[str, Any]

    def text(self, name: str, default: str | None = None) -> str:
        """A text; without a default it has to be there."""
        value = self.values.get(name)
        if value is None and default is not None:
            return default
        if not isinstance(value, str) or "\0" in value or (not value and default is None):
            raise Problem(400, f"parameter {name!r} has to be a text")
        return value

    def maybe(self, name: str) -> str | None:
        """A text, or None where there is none or an empty one."""
        return self.text(name, "") or None

    def number(self, name: str, default: int = 0) -> int:
        """A whole number, which MLflow also sends as a text."""
        value = self.values.get(name, default)
        if isinstance(value, str) and value.lstrip("-").isascii() and value.lstrip("-").isdigit() and len(value) < 17:
            value = int(value)
        if isinstance(value, bool) or not isinstance(value, int) or abs(value) > 1 << 53:
            raise Problem(400, f"parameter {name!r} has to be a whole number")
        return value

    def texts(self, name: str) -> list[str]:
        """A list of texts."""
        found = self.values.get(name, [])
        found = [found] if isinstance(found, str) else found
        if (
            not isinstance(found, list)
            or len(found) > _LIST
            or not all(isinstance(one, str) and "\0" not in one for one in found)
        ):
            raise Problem(400, f"parameter {name!r} has to be a list of at most {_LIST} texts")
        return found

    def objects(self, name: str) -> "list[Given]":
        """A list of objects."""
        found = self.values.get(name, [])
        if not isinstance(found, list) or len(found) > _LIST or not all(isinstance(one, dict) for one in found):
            raise Problem(400, f"parameter {name!r} has to be a list of at most {_LIST} objects")
        return [Given(one) for one in found]

    def pairs(self, name: str) -> dict[str, str]:
        """A list of `key` and `value`."""
        return {one.text("key"): one.text("value", "") for one in self.objects(name)}


def pairs_of(values: Mapping[str, str]) -> list[dict[str, str]]:
    """As MLflow lists tags and parameters."""
    return [{"key": key, "value": value} for key, value in sorted(values.items())]


async def _given(request: Request) -> Given:
    if request.method == "GET":
        return Given({key: found if len(found) > 1 else found[0] for key, found in _query(request).items()})
    body = await request.body()
    found = await request.json() if body else {}
    if not isinstance(found, dict):
        raise Problem(400, "the body has to be a JSON object")
    return Given(found)


def _query(request: Request) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for key, value in request.query_params.multi_items():
        found.setdefault(key, []).append(value)
    return found


Parameters = Annotated[Given, Depends(_given)]
"""Parameter of a handler."""
