"""The graph grows by documents: idempotent, ended by series, and nothing is overwritten. In SQLite and in PostgreSQL."""

import threading

import pytest
import sqlalchemy as sa

from assaymark.bom import graph, graph_tables, graph_walk
from assaymark.bom.graph_tables import EDGE_KINDS, FOREVER
from assaymark.core.errors import Malformed, OverBudget, UsageError
from assaymark.core.graph import Claims, Edge, EdgeKind, Node, NodeKind
from tests.bom.graphs import day, library, model, numbers, opened, says, seconds, stored


@pytest.fixture
def database(database_url):
    found = opened(database_url)
    yield found
    found.close()


def added(database, claims):
    with database.write() as connection:
        return graph.add(connection, claims)


def edges(database):
    """Readable: (source, target, since, until)."""
    with database.read() as connection:
        names = {number: key.removeprefix("model:") for key, number in numbers(connection).items()}
        return sorted((names[a], names[c], since, until) for a, _, c, since, until in stored(connection))


def test_the_numbers_of_kinds_never_change():
    assert [str(kind) for kind in EDGE_KINDS] == [
        "trainedOn", "testedOn", "descendantOf", "dependsOn", "contains", "hasDataFile", "usesTool", "hasInput", "generatedBy",
        "hasHost", "suppliedBy", "deployedAs", "names",
    ]  # fmt: skip
    assert [str(kind) for kind in graph_tables.NODE_KINDS] == [
        "model", "data", "library", "environment", "image", "platform", "device", "driver", "tool", "run", "file", "party",
        "deployment",
    ]  # fmt: skip


def test_the_same_document_again_changes_nothing(database):
    claims = says("1", day(1), [("b", "a")], "s")
    assert added(database, claims).is_new
    assert not added(database, claims).is_new
    assert edges(database) == [("b", "a", seconds(1), FOREVER)]


def test_a_later_document_of_the_series_ends_what_it_does_not_repeat(database):
    added(database, says("1", day(1), [("m", "a"), ("m", "b")], "s"))
    found = added(database, says("2", day(2), [("m", "b"), ("m", "c")], "s"))
    assert (found.opened, found.ended) == (1, 1)
    assert edges(database) == [
        ("m", "a", seconds(1), seconds(2)), ("m", "b", seconds(1), FOREVER), ("m", "c", seconds(2), FOREVER),
    ]  # fmt: skip
    added(database, says("3", day(3), [("m", "a")], "s"))
    assert edges(database) == [
        ("m", "a", seconds(1), seconds(2)), ("m", "a", seconds(3), FOREVER), ("m", "b", seconds(1), seconds(3)),
        ("m", "c", seconds(2), seconds(3)),
    ]  # fmt: skip
    with database.read() as connection:
        rows = sa.select(graph_tables.documents.c.at, graph_tables.documents.c.ended_at)
        assert sorted(map(tuple, connection.execute(rows))) == [
            (seconds(1), seconds(2)), (seconds(2), seconds(3)), (seconds(3), None),
        ]  # fmt: skip


def test_nobody_ends_what_another_series_says(database):
    added(database, says("1", day(1), [("m", "a")], "scanner"))
    added(database, says("2", day(1), [("m", "a")], "supplier"))
    added(database, says("3", day(2), [("m", "b")], "supplier"))
    with database.read() as connection:
        ids = numbers(connection)
        assert ids["model:m"] in graph_walk.affected(connection, [ids["model:a"]])
    added(database, says("4", day(3), [("m", "b")], "scanner"))
    with database.read() as connection:
        assert ids["model:m"] not in graph_walk.affected(connection, [ids["model:a"]])


def test_documents_without_a_series_end_nothing(database):
    added(database, says("1", day(1), [("m", "a")]))
    added(database, says("2", day(2), [("m", "b")]))
    assert [row[3] for row in edges(database)] == [FOREVER, FOREVER]


def test_a_document_that_comes_late_adds_only_to_the_past(database):
    added(database, says("2", day(5), [("m", "b")], "s"))
    added(database, says("1", day(2), [("m", "a"), ("m", "b")], "s"))
    assert edges(database) == [
        ("m", "a", seconds(2), seconds(5)), ("m", "b", seconds(2), seconds(5)), ("m", "b", seconds(5), FOREVER),
    ]  # fmt: skip
    added(database, says("3", day(6), [("m", "b")], "s"))
    assert edges(database)[-1] == ("m", "b", seconds(5), FOREVER)


def test_two_documents_of_one_second(database):
    added(database, says("1", day(1), [("m", "a")], "s"))
    added(database, says("2", day(1), [("m", "b")], "s"))
    added(database, says("3", day(1), [("m", "a")], "s"))
    assert edges(database) == [("m", "a", seconds(1), FOREVER), ("m", "b", seconds(1), seconds(1))]


def test_a_lock_contains_what_it_contains_whoever_says_it(database):
    lock = Node("sha256:" + "e" * 64, NodeKind.ENVIRONMENT, "uv.lock")
    torch, numpy = library("torch", "2.5"), library("numpy", "1.26")
    for number in range(3):
        top = model(f"m{number}")
        said = (Edge(top.key, EdgeKind.DEPENDS_ON, lock.key),
                *(Edge(lock.key, EdgeKind.CONTAINS, one.key) for one in (torch, numpy)))  # fmt: skip
        added(
            database,
            Claims(f"sha256:{number}", top.key, (top, lock, torch, numpy), said, day(number + 1), f"s{number}"),
        )
    added(database, says("9", day(9), [("m0", "other")], "s0"))
    with database.read() as connection:
        ids = numbers(connection)
        assert len(stored(connection)) == 3 + 2 + 1
        found = graph_walk.affected(connection, [ids[numpy.key]])
    assert ids["model:m0"] not in found
    assert {ids["model:m1"], ids["model:m2"], ids[lock.key]} < set(found)


def test_two_publishers_of_one_purl_are_two_nodes_with_one_alias(database):
    purl = "pkg:huggingface/org/net@abc"
    honest = Node("sha256:" + "a" * 64, NodeKind.MODEL, "net", "", purl)
    other = Node("sha256:" + "b" * 64, NodeKind.MODEL, "net", "", purl)
    for node in (honest, other):
        added(database, Claims(f"sha256:{node.key}", node.key, (node,), (), day(1)))
    with database.read() as connection:
        rows = connection.execute(sa.select(graph_tables.aliases).where(graph_tables.aliases.c.alias == purl)).all()
        assert len(rows) == 2
        assert {known.key for known in graph_walk.described(connection, [1, 2])} == {honest.key, other.key}


def test_a_disagreement_is_reported_and_both_names_stand(database):
    key = "sha256:" + "c" * 64
    added(database, Claims("sha256:1", key, (Node(key, NodeKind.MODEL, "honest"),), (), day(1)))
    found = added(database, Claims("sha256:2", key, (Node(key, NodeKind.DATA, "harmless"),), (), day(2)))
    assert [(one.stored, one.said) for one in found.disagreements] == [(("model", "honest"), ("data", "harmless"))]
    with database.read() as connection:
        (known,) = graph_walk.described(connection, [1])
        assert (known.kind, known.name) == (NodeKind.MODEL, "honest")
        assert graph_walk.aliases_of(connection, 1) == ["data:harmless", "model:honest"]


@pytest.mark.parametrize("base_first", [True, False])
@pytest.mark.parametrize("purl", ["pkg:huggingface/org/base@rev1", "pkg:huggingface/org/base"])
def test_what_others_call_by_a_name_is_tied_to_what_bears_it(database, base_first, purl):
    """The BOM of the base knows its bytes, that of the fine-tune only its purl: data of the base reach the fine-tune."""
    data = Node("sha256:" + "d" * 64, NodeKind.DATA, "corpus")
    base = Node("sha256:" + "e" * 64, NodeKind.MODEL, "base", "", "pkg:huggingface/org/base@rev1")
    called = Node(purl, NodeKind.MODEL, "base", "", purl)
    tuned = model("tuned")
    said = [
        says("base", day(1), [(base, data)], "base", EdgeKind.TRAINED_ON),
        says("tuned", day(2), [(tuned, called)], "tuned"),
    ]
    for claims in said if base_first else said[::-1]:
        added(database, claims)
    with database.read() as connection:
        ids = numbers(connection)
        assert ids[tuned.key] in graph_walk.affected(connection, [ids[data.key]])
        steps = graph_walk.path(connection, [ids[data.key]], ids[tuned.key])
        assert [step.kind for step in steps] == [EdgeKind.DESCENDANT_OF, EdgeKind.NAMES, EdgeKind.TRAINED_ON]
        mask = graph.mask_of([EdgeKind.DESCENDANT_OF, EdgeKind.TRAINED_ON])
        assert ids[tuned.key] in graph_walk.affected(connection, [ids[data.key]], mask)


@pytest.mark.parametrize(("name", "is_tied"), [("org/base", True), ("base", False)])
def test_a_name_ties_where_it_is_that_of_one_thing(database, name, is_tied):
    """Any folder may be called base; org/base is one."""
    data = Node("data:bad", NodeKind.DATA, "bad")
    bearer = Node("sha256:" + "e" * 64, NodeKind.MODEL, "base", "", "", (f"model:{name}",))
    added(database, says("1", day(1), [(bearer, data)], "base", EdgeKind.TRAINED_ON))
    added(database, says("2", day(2), [("tuned", name)], "tuned"))
    with database.read() as connection:
        ids = numbers(connection)
        assert (ids["model:tuned"] in graph_walk.affected(connection, [ids[data.key]])) is is_tied


def test_files_that_models_share_do_not_tie_the_models(database):
    shared = Node("sha256:" + "f" * 64, NodeKind.FILE, "tokenizer.json")
    data = Node("data:bad", NodeKind.DATA, "bad")
    added(database, says("1", day(1), [(model("a", shared.key), shared)], "a", EdgeKind.CONTAINS))
    added(database, says("2", day(1), [(model("b"), shared)], "b", EdgeKind.CONTAINS))
    added(database, says("3", day(1), [(model("a"), data)], "c", EdgeKind.TRAINED_ON))
    with database.read() as connection:
        ids = numbers(connection)
        assert ids["model:b"] not in graph_walk.affected(connection, [ids[data.key]])


def test_cycles_and_self_edges_of_hostile_claims(database):
    added(database, says("1", day(1), [("a", "a"), ("a", "b"), ("b", "c"), ("c", "a")]))
    assert ("a", "a", seconds(1), FOREVER) not in edges(database)
    with database.read() as connection:
        ids = numbers(connection)
        assert set(graph_walk.affected(connection, [ids["model:b"]])) == set(ids.values())
        assert set(graph_walk.ancestry(connection, [ids["model:b"]])) == set(ids.values())
        assert len(graph_walk.path(connection, [ids["model:a"]], ids["model:b"])) == 2


def test_claims_that_name_what_they_do_not_describe(database):
    a = model("a")
    for claims in (
        Claims("sha256:1", a.key, (a,), (Edge(a.key, EdgeKind.CONTAINS, "model:gone"),), day(1)),
        Claims("sha256:2", "model:gone", (a,), (), day(1)),
        Claims("sha256:3", a.key, (a,), (), "yesterday"),
        Claims("sha256:4", "k" * 601, (Node("k" * 601, NodeKind.MODEL, "k"),), (), day(1)),
        Claims("sha256:6", "k\ud800", (Node("k\ud800", NodeKind.MODEL, "k"),), (), day(1)),
        Claims("sha256:5", "k\0", (Node("k\0", NodeKind.MODEL, "k"),), (), day(1)),
    ):
        with pytest.raises(Malformed):
            added(database, claims)
    with database.read() as connection:
        assert numbers(connection) == {}


def test_too_many_edges_are_refused_before_anything_is_done(database, monkeypatch):
    monkeypatch.setattr(graph, "MOST_EDGES", 2)
    with pytest.raises(OverBudget, match="3 edges in one document"):
        added(database, says("1", day(1), [("a", "b"), ("b", "c"), ("c", "d")]))


def test_many_edges_in_one_document(database):
    many = 60_000 if database.is_sqlite else 3_000
    claims = says("1", day(1), [("m", f"n{number}") for number in range(many)], "s")
    assert added(database, claims).opened == many
    assert added(database, says("2", day(2), [("m", "n1")], "s")).ended == many - 1
    with database.read() as connection:
        assert len(graph_walk.ancestry(connection, [numbers(connection)["model:m"]])) == 2


def test_a_failed_transaction_leaves_nothing(database):
    def half():
        with database.write() as connection:
            graph.add(connection, says("1", day(1), [("b", "a")], "s"))
            raise UsageError("no")

    with pytest.raises(UsageError):
        half()
    with database.read() as connection:
        assert numbers(connection) == {}
        assert connection.execute(sa.select(sa.func.count()).select_from(graph_tables.log)).scalar() == 0


def test_writers_at_the_same_time(database):
    failed = []

    def write(number):
        try:
            for turn in range(6):
                added(
                    database,
                    says(
                        f"{number}-{turn}",
                        day(turn + 1),
                        [(f"m{number}", "shared"), ("shared", f"d{turn}")],
                        f"s{number}",
                    ),
                )
        except Exception as error:  # noqa: BLE001 - a thread's failure is the test's
            failed.append(error)

    threads = [threading.Thread(target=write, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not failed
    with database.read() as connection:
        assert len(numbers(connection)) == 4 + 1 + 6
        ids = numbers(connection)
        assert {ids[f"model:m{n}"] for n in range(4)} < set(graph_walk.affected(connection, [ids["model:d5"]]))
        assert graph_walk.affected(connection, [ids["model:d0"]]) == [ids["model:d0"]]
        log = connection.execute(sa.select(graph_tables.log.c.id).order_by(graph_tables.log.c.id)).scalars().all()
        assert log == list(range(1, 25))


def test_the_path_is_the_same_each_time_and_walks_up(database):
    added(database, says("1", day(1), [("top", "x"), ("top", "y"), ("x", "z"), ("y", "z"), ("z", "end")]))
    with database.read() as connection:
        ids = numbers(connection)
        steps = graph_walk.path(connection, [ids["model:end"]], ids["model:top"])
        assert [step.source for step in steps] == [
            ids["model:top"],
            min(ids["model:x"], ids["model:y"]),
            ids["model:z"],
        ]
        assert steps[-1].target == ids["model:end"]
        assert graph_walk.path(connection, [ids["model:top"]], ids["model:end"]) == []
        assert graph_walk.path(connection, [ids["model:top"]], ids["model:top"]) == []
        between = {
            (step.source, step.target)
            for step in graph_walk.edges_between(connection, [ids["model:top"], ids["model:x"]])
        }
        assert between == {(ids["model:top"], ids["model:x"])}
