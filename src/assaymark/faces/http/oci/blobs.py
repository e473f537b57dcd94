"""Blobs: those of versions that are given out, and of statements about them. A digest alone opens nothing."""

from collections.abc import Iterator

from starlette.requests import Request
from starlette.responses import Response, StreamingResponse

from assaymark.core.ports import ObjectStore
from assaymark.faces.http.oci.common import REPOSITORY, digest_in, may_publish, model_name, registrar_of, told_as
from assaymark.faces.http.oci.problems import facade, refuse
from assaymark.faces.http.routes import Known, Wired, on_path
from assaymark.registry import oci
from assaymark.registry.access import PUBLISH, READ

routes = facade()
_BLOB = REPOSITORY + "/blobs/{digest}"
_PIECE = 1 << 20


@routes.add(["GET", "HEAD"], _BLOB, on_path(READ))
def read(project: str, model: str, digest: str, request: Request, caller: Known, services: Wired) -> Response:
    """The bytes, or with `Range` a part of them, which no digest vouches for until the client has the whole."""
    name, sha256 = model_name(project, model), digest_in(digest)
    registrar = registrar_of(services)
    with told_as("BLOB_UNKNOWN"):
        with registrar.look() as work:
            found = oci.blob(work, name, sha256, publisher=may_publish(caller, name))
        if found is None:
            raise refuse(404, "BLOB_UNKNOWN", f"{name} has no blob sha256:{sha256}")
        size = len(found) if isinstance(found, bytes) else registrar.store.size(found)
        part = _range(request, size)
        headers = _headers(sha256, size, part)
        status = 206 if part else 200
        if request.method == "HEAD":
            return Response(b"", status, headers, "application/octet-stream")
        start, end = part or (0, size)
        if isinstance(found, bytes):
            return Response(found[start:end], status, headers, "application/octet-stream")
        body = _part(registrar.store, found, start, end) if part else iter(registrar.store.open(found))
    return StreamingResponse(body, status, headers, "application/octet-stream")


@routes.delete(_BLOB, on_path(PUBLISH))
def delete(project: str, model: str, digest: str) -> Response:
    """Blobs go when nothing needs them any more, never before."""
    model_name(project, model)
    digest_in(digest)
    raise refuse(
        405, "UNSUPPORTED", "blobs are not deleted by hand", "delete the version; its bytes go with the next sweep"
    )


def _headers(sha256: str, size: int, part: tuple[int, int] | None) -> dict[str, str]:
    headers = {
        "Docker-Content-Digest": f"sha256:{sha256}", "ETag": f'"sha256:{sha256}"', "Accept-Ranges": "bytes",
        "Content-Disposition": "attachment", "Cache-Control": "private, max-age=31536000, immutable",
        "Content-Length": str(size if part is None else part[1] - part[0]),
    }  # fmt: skip
    if part is not None:
        headers["Content-Range"] = f"bytes {part[0]}-{part[1] - 1}/{size}"
    return headers


def _range(request: Request, size: int) -> tuple[int, int] | None:
    """Start and end of the one range that is asked for (RFC 9110, section 14.1.2), or None; raises Problem 416."""
    given = request.headers.getlist("range")
    if not given:
        return None
    unit, _, text = given[0].partition("=")
    first, dash, last = text.strip().partition("-")
    if unit.strip().lower() != "bytes" or "," in text or not dash or len(given) > 1:
        return None  # what is not understood is passed over
    numbers = [part for part in (first, last) if part]
    if not numbers or any(not (part.isascii() and part.isdigit() and len(part) < 20) for part in numbers):
        return None
    start = int(first) if first else max(0, size - int(last))
    end = min(size, int(last) + 1) if first and last else size
    if start >= size or end <= start:
        raise refuse(416, "SIZE_INVALID", f"the blob has {size} bytes", Content_Range=f"bytes */{size}")
    return start, end


def _part(store: ObjectStore, sha256: str, start: int, end: int) -> Iterator[bytes]:
    for at in range(start, end, _PIECE):
        yield store.read_range(sha256, at, min(_PIECE, end - at))
