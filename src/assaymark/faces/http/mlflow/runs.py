"""Runs: their parameters, tags and metrics, as far as logging a model needs them."""

from typing import Any

from assaymark.faces.http.mlflow.answers import API, Given, Parameters, answer, pairs_of
from assaymark.faces.http.mlflow.experiments import experiment_for
from assaymark.faces.http.problems import Problem
from assaymark.faces.http.routes import Caller, Known, Routes, Wired, on_object
from assaymark.faces.http.services import Services
from assaymark.registry import mlflow_tracking as tracking
from assaymark.registry.access import PUBLISH, READ, Scope
from assaymark.registry.work import Work

routes = Routes(API, answer)
_STATES = {"RUNNING", "SCHEDULED", "FINISHED", "FAILED", "KILLED"}


@routes.post("/runs/create", on_object(PUBLISH))
def create(given: Parameters, caller: Known, services: Wired) -> dict[str, Any]:
    """Begin a run."""
    with services.registrar.work() as work:
        experiment = experiment_for(work, caller, PUBLISH, given.text("experiment_id", "0"))
        tags = given.pairs("tags")
        name = given.maybe("run_name") or tags.get("mlflow.runName", "run")
        start = given.number("start_time") or tracking.milliseconds(work)
        run = tracking.create_run(work, experiment.id, caller.principal.person, name, start)
        for key, value in {"mlflow.runName": name, **tags}.items():
            tracking.note(work, f"run:{run}", tracking.TAG, key, value)
        return {"run": _shown(work, tracking.find_run(work.connection, run))}


@routes.get("/runs/get", on_object(READ))
def get(given: Parameters, caller: Known, services: Wired) -> dict[str, Any]:
    """A run whole."""
    with services.registrar.look() as work:
        return {"run": _shown(work, _run(work, caller, READ, given))}


@routes.post("/runs/search", on_object(READ))
def search(given: Parameters, caller: Known, services: Wired) -> dict[str, Any]:
    """The newest runs of some experiments."""
    if given.maybe("filter"):
        raise Problem(501, "runs are not filtered here", "filter what comes back")
    with services.registrar.look() as work:
        caller.judged = True  # with no experiment there is nothing to judge, and nothing to see
        found = [experiment_for(work, caller, READ, number).id for number in given.texts("experiment_ids")]
        return {"runs": [_shown(work, row) for row in tracking.list_runs(work.connection, found)]}


@routes.post("/runs/update", on_object(PUBLISH))
def update(given: Parameters, caller: Known, services: Wired) -> dict[str, Any]:
    """End a run, or rename it."""
    status = given.maybe("status")
    if status is not None and status not in _STATES:
        raise Problem(400, f"{status[:40]!r} is no status of a run")
    with services.registrar.work() as work:
        row = _run(work, caller, PUBLISH, given)
        name = tracking.bounded(given.maybe("run_name") or row.name, 500, "a run's name")
        end = given.number("end_time") or row.end_ms
        tracking.change_run(work, row.id, status=status or row.status, end_ms=end, name=name)
        return {"run_info": _shown(work, tracking.find_run(work.connection, row.id))["info"]}


@routes.post("/runs/delete", on_object(PUBLISH))
def delete(given: Parameters, caller: Known, services: Wired) -> dict[str, Any]:
    """Put a run away."""
    return _stage(services, caller, given, tracking.DELETED)


@routes.post("/runs/restore", on_object(PUBLISH))
def restore(given: Parameters, caller: Known, services: Wired) -> dict[str, Any]:
    """Take it out again."""
    return _stage(services, caller, given, tracking.ACTIVE)


@routes.post("/runs/log-parameter", on_object(PUBLISH))
def log_parameter(given: Parameters, caller: Known, services: Wired) -> dict[str, Any]:
    """Keep a parameter."""
    return _log(services, caller, given, params=[given])


@routes.post("/runs/log-metric", on_object(PUBLISH))
def log_metric(given: Parameters, caller: Known, services: Wired) -> dict[str, Any]:
    """Keep a point of a metric."""
    return _log(services, caller, given, metrics=[given])


@routes.post("/runs/set-tag", on_object(PUBLISH))
def set_tag(given: Parameters, caller: Known, services: Wired) -> dict[str, Any]:
    """Tag a run."""
    return _log(services, caller, given, tags=[given])


@routes.post("/runs/log-batch", on_object(PUBLISH))
def log_batch(given: Parameters, caller: Known, services: Wired) -> dict[str, Any]:
    """All three."""
    lists = {name: given.objects(name) for name in ("params", "metrics", "tags")}
    return _log(services, caller, given, **lists)


@routes.post("/runs/delete-tag", on_object(PUBLISH))
def delete_tag(given: Parameters, caller: Known, services: Wired) -> dict[str, Any]:
    """Drop a tag."""
    with services.registrar.work() as work:
        row = _run(work, caller, PUBLISH, given)
        tracking.forget(work, f"run:{row.id}", tracking.TAG, given.text("key"))
    return {}


@routes.post("/runs/outputs", on_object(PUBLISH))
def outputs(given: Parameters, caller: Known, services: Wired) -> dict[str, Any]:
    """Which models a run logged: the models say it themselves."""
    with services.registrar.look() as work:
        _run(work, caller, PUBLISH, given)
    return {}


@routes.post("/runs/log-inputs", on_object(PUBLISH))
def inputs(given: Parameters, caller: Known, services: Wired) -> dict[str, Any]:
    """Which data sets a run read: taken, and not kept."""
    return outputs(given, caller, services)


@routes.post("/runs/log-model", on_object(PUBLISH))
def log_model(given: Parameters, caller: Known, services: Wired) -> dict[str, Any]:
    """What clients before 3.0 say of a model that they logged: its files are what counts."""
    return outputs(given, caller, services)


@routes.get("/metrics/get-history", on_object(READ))
def history(given: Parameters, caller: Known, services: Wired) -> dict[str, Any]:
    """All points of a metric."""
    with services.registrar.look() as work:
        row = _run(work, caller, READ, given)
        points = tracking.noted(work.connection, f"run:{row.id}", tracking.METRIC, given.text("metric_key"))
        return {"metrics": [_point(one) for one in points]}


def _log(
    services: Services, caller: Caller, given: Given, *, params: list[Given] | None = None,
    metrics: list[Given] | None = None, tags: list[Given] | None = None,
) -> dict[str, Any]:  # fmt: skip
    with services.registrar.work() as work:
        owner = f"run:{_run(work, caller, PUBLISH, given).id}"
        for one in params or ():
            tracking.note(work, owner, tracking.PARAM, one.text("key"), one.text("value", ""))
        for one in tags or ():
            tracking.note(work, owner, tracking.TAG, one.text("key"), one.text("value", ""))
        for one in metrics or ():
            value = one.values.get("value")
            if isinstance(value, bool) or not isinstance(value, int | float):
                raise Problem(400, "a metric is a number")
            at, step = one.number("timestamp"), one.number("step")
            tracking.note(work, owner, tracking.METRIC, one.text("key"), repr(float(value)), at=at, step=step)
    return {}


def _stage(services: Services, caller: Caller, given: Given, stage: str) -> dict[str, Any]:
    with services.registrar.work() as work:
        tracking.change_run(work, _run(work, caller, PUBLISH, given).id, stage=stage)
    return {}


def _run(work: Work, caller: Caller, verb: str, given: Given) -> Any:
    """The row of the run that is named, on which the caller may do this."""
    run = given.maybe("run_id") or given.text("run_uuid")
    row = tracking.find_run(work.connection, run)
    caller.demand(verb, Scope(row.project), f"run {run[:40]}")
    return row


def _shown(work: Work, row: Any) -> dict[str, Any]:
    owner = f"run:{row.id}"
    kept = {
        kind: {one.key: one for one in tracking.noted(work.connection, owner, kind)}
        for kind in (tracking.PARAM, tracking.TAG, tracking.METRIC)
    }
    info = {
        "run_id": row.id, "run_uuid": row.id, "run_name": row.name, "experiment_id": str(row.experiment),
        "user_id": row.person, "status": row.status, "start_time": row.start_ms, "lifecycle_stage": row.stage,
        "artifact_uri": f"mlflow-artifacts:/{row.experiment}/{row.id}/artifacts",
    }  # fmt: skip
    if row.end_ms:
        info["end_time"] = row.end_ms
    data = {
        "params": pairs_of({key: one.value for key, one in kept[tracking.PARAM].items()}),
        "tags": pairs_of({key: one.value for key, one in kept[tracking.TAG].items()}),
        "metrics": [_point(one) for one in kept[tracking.METRIC].values()],
    }
    return {"info": info, "data": data, "inputs": {}, "outputs": {}}


def _point(one: Any) -> dict[str, Any]:
    return {"key": one.key, "value": float(one.value), "timestamp": one.at_ms, "step": one.step}
