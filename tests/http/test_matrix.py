"""Every route of the application, for everybody who might ask: generated from the router, so new routes are in it."""

import itertools
import re
from collections.abc import Iterator
from typing import Any

import pytest
from fastapi import FastAPI
from starlette.responses import PlainTextResponse
from starlette.routing import Mount, Route

from assaymark.faces.http import app as application
from assaymark.faces.http.app import OWN, bare_app, create_app
from assaymark.faces.http.problems import answer as problem_document
from assaymark.faces.http.routes import Guarded, Known, Routes, all_routes, on_object, on_path
from assaymark.registry.access import READ, ROLES, Binding, Scope, allowed
from tests.http.conftest import Stage

FILLED = {"project": "vision", "model": "cat", "channel": "production", "version": "1"}


def guarded() -> list[Guarded]:
    """All routes, as the router has them."""
    app = bare_app(None, [*OWN, PROJECTS])  # type: ignore[arg-type] # nothing is asked
    return [route for route in all_routes(app.routes) if isinstance(route, Guarded)]


PROJECTS = Routes("/api/v1/example")
"""Routes on a project, so that the matrix has foreign objects whatever capabilities are there."""


@PROJECTS.get("/{project}/{model}", on_path(READ))
def example(project: str, model: str) -> str:
    return f"{project}/{model}"


@PROJECTS.post("/{project}/{model}/publish", on_path("publish"))
def publish(project: str, model: str) -> str:
    return f"{project}/{model}"


@PROJECTS.get("/loaded/by/id/{number}", on_object(READ))
def loaded(number: int, caller: Known) -> str:
    caller.demand(READ, Scope("vision" if number == 1 else "speech"), f"number {number}")
    return "here it is"


def cases() -> Iterator[tuple[str, Guarded]]:
    for route in guarded():
        for method in sorted(route.methods or ()):
            yield method, route


CASES = [pytest.param(method, route, id=f"{method} {route.path}") for method, route in cases()]


def path_of(route: Guarded, project: str = "vision") -> str:
    found = {**FILLED, "project": project}
    return re.sub(r"\{(\w+)(?::\w+)?\}", lambda name: found.get(name[1], "1"), route.path)


def ask(stage: Stage, method: str, route: Guarded, token: str, project: str = "vision") -> Any:
    return stage.client(token, PROJECTS).request(method, path_of(route, project))


@pytest.mark.parametrize(("method", "route"), CASES)
@pytest.mark.parametrize(
    "token", ["", "nonsense", "assay_pat_" + "0" * 43 + "_000000"], ids=["none", "nonsense", "forged"]
)
def test_without_credentials_nothing_but_what_is_public(stage: Stage, method: str, route: Guarded, token: str) -> None:
    answer = ask(stage, method, route, token)
    assert (answer.status_code != 401) == route.permission.public
    if not route.permission.public:
        assert answer.headers["www-authenticate"].startswith("Bearer")
        if route.errors is problem_document:  # facades tell it their own way
            assert answer.json()["type"] == "urn:assaymark:problem:401"


@pytest.mark.parametrize(("method", "route"), CASES)
def test_every_role_on_its_own_project_and_on_a_foreign_one(stage: Stage, method: str, route: Guarded) -> None:
    tokens = {role: stage.user(role, *([] if role == "none" else [f"{role} on vision"])) for role in (*ROLES, "none")}
    client = stage.client("", PROJECTS)
    for role, project in itertools.product(tokens, ("vision", "speech")):
        headers = {"Authorization": f"Bearer {tokens[role]}"}
        status = client.request(method, path_of(route, project), headers=headers).status_code
        assert status < 500, (role, project)
        permission = route.permission
        if permission.public or permission.verb is None or permission.at is None:
            continue  # these have tests of their own
        held = () if role == "none" else (Binding(role, Scope("vision")),)
        on_project = "{project}" in route.path
        scope = Scope(project, "cat" if "{model}" in route.path else None) if on_project else Scope()
        if allowed(_principal(held), permission.verb, scope):
            assert status not in {401, 403}, (role, project)
        else:
            seen = not on_project or allowed(_principal(held), READ, scope)
            assert status == (403 if seen else 404), (role, project)


def _principal(held: tuple[Binding, ...]) -> Any:
    from assaymark.registry.access import Principal

    return Principal("alice", "alice", held)


@pytest.mark.parametrize(("method", "route"), CASES)
def test_no_body_is_read_before_the_sender_is_known(stage: Stage, method: str, route: Guarded) -> None:
    body = b'{"a": NaN'
    answer = stage.client("", PROJECTS).request(
        method, path_of(route), content=body, headers={"Content-Type": "application/json"}
    )
    if not route.permission.public:
        assert answer.status_code == 401
    else:
        assert answer.status_code < 500


def test_what_is_not_there_and_what_one_may_not_see_look_alike(stage: Stage) -> None:
    client = stage.client(stage.user("alice", "reader on vision"), PROJECTS)
    assert client.get("/api/v1/example/loaded/by/id/1").status_code == 200
    hidden = client.get("/api/v1/example/loaded/by/id/2")
    assert hidden.status_code == 404 and "speech" not in hidden.text


OPEN = {"/healthz", "/readyz", "/v1/query", "/v1/querybatch", "/v1/vulns/{identity:path}"}
FOR_ALL_WHO_ARE_KNOWN = {
    "/api/v1/whoami",
    "/api/v1/openapi.json",
    "/api/v1/tokens",
    "/api/v1/models",
    "/api/v1/requests",
    "/api/v1/trust",
    "/api/v1/deployments",
    "/api/v1/impact",
    "/api/v1/impact/why",
    "/api/v1/graph/ancestry",
    "/v2",
    "/v2/",
    "/v2/token",
    "/v2/_catalog",
    "/v2/{rest:path}",
}
"""Lists show only what the caller may see; the trust root is what everybody verifies with."""


def test_routes_that_ask_for_no_right_are_these_and_no_others() -> None:
    assert {route.path for route in guarded() if route.permission.public} == OPEN
    weak = {route.path for route in guarded() if route.permission.verb is None and not route.permission.public}
    assert weak == FOR_ALL_WHO_ARE_KNOWN
    assert {route.path for route in guarded() if route.permission.open_to} == {"/metrics"}


# start-up


def test_a_route_without_a_permission_fails_start_up(stage: Stage) -> None:
    app = bare_app(stage.services, OWN)
    app.add_api_route("/open", lambda: "hello")
    with pytest.raises(RuntimeError, match="/open"):
        application.check_routes(app.routes)


def test_an_included_router_fails_start_up(stage: Stage) -> None:
    from fastapi import APIRouter

    router = APIRouter()
    router.add_api_route("/open", lambda: "hello")
    app = bare_app(stage.services, OWN)
    app.include_router(router)
    with pytest.raises(RuntimeError, match="without a declared permission"):
        application.check_routes(app.routes)


@pytest.mark.parametrize("mounted", ["fastapi", "starlette", "raw", "empty"])
def test_a_mounted_application_with_an_open_route_fails_start_up(stage: Stage, mounted: str) -> None:
    sub: Any = bare_app(stage.services, [PROJECTS])
    if mounted == "fastapi":
        sub.add_api_route("/open", lambda: "hello")
    elif mounted == "starlette":
        sub = Mount("/deeper", routes=[Route("/open", lambda _: PlainTextResponse(""))])
    else:
        sub = (
            PlainTextResponse("hello") if mounted == "raw" else FastAPI(openapi_url=None, docs_url=None, redoc_url=None)
        )
    with pytest.raises(RuntimeError, match="without a declared permission"):
        create_app(stage.services, mounts={"/facade": sub})


def test_a_mounted_application_of_guarded_routes_is_served(stage: Stage) -> None:
    token = stage.user("alice", "reader on vision")
    client = stage.client(token, mounts={"/facade": bare_app(stage.services, [PROJECTS])})
    assert client.get("/facade/api/v1/example/vision/cat").json() == "vision/cat"
    assert client.get("/facade/api/v1/example/speech/cat").status_code == 404
    assert client.get("/facade/api/v1/example/vision/cat", headers={"Authorization": ""}).status_code == 401


def test_a_handler_that_forgets_to_ask_gives_nothing_away(stage: Stage) -> None:
    forgetful = Routes()

    @forgetful.get("/forgetful", on_object(READ))
    def secret() -> str:
        return "the secret"

    answer = stage.client(stage.user("alice"), forgetful).get("/forgetful")
    assert answer.status_code == 500 and "the secret" not in answer.text
    assert stage.logged[-2]["bug"] == "AssertionError"


def test_a_verb_that_is_none_cannot_be_declared() -> None:
    with pytest.raises(ValueError, match="no verb"):
        on_path("everything")
