"""SQL, arrays and networkx agree on any graph, at any moment, in SQLite and in PostgreSQL."""

import itertools
import random
import tempfile

from hypothesis import given, settings
from hypothesis import strategies as st

from assaymark.bom import graph, graph_walk
from assaymark.bom.graph_walk import EVER
from assaymark.core.graph import Claims, Edge, EdgeKind
from assaymark.graphs import Graph
from tests.bom.graphs import day, descendants, exposed, model, numbers, opened, stored

KINDS = [EdgeKind.DESCENDANT_OF, EdgeKind.TRAINED_ON, EdgeKind.CONTAINS]
NAMES = [f"n{number}" for number in range(8)]
SAID = st.tuples(
    st.sampled_from(["", "s", "t", "u"]),
    st.integers(1, 12),
    st.lists(st.tuples(st.sampled_from(NAMES), st.sampled_from(KINDS), st.sampled_from(NAMES)), max_size=8),
)


def claims(number: int, series: str, at: int, triples) -> Claims:
    nodes = tuple(model(name) for name in NAMES)
    edges = tuple(Edge(f"model:{a}", kind, f"model:{b}") for a, kind, b in triples)
    return Claims(f"sha256:{number}", nodes[0].key, nodes, edges, day(at), series)


def agree(database, reader: Graph) -> None:
    """All questions about the graph as it stands, by three ways."""
    with database.read() as connection:
        rows, ids = stored(connection), sorted(numbers(connection).values())
        for when, asked in ((None, {}), (graph.moment(day(6)), {"as_of": day(6)}), (EVER, {"ever": True})):
            for kinds in (None, [EdgeKind.TRAINED_ON, EdgeKind.CONTAINS]):
                for seeds in ([ids[1]], [ids[2], ids[5]]):
                    wanted = descendants(rows, seeds, "ever" if when == EVER else when, kinds)
                    assert set(graph_walk.affected(connection, seeds, graph.mask_of(kinds), when)) == wanted
                    assert [int(n) for n in reader.affected(seeds, kinds, **asked).ids] == sorted(wanted)
                    for node in ids:
                        walked(reader.path(seeds, node, kinds, **asked), seeds, node, node in wanted)
        found = reader.exposure([ids[1]], ids)
        for place, node in enumerate(ids):
            assert (int(found.since[place]), int(found.until[place])) == exposed(rows, [ids[1]], node)


def walked(steps, seeds, node, is_affected: bool) -> None:
    """A path is one."""
    assert bool(steps) == (is_affected and node not in seeds)
    if steps:
        assert steps[0].source == node
        assert steps[-1].target in seeds
        assert all(one.target == other.source for one, other in itertools.pairwise(steps))


@settings(max_examples=40, deadline=None)
@given(st.lists(SAID, min_size=1, max_size=8), st.integers(0, 9), st.integers(0, 6))
def test_any_graph(said, small, overlay):
    with tempfile.TemporaryDirectory() as folder:
        database = opened(f"sqlite:///{folder}/records.sqlite")
        reader = Graph(database, f"{folder}/arrays", small=small, overlay=overlay)
        for number, one in enumerate(said):
            with database.write() as connection:
                graph.add(connection, claims(number, *one))
            reader.affected([1])
        agree(database, reader)
        reader.close()
        agree(database, again := Graph(database, f"{folder}/arrays", small=0))
        again.close()
        database.close()


def test_graphs_that_grow(database_url, tmp_path):
    chance = random.Random(7)
    database = opened(database_url)
    reader = Graph(database, str(tmp_path / "arrays"), small=0, overlay=15)
    for number in range(24):
        edges = [(chance.choice(NAMES), chance.choice(KINDS), chance.choice(NAMES)) for _ in range(chance.randrange(6))]
        with database.write() as connection:
            graph.add(connection, claims(number, chance.choice(["", "s", "t", "u"]), chance.randrange(1, 13), edges))
        if number % 4 == 3:
            agree(database, reader)
    reader.close()
    database.close()


def test_the_shortest_path_is_as_short_as_networkx_finds(tmp_path):
    import networkx as nx

    chance = random.Random(8)
    database = opened(f"sqlite:///{tmp_path}/records.sqlite")
    triples = [(f"n{a}", EdgeKind.DESCENDANT_OF, f"n{chance.randrange(a)}") for a in range(1, 60) for _ in range(2)]
    nodes = tuple(model(f"n{number}") for number in range(60))
    edges = tuple(Edge(f"model:{a}", kind, f"model:{b}") for a, kind, b in triples)
    with database.write() as connection:
        graph.add(connection, Claims("sha256:1", "model:n0", nodes, edges, day(1)))
    with database.read() as connection:
        ids = numbers(connection)
        known = nx.DiGraph((ids[edge.source], ids[edge.target]) for edge in edges)
        for name in ("model:n59", "model:n40", "model:n17"):
            steps = graph_walk.path(connection, [ids["model:n0"]], ids[name])
            assert len(steps) == nx.shortest_path_length(known, ids[name], ids["model:n0"])
            assert steps == graph_walk.path(connection, [ids["model:n0"]], ids[name])
    database.close()
