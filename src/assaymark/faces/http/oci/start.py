"""`/v2/` itself, tokens, and what is nowhere."""

import json

from starlette.requests import Request
from starlette.responses import Response

from assaymark.faces.http.authentication import credential_of
from assaymark.faces.http.oci.problems import facade, refuse
from assaymark.faces.http.routes import KNOWN

routes = facade()
nothing = facade()
_LIFE = 300
"""Seconds after which clients ask again."""
_ALL = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE")


@routes.add(["GET", "HEAD"], "", KNOWN)
@routes.add(["GET", "HEAD"], "/", KNOWN)
def version() -> Response:
    """That this is a registry, and that the caller is known."""
    headers = {"Docker-Distribution-API-Version": "registry/2.0"}
    return Response(b"{}", headers=headers, media_type="application/json")


@routes.get("/token", KNOWN)
def token(request: Request) -> Response:
    """The token that the client sent as its password, to be sent as a bearer.

    There is no second kind of token, so none that outlives the first or that it cannot be revoked by; scopes that are
    asked for say nothing here, rights are judged with each request.
    """
    secret = credential_of(request)
    body = {"token": secret, "access_token": secret, "expires_in": _LIFE}
    return Response(json.dumps(body).encode(), media_type="application/json")


@nothing.add(_ALL, "/{rest:path}", KNOWN)
def no_such_thing(rest: str) -> Response:
    """Names that are not `project/model`, methods that are not there."""
    if "/" not in rest:
        raise refuse(404, "NAME_INVALID", "a repository is called PROJECT/MODEL")
    raise refuse(
        404, "NAME_INVALID", "there is nothing of that name or method", "repositories are called PROJECT/MODEL"
    )
