"""The description of the interface under /api/v1 (OpenAPI 3.1), made from the routes themselves; docs/schemas/openapi.json.

Facades keep the contracts of others and are not in it. It is for those who are known, like the rest; the copy in the
documentation is for everybody.
"""

import json
from collections.abc import Iterator
from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi

from assaymark.faces.http.routes import Guarded, Permission, all_routes

_PROBLEM = {
    "title": "Problem",
    "description": "Why a request was not done (RFC 9457). `next` is what to do.",
    "type": "object",
    "required": ["type", "title", "status", "request_id"],
    "properties": {
        "type": {"type": "string", "pattern": "^urn:assaymark:problem:[0-9]{3}$"},
        "title": {"type": "string"},
        "status": {"type": "integer", "minimum": 400, "maximum": 599},
        "request_id": {"type": "string"},
        "detail": {"type": "string"},
        "next": {"type": "string"},
        "errors": {
            "type": "array",
            "items": {"type": "object", "properties": {"at": {"type": "string"}, "what": {"type": "string"}}},
        },
    },
}
_REFUSED = {
    "description": "A problem document.",
    "content": {"application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}}},
}


def contract(app: FastAPI) -> dict[str, Any]:
    """The document, made once for an application."""
    if app.openapi_schema is None:
        app.openapi_schema = _made(app)
    return app.openapi_schema


def text(app: FastAPI) -> str:
    """The same as a page."""
    return json.dumps(contract(app), indent=1, sort_keys=True) + "\n"


def described(app: FastAPI) -> Iterator[Guarded]:
    """The routes that it speaks of."""
    for route in all_routes(app.routes):
        if (
            isinstance(route, Guarded)
            and route.include_in_schema
            and route.path.startswith(("/api/v1/", "/healthz", "/readyz"))
        ):
            yield route


def _made(app: FastAPI) -> dict[str, Any]:
    routes = list(described(app))
    document = get_openapi(title=app.title, version=app.version, openapi_version="3.1.0", routes=routes)
    parts = document.setdefault("components", {})
    schemas = parts.setdefault("schemas", {})
    for name in ("HTTPValidationError", "ValidationError"):
        schemas.pop(name, None)
    schemas["Problem"] = _PROBLEM
    parts["securitySchemes"] = {"token": {"type": "http", "scheme": "bearer"}}
    document["security"] = [{"token": []}]
    for route in routes:
        for method in route.methods or ():
            operation = document["paths"][route.path_format][method.lower()]
            operation["x-permission"] = said(route.permission)
            if route.permission.public:
                operation["security"] = []
            answers = operation["responses"]
            answers.pop("422", None)
            answers |= {"4XX": _REFUSED, "5XX": _REFUSED}
    return document


def said(permission: Permission) -> str:
    """What a route demands: `public`, `known`, a verb; `VERB on the object` where what it loads decides."""
    if permission.public:
        return "public"
    if permission.verb is None:
        return "known"
    return permission.verb if permission.at is not None else f"{permission.verb} on the object"
