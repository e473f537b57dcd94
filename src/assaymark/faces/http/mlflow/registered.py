"""Registered models: models of the registry under their MLflow names, and aliases."""

import re
from typing import Any

from assaymark.faces.http.mlflow.answers import API, Given, Parameters, answer
from assaymark.faces.http.mlflow.shown import model_of, version_of, versions_of, withheld
from assaymark.faces.http.mlflow.shown import readable as is_readable
from assaymark.faces.http.problems import Problem
from assaymark.faces.http.routes import KNOWN, Caller, Known, Routes, Wired, on_object
from assaymark.faces.http.services import Services
from assaymark.faces.http.wired import desk
from assaymark.registry import mlflow_tracking as tracking
from assaymark.registry import models
from assaymark.registry.access import DELETE, PUBLISH, READ, Scope
from assaymark.registry.mlflow_models import by_alias, drop_alias, mlflow_name, parse_name, set_alias
from assaymark.registry.names import ModelName, VersionName
from assaymark.registry.revisions import given as given_out
from assaymark.registry.work import Work

routes = Routes(API + "/registered-models", answer)
_FILTER = re.compile(r"\s*name\s*(=|like|ilike)\s*'([^']*)'\s*", re.IGNORECASE)
_PAGE = 100
_AND = re.compile(r"\band\b", re.IGNORECASE)
_PROMPTS = re.compile(r"\s*tags?\.`?mlflow\.prompt\.is_prompt`?\s*(!=|=)\s*'true'\s*", re.IGNORECASE)
"""What clients add of themselves. There are no prompts here, so every model is none."""


def terms(text: str | None) -> tuple[list[str], bool]:
    """The terms of a filter, and whether prompts alone are wanted."""
    parts, prompts = [], False
    for part in _AND.split(text) if text and text.strip() else ():
        found = _PROMPTS.fullmatch(part)
        if found is None:
            parts.append(part)
        elif found[1] == "=":
            prompts = True
    return parts, prompts


def model_for(work: Work, caller: Caller, verb: str, given: Given) -> tuple[ModelName, Any]:
    """The model that is named, and its row, on which the caller may do this."""
    name = parse_name(given.text("name"))
    caller.demand(verb, Scope(name.project, name.model), f"model {mlflow_name(name)}")
    return name, models.find_model(work.connection, name)


@routes.post("/create", on_object(PUBLISH))
def create(given: Parameters, caller: Known, services: Wired) -> dict[str, Any]:
    """Make a model in a project."""
    name = parse_name(given.text("name"))
    caller.demand(PUBLISH, Scope(name.project, name.model))
    with services.registrar.work() as work:
        models.create_model(work, name, caller.principal.person, given.text("description", ""))
        row = models.find_model(work.connection, name)
        for key, value in given.pairs("tags").items():
            tracking.note(work, f"model:{row.id}", tracking.TAG, key, value)
        return {"registered_model": model_of(work, name, row, caller.principal.person)}


@routes.get("/get", on_object(READ))
def get(given: Parameters, caller: Known, services: Wired) -> dict[str, Any]:
    """A model."""
    with services.registrar.look() as work:
        name, row = model_for(work, caller, READ, given)
        return {"registered_model": model_of(work, name, row, caller.principal.person)}


@routes.get("/search", KNOWN)
def search(given: Parameters, caller: Known, services: Wired) -> dict[str, Any]:
    """Models that the caller may read, a page of them."""
    parts, prompts = terms(given.maybe("filter"))
    if prompts:
        return {"registered_models": []}
    text = _searched(parts)
    limit = max(1, min(given.number("max_results", _PAGE), _PAGE))
    found = desk(services, caller).search(text, after=given.number("page_token") if given.maybe("page_token") else 0)
    mine = caller.only(READ, found[:limit], lambda item: Scope(*item["model"].split("/")))
    answered: dict[str, Any] = {"registered_models": []}
    with services.registrar.look() as work:
        for item in mine:
            name = ModelName.parse(item["model"])
            row = models.find_model(work.connection, name)
            answered["registered_models"].append(model_of(work, name, row, caller.principal.person))
    if len(found) >= limit:
        answered["next_page_token"] = str(found[limit - 1]["id"])
    return answered


@routes.add(["PATCH"], "/update", on_object(PUBLISH))
def update(given: Parameters, caller: Known, services: Wired) -> dict[str, Any]:
    """Replace the description, which is the model's card."""
    with services.registrar.work() as work:
        name, _ = model_for(work, caller, PUBLISH, given)
        models.describe(work, name, tracking.bounded(given.text("description", ""), 200_000, "a card"))
        row = models.find_model(work.connection, name)
        return {"registered_model": model_of(work, name, row, caller.principal.person)}


@routes.post("/rename", on_object(PUBLISH))
def rename(given: Parameters, caller: Known, services: Wired) -> dict[str, Any]:
    """Names stay with what they were given to."""
    with services.registrar.look() as work:
        name, _ = model_for(work, caller, PUBLISH, given)
    raise Problem(
        403, f"{mlflow_name(name)} cannot be renamed: a name is given once, and is signed", "make a new model"
    )


@routes.delete("/delete", on_object(DELETE))
def delete(given: Parameters, caller: Known, services: Wired) -> dict[str, Any]:
    """Leave a tombstone."""
    with services.registrar.look() as work:
        name, _ = model_for(work, caller, DELETE, given)
    desk(services, caller).delete(str(name))
    return {}


@routes.post("/set-tag", on_object(PUBLISH))
def set_tag(given: Parameters, caller: Known, services: Wired) -> dict[str, Any]:
    """Tag a model."""
    with services.registrar.work() as work:
        _, row = model_for(work, caller, PUBLISH, given)
        tracking.note(work, f"model:{row.id}", tracking.TAG, given.text("key"), given.text("value", ""))
    return {}


@routes.delete("/delete-tag", on_object(PUBLISH))
def delete_tag(given: Parameters, caller: Known, services: Wired) -> dict[str, Any]:
    """Drop a tag."""
    with services.registrar.work() as work:
        _, row = model_for(work, caller, PUBLISH, given)
        tracking.forget(work, f"model:{row.id}", tracking.TAG, given.text("key"))
    return {}


@routes.post("/alias", on_object(PUBLISH))
def point(given: Parameters, caller: Known, services: Wired) -> dict[str, Any]:
    """Move an alias; a channel does not move by one."""
    move(services, caller, given, given.text("alias"))
    return {}


@routes.delete("/alias", on_object(PUBLISH))
def unpoint(given: Parameters, caller: Known, services: Wired) -> dict[str, Any]:
    """Remove an alias."""
    with services.registrar.work() as work:
        name, _ = model_for(work, caller, PUBLISH, given)
        why = drop_alias(work, name, given.text("alias"))
    if why is not None:
        raise Problem(403, why)
    return {}


@routes.get("/alias", on_object(READ))
def at_alias(given: Parameters, caller: Known, services: Wired) -> dict[str, Any]:
    """The version at an alias or in a channel."""
    with services.registrar.look() as work, withheld():
        name, _ = model_for(work, caller, READ, given)
        return {
            "model_version": version_of(work, name, by_alias(work, name, given.text("alias"), caller.principal.person))
        }


@routes.add(["GET", "POST"], "/get-latest-versions", on_object(READ))
def latest(given: Parameters, caller: Known, services: Wired) -> dict[str, Any]:
    """For each stage the version that stands there; for `None` the newest that the caller gets."""
    person = caller.principal.person
    with services.registrar.look() as work:
        name, row = model_for(work, caller, READ, given)
        mine = [one for one in versions_of(work, row.id, person) if is_readable(one, person)]
        shown = [version_of(work, name, one) for one in mine]
    stages = {stage.lower() for stage in given.texts("stages")} or {"none", "staging", "production", "archived"}
    found: dict[str, dict[str, Any]] = {}
    for one in shown:
        places = {one["current_stage"].lower(), *one["aliases"]} - (
            {"none"} if one["current_stage"] != "None" else set()
        )
        for stage in stages & places:
            found.setdefault(stage, one)
    return {"model_versions": list({one["version"]: one for one in found.values()}.values())}


def move(services: Services, caller: Caller, given: Given, alias: str) -> None:
    """Move an alias, or say what it takes to move a channel."""
    with services.registrar.work() as work:
        name, _ = model_for(work, caller, PUBLISH, given)
        version = given.text("version")
        with withheld():
            given_out(models.find_version(work.connection, VersionName(name, version)), caller.principal.person)
        why = set_alias(work, name, alias, version)
    if why is not None:
        raise Problem(403, why)


def _searched(parts: list[str]) -> str:
    if not parts:
        return ""
    found = _FILTER.fullmatch(parts[0]) if len(parts) == 1 else None
    if found is None:
        raise Problem(400, "models are searched by name = '…' or name LIKE '%…%'")
    return found[2].strip("%").replace("~", "/")
