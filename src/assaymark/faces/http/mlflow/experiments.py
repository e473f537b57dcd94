"""Experiments. Their names begin with the project that they belong to, and rights on the project are rights on them."""

from typing import Any

from assaymark.core.errors import NotFound
from assaymark.faces.http.mlflow.answers import API, Parameters, answer, pairs_of
from assaymark.faces.http.problems import Problem
from assaymark.faces.http.routes import KNOWN, Caller, Known, Routes, Wired, hidden, on_object
from assaymark.faces.http.services import Services
from assaymark.registry import mlflow_tables
from assaymark.registry import mlflow_tracking as tracking
from assaymark.registry.access import PUBLISH, READ, Scope
from assaymark.registry.work import Work

routes = Routes(API, answer)


def experiment_for(work: Work, caller: Caller, verb: str, number: str) -> Any:
    """The row of an experiment on which the caller may do this."""
    if number == "0":  # what clients take for the default
        raise Problem(404, "there is no default experiment", "begin with mlflow.set_experiment('PROJECT/NAME')")
    try:
        row = tracking.find_experiment(work.connection, number)
    except NotFound:
        raise hidden(f"experiment {number}") from None
    caller.demand(verb, Scope(row.project), f"experiment {number}")
    return row


@routes.post("/experiments/create", on_object(PUBLISH))
def create(given: Parameters, caller: Known, services: Wired) -> dict[str, Any]:
    """Make an experiment in a project."""
    name = given.text("name")
    caller.demand(PUBLISH, Scope(tracking.project_of(name)))
    with services.registrar.work() as work:
        number = tracking.create_experiment(work, name)
        for key, value in given.pairs("tags").items():
            tracking.note(work, f"experiment:{number}", tracking.TAG, key, value)
    return {"experiment_id": str(number)}


@routes.get("/experiments/get", on_object(READ))
def get(given: Parameters, caller: Known, services: Wired) -> dict[str, Any]:
    """An experiment by its id."""
    with services.registrar.look() as work:
        row = experiment_for(work, caller, READ, given.text("experiment_id"))
        return {"experiment": _shown(work, row)}


@routes.get("/experiments/get-by-name", on_object(READ))
def get_by_name(given: Parameters, caller: Known, services: Wired) -> dict[str, Any]:
    """An experiment by its name."""
    name = given.text("experiment_name")
    caller.demand(READ, Scope(tracking.project_of(name)))
    with services.registrar.look() as work:
        row = tracking.experiment_by_name(work.connection, name)
        if row is None:
            raise NotFound(f"there is no experiment {name[:64]}")
        return {"experiment": _shown(work, row)}


@routes.add(["GET", "POST"], "/experiments/search", KNOWN)
def search(given: Parameters, caller: Known, services: Wired) -> dict[str, Any]:
    """Experiments that the caller may read."""
    if given.maybe("filter"):
        raise Problem(501, "experiments are not filtered here")
    import sqlalchemy as sa

    with services.registrar.look() as work:
        rows = work.connection.execute(sa.select(mlflow_tables.experiments).order_by(mlflow_tables.experiments.c.id))
        mine = caller.only(READ, rows.all(), lambda row: Scope(row.project))
        return {"experiments": [_shown(work, row) for row in mine[:1000]]}


@routes.post("/experiments/set-experiment-tag", on_object(PUBLISH))
def set_tag(given: Parameters, caller: Known, services: Wired) -> dict[str, Any]:
    """Tag an experiment."""
    return _change(services, caller, given, "tag")


@routes.post("/experiments/delete", on_object(PUBLISH))
def delete(given: Parameters, caller: Known, services: Wired) -> dict[str, Any]:
    """Put an experiment away."""
    return _change(services, caller, given, tracking.DELETED)


@routes.post("/experiments/restore", on_object(PUBLISH))
def restore(given: Parameters, caller: Known, services: Wired) -> dict[str, Any]:
    """Take it out again."""
    return _change(services, caller, given, tracking.ACTIVE)


def _change(services: Services, caller: Caller, given: Any, what: str) -> dict[str, Any]:
    with services.registrar.work() as work:
        row = experiment_for(work, caller, PUBLISH, given.text("experiment_id"))
        if what == "tag":
            tracking.note(work, f"experiment:{row.id}", tracking.TAG, given.text("key"), given.text("value", ""))
        else:
            change = mlflow_tables.experiments.update().where(mlflow_tables.experiments.c.id == row.id)
            work.connection.execute(change.values(stage=what))
    return {}


def _shown(work: Work, row: Any) -> dict[str, Any]:
    tags = {one.key: one.value for one in tracking.noted(work.connection, f"experiment:{row.id}", tracking.TAG)}
    return {
        "experiment_id": str(row.id), "name": row.name, "artifact_location": f"mlflow-artifacts:/{row.id}",
        "lifecycle_stage": row.stage, "creation_time": row.made_ms, "last_update_time": row.made_ms,
        "tags": pairs_of(tags),
    }  # fmt: skip
