"""Upload: repositories, what is to be sent how, and commits. A commit fills a draft; the publisher's seal publishes it."""

import binascii
from base64 import b64decode
from dataclasses import dataclass, field
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from assaymark.core.errors import NotFound
from assaymark.core.manifest import ManifestFile, check_path
from assaymark.core.ports import blob_name
from assaymark.core.strictjson import loads
from assaymark.faces.http.hub.answers import Bytes, JsonObject, answer, base_of
from assaymark.faces.http.hub.reading import REPO_API, revision_of
from assaymark.faces.http.problems import Problem
from assaymark.faces.http.routes import KNOWN, Known, Routes, Wired, on_object, on_path
from assaymark.faces.http.services import Services
from assaymark.faces.http.wired import desk
from assaymark.registry import drafts, versions
from assaymark.registry.access import PUBLISH, Scope
from assaymark.registry.models import find_model
from assaymark.registry.names import ModelName
from assaymark.registry.revisions import MAIN, digest_of, newest
from assaymark.registry.work import Work

routes = Routes(errors=answer)
COMMIT = 32 << 20
"""Bytes of a commit: large files come by LFS, so it holds names."""
_MOST = 100_000
_XET = "the registry takes LFS uploads"
_XET_STEP = "set HF_HUB_DISABLE_XET=1"


@dataclass
class Commit:
    """What a client wants changed."""

    parent: str | None = None
    added: list[ManifestFile] = field(default_factory=list)
    inline: list[tuple[str, bytes]] = field(default_factory=list)
    deleted: list[str] = field(default_factory=list)


@routes.post("/api/repos/create", on_object(PUBLISH))
def create(body: JsonObject, request: Request, caller: Known, services: Wired) -> Response:
    """Make a model in a project."""
    project, model = body.get("organization"), body.get("name")
    if isinstance(model, str) and "/" in model:
        project, _, model = model.partition("/")
    if body.get("type") not in {None, "model"}:
        raise Problem(400, "this registry holds models alone")
    if not isinstance(project, str) or not isinstance(model, str):
        raise Problem(400, "a model is in a project", "write PROJECT/MODEL")
    name = ModelName.parse(f"{project}/{model}")
    caller.demand(PUBLISH, Scope(project, model))
    url = f"{base_of(request, services)}/{name}"
    with services.database.read() as connection:
        try:
            find_model(connection, name)
        except NotFound:
            pass
        else:
            return JSONResponse({"error": "You already created this model repo", "url": url}, 409)
    desk(services, caller).create(str(name))
    return JSONResponse({"url": url, "name": str(name), "id": str(name)})


@routes.post("/api/validate-yaml", KNOWN)
def validate_yaml(body: JsonObject) -> dict[str, Any]:
    """Clients ask before they commit a card. The registry reads no meaning into cards."""
    del body
    return {"errors": [], "warnings": []}


@routes.get(REPO_API + "/xet-write-token/{revision}", on_path(PUBLISH))
def xet_token(project: str, model: str, revision: str) -> dict[str, Any]:
    """Say why a client with Xet cannot go on."""
    del project, model, revision
    raise Problem(501, _XET, _XET_STEP)


@routes.post(REPO_API + "/preupload/{revision}", on_path(PUBLISH), largest=COMMIT)
def preupload(
    project: str, model: str, revision: str, body: JsonObject, caller: Known, services: Wired
) -> dict[str, Any]:
    """Everything comes by LFS, by its sha256."""
    del caller, revision
    with services.database.read() as connection:
        find_model(connection, ModelName.parse(f"{project}/{model}"))
    files = body.get("files")
    if not isinstance(files, list) or not all(isinstance(file, dict) for file in files):
        raise Problem(400, "files has to be a list of objects")
    paths = [check_path(_text(file.get("path"))) for file in files]
    return {"files": [{"path": path, "uploadMode": "lfs", "shouldIgnore": False} for path in paths]}


@routes.post(REPO_API + "/commit/{revision}", on_path(PUBLISH), largest=COMMIT)
def commit(
    project: str, model: str, revision: str, request: Request, body: Bytes, caller: Known, services: Wired,
    create_pr: str = "",
) -> Response:  # fmt: skip
    """Change a draft, and say what it still needs."""
    if create_pr not in {"", "0", "false"}:
        raise Problem(403, "there are no pull requests here", "commit to main: it becomes a draft")
    wanted = _read(body)
    name, person = ModelName.parse(f"{project}/{model}"), caller.principal.person
    with services.database.read() as connection:
        find_model(connection, name)
    stored = [ManifestFile(path, size, sha) for path, data in wanted.inline for sha, size in [_put(services, data)]]
    with services.registrar.work() as work:
        if wanted.parent is not None:
            _check_parent(work, name, revision, person, wanted.parent)
        row = drafts.open_draft(work, name, revision, person)
        versions.note_uploads(work, project, (file.sha256 for file in stored))
        drafts.commit(work, name, row, [*wanted.added, *stored], wanted.deleted)
        sha = digest_of(work.connection, row)[:40]
    step = f"{name}@{row.name} is a draft; to publish it: assay registry seal {name}@{row.name} --as YOU --key KEY"
    document = {
        "success": True, "commitOid": sha, "commitUrl": f"{base_of(request, services)}/{name}/commit/{row.name}",
        "hookOutput": step, "draft": f"{name}@{row.name}",
    }  # fmt: skip
    return JSONResponse(document, headers={"X-HF-Warning": f"{name}@{row.name}; {step}"})


@routes.post(REPO_API + "/branch/{branch}", on_path(PUBLISH))
def branch(project: str, model: str, branch: str, body: JsonObject, caller: Known, services: Wired) -> dict[str, Any]:
    """Begin a draft of that name, with what another revision holds if one is named."""
    name, start = ModelName.parse(f"{project}/{model}"), body.get("startingPoint")
    files: list[ManifestFile] = []
    if start is not None:
        source = revision_of(services, caller, project, model, _text(start))
        with services.database.read() as connection:
            files = list(versions.manifest_of(connection, source.row.id).files)
    with services.registrar.work() as work:
        model_row = find_model(work.connection, name)
        if branch == MAIN or drafts.named(work.connection, model_row.id, branch) is not None:
            raise Problem(409, f"{name} has a version {branch} already", "names are given once")
        row = drafts.open_draft(work, name, branch, caller.principal.person)
        drafts.commit(work, name, row, files)
    return {"success": True}


def _read(body: bytes) -> Commit:
    """The lines of a commit; raises Problem or Malformed."""
    made = Commit()
    lines = [line for line in body.split(b"\n") if line.strip()]
    if len(lines) > _MOST:
        raise Problem(413, f"at most {_MOST:,} changes at a time")
    for number, line in enumerate(lines, 1):
        item = loads(line, f"line {number}", limit=COMMIT, floats=True)
        key, value = (item.get("key"), item.get("value")) if isinstance(item, dict) else (None, None)
        if not isinstance(value, dict):
            raise Problem(400, f"line {number} is no change")
        _take(made, key, value)
    return made


def _take(made: Commit, key: Any, value: dict[str, Any]) -> None:
    if key == "header":
        made.parent = None if value.get("parentCommit") is None else _text(value["parentCommit"])
        return
    path = check_path(_text(value.get("path")).rstrip("/") if key == "deletedFolder" else _text(value.get("path")))
    if key == "file":
        if value.get("encoding", "utf-8") == "base64":
            made.inline.append((path, _decoded(_text(value.get("content")))))
        else:
            made.inline.append((path, _text(value.get("content")).encode()))
    elif key == "lfsFile":
        size = value.get("size")
        if value.get("algo", "sha256") != "sha256" or not isinstance(size, int) or isinstance(size, bool) or size < 0:
            raise Problem(400, "a file has a sha256 and a size")
        made.added.append(ManifestFile(path, size, blob_name(_text(value.get("oid")))))
    elif key in {"deletedFile", "deletedFolder"}:
        made.deleted.append(path + "/" * (key == "deletedFolder"))
    else:
        raise Problem(400, f"{str(key)[:40]!r} is no change that is known here")


def _check_parent(work: Work, name: ModelName, branch: str, person: str, parent: str) -> None:
    """Refuse a commit on something else than what its author looked at."""
    row = drafts.find_draft(work.connection, name, branch, person)
    if row is None and branch == MAIN:
        row = newest(work.connection, find_model(work.connection, name).id)
    if row is not None and not digest_of(work.connection, row).startswith(parent):
        raise Problem(412, f"{branch} has moved since {parent[:40]}", "look at it again and repeat")


def _put(services: Services, data: bytes) -> tuple[str, int]:
    sha256, size = services.registrar.store.put(data)
    return str(sha256), int(size)


def _decoded(text: str) -> bytes:
    try:
        return b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        raise Problem(400, "content is not base64") from None


def _text(value: Any) -> str:
    if not isinstance(value, str) or "\0" in value:
        raise Problem(400, "a text is missing where one has to be")
    return value
