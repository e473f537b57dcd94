"""Download: what a repository is, what a revision holds, and the bytes."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Annotated, Any
from urllib.parse import parse_qs, quote

from fastapi import Query
from pydantic import BaseModel, Field
from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse

from assaymark.core.errors import NotFound
from assaymark.core.ports import BlobReader, ObjectStore
from assaymark.faces.http.hub.answers import ENTRY, REVISION, Bytes, answer, base_of
from assaymark.faces.http.problems import Problem
from assaymark.faces.http.routes import KNOWN, Caller, Known, Routes, Wired, on_path
from assaymark.faces.http.services import Services
from assaymark.faces.http.wired import desk
from assaymark.registry import queries
from assaymark.registry.access import READ, Scope
from assaymark.registry.models import find_model
from assaymark.registry.names import ModelName, VersionName
from assaymark.registry.revisions import MAIN, Withheld, digest_of, find_revision

routes = Routes(errors=answer)
REPO_API = "/api/models/{project}/{model}"
PAGE = 1000
"""Files of a page of the tree."""
_FIELDS = 10_000
_PIECE = 1 << 20


@dataclass(frozen=True, slots=True)
class Revision:
    """A version that the caller gets. `sha`: the start of its manifest's digest, which these clients take for a commit."""

    row: Any
    name: VersionName
    digest: str

    @property
    def sha(self) -> str:
        """40 hexadecimal digits."""
        return self.digest[:40]


class Where(BaseModel):
    """Which part of a tree. What else clients ask for changes nothing."""

    recursive: bool = False
    cursor: str = Field(default="", max_length=4096)
    limit: int = Field(default=PAGE, ge=1, le=PAGE)


def revision_of(services: Services, caller: Caller, project: str, model: str, revision: str) -> Revision:
    """The version that a revision means; raises Problem as the clients know it."""
    name = ModelName.parse(f"{project}/{model}")
    with services.registrar.look() as work:
        find_model(work.connection, name)
        try:
            row = find_revision(work, name, revision, caller.principal.person)
        except NotFound as error:
            raise Problem(404, error.message, error.step, code=REVISION) from None
        except Withheld as error:
            raise Problem(403, error.message, error.step, code=REVISION) from None
        return Revision(row, VersionName(name, row.name), digest_of(work.connection, row))


@routes.get("/api/whoami-v2", KNOWN)
def whoami(caller: Known) -> dict[str, Any]:
    """Who holds the token."""
    token = {"type": "access_token", "accessToken": {"displayName": caller.name, "role": "write"}}
    return {"type": "user", "name": caller.name, "fullname": caller.name, "orgs": [], "auth": token}


@routes.get("/api/models", KNOWN)
def search(
    caller: Known, services: Wired, search: Annotated[str, Query(max_length=200)] = "", limit: int = 100
) -> list[dict[str, Any]]:
    """Models that the caller may read."""
    found = desk(services, caller).search(search)
    mine = caller.only(READ, found, lambda item: Scope(*item["model"].split("/")))
    return [
        {"id": one["model"], "modelId": one["model"], "private": True, "tags": [], "createdAt": _moment(one["made_at"])}
        for one in mine[: max(0, limit)]
    ]


@routes.get(REPO_API, on_path(READ))
def repository(project: str, model: str, caller: Known, services: Wired) -> dict[str, Any]:
    """A model; what its `main` holds, if there is one."""
    try:
        return _info(services, revision_of(services, caller, project, model, MAIN))
    except Problem as problem:
        if problem.more.get("code") != REVISION:
            raise
    return _about(f"{project}/{model}") | {"siblings": []}


@routes.get(REPO_API + "/revision/{revision}", on_path(READ))
def at_revision(project: str, model: str, revision: str, caller: Known, services: Wired) -> dict[str, Any]:
    """A model at a revision."""
    return _info(services, revision_of(services, caller, project, model, revision))


@routes.get(REPO_API + "/refs", on_path(READ))
def refs(project: str, model: str, caller: Known, services: Wired) -> dict[str, Any]:
    """`main` and the channels are branches, versions are tags."""
    shown = desk(services, caller).show(f"{project}/{model}")
    names = {MAIN: MAIN, **{one["channel"]: one["channel"] for one in shown["channels"]}}
    tags = [one["version"] for one in shown["versions"]]
    return {
        "branches": [_ref(services, caller, shown["model"], "heads", name) for name in names if name],
        "converts": [],
        "tags": [ref for name in tags if (ref := _ref(services, caller, shown["model"], "tags", name))["targetCommit"]],
    }


@routes.get(REPO_API + "/tree/{revision}", on_path(READ))
def tree(
    project: str, model: str, revision: str, request: Request, where: Annotated[Where, Query()], caller: Known,
    services: Wired,
) -> Response:  # fmt: skip
    """The files of a revision, a page of them; folders too unless it is recursive."""
    found = revision_of(services, caller, project, model, revision)
    if not where.recursive:
        return JSONResponse(_level(_all_files(services, found), ""))
    with services.database.read() as connection:
        page = queries.files(connection, found.name, after=where.cursor, limit=where.limit)
    headers = {}
    if len(page) == where.limit:
        here = f"{base_of(request, services)}/api/models/{project}/{model}/tree/{found.sha}"
        after = quote(page[-1]["path"], safe="")
        headers["Link"] = f'<{here}?recursive=true&limit={where.limit}&cursor={after}>; rel="next"'
    return JSONResponse([_entry(file) for file in page], headers=headers)


@routes.get(REPO_API + "/tree/{revision}/{path:path}", on_path(READ))
def tree_below(
    project: str, model: str, revision: str, path: str, where: Annotated[Where, Query()], caller: Known, services: Wired
) -> list[dict[str, Any]]:
    """What lies below a folder of a revision."""
    found = revision_of(services, caller, project, model, revision)
    prefix = f"{path.rstrip('/')}/"
    inside = [file for file in _all_files(services, found) if file["path"].startswith(prefix)]
    if not inside:
        raise Problem(404, "there is no such folder", code=ENTRY)
    return [_entry(file) for file in inside] if where.recursive else _level(inside, prefix)


@routes.post(REPO_API + "/paths-info/{revision}", on_path(READ))
def paths_info(
    project: str, model: str, revision: str, request: Request, body: Bytes, caller: Known, services: Wired
) -> list[dict[str, Any]]:
    """Those of some paths that are there. The body is a form, or JSON."""
    from assaymark.core.strictjson import loads

    if request.headers.get("content-type", "").startswith("application/json"):
        document = loads(body, "the body", floats=True)
        paths = document.get("paths") if isinstance(document, dict) else None
    else:
        try:
            paths = parse_qs(body.decode("utf-8", "replace"), max_num_fields=_FIELDS).get("paths", [])
        except ValueError:
            raise Problem(413, f"at most {_FIELDS:,} paths at a time") from None
    if not isinstance(paths, list) or not all(isinstance(path, str) for path in paths):
        raise Problem(400, "paths has to be a list of texts")
    found = revision_of(services, caller, project, model, revision)
    wanted = {path.rstrip("/") for path in paths}
    files = _all_files(services, found)
    folders = {
        "/".join(parts[:n]) for file in files if (parts := file["path"].split("/")) for n in range(1, len(parts))
    }
    return [
        *(_folder(path) for path in sorted(wanted & folders)),
        *(_entry(file) for file in files if file["path"] in wanted),
    ]


@routes.add(["GET", "HEAD"], "/{project}/{model}/resolve/{revision}/{path:path}", on_path(READ))
def resolve(
    project: str, model: str, revision: str, path: str, request: Request, caller: Known, services: Wired
) -> Response:
    """The bytes of a file. The path is looked up among the version's own; none of it reaches a file system."""
    found = revision_of(services, caller, project, model, revision)
    commit = {"X-Repo-Commit": found.sha, "X-Assay-Digest": found.digest}
    file = desk(services, caller).file(str(found.name), path)
    if file is None:
        raise Problem(404, f"{found.name} holds no such file", code=ENTRY, headers=commit)
    sha256, size = file
    headers = {
        **commit, "ETag": f'"{sha256}"', "X-Linked-Etag": f'"{sha256}"', "X-Linked-Size": str(size),
        "Accept-Ranges": "bytes", "Content-Disposition": "attachment", "Cache-Control": "private, no-cache",
        "Content-Type": "application/octet-stream", "Content-Length": str(size),
    }  # fmt: skip
    if request.method == "HEAD":
        return Response(headers=headers)
    return _send(services.registrar.store, sha256, size, request.headers.get("range", ""), headers)


def _send(store: ObjectStore, sha256: str, size: int, wanted: str, headers: dict[str, str]) -> Response:
    """The whole, or the one range that is asked for (RFC 9110, section 14)."""
    asked = _range(wanted, size)
    if asked is None:
        return StreamingResponse(_whole(store.open(sha256), 0), headers=headers)
    first, last = asked
    if first > last:
        raise Problem(416, "the file is not that long", headers={"Content-Range": f"bytes */{size}"})
    headers |= {"Content-Range": f"bytes {first}-{last}/{size}", "Content-Length": str(last - first + 1)}
    # To the end of the file, all of it is hashed, so the last bytes come only when the whole is right.
    part = _whole(store.open(sha256), first) if last == size - 1 else _part(store, sha256, first, last)
    return StreamingResponse(part, 206, headers)


def _whole(reader: BlobReader, skip: int) -> Iterator[bytes]:
    with reader:
        while skip and (passed := reader.read(min(skip, _PIECE))):
            skip -= len(passed)
        yield from reader


def _part(store: ObjectStore, sha256: str, first: int, last: int) -> Iterator[bytes]:
    for start in range(first, last + 1, _PIECE):
        yield store.read_range(sha256, start, min(_PIECE, last + 1 - start))


def _range(text: str, size: int) -> tuple[int, int] | None:
    """First and last byte; None for everything, which also answers what is not understood or asks for several ranges."""
    unit, equals, spec = text.partition("=")
    first, dash, last = spec.strip().partition("-")
    numbers = [part for part in (first, last) if part]
    if unit.strip() != "bytes" or not equals or not dash or not numbers:
        return None
    if not all(part.isascii() and part.isdigit() and len(part) < 19 for part in numbers):
        return None
    if not first:
        return max(0, size - int(last)), (size - 1 if int(last) else -1)
    if last and int(last) < int(first):
        return None
    return int(first), min(int(last), size - 1) if last else size - 1


def _info(services: Services, found: Revision) -> dict[str, Any]:
    siblings = [
        {"rfilename": file["path"], "size": file["size"], **_content(file, "blobId")}
        for file in _all_files(services, found)
    ]
    moment = _moment(found.row.made_at)
    more = {"sha": found.sha, "siblings": siblings, "lastModified": moment, "createdAt": moment}
    return _about(str(found.name.model)) | more | {"assaymark": {"version": found.row.name, "state": found.row.state}}


def _about(name: str) -> dict[str, Any]:
    return {
        "_id": name, "id": name, "modelId": name, "author": name.partition("/")[0], "private": True, "disabled": False,
        "gated": False, "downloads": 0, "likes": 0, "tags": [],
    }  # fmt: skip


def _all_files(services: Services, found: Revision) -> list[dict[str, Any]]:
    files: list[dict[str, Any]] = []
    with services.database.read() as connection:
        while page := queries.files(connection, found.name, after=files[-1]["path"] if files else ""):
            files.extend(page)
    return files


def _level(files: list[dict[str, Any]], prefix: str) -> list[dict[str, Any]]:
    """One level: its files, and the folders that hold the others."""
    folders = {file["path"][len(prefix) :].partition("/")[0] for file in files if "/" in file["path"][len(prefix) :]}
    here = [_entry(file) for file in files if "/" not in file["path"][len(prefix) :]]
    return [*(_folder(prefix + name) for name in sorted(folders)), *here]


def _folder(path: str) -> dict[str, Any]:
    return {"type": "directory", "path": path, "oid": "0" * 40, "size": 0}


def _entry(file: dict[str, Any]) -> dict[str, Any]:
    return {"type": "file", "path": file["path"], "size": file["size"], **_content(file, "oid")}


def _content(file: dict[str, Any], name: str) -> dict[str, Any]:
    """Every file is one of LFS: it is the kind whose sha256 these clients know and can verify (`hf cache verify`)."""
    sha256, size = file["sha256"], file["size"]
    return {name: sha256[:40], "lfs": {"oid": sha256, "sha256": sha256, "size": size, "pointerSize": 134}}


def _ref(services: Services, caller: Caller, repo: str, kind: str, name: str) -> dict[str, Any]:
    project, _, model = repo.partition("/")
    try:
        commit = revision_of(services, caller, project, model, name).sha
    except Problem:
        commit = ""
    return {"name": name, "ref": f"refs/{kind}/{name}", "targetCommit": commit}


def _moment(at: str) -> str:
    """A time as old clients parse it, with a fraction."""
    return at.replace("Z", ".000Z")
