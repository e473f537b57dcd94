"""Logged models (MLflow 3): a folder of artifacts with an id, from which versions are registered."""

from typing import Any

from assaymark.faces.http.mlflow.answers import API, Parameters, answer, pairs_of
from assaymark.faces.http.mlflow.experiments import experiment_for
from assaymark.faces.http.problems import Problem
from assaymark.faces.http.routes import Caller, Known, Routes, Wired, on_object
from assaymark.registry import mlflow_tracking as tracking
from assaymark.registry.access import PUBLISH, READ, Scope
from assaymark.registry.work import Work

routes = Routes(API, answer)
_STATES = {"LOGGED_MODEL_PENDING", "LOGGED_MODEL_READY", "LOGGED_MODEL_UPLOAD_FAILED"}


@routes.post("/logged-models", on_object(PUBLISH))
def create(given: Parameters, caller: Known, services: Wired) -> dict[str, Any]:
    """Begin a logged model."""
    with services.registrar.work() as work:
        experiment = experiment_for(work, caller, PUBLISH, given.text("experiment_id"))
        run = given.maybe("source_run_id")
        if run is not None:
            row = tracking.find_run(work.connection, run)
            caller.demand(PUBLISH, Scope(row.project), f"run {run[:40]}")
        name = given.maybe("name") or "model"
        made = tracking.create_logged(work, experiment.id, name, run, given.text("model_type", ""))
        for key, value in given.pairs("tags").items():
            tracking.note(work, f"logged:{made}", tracking.TAG, key, value)
        for key, value in given.pairs("params").items():
            tracking.note(work, f"logged:{made}", tracking.PARAM, key, value)
        return {"model": _shown(work, tracking.find_logged(work.connection, made))}


@routes.get("/logged-models/{model_id}", on_object(READ))
def get(model_id: str, caller: Known, services: Wired) -> dict[str, Any]:
    """A logged model."""
    with services.registrar.look() as work:
        return {"model": _shown(work, _logged(work, caller, READ, model_id))}


@routes.add(["PATCH"], "/logged-models/{model_id}", on_object(PUBLISH))
def finalize(model_id: str, given: Parameters, caller: Known, services: Wired) -> dict[str, Any]:
    """Say that all of it was logged."""
    status = given.text("status")
    if status not in _STATES:
        raise Problem(400, f"{status[:40]!r} is no status of a logged model")
    with services.registrar.work() as work:
        row = _logged(work, caller, PUBLISH, model_id)
        tracking.change_logged(work, row.id, status)
        return {"model": _shown(work, tracking.find_logged(work.connection, row.id))}


@routes.add(["PATCH"], "/logged-models/{model_id}/tags", on_object(PUBLISH))
def set_tags(model_id: str, given: Parameters, caller: Known, services: Wired) -> dict[str, Any]:
    """Tag it."""
    with services.registrar.work() as work:
        row = _logged(work, caller, PUBLISH, model_id)
        for key, value in given.pairs("tags").items():
            tracking.note(work, f"logged:{row.id}", tracking.TAG, key, value)
        return {"model": _shown(work, row)}


@routes.add(["DELETE"], "/logged-models/{model_id}/tags/{key:path}", on_object(PUBLISH))
def delete_tag(model_id: str, key: str, caller: Known, services: Wired) -> dict[str, Any]:
    """Drop a tag."""
    with services.registrar.work() as work:
        tracking.forget(work, f"logged:{_logged(work, caller, PUBLISH, model_id).id}", tracking.TAG, key)
    return {}


@routes.post("/logged-models/{model_id}/params", on_object(PUBLISH))
def set_params(model_id: str, given: Parameters, caller: Known, services: Wired) -> dict[str, Any]:
    """Keep its parameters."""
    with services.registrar.work() as work:
        row = _logged(work, caller, PUBLISH, model_id)
        for key, value in given.pairs("params").items():
            tracking.note(work, f"logged:{row.id}", tracking.PARAM, key, value)
    return {}


def _logged(work: Work, caller: Caller, verb: str, model: str) -> Any:
    row = tracking.find_logged(work.connection, model)
    caller.demand(verb, Scope(row.project), f"logged model {model[:40]}")
    return row


def _shown(work: Work, row: Any) -> dict[str, Any]:
    tags, params = (
        {one.key: one.value for one in tracking.noted(work.connection, f"logged:{row.id}", kind)}
        for kind in (tracking.TAG, tracking.PARAM)
    )
    info = {
        "model_id": row.id, "experiment_id": str(row.experiment), "name": row.name, "model_type": row.kind,
        "creation_timestamp_ms": row.made_ms, "last_updated_timestamp_ms": row.made_ms, "status": row.status,
        "artifact_uri": f"mlflow-artifacts:/{row.experiment}/models/{row.id}/artifacts", "tags": pairs_of(tags),
    }  # fmt: skip
    if row.run:
        info["source_run_id"] = row.run
    return {"info": info, "data": {"params": pairs_of(params), "metrics": []}}
