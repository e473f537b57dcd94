"""Uploads of blobs: in one request, in two, or in pieces (distribution-spec 1.1, "Pushing blobs")."""

from collections.abc import Iterator, Mapping
from contextlib import ExitStack

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response

from assaymark.core.errors import Conflict, Untrusted
from assaymark.core.ports import ObjectStore
from assaymark.faces.http.oci.common import (
    REPOSITORY,
    digest_in,
    model_name,
    plain_body,
    registrar_of,
    told_as,
)
from assaymark.faces.http.oci.problems import facade, refuse
from assaymark.faces.http.routes import Caller, Known, Wired, on_path
from assaymark.faces.http.services import Services
from assaymark.faces.http.uploads import received
from assaymark.registrar import Registrar
from assaymark.registry import oci, oci_uploads, versions
from assaymark.registry.access import PUBLISH, READ, Scope
from assaymark.registry.models import find_model
from assaymark.registry.names import ModelName
from assaymark.registry.oci_uploads import Upload

routes = facade()
_UPLOADS = REPOSITORY + "/blobs/uploads"
_UPLOAD = _UPLOADS + "/{upload}"


class _Session:
    """One caller's uploads into one model. Blocking."""

    def __init__(self, services: Services, caller: Caller, project: str, model: str) -> None:
        self.registrar: Registrar = registrar_of(services)
        self.name: ModelName = model_name(project, model)
        self.account = caller.name
        self.caller = caller

    def check(self) -> None:
        """Where there is no such model, nothing is taken."""
        with told_as("NAME_UNKNOWN"), self.registrar.look() as work:
            find_model(work.connection, self.name)

    def begin(self) -> Upload:
        with told_as("NAME_UNKNOWN"), self.registrar.work() as work:
            return oci_uploads.begin(work, self.name, self.account)

    def find(self, upload: str) -> Upload:
        with told_as("BLOB_UPLOAD_UNKNOWN"), self.registrar.look() as work:
            return oci_uploads.find(work, self.name, self.account, upload)

    def end(self, upload: str) -> None:
        with self.registrar.work() as work:
            oci_uploads.end(work, self.name, self.account, upload)

    def add(self, seen: Upload, pieces: Iterator[bytes], length: int | None) -> Upload:
        """Store what comes as one piece behind the others; nothing is noted of what breaks off."""
        sha256, size = self.registrar.store.put(pieces)
        if length is not None and size != length:
            raise refuse(400, "SIZE_INVALID", f"{size} bytes came where Content-Range says {length}")
        if not size:
            return seen
        try:
            with self.registrar.work() as work:
                return oci_uploads.add(work, self.name, self.account, seen, sha256, size)
        except Conflict as error:
            raise refuse(416, "BLOB_UPLOAD_INVALID", error.message, error.step, **_where(self.name, seen)) from None

    def finish(self, seen: Upload, pieces: Iterator[bytes], sha256: str) -> None:
        """Make one blob of all that came, and remember that it came into this project."""
        store = self.registrar.store
        try:
            if not seen.pieces:
                store.put(pieces, sha256)
            else:
                whole = self.add(seen, pieces, None)
                # What came in one piece has its name already.
                if [piece for piece, _ in whole.pieces] != [sha256] or not store.touch(sha256):
                    store.put(_joined(store, whole), sha256)
        except Untrusted as error:
            if seen.id:
                self.end(seen.id)
            raise refuse(400, "DIGEST_INVALID", error.message, error.step) from None
        with told_as("NAME_UNKNOWN"), self.registrar.work() as work:
            versions.note_uploads(work, self.name.project, [sha256])
            if seen.id:
                oci_uploads.end(work, self.name, self.account, seen.id)

    def mount(self, sha256: str, source: str) -> bool:
        """Whether the blob is here now: it is of another model of the same project, which the caller may read."""
        project, _, model = source.partition("/")
        if project != self.name.project:
            return False
        other = model_name(project, model)
        if not self.caller.may(READ, Scope(other.project, other.model)):
            return False
        with told_as("NAME_UNKNOWN"), self.registrar.work() as work:
            publisher = self.caller.may(PUBLISH, Scope(other.project, other.model))
            found = oci.blob(work, other, sha256, publisher=publisher)
            if not isinstance(found, str) or not self.registrar.store.touch(found):
                return False
            versions.note_uploads(work, self.name.project, [sha256])
        return True


@routes.post(_UPLOADS, on_path(PUBLISH))
@routes.post(_UPLOADS + "/", on_path(PUBLISH))
async def begin(project: str, model: str, request: Request, caller: Known, services: Wired) -> Response:
    """Begin an upload, do it at once (`digest`), or take a blob over (`mount`), within one project only."""
    session = _Session(services, caller, project, model)
    given = request.query_params
    if "mount" in given:
        wanted = digest_in(given["mount"])
        if await run_in_threadpool(session.mount, wanted, given.get("from", "")):
            return _created(session.name, wanted)
        return _accepted(session.name, await run_in_threadpool(session.begin))
    if "digest" not in given:
        return _accepted(session.name, await run_in_threadpool(session.begin))
    plain_body(request)
    wanted = digest_in(given["digest"])
    await run_in_threadpool(session.check)
    await received(request, lambda pieces: session.finish(Upload("", 0), pieces, wanted))
    return _created(session.name, wanted)


@routes.add(["PATCH"], _UPLOAD, on_path(PUBLISH))
async def add(project: str, model: str, upload: str, request: Request, caller: Known, services: Wired) -> Response:
    """The next piece."""
    session = _Session(services, caller, project, model)
    plain_body(request)
    seen = await run_in_threadpool(session.find, upload)
    length = _length(request, session.name, seen)
    added = await received(request, lambda pieces: session.add(seen, pieces, length))
    return _accepted(session.name, added)


@routes.put(_UPLOAD, on_path(PUBLISH))
async def finish(project: str, model: str, upload: str, request: Request, caller: Known, services: Wired) -> Response:
    """The last piece, or the only one, or none; and the digest of the whole."""
    session = _Session(services, caller, project, model)
    plain_body(request)
    wanted = digest_in(request.query_params.get("digest", ""))
    seen = await run_in_threadpool(session.find, upload)
    _length(request, session.name, seen)
    await received(request, lambda pieces: session.finish(seen, pieces, wanted))
    return _created(session.name, wanted)


@routes.get(_UPLOAD, on_path(PUBLISH))
def status(project: str, model: str, upload: str, caller: Known, services: Wired) -> Response:
    """How far it has come."""
    session = _Session(services, caller, project, model)
    return _accepted(session.name, session.find(upload), 204)


@routes.delete(_UPLOAD, on_path(PUBLISH))
def cancel(project: str, model: str, upload: str, caller: Known, services: Wired) -> Response:
    """Give it up."""
    session = _Session(services, caller, project, model)
    session.end(session.find(upload).id)
    return Response(b"", 204)


def _length(request: Request, name: ModelName, seen: Upload) -> int | None:
    """Bytes that Content-Range announces, None where there is none; raises Problem 416 unless they are the next ones."""
    text = request.headers.get("content-range")
    if text is None:
        return None
    first, dash, last = text.removeprefix("bytes ").partition("/")[0].partition("-")
    digits = all(part.isascii() and part.isdigit() and len(part) < 20 for part in (first, last))
    if not dash or not digits or int(first) != seen.size or int(last) + 1 < int(first):
        step = f"go on at byte {seen.size}"
        raise refuse(416, "BLOB_UPLOAD_INVALID", "this is not the next piece", step, **_where(name, seen))
    return int(last) + 1 - int(first)


def _joined(store: ObjectStore, whole: Upload) -> Iterator[bytes]:
    for sha256, _ in whole.pieces:
        with ExitStack() as stack:
            yield from stack.enter_context(store.open(sha256))


def _where(name: ModelName, upload: Upload) -> dict[str, str]:
    return {
        "Location": f"/v2/{name}/blobs/uploads/{upload.id}",
        "Range": f"0-{max(0, upload.size - 1)}",
        "Docker-Upload-UUID": upload.id,
    }


def _accepted(name: ModelName, upload: Upload, code: int = 202) -> Response:
    headers: Mapping[str, str] = _where(name, upload)
    return Response(b"", code, dict(headers))


def _created(name: ModelName, sha256: str) -> Response:
    digest = f"sha256:{sha256}"
    return Response(b"", 201, {"Location": f"/v2/{name}/blobs/{digest}", "Docker-Content-Digest": digest})
