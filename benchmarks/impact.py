"""Measures the graph: `python benchmarks/impact.py [--scale 1.0] [--folder DIR] [--postgres URL]`. Figures are in docs/adr/0018.

The store has 100,000 models, a million components and ten million edges (times the scale): components on five levels depend on
each other, base models on components, fine-tunes on bases, derived models on those, production on them; Zipf's law says how
popular each is; seed 7. Beside ours stands the recursive query of SQL, which every answer is compared with, as with scipy's
breadth-first order. "Fresh" is a process of its own: from opening the database to the answer, imports not counted.
"""

import argparse
import hashlib
import json
import sqlite3
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np

from assaymark.bom import graph, graph_tables, graph_walk
from assaymark.bom.graph_log import START
from assaymark.bom.graph_merge import _said as said
from assaymark.bom.graph_tables import EDGE_NUMBER, FOREVER, NODE_NUMBER
from assaymark.core.graph import Claims, Edge, EdgeKind, Node, NodeKind
from assaymark.graphs import Graph
from assaymark.storage.database import Database

MODELS, COMPONENTS, VERSIONS = 100_000, 1_000_000, 41
BEGAN = 1_700_000_000
INDEX = "CREATE INDEX ix_graph_edges_target ON graph_edges (target, valid_to, source, kind, valid_from)"
Rows = Iterator[tuple[Any, ...]]


class Made:
    """A graph out of random numbers: components have ids from 1, the most popular first; models come after them."""

    def __init__(self, scale: float) -> None:
        chance = np.random.default_rng(7)
        self.components, self.models = int(COMPONENTS * scale), int(MODELS * scale)
        n, m = self.components, self.models
        self.packages = max(n // VERSIONS, 1)
        level = chance.integers(0, 5, n)
        pairs = []
        for height in range(1, 5):
            above, below = np.flatnonzero(level == height), np.flatnonzero(level == height - 1)
            source = np.repeat(above, chance.integers(1, 5, len(above)))
            pairs.append((source + 1, below[zipf(chance, len(below), len(source))] + 1))
        tiers = np.split(np.arange(m) + n + 1, [m // 10, m * 6 // 10, m * 9 // 10])
        for number, tier in enumerate(tiers):
            source = np.repeat(tier, chance.poisson(95, len(tier)))
            pairs.append((source, zipf(chance, n, len(source)) + 1))
            if number:
                pairs.append((tier, tiers[number - 1][zipf(chance, len(tiers[number - 1]), len(tier))]))
        keys = np.unique(np.concatenate([(source.astype(np.int64) << 32) | target for source, target in pairs]))
        self.source, self.target = (keys >> 32).astype(np.int64), (keys & 0xFFFFFFFF).astype(np.int64)
        self.production = tiers[3]

    @property
    def last(self) -> int:
        return self.components + self.models

    def kind(self) -> np.ndarray:
        is_base = self.target > self.components
        return np.where(is_base, EDGE_NUMBER[EdgeKind.DESCENDANT_OF], EDGE_NUMBER[EdgeKind.DEPENDS_ON])

    def origin(self) -> np.ndarray:
        """A document for each model, and one for each thousand components."""
        return np.where(
            self.source > self.components, self.source - self.components, self.models + 1 + self.source // 1000
        )


def zipf(chance: np.random.Generator, most: int, count: int) -> np.ndarray:
    """Ranks from 0, with weights 1 / (rank + 1)."""
    return np.minimum((most ** chance.random(count)).astype(np.int64), most) - 1


def purl(number: int, packages: int) -> str:
    """Versions of a package are far apart in popularity."""
    return f"pkg:pypi/p{(number - 1) % packages}@1.{(number - 1) // packages}"


def component(key: str) -> Node:
    """A library with one file."""
    name, _, version = key.removeprefix("pkg:pypi/").partition("@")
    return Node(key, NodeKind.LIBRARY, name, version, key, (f"sha256:{hashlib.sha256(key.encode()).hexdigest()}",))


def tables(made: Made) -> Iterator[tuple[str, tuple[str, ...], Rows]]:
    """Name of a table, columns, rows in the order of its key."""
    library, model = NODE_NUMBER[NodeKind.LIBRARY], NODE_NUMBER[NodeKind.MODEL]
    names = [purl(i, made.packages) for i in range(1, made.components + 1)]
    digests = [f"assaymark-manifest-v1:{hashlib.sha256(b'%d' % i).hexdigest()}" for i in range(made.models)]
    yield "graph_nodes", ("id", "key", "kind", "name", "version", "purl", "said"), (
        *((i + 1, n.key, library, n.name, n.version, n.purl, said(n)) for i, n in enumerate(map(component, names))),
        *((made.components + 1 + i, key, model, f"model-{i}", "1", "", 0) for i, key in enumerate(digests)),
    )  # fmt: skip
    files = [(f"sha256:{hashlib.sha256(key.encode()).hexdigest()}", i + 1) for i, key in enumerate(names)]
    files += [(f"bench/model-{i}@1", made.components + 1 + i) for i in range(made.models)]
    yield "graph_aliases", ("alias", "node"), iter(sorted(files))
    split = sorted((*name.split("@"), i + 1) for i, name in enumerate(names))
    yield "graph_packages", ("package", "version", "node"), iter(split)
    origin, count = made.origin(), made.models + 2 + made.components // 1000
    yield (
        "graph_documents",
        ("id", "digest", "subject", "series", "origin", "at", "ended_at"),
        (
            (i, f"sha256:{i}", min(made.components + i, made.last), f"series-{i}", i, BEGAN + i, None)
            for i in range(1, count)
        ),
    )
    order = np.lexsort((made.kind(), made.target, origin, made.source))
    columns = [column[order].tolist() for column in (made.source, origin, made.target, made.kind(), BEGAN + origin)]
    names_ = ("source", "origin", "target", "kind", "valid_from", "valid_to")
    yield "graph_edges", names_, zip(*columns, [None] * len(order), strict=True)
    pairs = np.unique((origin << 32) | made.source)
    yield "graph_sources", ("origin", "source"), zip((pairs >> 32).tolist(), (pairs & 0xFFFFFFFF).tolist(), strict=True)
    yield "graph_log", ("id", "rows", "chain"), logged(made, origin)


def logged(made: Made, origin: np.ndarray) -> Rows:
    order = np.argsort(origin, kind="stable")
    forever = np.full(len(order), FOREVER)
    table = np.stack([made.source, made.target, made.kind(), BEGAN + origin, forever], axis=1)[order].astype("<u4")
    ends = np.flatnonzero(np.diff(origin[order])) + 1
    chain = START
    for number, part in enumerate(np.split(table, ends), 1):
        rows = part.tobytes()
        chain = hashlib.sha256(bytes.fromhex(chain) + rows).hexdigest()
        yield number, rows, chain


def load_sqlite(path: Path, made: Made) -> None:
    Database.open(f"sqlite:///{path}", [graph_tables.metadata]).close()
    connection = sqlite3.connect(path)
    connection.execute("PRAGMA synchronous=OFF")
    connection.execute("PRAGMA cache_size=-400000")
    connection.execute("DROP INDEX ix_graph_edges_target")
    for name, columns, rows in tables(made):
        places = ", ".join("?" * len(columns))
        connection.executemany(f"INSERT INTO {name} ({', '.join(columns)}) VALUES ({places})", rows)
        connection.commit()
    connection.execute(INDEX)
    connection.commit()
    connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    connection.close()


def load_postgres(url: str, made: Made) -> None:
    database = Database.open(url, [graph_tables.metadata])
    with database.engine.begin() as connection:
        raw: Any = connection.connection.cursor()
        raw.execute("DROP INDEX ix_graph_edges_target")
        for name, columns, rows in tables(made):
            with raw.copy(f"COPY {name} ({', '.join(columns)}) FROM STDIN") as copy:
                for row in rows:
                    copy.write_row(row)
        raw.execute(INDEX)
        for name in ("graph_nodes", "graph_documents"):
            raw.execute(f"SELECT setval(pg_get_serial_sequence('{name}', 'id'), (SELECT max(id) FROM {name}))")
    with database.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.exec_driver_sql("VACUUM ANALYZE")
    database.close()


def timed(work: Callable[[], Any], times: int = 5) -> tuple[float, Any]:
    """Median in milliseconds, and the answer."""
    spent, answer = [], None
    for _ in range(times):
        begin = time.perf_counter()
        answer = work()
        spent.append((time.perf_counter() - begin) * 1000)
    return statistics.median(spent), answer


def resident() -> float:
    """The most memory that this process had at once, in MB; getrusage would count what it was forked from."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) / 1024 for line in lines if line.startswith("VmHWM"))


def ask(url: str, folder: str, seeds: list[int]) -> dict[str, float]:
    """One question in a process that has seen nothing."""
    begin = time.perf_counter()
    reader = Graph(Database.open(url, [graph_tables.metadata]), folder)
    count = reader.affected(seeds).count
    spent = (time.perf_counter() - begin) * 1000
    return {"ms": spent, "count": count, "rss": resident()}


def fresh(url: str, folder: str, seeds: list[int]) -> dict[str, float]:
    """The same from outside, with the time of the whole process."""
    found = []
    for _ in range(3):
        begin = time.perf_counter()
        command = [sys.executable, __file__, "--ask", json.dumps([url, folder, seeds])]
        done = subprocess.run(command, check=True, capture_output=True)
        found.append(json.loads(done.stdout) | {"process": (time.perf_counter() - begin) * 1000})
    return sorted(found, key=lambda one: one["ms"])[1]


def oracle(made: Made, seeds: list[int]) -> set[int]:
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import breadth_first_order

    ends = (np.concatenate([np.zeros(len(seeds), int), made.target]), np.concatenate([seeds, made.source]))
    matrix = coo_array((np.ones(len(ends[0]), np.int8), ends), shape=(made.last + 1,) * 2).tocsr()
    return set(breadth_first_order(matrix, 0, return_predecessors=False).tolist()) - {0}


def rare(made: Made, reader: Graph) -> int:
    """A component of which about ten models come."""
    for number in range(made.components // 2, made.components):
        if 10 <= reader.affected([number]).count <= 14:
            return number
    return made.components


def popular(reader: Graph) -> int:
    """Of the thirty most popular ones, the one with the most descendants: what numpy is."""
    return max(range(1, 31), key=lambda number: reader.affected([number]).count)


def versions(made: Made, number: int) -> list[int]:
    """All versions of its package."""
    return list(range((number - 1) % made.packages + 1, made.components + 1, made.packages))[:VERSIONS]


def bom(made: Made, number: int, chance: np.random.Generator) -> Claims:
    """A model of 300 components, a tenth of them new."""
    known = [purl(int(i) + 1, made.packages) for i in np.unique(zipf(chance, made.components, 900))[:270]]
    keys = known + [f"pkg:pypi/new-{number}-{i}@1" for i in range(300 - len(known))]
    subject = f"assaymark-manifest-v1:{hashlib.sha256(b'new%d' % number).hexdigest()}"
    nodes = tuple(map(component, keys))
    edges = tuple(Edge(subject, EdgeKind.DEPENDS_ON, key) for key in keys)
    model = Node(subject, NodeKind.MODEL, f"new-{number}", "1", "", (f"bench/new-{number}@1",))
    return Claims(f"sha256:new-{number}", subject, (model, *nodes), edges, "2026-11-24T10:00:00Z", f"new-{number}")


def measure(url: str, folder: str, made: Made, *, title: str) -> None:
    database = Database.open(url, [graph_tables.metadata])
    reader = Graph(database, folder)
    begin = time.perf_counter()
    reader.exposure([1], [1])
    print(f"{title}: arrays made from the log in {time.perf_counter() - begin:.1f} s")
    reader.close()
    questions = {
        "popular": [popular(reader)],
        "rare": [rare(made, reader)],
        "41 versions": versions(made, popular(reader)),
    }
    print(
        f"{'question':<14}{'nodes':>9}{'models':>8}{'ours warm':>11}{'fresh':>9}{'process':>9}{'RSS MB':>8}{'CTE':>9}{'ratio':>7}  ms"
    )
    for name, seeds in questions.items():
        warm, reach = timed(lambda seeds=seeds: reader.affected(seeds))
        models = len(reader.of_kind(reach.ids, [NodeKind.MODEL]))
        with database.read() as connection:
            slow, wanted = timed(lambda seeds=seeds, c=connection: graph_walk.affected(c, seeds), 3)
        assert set(map(int, reach.ids)) == set(wanted) == oracle(made, seeds), name
        new = fresh(url, folder, seeds)
        print(f"{name:<14}{reach.count:>9}{models:>8}{warm:>11.2f}{new['ms']:>9.1f}{new['process']:>9.0f}{new['rss']:>8.0f}"
              f"{slow:>9.1f}{slow / warm:>7.1f}")  # fmt: skip
    details(database, reader, made, questions["popular"])


def details(database: Database, reader: Graph, made: Made, seeds: list[int]) -> None:
    chance = np.random.default_rng(8)
    some = [int(i) for i in chance.choice(made.production, 200)]
    spent = [timed(lambda node=node: reader.path(seeds, node), 1) for node in some]
    each = sorted(ms for ms, _ in spent)
    lengths = {len(steps) for _, steps in spent}
    print(f"path            median {each[100]:.2f} ms, 95 % {each[190]:.2f} ms, lengths {sorted(lengths)}")
    ancestry = sorted(timed(lambda node=node: reader.ancestry(node), 1)[0] for node in some)
    print(f"ancestry        median {ancestry[100]:.2f} ms, greatest {ancestry[-1]:.2f} ms")
    ids = reader.affected(seeds).ids
    print(f"exposure        {timed(lambda: reader.exposure(seeds, ids), 3)[0]:.0f} ms for {len(ids)} nodes")
    print(f"as of           {timed(lambda: reader.affected(seeds, as_of='2026-01-01T00:00:00Z'), 3)[0]:.0f} ms")
    print(f"of some kinds   {timed(lambda: reader.affected(seeds, kinds=[EdgeKind.DEPENDS_ON]), 3)[0]:.0f} ms")

    def addition(number: int) -> None:
        claims = bom(made, number, chance)
        begin = time.perf_counter()
        with database.write() as connection:
            graph.add(connection, claims)
        took.append((time.perf_counter() - begin) * 1000)

    took: list[float] = []
    for number in range(21):
        addition(number)
    print(
        f"add a BOM       median {statistics.median(took):.1f} ms, greatest {max(took):.1f} ms (300 components, durable)"
    )
    after, reach = timed(lambda: reader.affected(seeds))
    with database.read() as connection:
        assert set(map(int, reach.ids)) == set(graph_walk.affected(connection, seeds))
    print(f"popular after   {after:.2f} ms with {reach.count} nodes, the additions overlaid")
    print(f"peak RSS here   {resident():.0f} MB, the generator's arrays included")
    reader.close()


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--scale", type=float, default=1.0)
    parser.add_argument("--folder")
    parser.add_argument("--postgres")
    parser.add_argument("--ask", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.ask:
        print(json.dumps(ask(*json.loads(options.ask))))
        return
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(options.folder or temporary)
        folder.mkdir(parents=True, exist_ok=True)
        made = Made(options.scale)
        print(f"{made.models} models, {made.components} components, {len(made.source)} edges")
        path = folder / "graph.sqlite"
        if not path.exists():
            begin = time.perf_counter()
            load_sqlite(path, made)
            print(f"SQLite: loaded in {time.perf_counter() - begin:.0f} s, {path.stat().st_size / 1e6:.0f} MB")
        measure(f"sqlite:///{path}", str(folder / "arrays"), made, title="SQLite")
        if options.postgres:
            begin = time.perf_counter()
            load_postgres(options.postgres, made)
            print(f"PostgreSQL: loaded in {time.perf_counter() - begin:.0f} s")
            measure(options.postgres, str(folder / "arrays-postgres"), made, title="PostgreSQL")


if __name__ == "__main__":
    main()
