"""Versions: made from what was logged, read, tagged, moved to stages, deleted."""

import re
from typing import Any

from assaymark.faces.http.mlflow.answers import API, Given, Parameters, answer
from assaymark.faces.http.mlflow.registered import model_for, move, terms
from assaymark.faces.http.mlflow.shown import OURS, uri_of, version_of, versions_of, withheld
from assaymark.faces.http.problems import Problem
from assaymark.faces.http.routes import KNOWN, Caller, Known, Routes, Wired, on_object
from assaymark.faces.http.wired import desk
from assaymark.registry import mlflow_staging as staging
from assaymark.registry import mlflow_tracking as tracking
from assaymark.registry import models, queries, tables
from assaymark.registry import versions as registry_versions
from assaymark.registry.access import DELETE, DEPRECATE, PUBLISH, READ, Scope
from assaymark.registry.mlflow_models import mlflow_name, parse_name
from assaymark.registry.mlflow_staging import Place
from assaymark.registry.names import ModelName, VersionName
from assaymark.registry.revisions import given as given_out
from assaymark.registry.revisions import next_number
from assaymark.registry.work import Work

routes = Routes(API + "/model-versions", answer)
_TERM = re.compile(r"\s*(name|run_id)\s*(=|like|ilike)\s*'([^']*)'\s*", re.IGNORECASE)
_MOST = 10_000


@routes.post("/create", on_object(PUBLISH))
def create(given: Parameters, caller: Known, services: Wired) -> dict[str, Any]:
    """Freeze what was logged into a draft, which waits for its publisher's seal."""
    tags = given.pairs("tags")
    _check_tags(tags)
    with services.registrar.work() as work:
        name, row = model_for(work, caller, PUBLISH, given)
        at = _source(work, caller, given)
        version = next_number(work.connection, row.id)
        made = staging.register(work, name, version, at, caller.principal.person)
        registry_versions.set_tags(work, VersionName(name, version), tags)
        if text := given.maybe("description"):
            tracking.note(work, f"version:{made}", tracking.TEXT, "description", text)
        found = models.find_version(work.connection, VersionName(name, version))
        return {"model_version": version_of(work, name, found)}


@routes.get("/get", on_object(READ))
def get(given: Parameters, caller: Known, services: Wired) -> dict[str, Any]:
    """A version; one that is withheld is told of all the same, with its state."""
    with services.registrar.look() as work:
        name, row = _version(work, caller, READ, given)
        return {"model_version": version_of(work, name, row)}


@routes.get("/get-download-uri", on_object(READ))
def download_uri(given: Parameters, caller: Known, services: Wired) -> dict[str, Any]:
    """Where the artifacts of a version are."""
    with services.registrar.look() as work, withheld():
        name, row = _version(work, caller, READ, given)
        given_out(row, caller.principal.person)
        return {"artifact_uri": uri_of(name, row.name)}


@routes.get("/search", KNOWN)
def search(given: Parameters, caller: Known, services: Wired) -> dict[str, Any]:
    """Versions of models that the caller may read."""
    parts, prompts = terms(given.maybe("filter"))
    if prompts:
        return {"model_versions": []}
    wanted = _wanted(parts)
    with services.registrar.look() as work:
        found: list[dict[str, Any]] = []
        for name in _named(work, caller, wanted):
            row = models.find_model(work.connection, name)
            found.extend(version_of(work, name, one) for one in versions_of(work, row.id, caller.principal.person))
    if "run_id" in wanted:
        found = [one for one in found if one.get("run_id") == wanted["run_id"]]
    start = given.number("page_token") if given.maybe("page_token") else 0
    end = start + max(1, min(given.number("max_results", 1_000), _MOST))
    answered: dict[str, Any] = {"model_versions": found[start:end]}
    if len(found) > end:
        answered["next_page_token"] = str(end)
    return answered


@routes.add(["PATCH"], "/update", on_object(PUBLISH))
def update(given: Parameters, caller: Known, services: Wired) -> dict[str, Any]:
    """Replace the description."""
    with services.registrar.work() as work:
        name, row = _version(work, caller, PUBLISH, given)
        tracking.note(work, f"version:{row.id}", tracking.TEXT, "description", given.text("description", ""))
        return {"model_version": version_of(work, name, row)}


@routes.delete("/delete", on_object(DELETE))
def delete(given: Parameters, caller: Known, services: Wired) -> dict[str, Any]:
    """Leave a tombstone. A draft is deleted by whoever made it, too."""
    with services.registrar.look() as work:
        name = parse_name(given.text("name"))
        verb = DELETE
        scope = Scope(name.project, name.model)
        if caller.may(PUBLISH, scope):
            row = models.find_version(work.connection, VersionName(name, given.text("version")))
            verb = PUBLISH if row.state == "draft" and row.publisher == caller.principal.person else DELETE
        caller.demand(verb, scope, f"model {mlflow_name(name)}")
    desk(services, caller).set_state(f"{name}@{given.text('version')}", "delete")
    return {}


@routes.post("/set-tag", on_object(PUBLISH))
def set_tag(given: Parameters, caller: Known, services: Wired) -> dict[str, Any]:
    """Tag a version."""
    tag = {given.text("key"): given.text("value", "")}
    _check_tags(tag)
    with services.registrar.work() as work:
        name, row = _version(work, caller, PUBLISH, given)
        registry_versions.set_tags(work, VersionName(name, row.name), tag)
    return {}


@routes.delete("/delete-tag", on_object(PUBLISH))
def delete_tag(given: Parameters, caller: Known, services: Wired) -> dict[str, Any]:
    """Drop a tag."""
    with services.registrar.work() as work:
        _, row = _version(work, caller, PUBLISH, given)
        same = (tables.tags.c.version == row.id, tables.tags.c.key == given.text("key"))
        work.connection.execute(tables.tags.delete().where(*same))
    return {}


@routes.post("/transition-stage", on_object(PUBLISH))
def transition(given: Parameters, caller: Known, services: Wired) -> dict[str, Any]:
    """A stage is a channel, or an alias where no policy protects its name. `Archived` deprecates."""
    stage = given.text("stage").lower()
    if stage == "none":
        raise Problem(400, "a version leaves a channel when another takes its place, or when it is withdrawn")
    if stage == "archived":
        with services.registrar.look() as work:
            name, row = _version(work, caller, DEPRECATE, given)
        desk(services, caller).set_state(f"{name}@{row.name}", "deprecate")
    else:
        move(services, caller, given, stage)
    with services.registrar.look() as work:
        name, row = _version(work, caller, READ, given)
        return {"model_version": version_of(work, name, row)}


def _version(work: Work, caller: Caller, verb: str, given: Given) -> tuple[ModelName, Any]:
    """The version that is named, on whose model the caller may do this; another's draft is not there."""
    name, _ = model_for(work, caller, verb, given)
    row = models.find_version(work.connection, VersionName(name, given.text("version")))
    if row.state == "tombstone" or (row.state == "draft" and row.publisher != caller.principal.person):
        raise Problem(404, f"there is no version {row.name} of {mlflow_name(name)}")
    return name, row


def _source(work: Work, caller: Caller, given: Given) -> Place:
    """What a source means: a logged model, or artifacts of a run. Nothing else is read, from nowhere else."""
    source = given.text("source")
    scheme, _, rest = source.partition(":")
    rest = rest.lstrip("/")
    if scheme == "models" and rest.startswith("m-"):
        row = tracking.find_logged(work.connection, rest)
        path = f"{row.experiment}/models/{rest}/artifacts"
    elif scheme == "runs":
        run, _, below = rest.partition("/")
        row = tracking.find_run(work.connection, run)
        path = f"{row.experiment}/{run}/artifacts/{below}"
    elif scheme == "mlflow-artifacts":
        path = rest
    else:
        raise Problem(400, "a version is made of what was logged here", "log_model(...), then register it")
    at = staging.place(work.connection, path)
    caller.demand(READ, Scope(at.project, at.version.model.model if at.version else None), "artifacts at that source")
    if at.area is None:
        raise Problem(400, "a version is made of what was logged here, not of another version", "log the model again")
    return at


def _named(work: Work, caller: Caller, wanted: dict[str, str]) -> list[ModelName]:
    pattern = wanted.get("name", "%")
    text = pattern.strip("%")
    found: list[dict[str, Any]] = []
    while page := queries.search(work.connection, text.replace("~", "/"), after=found[-1]["id"] if found else 0):
        found.extend(page)
        if len(found) >= _MOST:
            break
    mine = caller.only(READ, found, lambda item: Scope(*item["model"].split("/")))
    names = [ModelName.parse(item["model"]) for item in mine]
    return [name for name in names if "%" in pattern or mlflow_name(name) == text]


def _wanted(parts: list[str]) -> dict[str, str]:
    wanted = {}
    for part in parts:
        found = _TERM.fullmatch(part)
        if found is None:
            raise Problem(400, "versions are searched by name = '…', name LIKE '%…%' and run_id = '…'")
        wanted[found[1].lower()] = found[3]
    return wanted


def _check_tags(tags: dict[str, str]) -> None:
    if any(key.startswith(OURS) for key in tags):
        raise Problem(400, f"tags that begin with {OURS} are the registry's own")
