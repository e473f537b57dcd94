"""Claims for tests of the graph, and oracles that do not share its code."""

import networkx as nx
import sqlalchemy as sa

from assaymark.bom import graph_tables
from assaymark.bom.graph_tables import EDGE_NUMBER, FOREVER
from assaymark.core.graph import Claims, Edge, EdgeKind, Node, NodeKind
from assaymark.storage.database import Database

TABLES = [graph_tables.metadata]
DAY = 86_400
FIRST = 1_767_225_600
"""2026-01-01T00:00:00Z."""


def day(number: int) -> str:
    return f"2026-01-{number:02d}T00:00:00Z"


def seconds(number: int) -> int:
    return FIRST + (number - 1) * DAY


def model(name: str, *aliases: str, purl: str = "") -> Node:
    return Node(f"model:{name}", NodeKind.MODEL, name, "", purl, aliases)


def library(name: str, version: str, *aliases: str) -> Node:
    purl = f"pkg:pypi/{name}@{version}"
    return Node(purl, NodeKind.LIBRARY, name, version, purl, aliases)


def says(document: str, at: str, edges, series: str = "", kind: EdgeKind = EdgeKind.DESCENDANT_OF, nodes=()) -> Claims:
    """Claims of edges between models (by name) or nodes."""
    described = {node.key: node for node in nodes}
    triples = []
    for source, target in edges:
        ends = [model(end) if isinstance(end, str) else end for end in (source, target)]
        for end in ends:
            described.setdefault(end.key, end)
        triples.append(Edge(ends[0].key, kind, ends[1].key))
    first = next(iter(described))
    return Claims(f"sha256:{document}", first, tuple(described.values()), tuple(triples), at, series)


def opened(url: str) -> Database:
    return Database.open(url, TABLES)


def numbers(connection: sa.Connection) -> dict[str, int]:
    """Key -> id."""
    rows = sa.select(graph_tables.nodes.c.key, graph_tables.nodes.c.id)
    return {row.key: row.id for row in connection.execute(rows)}


def stored(connection: sa.Connection) -> list[tuple[int, int, int, int, int]]:
    """Source, kind, target, from, to of all edges."""
    rows = connection.execute(sa.text("SELECT source, kind, target, valid_from, valid_to FROM graph_edges"))
    return [(*row[:4], FOREVER if row[4] is None else row[4]) for row in rows]


def descendants(rows, seeds, when=None, kinds=None) -> set[int]:
    """What networkx says."""
    numbers_ = None if kinds is None else {EDGE_NUMBER[kind] for kind in kinds} | {EDGE_NUMBER[EdgeKind.NAMES]}
    found = nx.DiGraph()
    found.add_nodes_from(seeds)
    for source, kind, target, since, until in rows:
        held = until == FOREVER if when is None else when == "ever" or since <= when < until
        if held and (numbers_ is None or kind in numbers_):
            found.add_edge(target, source)
    return set(seeds).union(*(nx.descendants(found, seed) for seed in seeds))


def exposed(rows, seeds, node) -> tuple[int, int]:
    """Since and until by asking at each moment at which something changes."""
    moments = sorted({0, *(row[3] for row in rows), *(row[4] for row in rows if row[4] != FOREVER)})
    on = [place for place, moment in enumerate(moments) if node in descendants(rows, seeds, moment)]
    if not on:
        return FOREVER, 0
    last = on[-1] + 1
    return moments[on[0]], moments[last] if last < len(moments) else FOREVER
