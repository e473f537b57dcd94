"""Versions: their files, their seal, what is said of them, and their end."""

import json
from typing import Annotated, Any

from fastapi import Query
from pydantic import Field
from starlette.responses import StreamingResponse

from assaymark.faces.http.routes import Known, Routes, Wired, hidden, on_path
from assaymark.faces.http.wired import ENVELOPE, Reason, Signed, Strict, desk
from assaymark.registry.access import ATTEST, DELETE, DEPRECATE, PUBLISH, QUARANTINE, READ, Scope

_VERSIONS = "/projects/{project}/models/{model}/versions"
_VERSION = _VERSIONS + "/{version}"
routes = Routes("/api/v1")


class Parent(Strict):
    """A version that another was made of, and how."""

    version: str = Field(max_length=200)
    kind: str = Field(max_length=32)


class NewVersion(Strict):
    """A draft."""

    name: str = Field(max_length=64)
    parents: list[Parent] = Field(default=[], max_length=100)


class Sealing(Signed):
    """The seal, and the bill of materials that comes with it."""

    bom: dict[str, Any] | None = None


class NewFile(Strict):
    """A file of a draft; its bytes are uploaded by digest."""

    path: str = Field(max_length=4096)
    size: int = Field(ge=0, lt=1 << 53)
    sha256: str = Field(max_length=64)


class NewFiles(Strict):
    """Files of a draft."""

    files: list[NewFile] = Field(max_length=10_000)


@routes.get(_VERSIONS, on_path(READ))
def list_versions(
    project: str,
    model: str,
    caller: Known,
    services: Wired,
    before: Annotated[int | None, Query(ge=0, lt=1 << 53)] = None,
) -> list[dict[str, Any]]:
    """Versions, the newest first."""
    return desk(services, caller).versions(f"{project}/{model}", before=before)


@routes.post(_VERSIONS, on_path(PUBLISH), status_code=201)
def draft(project: str, model: str, new: NewVersion, caller: Known, services: Wired) -> dict[str, Any]:
    """Begin a version."""
    parents = [(parent.version, parent.kind) for parent in new.parents]
    for parent, _ in parents:
        caller.demand(READ, Scope(*parent.partition("@")[0].split("/", 1)))
    at = desk(services, caller)
    return at.draft(f"{project}/{model}@{new.name}", caller.principal.person, parents)


@routes.get(_VERSION, on_path(READ))
def show(project: str, model: str, version: str, caller: Known, services: Wired) -> dict[str, Any]:
    """One version whole."""
    return desk(services, caller).show(f"{project}/{model}@{version}")


@routes.get(_VERSION + "/files", on_path(READ))
def files(
    project: str,
    model: str,
    version: str,
    caller: Known,
    services: Wired,
    after: Annotated[str, Query(max_length=4096)] = "",
) -> list[dict[str, Any]]:
    """Files by path, a page of them."""
    return desk(services, caller).files(f"{project}/{model}@{version}", after=after)


@routes.put(_VERSION + "/files", on_path(PUBLISH), largest=16 << 20)
def add_files(project: str, model: str, version: str, new: NewFiles, caller: Known, services: Wired) -> dict[str, Any]:
    """Say which blobs a draft holds."""
    given = [file.model_dump() for file in new.files]
    return desk(services, caller).add_files(f"{project}/{model}@{version}", given)


@routes.get(_VERSION + "/files/{path:path}", on_path(READ))
def read_file(project: str, model: str, version: str, path: str, caller: Known, services: Wired) -> StreamingResponse:
    """The bytes of one file. The path is looked up among the version's own; none of it reaches a file system."""
    found = desk(services, caller).file(f"{project}/{model}@{version}", path)
    if found is None:
        raise hidden(f"{project}/{model}@{version} {path}")
    sha256, size = found
    reader = services.registrar.store.open(sha256)
    headers = {
        "Content-Length": str(size), "ETag": f'"{sha256}"', "Content-Disposition": "attachment",
        "Cache-Control": "private, max-age=31536000, immutable",
    }  # fmt: skip
    return StreamingResponse(iter(reader), media_type="application/octet-stream", headers=headers)


@routes.post(_VERSION + "/seal", on_path(PUBLISH), largest=ENVELOPE)
def seal(project: str, model: str, version: str, signed: Sealing, caller: Known, services: Wired) -> dict[str, Any]:
    """Freeze a draft by its publisher's seal, with a bill of materials that he signed where there is one; its scan begins."""
    bom = json.dumps(signed.bom).encode() if signed.bom is not None else None
    done = desk(services, caller).seal(f"{project}/{model}@{version}", signed.document(), bom)
    services.registrar.wake()
    return done


@routes.post(_VERSION + "/evidence", on_path(ATTEST), largest=ENVELOPE)
def attest(project: str, model: str, version: str, signed: Signed, caller: Known, services: Wired) -> dict[str, Any]:
    """Take evidence of a trusted key."""
    return desk(services, caller).attest(f"{project}/{model}@{version}", signed.document())


@routes.get(_VERSION + "/evidence/{digest}", on_path(READ))
def statement(project: str, model: str, version: str, digest: str, caller: Known, services: Wired) -> dict[str, Any]:
    """The envelope of what was said about a version, by the digest of its payload."""
    return desk(services, caller).statement(f"{project}/{model}@{version}", digest)


@routes.post(_VERSION + "/scan", on_path(ATTEST))
def scan(project: str, model: str, version: str, caller: Known, services: Wired) -> dict[str, Any]:
    """Have it scanned again."""
    done = desk(services, caller).scan_again(f"{project}/{model}@{version}")
    services.registrar.wake()
    return done


@routes.get(_VERSION + "/quarantine", on_path(READ))
def quarantined(project: str, model: str, version: str, caller: Known, services: Wired) -> dict[str, Any]:
    """The quarantine that stands."""
    return desk(services, caller).quarantined(f"{project}/{model}@{version}")


@routes.post(_VERSION + "/quarantine", on_path(QUARANTINE), largest=ENVELOPE)
def quarantine(
    project: str, model: str, version: str, signed: Signed, caller: Known, services: Wired
) -> dict[str, Any]:
    """Stop a version."""
    return desk(services, caller).quarantine(f"{project}/{model}@{version}", signed.document())


@routes.post(_VERSION + "/lift", on_path(QUARANTINE), largest=ENVELOPE)
def lift(project: str, model: str, version: str, signed: Signed, caller: Known, services: Wired) -> dict[str, Any]:
    """One of the two words that end a quarantine."""
    return desk(services, caller).lift(f"{project}/{model}@{version}", signed.document())


@routes.post(_VERSION + "/deprecate", on_path(DEPRECATE))
def deprecate(project: str, model: str, version: str, why: Reason, caller: Known, services: Wired) -> dict[str, Any]:
    """It can still be loaded, but should not be used anew."""
    return desk(services, caller).set_state(f"{project}/{model}@{version}", "deprecate", why.reason)


@routes.post(_VERSION + "/revoke", on_path(QUARANTINE))
def revoke(project: str, model: str, version: str, why: Reason, caller: Known, services: Wired) -> dict[str, Any]:
    """It is never loaded again."""
    return desk(services, caller).set_state(f"{project}/{model}@{version}", "revoke", why.reason)


@routes.delete(_VERSION, on_path(DELETE))
def delete(project: str, model: str, version: str, caller: Known, services: Wired) -> dict[str, Any]:
    """Leave a tombstone; its bytes go with the next sweep, unless something living needs them."""
    return desk(services, caller).set_state(f"{project}/{model}@{version}", "delete")
