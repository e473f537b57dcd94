"""What there is: lists, search and one version whole. Pages go on after the last name or id of the page before."""

import json
from collections.abc import Iterable
from typing import Any

import sqlalchemy as sa

from assaymark.core.errors import NotFound
from assaymark.registry import graph_tables, oci_tables, tables
from assaymark.registry.models import find_model, find_version
from assaymark.registry.names import ModelName, VersionName

_models, _versions, _requests, _channels = tables.models, tables.versions, tables.requests, tables.channels
PAGE = 100
"""Rows of a page at most."""


def search(
    connection: sa.Connection,
    text: str = "",
    *,
    projects: frozenset[str] | None = None,
    after: int = 0,
    limit: int = PAGE,
) -> list[dict[str, Any]]:
    """Models whose name or project holds `text`; `projects` are those that the one who asks may read, None is all."""
    wanted = sa.select(_models).where(_models.c.deleted_at.is_(None), _models.c.id > after)
    if text:
        name = _models.c.project + "/" + _models.c.name
        wanted = wanted.where(name.contains(text.lower(), autoescape=True))
    if projects is not None:
        wanted = wanted.where(_models.c.project.in_(projects))
    found = connection.execute(wanted.order_by(_models.c.id).limit(min(limit, PAGE)))
    return [{"id": row.id, "model": f"{row.project}/{row.name}", "made_at": row.made_at} for row in found]


def show_model(connection: sa.Connection, name: ModelName) -> dict[str, Any]:
    """A model with its channels and the newest of its versions."""
    row = find_model(connection, name)
    return {
        "model": str(name),
        "card": row.card,
        "made_at": row.made_at,
        "channels": _channels_of(connection, row.id),
        "versions": versions(connection, name),
    }


def versions(
    connection: sa.Connection, name: ModelName, *, before: int | None = None, limit: int = PAGE
) -> list[dict[str, Any]]:
    """Versions of a model, the newest first."""
    model = find_model(connection, name)
    wanted = sa.select(_versions).where(_versions.c.model == model.id)
    if before is not None:
        wanted = wanted.where(_versions.c.id < before)
    return [_brief(row) for row in connection.execute(wanted.order_by(_versions.c.id.desc()).limit(min(limit, PAGE)))]


def show_version(connection: sa.Connection, name: VersionName) -> dict[str, Any]:
    """One version: what it is, what was said of it, where it stands."""
    row = find_version(connection, name)
    tags = connection.execute(sa.select(tables.tags).where(tables.tags.c.version == row.id))
    said = connection.execute(
        sa.select(tables.envelopes.c.digest, tables.envelopes.c.predicate_type, tables.envelopes.c.at)
        .where(tables.envelopes.c.version == row.id)
        .order_by(tables.envelopes.c.id)
    )
    return {
        **_brief(row),
        "model": str(name.model),
        "tags": {tag.key: tag.value for tag in tags},
        "statements": [{"digest": one.digest, "type": one.predicate_type, "at": one.at} for one in said],
        "requests": requests(connection, version=row.id),
        "parents": _parents(connection, row.id),
        "graph_gaps": [
            {"document": gap.document, "why": gap.why}
            for gap in connection.execute(sa.select(graph_tables.gaps).where(graph_tables.gaps.c.version == row.id))
        ],
    }


def statement(connection: sa.Connection, name: VersionName, digest: str) -> dict[str, Any]:
    """The envelope of what was said about a version, by the digest of its payload; raises NotFound."""
    row = find_version(connection, name)
    same = sa.and_(tables.envelopes.c.version == row.id, tables.envelopes.c.digest == digest)
    found = connection.execute(sa.select(tables.envelopes.c.document).where(same)).scalar()
    if found is None:
        raise NotFound(f"nothing with the digest {digest[:100]!r} was said about {name}", step="assay registry show")
    said: dict[str, Any] = json.loads(found)
    return said


def files(connection: sa.Connection, name: VersionName, *, after: str = "", limit: int = 1000) -> list[dict[str, Any]]:
    """The files of a version by path."""
    row = find_version(connection, name)
    wanted = (
        sa.select(tables.files)
        .where(tables.files.c.version == row.id, tables.files.c.path > after)
        .order_by(tables.files.c.path)
        .limit(limit)
    )
    return [{"path": one.path, "size": one.size, "sha256": one.sha256} for one in connection.execute(wanted)]


def file(connection: sa.Connection, name: VersionName, path: str) -> Any:
    """One file's row, or None."""
    row = find_version(connection, name)
    wanted = sa.select(tables.files).where(tables.files.c.version == row.id, tables.files.c.path == path)
    return connection.execute(wanted).first()


def roots(connection: sa.Connection) -> list[dict[str, Any]]:
    """Every version of the trust root, in its envelope."""
    found = connection.execute(sa.select(tables.roots.c.document).order_by(tables.roots.c.version))
    return [json.loads(document) for document in found.scalars()]


def requests(
    connection: sa.Connection,
    *,
    version: int | None = None,
    state: str | None = None,
    projects: frozenset[str] | None = None,
    limit: int = PAGE,
) -> list[dict[str, Any]]:
    """Requests, the newest first; `projects` are those that the one who asks may read, None is all."""
    wanted = _named_requests()
    if version is not None:
        wanted = wanted.where(_requests.c.version == version)
    if state is not None:
        wanted = wanted.where(_requests.c.state == state)
    if projects is not None:
        wanted = wanted.where(_models.c.project.in_(projects))
    found = connection.execute(wanted.order_by(_requests.c.at.desc(), _requests.c.nonce).limit(min(limit, PAGE)))
    return [_request(row) for row in found]


def request(connection: sa.Connection, nonce: str) -> dict[str, Any]:
    """One request in a line, without looking at its signatures; raises NotFound."""
    row = connection.execute(_named_requests().where(_requests.c.nonce == nonce)).first()
    if row is None:
        raise NotFound(f"there is no request {nonce[:40]}", step="assay registry requests")
    return _request(row)


def _named_requests() -> sa.Select[Any]:
    return (
        sa.select(_requests, _versions.c.name.label("of"), _models.c.project, _models.c.name.label("model"))
        .join(_versions, _versions.c.id == _requests.c.version)
        .join(_models, _models.c.id == _versions.c.model)
    )


def _request(row: Any) -> dict[str, Any]:
    return {
        "request": row.nonce, "version": f"{row.project}/{row.model}@{row.of}", "channel": row.channel,
        "state": row.state, "counter": row.counter, "requester": row.requester, "break_glass": row.break_glass,
        "expires": row.expires, "at": row.at,
    }  # fmt: skip


def marked(connection: sa.Connection, spared: Iterable[int] = ()) -> set[str]:
    """Blobs that must not be freed.

    Of every version that is no tombstone, of all that a living one was made of, and of those that are `spared`; but of none
    whose bytes were let go.
    """
    gone = set(connection.execute(sa.select(_versions.c.id).where(_versions.c.freed_at.is_not(None))).scalars())
    living = set(connection.execute(sa.select(_versions.c.id).where(_versions.c.state != "tombstone")).scalars())
    living = (living | set(spared)) - gone
    parents: dict[int, set[int]] = {}
    for row in connection.execute(sa.select(tables.lineage)):
        parents.setdefault(row.child, set()).add(row.parent)
    waiting = list(living)
    while waiting:
        for parent in parents.get(waiting.pop(), set()) - living - gone:
            living.add(parent)
            waiting.append(parent)
    kept: set[str] = set()
    for row in connection.execute(sa.select(tables.files.c.version, tables.files.c.sha256)):
        if row.version in living:
            kept.add(row.sha256)
    kept.update(connection.execute(sa.select(graph_tables.boms.c.blob)).scalars())
    kept.update(connection.execute(sa.select(oci_tables.pieces.c.sha256)).scalars())  # of uploads under way
    for row in connection.execute(sa.select(_versions.c.id, _versions.c.manifest)):
        if row.id in living and row.manifest:
            kept.add(row.manifest)
    return kept


def _brief(row: Any) -> dict[str, Any]:
    return {
        "id": row.id, "version": row.name, "state": row.state, "digest": row.digest, "size": row.size,
        "files": row.files, "publisher": row.publisher, "made_at": row.made_at,
    }  # fmt: skip


def _channels_of(connection: sa.Connection, model: int) -> list[dict[str, Any]]:
    wanted = (
        sa.select(_channels, _versions.c.name.label("version"), _versions.c.state, _requests.c.state.label("standing"))
        .join(_requests, _requests.c.nonce == _channels.c.request)
        .join(_versions, _versions.c.id == _requests.c.version)
        .where(_channels.c.model == model)
        .order_by(_channels.c.name)
    )
    return [
        {
            "channel": row.name, "version": row.version, "state": row.state, "standing": row.standing,
            "counter": row.counter, "request": row.request, "review_due": row.review_due,
        }
        for row in connection.execute(wanted)
    ]  # fmt: skip


def _parents(connection: sa.Connection, version: int) -> list[dict[str, str]]:
    wanted = (
        sa.select(tables.lineage.c.kind, _models.c.project, _models.c.name, _versions.c.name.label("version"))
        .join(_versions, _versions.c.id == tables.lineage.c.parent)
        .join(_models, _models.c.id == _versions.c.model)
        .where(tables.lineage.c.child == version)
    )
    return [
        {"kind": row.kind, "version": f"{row.project}/{row.name}@{row.version}"} for row in connection.execute(wanted)
    ]
