"""Manifests: a version is pulled as one, and pushed as one."""

from typing import Annotated, Any

from fastapi import Depends
from starlette.requests import Request
from starlette.responses import Response

from assaymark.core.errors import Malformed, NotFound, UsageError
from assaymark.core.ports import NoSuchBlob
from assaymark.faces.http.oci.common import (
    REPOSITORY,
    digest_in,
    indexed,
    may_publish,
    model_name,
    plain_body,
    registrar_of,
    told_as,
)
from assaymark.faces.http.oci.problems import facade, refuse
from assaymark.faces.http.routes import Known, Wired, on_path
from assaymark.faces.http.wired import desk
from assaymark.registrar import Registrar
from assaymark.registry import oci, versions
from assaymark.registry.access import DELETE, PUBLISH, READ
from assaymark.registry.models import find_model
from assaymark.registry.names import ModelName, VersionName, check_name
from assaymark.registry.oci_documents import LARGEST, LARGEST_CONFIG, MANIFEST, Pushed, read_pushed

routes = facade()
_MANIFEST = REPOSITORY + "/manifests/{reference}"


async def _body(request: Request) -> bytes:
    return await request.body()


@routes.add(["GET", "HEAD"], _MANIFEST, on_path(READ))
def read(project: str, model: str, reference: str, request: Request, caller: Known, services: Wired) -> Response:
    """A version by its name, by a channel that it stands in, or by digest; a signed statement by digest."""
    name = model_name(project, model)
    with told_as("MANIFEST_UNKNOWN"):
        found = _find(registrar_of(services), name, reference, drafts=may_publish(caller, name))
    headers = {
        "Docker-Content-Digest": f"sha256:{found.sha256}", "ETag": f'"sha256:{found.sha256}"',
        "Content-Length": str(len(found.content)),
    }  # fmt: skip
    return Response(b"" if request.method == "HEAD" else found.content, headers=headers, media_type=MANIFEST)


@routes.add(["PUT"], _MANIFEST, on_path(PUBLISH), largest=LARGEST)
def push(
    project: str, model: str, reference: str, request: Request, caller: Known, services: Wired,
    body: Annotated[bytes, Depends(_body)],
) -> Response:  # fmt: skip
    """Make a draft of what was pushed; its publisher seals it then.

    1. The tag can be a version's name, and is none yet.
    2. The manifest is one whose layers are files.
    3. Every blob was brought into the project, and has the size that is said of it.
    """
    plain_body(request)
    name = _new_name(model_name(project, model), reference)
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    try:
        read_ = read_pushed(body, kind)
    except Malformed as error:
        raise refuse(400, "MANIFEST_INVALID", error.message, error.step) from None
    if read_.has_subject:
        step = "send the signed statement itself: POST /api/v1/projects/…/versions/…/evidence"
        raise refuse(400, "UNSUPPORTED", "what refers to a version is not pushed", step)
    document = oci.Document.of(body)
    with told_as("NAME_UNKNOWN"):
        _draft(registrar_of(services), name, read_, document, caller.principal.person)
    digest = f"sha256:{document.sha256}"
    headers = {"Location": f"/v2/{name.model}/manifests/{digest}", "Docker-Content-Digest": digest}
    return Response(b"", 201, headers)


@routes.delete(_MANIFEST, on_path(DELETE))
def delete(project: str, model: str, reference: str, caller: Known, services: Wired) -> Response:
    """Leave a tombstone of a version; what stands in a channel is not deleted."""
    name = model_name(project, model)
    with told_as("MANIFEST_UNKNOWN"):
        version = _to_delete(registrar_of(services), name, reference)
        desk(services, caller).set_state(str(version), "delete")
    return Response(b"", 202)


def _find(registrar: Registrar, name: ModelName, reference: str, *, drafts: bool) -> oci.Document:
    if ":" not in reference:
        _check_tag(reference)
        with registrar.look() as work:
            return oci.tagged(work, name, reference)
    sha256 = digest_in(reference)
    for _ in range(2):
        with registrar.look() as work:
            found = oci.by_digest(work, name, sha256, drafts=drafts)
        if found is not None:
            return found
        if not indexed(registrar, name):
            break
    raise NotFound(f"{name} has no manifest sha256:{sha256}")


def _new_name(model: ModelName, reference: str) -> VersionName:
    if ":" in reference:
        digest_in(reference)
        raise refuse(400, "UNSUPPORTED", "a push needs a tag, which becomes the version's name", "push to a tag")
    _check_tag(reference)
    return VersionName(model, reference)


def _check_tag(tag: str) -> None:
    try:
        check_name(tag, "version")
    except UsageError as error:
        raise refuse(400, "MANIFEST_INVALID", error.message, "tags are lower case, at most 63 characters") from None


def _draft(registrar: Registrar, name: VersionName, given: Pushed, document: oci.Document, person: str) -> None:
    with registrar.look() as work:
        model = find_model(work.connection, name.model)
        if name.version in oci.channel_names(work, model.id):
            step = "push to the name of a version, and request its promotion"
            raise refuse(409, "DENIED", f"{name.version} is a channel, which moves by approvals alone", step)
        try:
            if oci.was_pushed(work.connection, name) == document.sha256:
                return  # the same once more
            raise refuse(409, "DENIED", f"the tag {name.version} is taken, and tags never move", "push to another tag")
        except NotFound:
            pass
        wanted = {file.sha256: file.size for file in given.files} | {given.config.sha256: given.config.size}
        found = {sha256: oci.blob(work, name.model, sha256, publisher=True) for sha256 in wanted}
    for sha256, size in wanted.items():
        _check_blob(registrar, found[sha256], sha256, size)
    config = _config(registrar, given)
    with registrar.work() as work:
        row = versions.draft(work, name, person)
        versions.note_uploads(work, name.model.project, wanted)  # what it can read here, it can name here
        versions.add_files(work, name, given.files)
        oci.remember(work.connection, row, document, [config], given.config.sha256)


def _check_blob(registrar: Registrar, found: bytes | str | None, sha256: str, size: int) -> None:
    """The blob is one that this model shows to its publishers, and it is as large as was said."""
    store = registrar.store
    if isinstance(found, bytes):
        store.put(found, sha256)
    elif found is None or not store.touch(sha256):
        raise refuse(404, "MANIFEST_BLOB_UNKNOWN", f"sha256:{sha256} was not uploaded here", "upload blobs first")
    if store.size(sha256) != size:
        raise refuse(400, "SIZE_INVALID", f"sha256:{sha256} has not {size} bytes")


def _config(registrar: Registrar, given: Pushed) -> bytes:
    if given.config.size > LARGEST_CONFIG:
        raise refuse(413, "SIZE_INVALID", f"a config has at most {LARGEST_CONFIG:,} bytes")
    try:
        with registrar.store.open(given.config.sha256) as reader:
            return b"".join(reader)
    except NoSuchBlob:
        raise refuse(404, "MANIFEST_BLOB_UNKNOWN", "the config was not uploaded here") from None


def _to_delete(registrar: Registrar, name: ModelName, reference: str) -> VersionName:
    indexed(registrar, name)
    with registrar.look() as work:
        model = find_model(work.connection, name)
        if ":" not in reference:
            _check_tag(reference)
            if reference in oci.channel_names(work, model.id):
                raise refuse(405, "UNSUPPORTED", f"{reference} is a channel", "withdraw the request that it stands at")
            return VersionName(name, reference)
        sha256 = digest_in(reference)
        found: list[Any] = oci.versions_of(work.connection, name, sha256)
    if not found:
        raise NotFound(f"{name} has no version of sha256:{sha256}")
    if len(found) > 1:
        raise refuse(409, "DENIED", "several versions hold these bytes", "delete them by their tags")
    only: VersionName = found[0]
    return only
