"""Projects, models and their channels."""

from typing import Annotated, Any

from fastapi import Query
from pydantic import Field
from starlette.requests import Request
from starlette.responses import Response

from assaymark.core.errors import NotFound
from assaymark.core.ports import blob_name
from assaymark.faces.http.problems import Problem
from assaymark.faces.http.routes import KNOWN, Known, Routes, Wired, on_org, on_path
from assaymark.faces.http.wired import ENVELOPE, Signed, Strict, desk, readable
from assaymark.registry.access import ADMIN, DELETE, PUBLISH, QUARANTINE, READ, REQUEST, Scope
from assaymark.registry.names import check_name

routes = Routes("/api/v1")
_MODEL = "/projects/{project}/models/{model}"
_CHANNEL = _MODEL + "/channels/{channel}"


Id = Annotated[int, Query(ge=0, lt=1 << 53)]
"""Of a row: where the page before ended."""


class NewProject(Strict):
    """A project. `quota`: bytes that its versions may hold in all."""

    name: str = Field(max_length=64)
    quota: int | None = Field(default=None, ge=0, lt=1 << 53)


class NewModel(Strict):
    """A model, and its card in Markdown."""

    name: str = Field(max_length=64)
    card: str = Field(default="", max_length=200_000)


class Card(Strict):
    """A model's card."""

    card: str = Field(max_length=200_000)


class Proposal(Strict):
    """What is wanted."""

    version: str = Field(max_length=64)
    requester: str = Field(max_length=128)
    reason: str = Field(default="", max_length=2_000)
    days: int = Field(default=7, ge=1, le=30)
    emergency: bool = False


class NewRequest(Signed):
    """A signed request."""

    version: str = Field(max_length=64)


class Conclusion(Strict):
    """Of a review."""

    conclusion: str = Field(max_length=500)


class Names(Strict):
    """Blobs by sha256."""

    sha256: list[str] = Field(max_length=10_000)


@routes.post("/projects", on_org(ADMIN), status_code=201)
def create_project(new: NewProject, caller: Known, services: Wired) -> dict[str, Any]:
    """Make a project."""
    return desk(services, caller).create(check_name(new.name, "project"), quota=new.quota)


@routes.get("/models", KNOWN)
def search(
    caller: Known, services: Wired, text: Annotated[str, Query(max_length=200)] = "", after: Id = 0
) -> list[dict[str, Any]]:
    """Models that the caller may read, whose name holds the text."""
    at, projects = desk(services, caller), readable(caller)
    while page := at.search(text, after=after, projects=projects):
        mine = caller.only(READ, page, lambda item: Scope(*item["model"].split("/")))
        if mine:
            return mine
        after = page[-1]["id"]  # an empty page is the end for who asks
    return []


@routes.post("/projects/{project}/models", on_path(PUBLISH), status_code=201)
def create_model(project: str, new: NewModel, caller: Known, services: Wired) -> dict[str, Any]:
    """Make a model."""
    return desk(services, caller).create(f"{project}/{new.name}", card=new.card)


@routes.get(_MODEL, on_path(READ))
def show_model(project: str, model: str, caller: Known, services: Wired) -> dict[str, Any]:
    """A model, its channels and its newest versions."""
    return desk(services, caller).show(f"{project}/{model}")


@routes.put(_MODEL + "/card", on_path(PUBLISH), largest=1 << 20)
def describe(project: str, model: str, new: Card, caller: Known, services: Wired) -> dict[str, Any]:
    """Replace the card."""
    return desk(services, caller).describe(f"{project}/{model}", new.card)


@routes.delete(_MODEL, on_path(DELETE))
def delete_model(project: str, model: str, caller: Known, services: Wired) -> dict[str, Any]:
    """Leave a tombstone."""
    return desk(services, caller).delete(f"{project}/{model}")


@routes.post("/projects/{project}/blobs", on_path(PUBLISH))
def has_blobs(project: str, names: Names, caller: Known, services: Wired) -> list[str]:
    """Which of these were brought into the project before."""
    return desk(services, caller).has_blobs(project, names.sha256)


@routes.put("/projects/{project}/blobs/{sha256}", on_path(PUBLISH))
async def put_blob(project: str, sha256: str, request: Request, caller: Known, services: Wired) -> dict[str, Any]:
    """Store bytes for versions of the project, as they come."""
    from assaymark.faces.http.uploads import received

    if request.headers.get("content-encoding", "identity").lower() != "identity":
        raise Problem(415, "the bytes have to come as they are, without Content-Encoding")
    at = desk(services, caller)
    return await received(request, lambda pieces: at.put_blob(project, pieces, blob_name(sha256)))


@routes.post(_CHANNEL + "/propose", on_path(REQUEST))
def propose(project: str, model: str, channel: str, new: Proposal, caller: Known, services: Wired) -> dict[str, Any]:
    """What a requester has to sign for this version to be promoted."""
    return desk(services, caller).propose(
        f"{project}/{model}@{new.version}", channel, new.requester,
        reason=new.reason, days=new.days, emergency=new.emergency,
    )  # fmt: skip


@routes.post(_CHANNEL + "/requests", on_path(REQUEST), largest=ENVELOPE, status_code=201)
def open_request(
    project: str, model: str, channel: str, new: NewRequest, caller: Known, services: Wired
) -> dict[str, Any]:
    """Open a request; it has to speak of this channel."""
    return desk(services, caller).request(f"{project}/{model}@{new.version}", new.document(), channel)


@routes.get(_CHANNEL + "/bundle", on_path(READ))
def bundle(project: str, model: str, channel: str, caller: Known, services: Wired) -> Response:
    """What a host needs to verify what stands in the channel, canonical bytes."""
    made = desk(services, caller).bundle(f"{project}/{model}", channel)
    return Response(made.to_bytes(), media_type="application/json")


@routes.post(_CHANNEL + "/review", on_path(QUARANTINE))
def review(project: str, model: str, channel: str, said: Conclusion, caller: Known, services: Wired) -> dict[str, Any]:
    """End the review that break-glass forces."""
    return desk(services, caller).review(f"{project}/{model}", channel, said.conclusion)


@routes.get("/trust", KNOWN)
def trust(caller: Known, services: Wired) -> list[dict[str, Any]]:
    """Every version of the trust root, in its envelope."""
    found = desk(services, caller).roots()
    if not found:
        raise NotFound("there is no trust root yet")
    return found


@routes.post("/trust", on_org(ADMIN), largest=4 << 20, status_code=201)
def install_root(signed: Signed, caller: Known, services: Wired) -> dict[str, Any]:
    """Install the next trust root; its signatures are what counts."""
    return desk(services, caller).install_root(signed.document())


@routes.post("/policies", on_org(ADMIN), status_code=201)
def add_policy(policy: dict[str, Any], caller: Known, services: Wired) -> dict[str, Any]:
    """Keep a policy; it is in force where the trust root names it."""
    return desk(services, caller).add_policy(policy)
