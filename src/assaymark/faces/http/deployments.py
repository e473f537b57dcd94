"""Deployments, and bills of materials of what is no version here."""

from typing import Annotated, Any

from fastapi import Query
from pydantic import Field

from assaymark.faces.http.routes import KNOWN, Known, Routes, Wired, on_object, on_org, on_path
from assaymark.faces.http.wired import ENVELOPE, Strict, desk, readable
from assaymark.registry.access import ATTEST, READ, Scope

routes = Routes("/api/v1")


class Deployed(Strict):
    """That a version runs under a name; without `since` from now on."""

    name: str = Field(max_length=128)
    environment: str = Field(default="production", max_length=64)
    since: str = Field(default="", max_length=20)


class Undeployed(Strict):
    """That nothing runs under a name; without `until` from now on."""

    name: str = Field(max_length=128)
    environment: str = Field(default="production", max_length=64)
    until: str = Field(default="", max_length=20)


class NewBom(Strict):
    """A document as text, or its envelope."""

    document: str
    series: str = Field(default="", max_length=200)


@routes.post("/projects/{project}/models/{model}/versions/{version}/deployments", on_path(ATTEST), status_code=201)
def deploy(project: str, model: str, version: str, new: Deployed, caller: Known, services: Wired) -> dict[str, Any]:
    """Report that it runs. What another model runs under that name is not his to end."""
    at = desk(services, caller)
    for one in at.running(new.name, new.environment):
        caller.demand(ATTEST, _scope(one), f"{new.environment}/{new.name}")
    return at.deploy(f"{project}/{model}@{version}", new.name, new.environment, since=new.since)


@routes.post("/undeployments", on_object(ATTEST))
def undeploy(new: Undeployed, caller: Known, services: Wired) -> dict[str, Any]:
    """Report that nothing runs under a name any more."""
    at = desk(services, caller)
    running = at.running(new.name, new.environment)
    for one in running:
        caller.demand(ATTEST, _scope(one), f"{new.environment}/{new.name}")
    caller.judged = True  # where nothing runs there is nothing to give away
    return at.undeploy(new.name, new.environment, until=new.until)


@routes.get("/deployments", KNOWN)
def deployments(
    caller: Known,
    services: Wired,
    model: Annotated[str, Query(max_length=200)] = "",
    *,
    ended: bool = False,
    after: Annotated[int, Query(ge=0, lt=1 << 53)] = 0,
) -> list[dict[str, Any]]:
    """What runs, as far as the caller may see it: a page."""
    found = desk(services, caller).deployments(model, ended=ended, after=after, projects=readable(caller))
    return caller.only(READ, found, _scope)


@routes.post("/boms", on_org(ATTEST), largest=ENVELOPE, status_code=201)
def add_bom(new: NewBom, caller: Known, services: Wired) -> dict[str, Any]:
    """Take a bill of materials of something that no version here is into the graph."""
    return desk(services, caller).add_bom(new.document.encode("utf-8", "replace"), new.series)


def _scope(line: dict[str, Any]) -> Scope:
    return Scope(*line["version"].partition("@")[0].split("/", 1))
