"""Registered models and versions as MLflow's clients read them."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import sqlalchemy as sa

from assaymark.core.clock import parse_timestamp
from assaymark.core.errors import NotFound
from assaymark.faces.http.mlflow.answers import pairs_of
from assaymark.faces.http.problems import Problem
from assaymark.registry import mlflow_staging as staging
from assaymark.registry import mlflow_tracking as tracking
from assaymark.registry import tables
from assaymark.registry.mlflow_models import aliases_of, mlflow_name
from assaymark.registry.names import ModelName
from assaymark.registry.revisions import Withheld, given
from assaymark.registry.states import VersionState
from assaymark.registry.work import Work

OURS = "assaymark."
"""Tags that begin so say what the registry knows; nobody sets them."""
_STAGES = ("production", "staging")


@contextmanager
def withheld() -> Iterator[None]:
    """Tell what is not given out as a right that is missing."""
    try:
        yield
    except Withheld as error:
        raise Problem(403, error.message, error.step) from None


def model_of(work: Work, name: ModelName, row: Any, person: str) -> dict[str, Any]:
    """A registered model. `row` is its own."""
    named = aliases_of(work, row.id)
    newest = [version for version in versions_of(work, row.id, person) if version.state != VersionState.TOMBSTONE][:1]
    tags = {one.key: one.value for one in tracking.noted(work.connection, f"model:{row.id}", tracking.TAG)}
    return {
        "name": mlflow_name(name), "creation_timestamp": moment(row.made_at), "last_updated_timestamp": moment(row.made_at),
        "description": row.card, "tags": pairs_of(tags),
        "latest_versions": [version_of(work, name, version, named) for version in newest],
        "aliases": [{"alias": alias, "version": version} for version, found in named.items() for alias in found],
    }  # fmt: skip


def versions_of(work: Work, model: int, person: str) -> list[Any]:
    """The rows of versions that this person gets or that are told of at all, the newest first."""
    wanted = sa.select(tables.versions).where(
        tables.versions.c.model == model, tables.versions.c.state != VersionState.TOMBSTONE
    )
    rows = work.connection.execute(wanted.order_by(tables.versions.c.id.desc()).limit(1000)).all()
    return [row for row in rows if row.state != VersionState.DRAFT or row.publisher == person]


def readable(row: Any, person: str) -> bool:
    """Whether this person gets the bytes."""
    try:
        given(row, person)
    except (Withheld, NotFound):
        return False
    return True


def version_of(work: Work, name: ModelName, row: Any, named: dict[str, list[str]] | None = None) -> dict[str, Any]:
    """A version. It is READY for MLflow as soon as its bytes are there; what it still lacks is in its tags."""
    aliases = (aliases_of(work, row.model) if named is None else named).get(row.name, [])
    source = staging.source_of(work.connection, row.id)
    kept = work.connection.execute(sa.select(tables.tags).where(tables.tags.c.version == row.id))
    tags = {tag.key: tag.value for tag in kept} | {f"{OURS}state": row.state}
    if row.digest:
        tags[f"{OURS}digest"] = row.digest
    if row.state == VersionState.DRAFT:
        tags[f"{OURS}next"] = f"assay registry seal {name}@{row.name} --as YOU --key KEY"
    text = tracking.noted(work.connection, f"version:{row.id}", tracking.TEXT, "description")
    shown = {
        "name": mlflow_name(name), "version": row.name, "creation_timestamp": moment(row.made_at),
        "last_updated_timestamp": moment(row.made_at), "user_id": row.publisher, "current_stage": _stage(row, aliases),
        "description": text[0].value if text else "", "source": uri_of(name, row.name), "status": "READY",
        "status_message": tags.get(f"{OURS}next", ""), "tags": pairs_of(tags), "aliases": aliases,
    }  # fmt: skip
    if source is not None and source.run:
        shown["run_id"] = source.run
    if source is not None and source.area.startswith("m-"):
        shown["model_id"] = source.area
    return shown


def uri_of(name: ModelName, version: str) -> str:
    """Where the artifacts of a version are read."""
    return f"mlflow-artifacts:/versions/{name}/{version}"


def moment(at: str) -> int:
    """Milliseconds, as MLflow counts."""
    return int(parse_timestamp(at).timestamp() * 1000)


def _stage(row: Any, aliases: list[str]) -> str:
    if row.state in {VersionState.DEPRECATED, VersionState.REVOKED}:
        return "Archived"
    return next((stage.capitalize() for stage in _STAGES if stage in aliases), "None")
