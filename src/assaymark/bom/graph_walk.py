"""Questions to the graph in SQL: the reference that faster answers are compared with, and what answers small questions.

`when` is None for what holds now, a moment in seconds since 1970 for what held then, or EVER for all that ever held.
"""

import json
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from assaymark.bom.graph_merge import chunks
from assaymark.bom.graph_tables import EDGE_KINDS, FOREVER, NODE_KINDS, NODE_NUMBER, aliases, edges, nodes
from assaymark.core.graph import EdgeKind, NodeKind

_Row = tuple[int, int, int, int, int | None]
EVER = -1
"""Edges are walked whenever they held, though those of one path may never have held together."""


@dataclass(frozen=True, slots=True)
class Known:
    """A node as it is stored."""

    id: int
    key: str
    kind: NodeKind
    name: str
    version: str
    purl: str


@dataclass(frozen=True, slots=True)
class Step:
    """One edge of a path, from what consumed (`source`) to what was consumed; `until` is FOREVER while it holds."""

    source: int
    kind: EdgeKind
    target: int
    since: int
    until: int


def affected(
    connection: sa.Connection, seeds: Iterable[int], mask: tuple[int, ...] | None = None, when: int | None = None
) -> list[int]:
    """Ids of all nodes that come from the seeds, those included, in no order. This is the reference."""
    return _closure(connection, seeds, ("source", "target"), mask, when)


def few(
    connection: sa.Connection, seeds: Iterable[int], limit: int, mask: tuple[int, ...] | None = None,
    when: int | None = None,
) -> list[int] | None:  # fmt: skip
    """The same where it takes no more than so many edges, ascending; None where it takes more, which shows at once."""
    statement = sa.text(
        f"SELECT e.source FROM graph_edges e WHERE e.target IN ({_ids(connection)})"  # noqa: S608 - words of ours
        f" AND {_holds(when)}{_masked(mask)} LIMIT :most"
    )
    frontier = seen = set(seeds)
    most = limit + 1
    while frontier:
        bound = {"ids": _bound(connection, frontier), "at": when, "most": most}
        found = connection.execute(statement, bound).scalars().all()
        most -= len(found)
        if most <= 0:
            return None
        frontier = set(found) - seen
        seen = seen | frontier
    return sorted(seen)


def ancestry(
    connection: sa.Connection, seeds: Iterable[int], mask: tuple[int, ...] | None = None, when: int | None = None
) -> list[int]:
    """Ids of all that went into the seeds, those included."""
    return _closure(connection, seeds, ("target", "source"), mask, when)


def _closure(
    connection: sa.Connection,
    seeds: Iterable[int],
    ends: tuple[str, str],
    mask: tuple[int, ...] | None,
    when: int | None,
) -> list[int]:
    to, back = ends
    statement = sa.text(
        f"WITH RECURSIVE reach(id) AS ({_ids(connection)} UNION SELECT e.{to} FROM reach JOIN graph_edges e"  # noqa: S608 - words of ours
        f" ON e.{back} = reach.id AND {_holds(when)}{_masked(mask)}) SELECT id FROM reach"
    )
    return list(connection.execute(statement, {"ids": _bound(connection, seeds), "at": when}).scalars())


def path(
    connection: sa.Connection, seeds: Collection[int], node: int, mask: tuple[int, ...] | None = None,
    when: int | None = None,
) -> list[Step]:  # fmt: skip
    """One shortest path from a node to any of the seeds; [] where it is one of them or where there is none.

    It walks up from the node, which has fewer ancestors than a seed has descendants. Of several paths it is the one through
    the smallest ids, so a store answers the same each time.
    """
    goals = frozenset(seeds)
    came: dict[int, _Row | None] = {node: None}
    frontier = [node]
    while frontier and goals.isdisjoint(came):
        found: dict[int, _Row] = {}
        for row in _out(connection, frontier, mask, when):
            target = row[2]
            if target not in came and (target not in found or row[:4] < found[target][:4]):
                found[target] = row
        came |= found
        frontier = sorted(found)
    ends = goals & came.keys()
    steps = []
    last = came[min(ends)] if ends else None
    while last is not None:
        steps.append(_step(last))
        last = came[last[0]]
    return steps[::-1]


def edges_between(
    connection: sa.Connection, ids: Collection[int], mask: tuple[int, ...] | None = None, when: int | None = None
) -> Iterator[Step]:
    """All edges from one of these nodes to another one of them."""
    kept = frozenset(ids)
    for some in chunks(sorted(kept), 20_000):
        yield from (_step(row) for row in _out(connection, some, mask, when) if row[2] in kept)


def described(connection: sa.Connection, ids: Iterable[int]) -> Iterator[Known]:
    """Nodes in the order of the ids; those that do not exist are left out."""
    for some in chunks([int(number) for number in ids], 5_000):
        statement = sa.text(
            f"SELECT id, key, kind, name, version, purl FROM graph_nodes WHERE id IN ({_ids(connection)})"  # noqa: S608 - words of ours
        )
        rows = {row[0]: row for row in connection.execute(statement, {"ids": _bound(connection, some)})}
        for number in some:
            if number in rows:
                _, key, kind, name, version, purl = rows[number]
                yield Known(number, key, NODE_KINDS[kind], name, version, purl)


def aliases_of(connection: sa.Connection, node: int) -> list[str]:
    """All other names of a node."""
    return list(
        connection.execute(sa.select(aliases.c.alias).where(aliases.c.node == node).order_by(aliases.c.alias)).scalars()
    )


def of_kind(connection: sa.Connection, ids: Iterable[int], kinds: Iterable[NodeKind]) -> list[int]:
    """Those of the nodes that are of these kinds."""
    numbers = ", ".join(str(NODE_NUMBER[kind]) for kind in kinds)
    statement = sa.text(f"SELECT id FROM graph_nodes WHERE kind IN ({numbers}) AND id IN ({_ids(connection)})")  # noqa: S608 - numbers of ours
    return [n for some in chunks([int(i) for i in ids], 20_000)
            for n in connection.execute(statement, {"ids": _bound(connection, some)}).scalars()]  # fmt: skip


def kinds_after(connection: sa.Connection, last: int) -> Iterator[tuple[int, int]]:
    """Id and kind of nodes with greater ids, in order."""
    rows = sa.select(nodes.c.id, nodes.c.kind).where(nodes.c.id > last).order_by(nodes.c.id)
    yield from ((number, kind) for number, kind in connection.execute(rows.execution_options(yield_per=10_000)))


def count(connection: sa.Connection) -> tuple[int, int]:
    """Nodes and edges; for people, as it counts them."""
    return tuple(
        connection.execute(sa.select(sa.func.count()).select_from(table)).scalar_one() for table in (nodes, edges)
    )  # type: ignore[return-value] # two


def _out(
    connection: sa.Connection, frontier: Sequence[int], mask: tuple[int, ...] | None, when: int | None
) -> Sequence[_Row]:
    statement = sa.text(
        "SELECT e.source, e.kind, e.target, e.valid_from, e.valid_to FROM graph_edges e"  # noqa: S608 - words of ours
        f" WHERE e.source IN ({_ids(connection)}) AND {_holds(when)}{_masked(mask)}"
    )
    rows: Any = connection.execute(statement, {"ids": _bound(connection, frontier), "at": when}).all()
    found: Sequence[_Row] = rows
    return found


def _step(row: _Row) -> Step:
    source, kind, target, since, until = row
    return Step(source, EDGE_KINDS[kind], target, since, FOREVER if until is None else until)


def _ids(connection: sa.Connection) -> str:
    """Numbers of a parameter as rows."""
    return (
        "SELECT value FROM json_each(:ids)"
        if connection.dialect.name == "sqlite"
        else "SELECT unnest(CAST(:ids AS integer[]))"
    )


def _bound(connection: sa.Connection, ids: Iterable[int]) -> Any:
    numbers = [int(number) for number in ids]
    return json.dumps(numbers) if connection.dialect.name == "sqlite" else numbers


def _holds(when: int | None) -> str:
    if when is None:
        return "e.valid_to IS NULL"
    if when == EVER:
        return "(:at IS NULL OR 1 = 1)"
    return "e.valid_from <= :at AND (e.valid_to IS NULL OR e.valid_to > :at)"


def _masked(mask: tuple[int, ...] | None) -> str:
    return "" if mask is None else f" AND e.kind IN ({', '.join(str(int(kind)) for kind in mask)})"
