"""What the registry asks of the graph within its own transactions: which versions come from something, and from what one came.

The reference engine in SQL answers (bom.graph_walk): it sees what the transaction sees.
"""

import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import sqlalchemy as sa

from assaymark.bom import graph_walk
from assaymark.bom.graph_tables import aliases, nodes
from assaymark.bom.selectors import select
from assaymark.core.errors import NotFound, UsageError
from assaymark.registry import containment, tables
from assaymark.registry.containment import Asked
from assaymark.registry.graph_tables import deployments
from assaymark.registry.holding import covers
from assaymark.registry.work import Work

Json = dict[str, Any]
_HIDDEN = "(not for you to see)"
PATHS = 100
"""Versions of a preview that come with a path: each takes a millisecond or two."""
_OLD = "assaymark-manifest:"
"""How bills of materials write the digest of a folder."""
_NEW = "assaymark-manifest-v1:"


class Traces:
    """See registry.work.Traces."""

    def seeds(self, connection: sa.Connection, what: str, record: str = "") -> Mapping[int, bool]:
        """Node -> whether it is surely meant."""
        found = select(connection, json.loads(record) if record else what)
        if found.withdrawn:
            raise UsageError(f"{found.what} was withdrawn at {found.withdrawn}", step="name what it was about itself")
        if not found.seeds:
            raise NotFound(f"nothing here is {what[:200]}: {'; '.join(found.notes)[:500]}")
        unsure = {one.node for one in found.unsure}
        return {node: node not in unsure for node in found.seeds}

    def affected(self, connection: sa.Connection, seeds: Iterable[int]) -> Mapping[int, int]:
        """Versions that come from the seeds: id of the row -> node."""
        return _versions_of(connection, graph_walk.affected(connection, seeds))

    def ancestry(self, connection: sa.Connection, digest: str, title: str) -> frozenset[int]:
        """All that went into the version, its own nodes among them."""
        return frozenset(graph_walk.ancestry(connection, nodes_of(connection, digest, title)))


TRACES = Traces()


def nodes_of(connection: sa.Connection, digest: str, title: str) -> list[int]:
    """The nodes that are the version: by its bytes, however their digest is written, or by its name."""
    calls = [digest, digest.replace(_NEW, _OLD, 1), title]
    found = set(connection.execute(sa.select(nodes.c.id).where(nodes.c.key.in_(calls))).scalars())
    found |= set(connection.execute(sa.select(aliases.c.node).where(aliases.c.alias.in_(calls))).scalars())
    return sorted(found)


def _versions_of(connection: sa.Connection, ids: list[int]) -> dict[int, int]:
    """Versions that are one of these nodes: id of the row -> node."""
    found: dict[int, int] = {}
    for statement in _joins(connection):
        for version, node in connection.execute(statement, {"ids": _bound(connection, ids)}).all():
            found[version] = min(node, found.get(version, node))
    return found


def _joins(connection: sa.Connection) -> Iterable[sa.TextClause]:
    """Rows of versions whose node, by any of its names, is among `ids`."""
    given = (
        "SELECT value AS id FROM json_each(:ids)"
        if connection.dialect.name == "sqlite"
        else "SELECT unnest(CAST(:ids AS integer[])) AS id"
    )
    old = f"'{_NEW}' || substr({{0}}, {len(_OLD) + 1})"
    for column, table, node in (("key", "graph_nodes", "id"), ("alias", "graph_aliases", "node")):
        for name in (f"g.{column}", old.format(f"g.{column}")):
            # The order of the joins is the order in which SQLite goes: from the nodes to the versions, each by an index.
            yield sa.text(
                f"SELECT v.id, g.{node} FROM ({given}) i CROSS JOIN {table} g CROSS JOIN versions v"  # noqa: S608 - words of ours
                f" WHERE g.{node} = i.id AND v.digest = {name} AND g.{column} LIKE 'assaymark-manifest%'"
            )
    yield sa.text(
        f"SELECT v.id, a.node FROM versions v CROSS JOIN models m CROSS JOIN graph_aliases a"  # noqa: S608 - words of ours
        f" WHERE m.id = v.model AND a.alias = m.project || '/' || m.name || '@' || v.name"
        f" AND a.node + 0 IN (SELECT id FROM ({given}) i)"  # by its alias: the index on nodes would try each of them
    )


def _bound(connection: sa.Connection, ids: list[int]) -> Any:
    return json.dumps(ids) if connection.dialect.name == "sqlite" else ids


def preview(work: Work, asked: Asked) -> Json:
    """What would be stopped: each version with its state, the channels and deployments where it stands, and one path to the cause."""
    known = containment.closure(work, asked)
    connection = work.connection
    sure = [node for node, is_sure in known.seeds.items() if is_sure]
    surely = frozenset(known.hits) if len(sure) == len(known.seeds) else frozenset(TRACES.affected(connection, sure))
    shown = [*known.rows.values()]
    stands, runs = _standing(connection, [row.id for row in shown])
    found = []
    for place, row in enumerate(shown):
        one: Json = {"version": row.title, "digest": row.digest, "state": row.state, "possibly": row.id not in surely}
        one |= {"channels": stands.get(row.id, []), "deployments": runs.get(row.id, [])}
        if place < PATHS:
            one["path"] = _path(work, asked, sure if row.id in surely else known.seeds, known.hits[row.id])
        found.append(one)
    seeds = [
        {"name": one.purl or one.name, "kind": str(one.kind), "possibly": not known.seeds[one.id]}
        for one in graph_walk.described(connection, sorted(known.seeds)[:PATHS])
    ]
    passed = [{"version": row.title, "state": row.state} for row in known.passed.values()]
    return {
        "schema": "assaymark/containment-preview/v1", "what": asked.what, "scope": list(asked.scope),
        "models": len({(row.project, row.of) for row in shown}), "count": len(found), "seeds": seeds, "versions": found,
        "passed": passed,
    }  # fmt: skip


def told(row: Any) -> Json:
    """A containment, for people."""
    lifted = {"lifted_at": row.lifted_at} if row.lifted_at else {}
    return {
        "id": row.id, "what": row.what, "scope": json.loads(row.scope), "by": row.by, "reason": row.reason, "at": row.at,
        "standing": row.lifted_at is None, **lifted,
    }  # fmt: skip


def _standing(connection: sa.Connection, versions: Sequence[int]) -> tuple[dict[int, list[str]], dict[int, list[str]]]:
    """Version -> channels where it is active, and what runs it."""
    requests = tables.requests
    channels: dict[int, list[str]] = {}
    runs: dict[int, list[str]] = {}
    for start in range(0, len(versions), 900):
        some = versions[start : start + 900]
        active = sa.select(requests.c.version, requests.c.channel).where(
            requests.c.state == "active", requests.c.version.in_(some)
        )
        for version, channel in connection.execute(active.order_by(requests.c.channel)):
            channels.setdefault(version, []).append(channel)
        live = sa.select(deployments.c.version, deployments.c.environment, deployments.c.name).where(
            deployments.c.until.is_(None), deployments.c.version.in_(some)
        )
        for version, environment, name in connection.execute(live.order_by(deployments.c.id)):
            runs.setdefault(version, []).append(f"{environment}/{name}")
    return channels, runs


def _path(work: Work, asked: Asked, seeds: Iterable[int], node: int) -> list[str]:
    """From the cause to the version, by names, each with how the next one comes from it; what is outside of the scope has none."""
    connection = work.connection
    steps = graph_walk.path(connection, frozenset(seeds), node)
    ids = [node, *(step.target for step in steps)]
    names = {one.id: one.purl or one.name for one in graph_walk.described(connection, ids)}
    if "*" not in asked.scope:
        held = _versions_of(connection, ids)
        seen = {
            row.id for row in containment.rows_of(connection, held) if covers(asked.scope, containment.name_of(row))
        }
        inside = {one for version, one in held.items() if version in seen}
        names |= {one: _HIDDEN for one in held.values() if one not in inside}
    said = [names.get(number, str(number)) for number in ids]
    return [part for pair in zip(said[::-1], [str(s.kind) for s in steps[::-1]] + [""], strict=True) for part in pair][
        :-1
    ]
