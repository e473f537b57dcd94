"""The artifact service: what is staged is written here, what is registered is read here, by paths that are data.

No part of a path reaches a file system: it is looked up among the rows of a run, a logged model or a version.
"""

from collections.abc import Iterator
from typing import Any

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse

from assaymark.core.errors import NotFound
from assaymark.core.ports import BlobReader
from assaymark.faces.http.mlflow.answers import Parameters, answer
from assaymark.faces.http.mlflow.shown import withheld
from assaymark.faces.http.problems import Problem
from assaymark.faces.http.routes import Caller, Known, Routes, Wired, on_object
from assaymark.faces.http.services import Services
from assaymark.faces.http.uploads import received
from assaymark.registry import mlflow_staging as staging
from assaymark.registry import queries
from assaymark.registry.access import PUBLISH, READ, Scope
from assaymark.registry.mlflow_staging import Place
from assaymark.registry.models import find_version
from assaymark.registry.quota import admit
from assaymark.registry.revisions import given as given_out
from assaymark.registry.work import Work

routes = Routes("/api/2.0/mlflow-artifacts", answer)
_FILE = "/artifacts/{path:path}"


@routes.get("/artifacts", on_object(READ))
def list_artifacts(given: Parameters, caller: Known, services: Wired) -> dict[str, Any]:
    """One level of a folder."""
    with services.registrar.look() as work:
        at = _place(work, caller, READ, given.text("path", ""))
        prefix = f"{at.path}/" if at.path else ""
        files = [(path[len(prefix) :], size) for path, size, _ in _files(work, at) if path.startswith(prefix)]
    folders = sorted({name.partition("/")[0] for name, _ in files if "/" in name})
    here = [{"path": name, "is_dir": False, "file_size": size} for name, size in files if "/" not in name]
    return {"files": [*({"path": name, "is_dir": True} for name in folders), *here]}


@routes.get(_FILE, on_object(READ))
def download(path: str, caller: Known, services: Wired) -> Response:
    """The bytes of a file, verified while they are sent."""
    with services.registrar.look() as work:
        at = _place(work, caller, READ, path)
        found = next(((size, sha) for name, size, sha in _files(work, at) if name == at.path), None)
    if found is None:
        raise NotFound("there is no such artifact")
    size, sha256 = found
    headers = {"Content-Length": str(size), "ETag": f'"{sha256}"', "Content-Disposition": "attachment"}
    reader = services.registrar.store.open(sha256)
    return StreamingResponse(_sent(reader), media_type="application/octet-stream", headers=headers)


@routes.put(_FILE, on_object(PUBLISH))
async def upload(path: str, request: Request, caller: Known, services: Wired) -> dict[str, Any]:
    """Stage a file. What a version was made of is not written again."""
    at = await run_in_threadpool(_writable, services, caller, path)
    if request.headers.get("content-encoding", "identity").lower() != "identity":
        raise Problem(415, "the bytes have to come as they are, without Content-Encoding")
    return await received(request, lambda pieces: _stage(services, at, pieces))


@routes.delete(_FILE, on_object(PUBLISH))
def remove(path: str, caller: Known, services: Wired) -> dict[str, Any]:
    """Drop staged files."""
    at = _writable(services, caller, path, folder=True)
    with services.registrar.work() as work:
        staging.remove(work, str(at.area), at.path)
    return {}


def _sent(reader: BlobReader) -> Iterator[bytes]:
    with reader:
        yield from reader


def _place(work: Work, caller: Caller, verb: str, path: str) -> Place:
    """Where a path leads, when the caller may do this there."""
    at = staging.place(work.connection, path)
    model = at.version.model.model if at.version else None
    caller.demand(verb, Scope(at.project, model), "artifact at that path")
    if at.version is not None:
        with withheld():
            given_out(find_version(work.connection, at.version), caller.principal.person)
    return at


def _writable(services: Services, caller: Caller, path: str, *, folder: bool = False) -> Place:
    with services.registrar.look() as work:
        at = _place(work, caller, PUBLISH, path)
        if at.area is None:
            raise Problem(409, "this is a registered version, and its bytes never change", "log it in a new run")
        if not at.path and not folder:
            raise Problem(400, "a file needs a name")
        staging.check_open(work.connection, at.area, at.path)
    return at


def _stage(services: Services, at: Place, pieces: Iterator[bytes]) -> dict[str, Any]:
    with services.database.read() as connection:
        now = staging.usage(connection, at.project)

    def within() -> Iterator[bytes]:
        sent = 0
        for piece in pieces:
            sent += len(piece)
            admit(now, sent)
            yield piece

    sha256, size = services.registrar.store.put(within())
    with services.registrar.work() as work:
        staging.put(work, at, sha256, size)
    return {}


def _files(work: Work, at: Place) -> Iterator[tuple[str, int, str]]:
    """Path, size and sha256 of what lies at or below a place."""
    if at.version is None:
        for row in staging.staged(work.connection, str(at.area), at.path):
            yield row.path, row.size, row.sha256
        return
    if at.path and (row := queries.file(work.connection, at.version, at.path)) is not None:
        yield row.path, row.size, row.sha256
        return
    after = f"{at.path}/" if at.path else ""
    prefix = after
    while page := queries.files(work.connection, at.version, after=after):
        for file in page:
            if not file["path"].startswith(prefix):
                return
            yield file["path"], file["size"], file["sha256"]
        after = page[-1]["path"]
