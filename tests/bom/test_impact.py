"""Who is affected: of a registry whose graph is filled by hand, and of BOM files."""

import csv
import io
import json
import re
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest

from assaymark import impacting
from assaymark.bom import graph, graph_tree
from assaymark.core.errors import NotFound, UsageError
from assaymark.core.graph import Claims, Edge, EdgeKind, Node, NodeKind
from assaymark.desk import Desk
from assaymark.faces.cli import run
from assaymark.graphs import Graph
from assaymark.registry import models
from assaymark.registry.names import ModelName, VersionName
from assaymark.report import impact as report
from tests.bom.graphs import day, library, opened, says
from tests.databases import database_url, postgres, postgres_url  # noqa: F401 - fixtures
from tests.registry.makers import NOW
from tests.registry.org import ONE, Org, a_model

NUMPY = library("numpy", "1.26.4")
ENVIRONMENT = Node(f"sha256:{'e' * 64}", NodeKind.ENVIRONMENT, "requirements.lock")
BASE = Node("pkg:huggingface/acme/base@1", NodeKind.MODEL, "acme/base", "1", "pkg:huggingface/acme/base@1")
REVIEWS = Node(f"sha256:{'d' * 64}", NodeKind.DATA, "reviews", "", "", ("data:reviews",))
MORE = VersionName(ModelName("rivals", "ranker"), "1")
AT = "2026-11-01T00:00:00Z"


@pytest.fixture
def org(tmp_path: Path) -> Any:
    made = Org(tmp_path / "home")
    yield made
    made.registrar.close()


def node_of(org: Org, name: VersionName) -> Node:
    with org.registrar.look() as work:
        row = models.find_version(work.connection, name)
    return Node(row.digest, NodeKind.MODEL, name.model.model, name.version, "", (str(name),))


def add(org: Org, *claims: Claims) -> None:
    with org.registrar.work() as work:
        for one in claims:
            graph.add(work.connection, one)


def said(document: str, edges: list[tuple[Node, EdgeKind, Node]], at: str = AT, series: str = "") -> Claims:
    nodes = {node.key: node for source, _, target in edges for node in (source, target)}
    listed = tuple(Edge(source.key, kind, target.key) for source, kind, target in edges)
    return Claims(f"sha256:{document}", edges[0][0].key, tuple(nodes.values()), listed, at, series)


def filled(org: Org, tmp_path: Path) -> Node:
    """fraud/scorer@1, in production and deployed, made from a base that was trained on reviews; it needs numpy."""
    org.publish(a_model(tmp_path / "model"))
    org.promote()
    scorer = node_of(org, ONE)
    runs = Node("deployment:eu/checkout/v2", NodeKind.DEPLOYMENT, "checkout/v2")
    add(
        org,
        said("one", [(scorer, EdgeKind.DEPENDS_ON, ENVIRONMENT), (scorer, EdgeKind.DESCENDANT_OF, BASE)], series="s"),
        said("two", [(ENVIRONMENT, EdgeKind.DEPENDS_ON, NUMPY)]),
        said("three", [(BASE, EdgeKind.TRAINED_ON, REVIEWS)]),
        said("four", [(runs, EdgeKind.DEPLOYED_AS, scorer)], "2026-11-05T00:00:00Z", "d"),
    )
    return scorer


def told(org: Org, what: str, **options: Any) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    head, *hits, end = impacting.impact(org.registrar, what, **options).lines()
    assert end == {"end": True, "hits": len(hits)} and head["counts"]["hits"] == len(hits)
    return head, hits


def test_stage_owner_path_exposure_and_deployments(org: Org, tmp_path: Path) -> None:
    scorer = filled(org, tmp_path)
    head, (hit,) = told(org, "pkg:pypi/numpy@<2")
    assert head["counts"] == {
        "hits": 1, "possibly": 0, "live": 1, "kinds": {"model": 1}, "stages": {"production": 1},
    }  # fmt: skip
    assert (hit["key"], hit["name"], hit["owner"], hit["stage"]) == (scorer.key, str(ONE), "ann", "production")
    assert [(s["name"], s["by"]) for s in hit["path"]] == [
        ("pkg:pypi/numpy@1.26.4", ""), ("requirements.lock", "dependsOn"), (str(ONE), "dependsOn"),
    ]  # fmt: skip
    assert (hit["exposed_from"], hit["exposed_until"]) == (AT, "")
    assert hit["versions"][0]["channels"] == ("production",)
    assert hit["deployments"] == [
        {"name": "checkout/v2", "environment": "eu", "since": "2026-11-05T00:00:00Z", "until": "", "live": True}
    ]


def test_data_reaches_bases_and_what_is_made_from_them(org: Org, tmp_path: Path) -> None:
    filled(org, tmp_path)
    head, hits = told(org, "dataset:reviews")
    assert hits[0]["name"] == str(ONE)
    assert {hit["name"] for hit in hits[1:]} == {"reviews", "acme/base@1"}
    assert head["counts"]["stages"] == {"production": 1, "outside": 2}
    _, hits = told(org, "dataset:reviews", channel="production")
    assert [hit["name"] for hit in hits] == [str(ONE)]
    assert told(org, "dataset:reviews", channel="staging")[1] == []


def test_as_of_a_moment(org: Org, tmp_path: Path) -> None:
    scorer = filled(org, tmp_path)
    add(org, said("later", [(scorer, EdgeKind.DEPENDS_ON, library("attrs", "1"))], "2026-11-20T00:00:00Z", "s"))
    assert told(org, "pkg:pypi/numpy")[1] == []
    head, (hit,) = told(org, "pkg:pypi/numpy", as_of="2026-11-10")
    assert head["as_of"] == "2026-11-10T00:00:00Z"
    assert (hit["exposed_from"], hit["exposed_until"]) == (AT, "2026-11-20T00:00:00Z")
    assert hit["stage"] == "none"  # nothing had been activated by then
    assert told(org, "pkg:pypi/numpy", as_of="2026-10-01")[1] == []
    assert told(org, "pkg:pypi/attrs", as_of=NOW.strftime("%Y-%m-%dT%H:%M:%SZ"))[1][0]["stage"] == "production"
    with pytest.raises(UsageError, match="no moment"):
        told(org, "pkg:pypi/numpy", as_of="yesterday")


def test_what_is_not_known_is_not_the_same_as_nobody(org: Org, tmp_path: Path) -> None:
    filled(org, tmp_path)
    with pytest.raises(NotFound) as caught:
        told(org, "pkg:pypi/nunpy")
    assert "pkg:pypi/numpy" in caught.value.step
    with pytest.raises(NotFound) as caught:
        told(org, "pkg:pypi/numpy@9")
    assert "pkg:pypi/numpy@1.26.4" in caught.value.step
    assert told(org, "pkg:pypi/numpy@>=2")[1] == []


def test_possibly(org: Org, tmp_path: Path) -> None:
    scorer = filled(org, tmp_path)
    loose = Node("pkg:pypi/loose", NodeKind.LIBRARY, "loose", "", "pkg:pypi/loose")
    add(org, said("loose", [(scorer, EdgeKind.DEPENDS_ON, loose)]))
    head, (hit,) = told(org, "pkg:pypi/loose@<2")
    assert hit["possibly"] and head["counts"]["possibly"] == 1 and head["seeds"][0]["possibly"]


def test_an_osv_record(org: Org, tmp_path: Path) -> None:
    filled(org, tmp_path)
    record = {
        "id": "X-1",
        "affected": [{"package": {"ecosystem": "PyPI", "name": "numpy"}, "versions": ["1.26.4"]}],
    }
    (tmp_path / "x.json").write_text(json.dumps(record))
    found = impacting.impact(org.registrar, impacting.given(str(tmp_path / "x.json")))
    assert found.what == "X-1" and [hit.name for hit in found.hits] == [str(ONE)]
    with pytest.raises(NotFound, match="no advisory"):
        told(org, "CVE-2026-12345")


def test_why_and_ancestry(org: Org, tmp_path: Path) -> None:
    filled(org, tmp_path)
    desk = Desk(org.registrar, "host")
    way = desk.why(str(ONE), "dataset:reviews")
    assert [step["name"] for step in way["path"]] == ["reviews", "acme/base@1", str(ONE)]
    assert desk.why("acme/base", "pkg:pypi/numpy")["path"] == []
    assert [step["name"] for step in desk.why(str(ONE), str(ONE))["path"]] == [str(ONE)]
    found = desk.ancestry(str(ONE))
    assert {node["name"] for node in found["nodes"]} > {"requirements.lock", "numpy", "acme/base", "reviews"}
    keys = {node["key"] for node in found["nodes"]}
    assert all({edge["source"], edge["target"]} <= keys for edge in found["edges"])


def rivals(org: Org, tmp_path: Path) -> None:
    """rivals/ranker@1 was made from fraud/scorer@1, which nobody of rivals may read."""
    with org.registrar.work() as work:
        models.create_project(work, "rivals")
        models.create_model(work, MORE.model, "ann")
    folder = a_model(tmp_path / "other")
    (folder / "config.json").write_text('{"model_type": "ranker"}')
    org.publish(folder, MORE)
    scorer = node_of(org, ONE)
    ranker = node_of(org, MORE)
    add(
        org,
        said("rivals", [(ranker, EdgeKind.DESCENDANT_OF, scorer), (ranker, EdgeKind.DEPENDS_ON, library("mine", "1"))]),
    )


def only_rivals(project: str, _model: str) -> bool:
    return project == "rivals"


def test_what_one_may_not_read_is_neither_shown_nor_counted(org: Org, tmp_path: Path) -> None:
    filled(org, tmp_path)
    rivals(org, tmp_path)
    assert told(org, "dataset:reviews")[0]["counts"]["hits"] == 4
    head, hits = told(org, "dataset:reviews", sees=only_rivals)
    assert [hit["name"] for hit in hits] == [str(MORE)] and head["counts"]["stages"] == {"none": 1}
    assert [step["name"] for step in hits[0]["path"]] == ["not for you to see"] * 3 + [str(MORE)]
    assert "fraud" not in json.dumps([head, hits]) and "acme" not in json.dumps([head, hits])
    reader = impacting.reader_of(org.registrar)
    way = reader.why(str(MORE), "dataset:reviews", sees=only_rivals)
    assert "fraud" not in json.dumps(way) and len(way["path"]) == 4
    up = reader.ancestry(str(MORE), sees=only_rivals)
    assert "fraud" not in json.dumps(up)
    assert up["hidden"] == 1 and "mine" in {node["name"] for node in up["nodes"]}
    assert not {"reviews", "numpy", "acme/base"} & {node["name"] for node in up["nodes"]}
    with pytest.raises(NotFound):
        reader.ancestry(str(ONE), sees=only_rivals)


def test_what_only_others_use_is_as_unknown_as_what_nobody_does(org: Org, tmp_path: Path) -> None:
    filled(org, tmp_path)
    rivals(org, tmp_path)
    add(org, said("secret", [(Node("model:x", NodeKind.MODEL, "x"), EdgeKind.DEPENDS_ON, library("secret", "1"))]))
    with pytest.raises(NotFound) as known:
        told(org, "pkg:pypi/secret", sees=only_rivals)
    with pytest.raises(NotFound) as unknown:
        told(org, "pkg:pypi/nothing", sees=only_rivals)
    assert known.value.message.replace("secret", "nothing") == unknown.value.message
    assert known.value.step == unknown.value.step


def test_pages(org: Org, tmp_path: Path) -> None:
    filled(org, tmp_path)
    found = impacting.impact(org.registrar, "dataset:reviews")
    first, second = found.page(2), found.page(2, 2)
    assert (first["next"], second["next"]) == (2, None)
    assert [hit["name"] for hit in first["hits"] + second["hits"]] == [hit.name for hit in found.hits]


def test_the_closure_in_a_transaction(org: Org, tmp_path: Path) -> None:
    filled(org, tmp_path)
    with org.registrar.look() as work:
        row = models.find_version(work.connection, ONE)
        assert impacting.closure(work, "dataset:reviews") == [row.id]
        assert impacting.closure(work, str(ONE)) == [row.id]


def test_trees_of_arrays_and_of_sql_are_the_same(tmp_path: Path) -> None:
    import random

    chance = random.Random(3)
    database = opened(f"sqlite:///{tmp_path}/g.sqlite")
    with database.write() as connection:
        for number in range(40):
            edges = [(f"m{chance.randrange(120)}", f"m{chance.randrange(120)}") for _ in range(9)]
            edges = [(a, b) for a, b in edges if a != b]
            graph.add(connection, says(f"{number}", day(1 + number % 20), edges, series=f"s{number % 7}"))
    reader = Graph(database, str(tmp_path / "arrays"))
    for as_of in (None, day(5), day(12)):
        for seeds in ([1], [2, 9], [30, 31, 32]):
            reached = reader.affected(seeds, as_of=as_of)
            slow, fast = reader.tree(seeds, 0, as_of), reader.tree(seeds, 1 << 30, as_of)
            for node in range(1, 121):
                assert slow.get(node) == fast.get(node), node
                way = graph_tree.way(fast, node)
                assert bool(way) == (node in set(map(int, reached.ids)))
                if way and node not in seeds:
                    assert len(way) == len(reader.path(seeds, node, as_of=as_of)) + 1
    database.close()


HEAD = {
    "schema": "assaymark/impact/v1", "what": "<script>alert(1)</script>", "as_of": "", "channel": "", "withdrawn": "",
    "notes": [], "seeds": [], "seeds_total": 0,
    "counts": {"hits": 200, "possibly": 0, "live": 0, "kinds": {"model": 200}, "stages": {"none": 200}},
}  # fmt: skip


def hit(number: int) -> dict[str, Any]:
    name = f"=cmd|' /C calc'!A{number}<script>"
    path = [
        {"key": "s", "kind": "data", "name": "<img src=x>", "by": ""},
        {"key": f"k{number}", "kind": "model", "name": name, "by": "trainedOn"},
    ]
    return {
        "key": f"k{number}", "kind": "model", "name": name, "stage": "none", "owner": "@evil", "possibly": False,
        "versions": [], "deployments": [], "exposed_from": "", "exposed_until": "", "path": path,
    }  # fmt: skip


def test_text_is_cut_with_a_count() -> None:
    told = "".join(report.text(HEAD, map(hit, range(200))))
    assert "200 models affected" in told and "and 150 more" in told and told.count("exposed") == 50


def test_no_cell_is_a_formula() -> None:
    rows = list(csv.reader(io.StringIO("".join(report.as_csv(HEAD, map(hit, range(3)))))))
    assert len(rows) == 4
    for row in rows[1:]:
        assert not any(cell.startswith(("=", "+", "-", "@")) for cell in row)


def test_the_page_runs_and_asks_for_nothing() -> None:
    from assaymark.report.impact_html import DRAWN, page

    text = "".join(page(HEAD, map(hit, range(200))))
    assert (
        "<script" not in text and "<img" not in text and "http:" not in text.replace("http://www.w3.org/2000/svg", "")
    )
    assert text.count("<rect") == DRAWN and text.count("<tr>") == 201 and "are drawn" in text
    assert re.search(r"default-src 'none'; style-src 'sha256-", text)
    ElementTree.fromstring(text[text.index("<svg") : text.index("</svg>") + 6])


def test_json_is_one_object_however_many_hits() -> None:
    for number in (0, 3):
        found = json.loads("".join(report.as_json(HEAD, map(hit, range(number)))))
        assert len(found["hits"]) == number


def test_the_answer_keeps_its_schema(org: Org, tmp_path: Path) -> None:
    import jsonschema_rs

    filled(org, tmp_path)
    schema = json.loads((Path(__file__).parents[2] / "docs/schemas/impact-v1.schema.json").read_text())
    jsonschema_rs.validate(schema, json.loads(json.dumps(impacting.impact(org.registrar, "dataset:reviews").page(100))))


# the command

DOCUMENT = {
    "bomFormat": "CycloneDX", "specVersion": "1.6",
    "metadata": {"component": {"type": "machine-learning-model", "name": "scorer", "bom-ref": "m"}},
    "components": [
        {"type": "library", "name": "numpy", "version": "1.26.4", "purl": "pkg:pypi/numpy@1.26.4", "bom-ref": "n"}
    ],
    "dependencies": [{"ref": "m", "dependsOn": ["n"]}],
}  # fmt: skip


@pytest.mark.parametrize(
    ("arguments", "code", "shown"),
    [
        (["pkg:pypi/numpy@<2"], 1, "scorer"),
        (["pkg:pypi/numpy@>2"], 0, "nobody is affected"),
        (["pkg:pypi/nunpy"], 3, "did you mean pkg:pypi/numpy?"),
        (["pkg:pypi/numpy", "--why", "scorer"], 1, "pkg:pypi/numpy@1.26.4 ← needs ← scorer"),
        (["--ancestry", "scorer"], 0, "pkg:pypi/numpy@1.26.4"),
        ([], 2, "name WHAT"),
        (["pkg:pypi/numpy", "--channel", "production"], 2, "no channels"),
        (["pkg:pypi/numpy", "--as-of", "x"], 2, "no moment"),
    ],
)
def test_bom_files(
    arguments: list[str], code: int, shown: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "a.cdx.json").write_text(json.dumps(DOCUMENT))
    assert run(["--home", str(tmp_path / "home"), "impact", *arguments, "--bom", str(tmp_path / "a.cdx.json")]) == code
    said = capsys.readouterr()
    assert shown in said.out + said.err


def test_the_command_on_the_registry_of_the_home(org: Org, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    filled(org, tmp_path)
    out = tmp_path / "answer.html"
    arguments = ["--home", org.home, "impact", "pkg:pypi/numpy@1.26.4"]
    assert run(arguments) == 1
    shown = capsys.readouterr().out
    for line in ("1 in production", "1 live deployment\n", "owner    ann", "deployed eu/checkout/v2: live since"):
        assert line in shown
    assert run([*arguments, "--format", "html", "-o", str(out)]) == 1 and "<svg" in out.read_text()
    assert run([*arguments, "--format", "json"]) == 1
    assert json.loads(capsys.readouterr().out)["hits"][0]["name"] == str(ONE)


def test_an_advisory_of_the_homes_feeds(org: Org, tmp_path: Path) -> None:
    filled(org, tmp_path)
    feed = tmp_path / "feed"
    feed.mkdir()
    record = {
        "schema_version": "1.6.0", "id": "GHSA-aaaa-bbbb-cccc", "modified": "2026-11-01T00:00:00Z", "aliases": ["CVE-2026-12345"],
        "affected": [
            {
                "package": {"ecosystem": "PyPI", "name": "numpy"},
                "ranges": [{"type": "ECOSYSTEM", "events": [{"introduced": "0"}, {"fixed": "2.0"}]}],
            }
        ],
    }  # fmt: skip
    (feed / "GHSA-aaaa-bbbb-cccc.json").write_text(json.dumps(record))
    from assaymark.faces.cli.feeds import command

    command.main(["import", str(feed)], obj={"home": org.home, "debug": False}, standalone_mode=False)
    for name in ("GHSA-aaaa-bbbb-cccc", "CVE-2026-12345"):
        head, hits = told(org, name)
        assert head["what"] == name and [hit["name"] for hit in hits] == [str(ONE)]


def test_both_databases_give_the_same(database_url: str, tmp_path: Path) -> None:  # noqa: F811 - a fixture
    org = Org(tmp_path / "home", database=database_url)
    filled(org, tmp_path)
    rivals(org, tmp_path)
    head, hits = told(org, "dataset:reviews")
    assert [hit["name"] for hit in hits][:2] == [str(ONE), str(MORE)] and head["counts"]["live"] == 1
    assert [hit["name"] for hit in told(org, "dataset:reviews", sees=only_rivals)[1]] == [str(MORE)]
    assert told(org, "pkg:pypi/numpy", as_of="2026-11-10")[1]
    with pytest.raises(NotFound):
        told(org, "pkg:pypi/nunpy")
    with org.registrar.look() as work:
        assert len(impacting.closure(work, "dataset:reviews")) == 2
    org.registrar.close()
