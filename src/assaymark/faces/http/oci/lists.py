"""Lists: tags of a model, models of the registry, and what refers to a version."""

from starlette.requests import Request
from starlette.responses import Response

from assaymark.faces.http.oci.common import (
    PAGE,
    REPOSITORY,
    digest_in,
    indexed,
    json_answer,
    model_name,
    next_page,
    number_in,
    registrar_of,
    told_as,
)
from assaymark.faces.http.oci.problems import facade, refuse
from assaymark.faces.http.routes import KNOWN, Known, Wired, on_path
from assaymark.registry import oci
from assaymark.registry.access import READ, Scope
from assaymark.registry.oci_documents import INDEX

routes = facade()
_LONGEST = 200
"""Characters of a `last`."""


@routes.get("/_catalog", KNOWN)
def catalog(request: Request, caller: Known, services: Wired) -> Response:
    """Models that the caller may read, and no others."""
    count, last = number_in(request, "n"), _last(request)
    found: list[str] = []
    more = count > 0
    while more and len(found) <= count:
        with registrar_of(services).look() as work:
            page = oci.models_after(work.connection, last, PAGE)
        more = len(page) == PAGE
        last = str(page[-1]) if page else last
        found.extend(str(name) for name in page if caller.may(READ, Scope(name.project, name.model)))
    headers = next_page("/v2/_catalog", count, found[count - 1]) if len(found) > count > 0 else {}
    return Response(json_answer({"repositories": found[:count]}), headers=headers, media_type="application/json")


@routes.get(REPOSITORY + "/tags/list", on_path(READ))
def tags(project: str, model: str, request: Request, services: Wired) -> Response:
    """Names of versions and channels."""
    name, count, last = model_name(project, model), number_in(request, "n"), _last(request)
    with told_as("NAME_UNKNOWN"), registrar_of(services).look() as work:
        found = [tag for tag in oci.tags(work, name) if tag > last]
    headers = next_page(f"/v2/{name}/tags/list", count, found[count - 1]) if len(found) > count > 0 else {}
    body = {"name": str(name), "tags": found[:count]}
    return Response(json_answer(body), headers=headers, media_type="application/json")


@routes.get(REPOSITORY + "/referrers/{digest}", on_path(READ))
def referrers(project: str, model: str, digest: str, request: Request, services: Wired) -> Response:
    """The signed statements about a version; none where the digest is nothing of the model's, as the specification wants."""
    name, sha256 = model_name(project, model), digest_in(digest)
    wanted = request.query_params.get("artifactType", "")
    registrar = registrar_of(services)
    with told_as("NAME_UNKNOWN"):
        indexed(registrar, name)
        with registrar.look() as work:
            found = oci.referring(work.connection, name, sha256)
    if wanted:
        found = [one for one in found if one["artifactType"] == wanted]
    body = {"schemaVersion": 2, "mediaType": INDEX, "manifests": found}
    headers = {"OCI-Filters-Applied": "artifactType"} if wanted else {}
    return Response(json_answer(body), headers=headers, media_type=INDEX)


def _last(request: Request) -> str:
    text = request.query_params.get("last", "")
    if len(text) > _LONGEST:
        raise refuse(400, "UNSUPPORTED", "'last' is the name that the page before ended with")
    return text
