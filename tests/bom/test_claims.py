"""A BOM as claims: keys by digest first, packages hang on what locks them, and nothing that is listed hangs nowhere."""

import itertools

import pytest
import sqlalchemy as sa

from assaymark.bom import claims as claiming
from assaymark.bom import graph, graph_walk
from assaymark.bom.claims import called, claims
from assaymark.bom.document import Bom, Component, Fact, Relation, Status
from assaymark.core.errors import Malformed, OverBudget
from assaymark.core.graph import EdgeKind, NodeKind
from tests.bom.graphs import day, numbers, opened

A, B, C = ("a" * 64, "b" * 64, "c" * 64)
MANIFEST = f"assaymark-manifest-v1:{A}"


def component(ref: str, kind: NodeKind, **facts) -> Component:
    return Component(ref, kind, {name: Fact(value, Status.OBSERVED) for name, value in {"name": ref, **facts}.items()})


def package(name: str, version: str = "1", **facts) -> Component:
    return component(
        name,
        NodeKind.LIBRARY,
        version=version,
        purl=f"pkg:pypi/{name}@{version}" if version else f"pkg:pypi/{name}",
        **facts,
    )


def bom(*components: Component, relations=()) -> Bom:
    return Bom(components[0].ref, tuple(components), tuple(Relation(a, kind, b) for a, kind, b in relations))


def said(document: Bom):
    return claims(document, "sha256:doc", day(1), "s")


def edges(document: Bom) -> set[tuple[str, str, str]]:
    return {(edge.source, str(edge.kind), edge.target) for edge in said(document).edges}


MODEL = component("net", NodeKind.MODEL, manifest=MANIFEST)


def keys(*components: Component) -> list[str]:
    document = bom(MODEL, *components)
    found = {node.name: node.key for node in said(document).nodes}
    return [found[one.name] for one in components]


def test_bytes_come_first():
    assert said(bom(MODEL)).subject == MANIFEST
    weights = component("w", NodeKind.MODEL, sha256=B, purl="pkg:huggingface/org/net@abc")
    assert keys(weights) == [f"sha256:{B}"]
    (node,) = (node for node in said(bom(MODEL, weights)).nodes if node.name == "w")
    assert node.aliases == ("model:org/net", "model:w", "pkg:huggingface/org/net@abc")


def test_libraries_by_purl_their_files_as_aliases():
    torch = package("Torch", "2.5.1+cu121", sha256=B, digests=[f"sha256:{C}", "junk"])
    assert keys(torch) == ["pkg:pypi/torch@2.5.1%2Bcu121"]
    (node,) = (node for node in said(bom(MODEL, torch)).nodes if node.kind is NodeKind.LIBRARY)
    assert node.aliases == (f"sha256:{B}", f"sha256:{C}")
    assert keys(component("ruamel.yaml", NodeKind.LIBRARY, version="1", purl="pkg:pypi/Ruamel.YAML")) == [
        "pkg:pypi/ruamel-yaml@1"
    ]


def test_an_environment_is_its_lock():
    assert keys(component("uv.lock", NodeKind.ENVIRONMENT, sha256=B)) == [f"sha256:{B}"]


def test_data_and_bases_by_revision_else_by_name():
    assert keys(
        component("d1", NodeKind.DATA, purl="pkg:huggingface/datasets/imdb", revision="ABC"),
        component("d2", NodeKind.DATA),
        component("d3", NodeKind.DATA, version="3"),
        component("b1", NodeKind.MODEL, purl="pkg:huggingface/org/base"),
        component("b2", NodeKind.MODEL, purl="not a purl"),
        component("i", NodeKind.IMAGE, reference=f"python:3.11@sha256:{C}"),
        component("Acme  Corp", NodeKind.PARTY),
    ) == [
        "pkg:huggingface/datasets/imdb@ABC", "data:d2", "data:d3@3", "pkg:huggingface/org/base", "model:b2", f"sha256:{C}",
        "party:acme corp",
    ]  # fmt: skip


def test_what_only_its_document_knows_is_known_by_its_subject():
    assert keys(component("train.py", NodeKind.TOOL), component("req", NodeKind.ENVIRONMENT)) == [
        f"tool:train.py of {MANIFEST}", f"environment:req of {MANIFEST}",
    ]  # fmt: skip


def test_suppliers_are_parties_whatever_their_case():
    document = bom(component("net", NodeKind.MODEL, manifest=MANIFEST, supplier="ACME"), package("x", supplier="Acme "))
    found = edges(document)
    assert (MANIFEST, "suppliedBy", "party:acme") in found
    assert ("pkg:pypi/x@1", "suppliedBy", "party:acme") in found


def test_packages_hang_on_what_locks_them():
    lock = component("uv.lock", NodeKind.ENVIRONMENT, sha256=B)
    needs, holds = EdgeKind.DEPENDS_ON, EdgeKind.CONTAINS
    document = bom(
        MODEL, lock, package("torch"), package("numpy"), package("extra"),
        relations=[
            ("net", needs, "uv.lock"), ("net", needs, "torch"), ("uv.lock", holds, "torch"), ("uv.lock", holds, "numpy"),
            ("torch", needs, "numpy"), ("numpy", needs, "extra"),
        ],
    )  # fmt: skip
    assert edges(document) == {
        (MANIFEST, "dependsOn", f"sha256:{B}"), (f"sha256:{B}", "contains", "pkg:pypi/torch@1"),
        (f"sha256:{B}", "contains", "pkg:pypi/numpy@1"), (f"sha256:{B}", "dependsOn", "pkg:pypi/extra@1"),
    }  # fmt: skip


def test_without_a_lock_the_model_needs_what_its_packages_need():
    needs = EdgeKind.DEPENDS_ON
    document = bom(
        MODEL, package("torch"), package("numpy"), relations=[("net", needs, "torch"), ("torch", needs, "numpy")]
    )
    assert edges(document) == {(MANIFEST, "dependsOn", "pkg:pypi/torch@1"), (MANIFEST, "dependsOn", "pkg:pypi/numpy@1")}


def test_two_models_with_one_torch_and_different_numpys(tmp_path):
    database = opened(f"sqlite:///{tmp_path}/r.sqlite")
    for number, digest in ((1, A), (2, B)):
        needs = EdgeKind.DEPENDS_ON
        top = component("net", NodeKind.MODEL, sha256=digest)
        document = bom(top, package("torch"), package("numpy", str(number)),
                       relations=[("net", needs, "torch"), ("torch", needs, "numpy")])  # fmt: skip
        with database.write() as connection:
            graph.add(connection, claims(document, f"sha256:{number}", day(1), f"s{number}"))
    with database.read() as connection:
        ids = numbers(connection)
        found = graph_walk.affected(connection, [ids["pkg:pypi/numpy@1"]])
        assert ids[f"sha256:{A}"] in found
        assert ids[f"sha256:{B}"] not in found
    database.close()


def test_what_is_listed_and_hangs_nowhere_is_part_of_the_subject():
    deployment = component("prod", NodeKind.DEPLOYMENT)
    document = bom(
        MODEL, package("a"), package("b"), component("d", NodeKind.DATA), deployment,
        relations=[("a", EdgeKind.DEPENDS_ON, "b"), ("b", EdgeKind.DEPENDS_ON, "a"), ("prod", EdgeKind.DEPLOYED_AS, "net")],
    )  # fmt: skip
    assert edges(document) == {
        (MANIFEST, "dependsOn", "pkg:pypi/a@1"), (MANIFEST, "dependsOn", "pkg:pypi/b@1"), (MANIFEST, "hasDataFile", "data:d"),
        ("deployment:prod", "deployedAs", MANIFEST),
    }  # fmt: skip


def test_a_subject_that_is_a_library_says_what_it_needs_itself():
    document = bom(package("torch"), package("numpy"), relations=[("torch", EdgeKind.DEPENDS_ON, "numpy")])
    assert edges(document) == {("pkg:pypi/torch@1", "dependsOn", "pkg:pypi/numpy@1")}


def test_two_components_that_are_one_thing():
    document = bom(
        MODEL, component("w", NodeKind.FILE, sha256=B), component("weights", NodeKind.MODEL, sha256=B),
        relations=[("net", EdgeKind.CONTAINS, "w"), ("w", EdgeKind.CONTAINS, "weights")],
    )  # fmt: skip
    (node,) = (node for node in said(document).nodes if node.key == f"sha256:{B}")
    assert (node.kind, node.name) == (NodeKind.MODEL, "weights")
    assert edges(document) == {(MANIFEST, "contains", f"sha256:{B}")}


def test_a_model_that_names_itself_as_its_ancestor():
    assert edges(bom(MODEL, relations=[("net", EdgeKind.DESCENDANT_OF, "net")])) == set()


def test_the_same_bom_makes_the_same_claims_and_more_names_can_be_given():
    document = bom(MODEL, package("a"), package("b"))
    assert said(document) == said(document)
    (node,) = (n for n in called(said(document), "vision/net@1").nodes if n.key == MANIFEST)
    assert "vision/net@1" in node.aliases


def test_hostile_texts(tmp_path):
    document = bom(
        component("net", NodeKind.MODEL), component("n" * 10_000, NodeKind.DATA), component("z\0z", NodeKind.DATA),
        component("\ud800", NodeKind.DATA), package("p" * 5000), component("v", NodeKind.DATA, version="9" * 5000),
        component("m", NodeKind.MODEL, manifest="assaymark-manifest-v1:short", sha256="nothex"),
    )  # fmt: skip
    database = opened(f"sqlite:///{tmp_path}/r.sqlite")
    with database.write() as connection:
        graph.add(connection, said(document))
    with database.read() as connection:
        assert len(numbers(connection)) == 7
        assert max(map(len, numbers(connection))) <= claiming.LONGEST
    database.close()


def test_dangling_references_are_refused():
    with pytest.raises(Malformed, match="is no component"):
        said(bom(MODEL, relations=[("net", EdgeKind.CONTAINS, "gone")]))
    with pytest.raises(Malformed, match="none of its components"):
        said(Bom("gone", (MODEL,)))


def test_a_million_edges_take_bounded_work(monkeypatch):
    """Packages that all need each other, held by many: the work has a bound, and it is an error to reach it."""
    monkeypatch.setattr(claiming, "_MOST_STEPS", 5_000)
    libraries = [package(f"l{number}") for number in range(40)]
    owners = [component(f"e{number}", NodeKind.MODEL) for number in range(40)]
    needs = [(a.ref, EdgeKind.DEPENDS_ON, b.ref) for a in libraries for b in libraries if a is not b]
    holds = [(owner.ref, EdgeKind.DEPENDS_ON, "l0") for owner in owners]
    with pytest.raises(OverBudget, match="too many ways"):
        said(bom(MODEL, *libraries, *owners, relations=needs + holds))


def test_a_long_chain_of_packages():
    libraries = [package(f"l{number}") for number in range(20_000)]
    needs = [(a.ref, EdgeKind.DEPENDS_ON, b.ref) for a, b in itertools.pairwise(libraries)]
    found = said(bom(MODEL, *libraries, relations=[("net", EdgeKind.DEPENDS_ON, "l0"), *needs]))
    assert len(found.edges) == 20_000


def test_in_postgresql_too(database_url):
    database = opened(database_url)
    with database.write() as connection:
        graph.add(connection, said(bom(MODEL, component("é" * 3000, NodeKind.DATA), package("torch", "2.5"))))
    with database.read() as connection:
        assert connection.execute(sa.text("SELECT count(*) FROM graph_packages")).scalar() == 1
    database.close()
