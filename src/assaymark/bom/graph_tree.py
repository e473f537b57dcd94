"""One shortest way from each of many nodes to what they come from, and the edges of such ways.

A way is told by each node's next one: of several that are as near to a seed, the one with the smallest id.
"""

from collections.abc import Iterable
from typing import Any, Protocol

import sqlalchemy as sa

from assaymark.bom.graph_merge import chunks
from assaymark.bom.graph_tables import EDGE_KINDS, EDGE_NUMBER, FOREVER, edges, nodes
from assaymark.bom.graph_walk import Step, _bound, _holds, _ids
from assaymark.core.graph import EdgeKind


class Towards(Protocol):
    """Node -> the next one on its way."""

    def get(self, node: int, /) -> int | None:
        """None where it has none."""


def tree(connection: sa.Connection, seeds: Iterable[int], when: int | None = None) -> dict[int, int]:
    """Node -> the next one on its way to a seed, of all that come from the seeds; a seed leads to itself. The reference."""
    statement = sa.text(
        f"SELECT e.source, MIN(e.target) FROM graph_edges e WHERE e.target IN ({_ids(connection)})"  # noqa: S608 - words of ours
        f" AND {_holds(when)} GROUP BY e.source"
    )
    found = {seed: seed for seed in seeds}
    frontier = sorted(found)
    while frontier:
        fresh: dict[int, int] = {}
        for some in chunks(frontier, 20_000):
            for source, target in connection.execute(statement, {"ids": _bound(connection, some), "at": when}):
                if source not in found:
                    fresh[source] = min(target, fresh.get(source, target))
        found |= fresh
        frontier = sorted(fresh)
    return found


def way(towards: Towards, node: int) -> list[int]:
    """From a node to its seed, both included; [] where it comes from none."""
    found = []
    following = towards.get(node)
    while following is not None:
        found.append(node)
        if following == node:
            break
        node, following = following, towards.get(following)
    return found


def steps(connection: sa.Connection, pairs: Iterable[tuple[int, int]], when: int | None = None) -> dict[
    tuple[int, int], Step
]:  # fmt: skip
    """The edge of each pair (source, target) that holds; of several the one of the first kind, and of those the oldest."""
    by_source: dict[int, set[int]] = {}
    for source, target in pairs:
        by_source.setdefault(source, set()).add(target)
    statement = sa.text(
        "SELECT e.source, e.kind, e.target, e.valid_from, e.valid_to FROM graph_edges e"  # noqa: S608 - words of ours
        f" WHERE e.source IN ({_ids(connection)}) AND e.target IN ({_ids(connection).replace(':ids', ':targets')})"
        f" AND {_holds(when)}"
    )
    found: dict[tuple[int, int], Step] = {}
    for some in chunks(sorted(by_source), 500):
        targets = sorted(set().union(*(by_source[source] for source in some)))
        bound = {"ids": _bound(connection, some), "targets": _bound(connection, targets), "at": when}
        for source, kind, target, since, until in connection.execute(statement, bound):
            step = Step(source, EDGE_KINDS[kind], target, since, FOREVER if until is None else until)
            old = found.get((source, target))
            if old is None or (EDGE_NUMBER[old.kind], old.since) > (kind, since):
                found[source, target] = step
    return found


def deployments(connection: sa.Connection, ids: Iterable[int]) -> list[Any]:
    """Who serves these nodes, or did: `target`, `key`, `valid_from`, `valid_to`."""
    served = sa.select(edges.c.target, nodes.c.key, edges.c.valid_from, edges.c.valid_to)
    served = served.join(nodes, nodes.c.id == edges.c.source).where(edges.c.kind == EDGE_NUMBER[EdgeKind.DEPLOYED_AS])
    order = (edges.c.target, nodes.c.key, edges.c.valid_from)
    found: list[Any] = []
    for some in chunks([int(number) for number in ids]):
        found += connection.execute(served.where(edges.c.target.in_(some)).order_by(*order)).all()
    return found


def open_from(own: Iterable[int], edges: Iterable[Step], shut: set[int]) -> set[int]:
    """What can be reached without passing through what is shut."""
    onward: dict[int, list[int]] = {}
    for step in edges:
        onward.setdefault(step.source, []).append(step.target)
    seen = set(own) - shut
    waiting = sorted(seen)
    while waiting:
        for target in onward.get(waiting.pop(), ()):
            if target not in seen and target not in shut:
                seen.add(target)
                waiting.append(target)
    return seen
