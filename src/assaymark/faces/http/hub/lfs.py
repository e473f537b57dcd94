"""Bytes on their way in: Git LFS batch with basic transfers, addressed by their sha256.

The PUT carries no token, so the address that the batch hands out is the right to use it: for one object, of one size, in
one project, for an hour, by an HMAC under a key that every process of the registry has.
"""

import hmac
from collections.abc import Iterator
from datetime import timedelta
from typing import Any
from urllib.parse import urlencode

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from assaymark.core.errors import Malformed
from assaymark.core.ports import blob_name
from assaymark.desk import Desk
from assaymark.faces.http.hub.answers import JsonObject, answer, base_of
from assaymark.faces.http.problems import Problem
from assaymark.faces.http.routes import PUBLIC, Known, Routes, Wired, on_path
from assaymark.faces.http.services import Services
from assaymark.faces.http.uploads import received
from assaymark.faces.http.wired import desk
from assaymark.registry import models
from assaymark.registry.access import PUBLISH, Scope
from assaymark.registry.names import ModelName

routes = Routes(errors=answer)
_LIFETIME = timedelta(hours=1)
_MOST = 1_000
"""Objects of a batch."""
_OBJECT = "/api/lfs/{project}/{sha256}"


@routes.post("/{project}/{model}.git/info/lfs/objects/batch", on_path(PUBLISH))
def batch(project: str, model: str, request: Request, body: JsonObject, caller: Known, services: Wired) -> Response:
    """Say where each object goes; those that the project has need not be sent again."""
    with services.database.read() as connection:
        models.find_model(connection, ModelName.parse(f"{project}/{model}"))
    if body.get("operation") != "upload" or body.get("hash_algo", "sha256") != "sha256":
        raise Problem(422, "this is the way to upload by sha256", "download by /resolve/")
    objects = body.get("objects")
    if not isinstance(objects, list) or len(objects) > _MOST:
        raise Problem(422, f"objects has to be a list of at most {_MOST}")
    given = [_object(item) for item in objects]
    known: set[str] = set()
    if caller.may(PUBLISH, Scope(project)):  # whoever writes to one model alone must have the content himself
        known.update(desk(services, caller).has_blobs(project, [oid for oid, _ in given]))
    base = base_of(request, services)
    answers = [
        {"oid": oid, "size": size, "authenticated": True}
        | (
            {}
            if oid in known
            else {"actions": _actions(services, f"{base}/api/lfs/{project}/{oid}", project, oid, size)}
        )
        for oid, size in given
    ]
    document = {"transfer": "basic", "objects": answers, "hash_algo": "sha256"}
    return JSONResponse(document, media_type="application/vnd.git-lfs+json")


@routes.put(_OBJECT, PUBLIC)
async def put_object(
    project: str, sha256: str, request: Request, services: Wired, size: int, expires: int, grant: str
) -> dict[str, Any]:
    """Take the bytes that a batch was granted for. Nothing is read before the grant is judged."""
    right = _grant(services, project, sha256, size, expires)
    now = services.clock.now().timestamp()
    if not hmac.compare_digest(grant.encode(), right.encode()) or expires <= now:
        raise Problem(403, "this address is not, or no longer, the right to upload", "ask for a new batch")
    if request.headers.get("content-encoding", "identity").lower() != "identity":
        raise Problem(415, "the bytes have to come as they are, without Content-Encoding")
    at = Desk(services.registrar, "")  # his name was judged when he got the grant
    return await received(request, lambda pieces: at.put_blob(project, _exactly(pieces, size), sha256))


@routes.post(_OBJECT + "/verify", on_path(PUBLISH))
def verify(project: str, sha256: str, body: JsonObject, caller: Known, services: Wired) -> dict[str, Any]:
    """Whether an object arrived. It was verified while it did."""
    oid, size = _object(body)
    arrived = oid == sha256 and oid in desk(services, caller).has_blobs(project, [oid])
    if not arrived or services.registrar.store.size(oid) != size:
        raise Problem(404, f"{oid} did not arrive", "send it again")
    return {"message": "verified"}


def _actions(services: Services, href: str, project: str, oid: str, size: int) -> dict[str, Any]:
    expires = int((services.clock.now() + _LIFETIME).timestamp())
    query = urlencode({"size": size, "expires": expires, "grant": _grant(services, project, oid, size, expires)})
    return {
        "upload": {"href": f"{href}?{query}", "header": {}, "expires_in": int(_LIFETIME.total_seconds())},
        "verify": {"href": f"{href}/verify", "header": {}},
    }


def _grant(services: Services, project: str, sha256: str, size: int, expires: int) -> str:
    """Any process of this registry may be asked for it, and any may be sent the bytes."""
    key = services.registrar.keys.server.secret_for("hub upload")
    return hmac.digest(key, f"{project}\n{sha256}\n{size}\n{expires}".encode(), "sha256").hex()


def _object(item: Any) -> tuple[str, int]:
    oid, size = (item.get("oid"), item.get("size")) if isinstance(item, dict) else (None, None)
    if not isinstance(oid, str) or not isinstance(size, int) or isinstance(size, bool) or size < 0:
        raise Problem(422, "an object has an oid and a size")
    return blob_name(oid), size


def _exactly(pieces: Iterator[bytes], size: int) -> Iterator[bytes]:
    """The pieces, unless there are more bytes than were announced."""
    left = size
    for piece in pieces:
        left -= len(piece)
        if left < 0:
            raise Malformed(f"more than the {size:,} bytes that were announced", step="ask for a new batch")
        yield piece
