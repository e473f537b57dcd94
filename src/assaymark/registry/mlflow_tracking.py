"""Experiments, runs and logged models: as much of MLflow's tracking as it takes to log a model and to find it again."""

import secrets
from collections.abc import Iterable
from typing import Any

import sqlalchemy as sa

from assaymark.core.errors import Conflict, NotFound, UsageError
from assaymark.registry import mlflow_tables as tables
from assaymark.registry.models import find_project
from assaymark.registry.names import check_name
from assaymark.registry.work import Work

PARAM, TAG, METRIC, TEXT = "param", "tag", "metric", "text"
ACTIVE, DELETED = "active", "deleted"
_NAME, _KEY, _VALUE = 500, 250, 20_000
"""Characters at most."""
_PAGE = 1_000


def milliseconds(work: Work) -> int:
    """The moment, as MLflow counts."""
    return int(work.now.timestamp() * 1000)


def project_of(experiment: str) -> str:
    """The project of an experiment's name; raises UsageError."""
    project, slash, rest = experiment.partition("/")
    if not slash or not rest:
        step = "mlflow.set_experiment('PROJECT/NAME') with a project of this registry"
        raise UsageError(f"experiment {experiment[:64]!r} names no project", step=step)
    return check_name(project, "project")


def create_experiment(work: Work, name: str) -> int:
    """A new experiment; raises Conflict. Returns its id."""
    project = project_of(bounded(name, _NAME, "an experiment's name"))
    find_project(work.connection, project)
    if experiment_by_name(work.connection, name) is not None:
        raise Conflict(f"there is an experiment {name[:64]} already")
    made = tables.experiments.insert().values(project=project, name=name, made_ms=milliseconds(work))
    return int(work.connection.execute(made.returning(tables.experiments.c.id)).scalar_one())


def experiment_by_name(connection: sa.Connection, name: str) -> Any:
    """The row, or None."""
    return connection.execute(sa.select(tables.experiments).where(tables.experiments.c.name == name)).first()


def find_experiment(connection: sa.Connection, number: str) -> Any:
    """The row; raises NotFound."""
    row = None
    if number.isascii() and number.isdigit() and len(number) < 10:
        wanted = sa.select(tables.experiments).where(tables.experiments.c.id == int(number))
        row = connection.execute(wanted).first()
    if row is None:
        step = "begin with mlflow.set_experiment('PROJECT/NAME')"
        raise NotFound(f"there is no experiment {number[:40]}", step=step)
    return row


def create_run(work: Work, experiment: int, person: str, name: str, start: int) -> str:
    """A new run. Returns its id."""
    run = secrets.token_hex(16)
    values = {"id": run, "experiment": experiment, "name": bounded(name, _NAME, "a run's name"), "person": person}
    work.connection.execute(tables.runs.insert().values(**values, status="RUNNING", start_ms=start))
    return run


def find_run(connection: sa.Connection, run: str) -> Any:
    """The row with the project that it is in; raises NotFound."""
    return _placed(connection, tables.runs, run, "run")


def find_logged(connection: sa.Connection, model: str) -> Any:
    """The row of a logged model with its project; raises NotFound."""
    return _placed(connection, tables.logged_models, model, "logged model")


def list_runs(connection: sa.Connection, experiments: Iterable[int]) -> list[Any]:
    """Runs of some experiments that were not deleted, the newest first."""
    wanted = (
        sa.select(tables.runs, tables.experiments.c.project)
        .join(tables.experiments, tables.experiments.c.id == tables.runs.c.experiment)
        .where(tables.runs.c.experiment.in_(list(experiments)), tables.runs.c.stage == ACTIVE)
        .order_by(tables.runs.c.start_ms.desc(), tables.runs.c.id)
        .limit(_PAGE)
    )
    return list(connection.execute(wanted))


def change_run(work: Work, run: str, **values: Any) -> None:
    """Set columns of a run."""
    work.connection.execute(tables.runs.update().where(tables.runs.c.id == run).values(**values))


def create_logged(work: Work, experiment: int, name: str, run: str | None, kind: str) -> str:
    """A new logged model. Returns its id."""
    made = f"m-{secrets.token_hex(16)}"
    work.connection.execute(
        tables.logged_models.insert().values(
            id=made, experiment=experiment, name=bounded(name, _NAME, "a model's name"), run=run,
            kind=bounded(kind, _NAME, "a model's type"), status="LOGGED_MODEL_PENDING", made_ms=milliseconds(work),
        )
    )  # fmt: skip
    return made


def change_logged(work: Work, model: str, status: str) -> None:
    """Set the status of a logged model."""
    change = tables.logged_models.update().where(tables.logged_models.c.id == model)
    work.connection.execute(change.values(status=bounded(status, 40, "a status")))


def note(work: Work, owner: str, kind: str, key: str, value: str, *, at: int = 0, step: int = 0) -> None:
    """Keep a parameter, a tag or a point of a metric. A parameter is set once; a tag is replaced; points add up."""
    row = {"owner": owner, "kind": kind, "key": bounded(key, _KEY, "a key"), "value": bounded(value, _VALUE, "a value")}
    if not key:
        raise UsageError("a key is empty")
    before = _values(work.connection, owner, kind, key)
    if kind == PARAM and before:
        if before[0].value != value:
            raise Conflict(f"parameter {key} is {before[0].value[:60]!r} already, and is set once")
        return
    if kind in {TAG, TEXT}:
        forget(work, owner, kind, key)
    work.connection.execute(tables.values.insert().values(**row, at_ms=at, step=step))


def forget(work: Work, owner: str, kind: str, key: str) -> None:
    """Drop a tag."""
    same = (tables.values.c.owner == owner, tables.values.c.kind == kind, tables.values.c.key == key)
    work.connection.execute(tables.values.delete().where(*same))


def noted(connection: sa.Connection, owner: str, kind: str, key: str | None = None) -> list[Any]:
    """What was kept, in the order in which it came; of metrics every point."""
    return _values(connection, owner, kind, key)


def bounded(text: str, most: int, what: str) -> str:
    """`text`, unless it is too long or cannot be kept."""
    if len(text) > most or "\0" in text:
        raise UsageError(f"{what} has at most {most:,} characters, and no NUL")
    return text


def _placed(connection: sa.Connection, table: sa.Table, key: str, what: str) -> Any:
    wanted = sa.select(table, tables.experiments.c.project).join(
        tables.experiments, tables.experiments.c.id == table.c.experiment
    )
    row = connection.execute(wanted.where(table.c.id == key)).first() if len(key) <= 40 else None
    if row is None:
        raise NotFound(f"there is no {what} {key[:40]}")
    return row


def _values(connection: sa.Connection, owner: str, kind: str, key: str | None = None) -> list[Any]:
    wanted = sa.select(tables.values).where(tables.values.c.owner == owner, tables.values.c.kind == kind)
    if key is not None:
        wanted = wanted.where(tables.values.c.key == key)
    return list(connection.execute(wanted.order_by(tables.values.c.id)))
