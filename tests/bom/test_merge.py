"""What `assay bom merge` makes of several documents, and what it says they disagree about."""

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from assaymark.bom.compare.merge import Merged, merge
from assaymark.bom.document import Bom, Component, Fact, Gap, Place, Relation, Status
from assaymark.core.errors import UsageError
from assaymark.core.graph import EdgeKind, NodeKind

A, B, C = ("a" * 64, "b" * 64, "c" * 64)


def part(ref: str, kind: NodeKind, status: Status = Status.DECLARED, **facts: object) -> Component:
    made = {name: Fact(value, status, (Place("config.json"),)) for name, value in sorted(facts.items())}
    return Component(ref, kind, made)


def bom(*parts: Component, subject: str = "", edges: tuple[Relation, ...] = (), **rest: object) -> Bom:
    parts = tuple(sorted(parts, key=lambda c: c.ref))
    return Bom(subject or parts[0].ref, parts, edges, **rest)  # type: ignore[arg-type]


def kinds(merged: Merged) -> set[str]:
    return {conflict.kind for conflict in merged.conflicts}


def test_supplier_and_scanner_are_joined_by_what_they_are() -> None:
    supplier = bom(
        part("model-1", NodeKind.MODEL, name="scorer", sha256=A, license="apache-2.0", dtype="F32"),
        part("lib-1", NodeKind.LIBRARY, name="numpy", purl="pkg:pypi/numpy@2.1.0", version="2.1.0"),
        edges=(Relation("model-1", EdgeKind.DEPENDS_ON, "lib-1"),),
        subject="model-1",
    )
    scanner = bom(
        part("pkg:x", NodeKind.MODEL, Status.OBSERVED, name="scorer", sha256=A, dtype="F32", parameters=7),
        part("pkg:pypi/numpy@2.1.0", NodeKind.LIBRARY, Status.OBSERVED, purl="pkg:pypi/NumPy@2.1.0", sha256=B),
        edges=(Relation("pkg:x", EdgeKind.DEPENDS_ON, "pkg:pypi/numpy@2.1.0", status=Status.OBSERVED),),
        subject="pkg:x",
    )
    merged = merge([("supplier.json", supplier), ("scanner.json", scanner)])
    assert [c.ref for c in merged.bom.components] == ["lib-1", "model-1"]
    model = merged.bom.by_ref["model-1"]
    assert model.facts["dtype"].status is Status.VERIFIED
    assert model.facts["dtype"].places == (Place("scanner.json!config.json"), Place("supplier.json!config.json"))
    assert model.facts["license"].status is Status.DECLARED
    assert model.value("parameters") == 7
    assert [(r.source, r.target, r.status) for r in merged.bom.relations] == [("model-1", "lib-1", Status.VERIFIED)]
    assert merged.bom.subject == "model-1"
    assert {(c.kind, c.what) for c in merged.conflicts} == {("value", "purl")} or not merged.conflicts


def test_two_declared_values_are_a_conflict_and_both_are_kept() -> None:
    one = bom(part("m", NodeKind.MODEL, name="m", sha256=A, license="mit"))
    other = bom(part("m", NodeKind.MODEL, name="m", sha256=A, license="apache-2.0"))
    merged = merge([("one", one), ("other", other)])
    fact = merged.bom.by_ref["m"].facts["license"]
    assert fact.value == "apache-2.0"
    assert fact.note == 'declared in one!config.json: "mit"'
    (conflict,) = merged.conflicts
    assert (conflict.kind, conflict.what, conflict.one.value, conflict.other.value) == (
        "value",
        "license",
        "apache-2.0",
        "mit",
    )
    assert conflict.other.places == (Place("one!config.json"),)


def test_the_better_known_value_stands() -> None:
    one = bom(part("m", NodeKind.MODEL, name="m", sha256=A, parameters=7))
    other = bom(part("m", NodeKind.MODEL, Status.OBSERVED, name="m", sha256=A, parameters=8))
    merged = merge([("one", one), ("other", other)])
    assert merged.bom.by_ref["m"].facts["parameters"].value == 8
    assert "the bytes say otherwise" in merged.conflicts[0].why


def test_one_purl_with_two_digests_stays_two_components() -> None:
    one = bom(part("numpy", NodeKind.LIBRARY, name="numpy", purl="pkg:pypi/numpy@2.1", version="2.1", sha256=A))
    other = bom(part("numpy", NodeKind.LIBRARY, name="numpy", purl="pkg:pypi/numpy@2.1", version="2.1", sha256=B))
    merged = merge([("one", one), ("other", other)])
    assert sorted(c.text("sha256") for c in merged.bom.components) == [A, B]
    assert len({c.ref for c in merged.bom.components}) == 2
    assert merged.digests_disagree
    assert {c.one.value for c in merged.conflicts} | {c.other.value for c in merged.conflicts} >= {A, B}


def test_a_lock_and_one_of_its_wheels_agree_and_another_one_does_not() -> None:
    lock = bom(
        part("n", NodeKind.LIBRARY, name="n", purl="pkg:pypi/n@1", version="1", digests=[f"sha256:{A}", f"sha256:{B}"])
    )
    wheel, other = (
        bom(part("n", NodeKind.LIBRARY, name="n", purl="pkg:pypi/n@1", version="1", sha256=digest)) for digest in (A, C)
    )
    assert len(merge([("", lock), ("", wheel)]).bom.components) == 1
    assert not merge([("", lock), ("", wheel)]).conflicts
    assert merge([("", lock), ("", other)]).digests_disagree


def test_a_document_cannot_widen_what_may_be_installed() -> None:
    one, other = (
        bom(
            part(
                "n",
                NodeKind.LIBRARY,
                name="n",
                purl="pkg:pypi/n@1",
                version="1",
                digests=[f"sha256:{d}" for d in digests],
            )
        )
        for digests in ((A, B), (A, C))
    )
    assert merge([("", one), ("", other)]).bom.components[0].value("digests") == [f"sha256:{A}"]


def test_two_publishers_that_claim_one_purl() -> None:
    purl = "pkg:huggingface/acme/scorer"
    one = bom(part("m", NodeKind.MODEL, name="scorer", purl=purl, supplier="Acme"))
    other = bom(part("m", NodeKind.MODEL, name="scorer", purl=purl, supplier="Mallory"))
    merged = merge([("one", one), ("other", other)])
    assert kinds(merged) == {"publisher"}
    apart = merge(
        [("", replace(bom_, components=(replace(bom_.components[0], facts={**bom_.components[0].facts, "sha256": Fact(d, Status.DECLARED)}),)))
         for bom_, d in ((one, A), (other, B))]
    )  # fmt: skip
    assert kinds(apart) >= {"publisher", "digest"}
    assert len(apart.bom.components) == 2


def test_two_releases_of_a_library_stay_two() -> None:
    one, other = (bom(part("n", NodeKind.LIBRARY, name="n", purl=f"pkg:pypi/n@{v}", version=v)) for v in ("1", "2"))
    merged = merge([("", one), ("", other)])
    assert sorted(c.text("version") for c in merged.bom.components) == ["1", "2"]
    assert "version" in kinds(merged)
    assert not merged.digests_disagree


def test_refs_that_mean_different_things_are_told_apart() -> None:
    one = bom(
        part("1", NodeKind.MODEL, name="m", sha256=A), part("2", NodeKind.LIBRARY, name="torch", purl="pkg:pypi/torch@2"),
        edges=(Relation("1", EdgeKind.DEPENDS_ON, "2"),),
    )  # fmt: skip
    other = bom(
        part("1", NodeKind.LIBRARY, name="numpy", purl="pkg:pypi/numpy@2"), part("2", NodeKind.MODEL, name="m", sha256=A),
        edges=(Relation("2", EdgeKind.DEPENDS_ON, "1"),), subject="2",
    )  # fmt: skip
    merged = merge([("", one), ("", other)]).bom
    names = {c.ref: c.text("name") for c in merged.components}
    assert sorted(names.values()) == ["m", "numpy", "torch"]
    assert {(names[r.source], names[r.target]) for r in merged.relations} == {("m", "numpy"), ("m", "torch")}
    assert names[merged.subject] == "m"


@pytest.mark.parametrize(
    ("one", "other", "left"),
    [
        (
            Relation("m", EdgeKind.DESCENDANT_OF, "x", "finetune"),
            Relation("m", EdgeKind.DESCENDANT_OF, "x", "quantized"),
            1,
        ),
        (Relation("m", EdgeKind.DESCENDANT_OF, "x"), Relation("x", EdgeKind.DESCENDANT_OF, "m"), 1),
        (Relation("m", EdgeKind.DESCENDANT_OF, "x"), Relation("m", EdgeKind.DESCENDANT_OF, "y"), 2),
        (Relation("m", EdgeKind.TRAINED_ON, "d"), Relation("m", EdgeKind.TESTED_ON, "d"), 2),
    ],
)
def test_relations_that_contradict_each_other(one: Relation, other: Relation, left: int) -> None:
    parts = (
        *(part(name, NodeKind.MODEL, name=name) for name in "mxy"),
        part("d", NodeKind.DATA, name="d"),
    )
    merged = merge([("", bom(*parts, subject="m", edges=(one,))), ("", bom(*parts, subject="m", edges=(other,)))])
    assert kinds(merged) == {"relation"}
    assert len(merged.bom.relations) == left


def test_gaps_that_the_other_document_closes_go() -> None:
    one = bom(
        part("m", NodeKind.MODEL, name="m", sha256=A), gaps=(Gap("m", "license", "none"), Gap("m", "trainedOn", "none"))
    )
    other = bom(
        part("m", NodeKind.MODEL, name="m", sha256=A, license="mit"), part("d", NodeKind.DATA, name="d"),
        subject="m", edges=(Relation("m", EdgeKind.TRAINED_ON, "d"),),
    )  # fmt: skip
    assert merge([("", one), ("", other)]).bom.gaps == ()
    assert merge([("", one), ("", one)]).bom.gaps == one.gaps


def test_subjects() -> None:
    model, library = part("m", NodeKind.MODEL, name="m"), part("l", NodeKind.LIBRARY, name="l")
    edge = Relation("m", EdgeKind.DEPENDS_ON, "l")
    inside = merge([("", bom(library)), ("", bom(model, library, subject="m", edges=(edge,)))])
    assert inside.bom.subject == "m"
    assert not inside.conflicts
    apart = merge([("", bom(library)), ("", bom(model))])
    assert apart.bom.subject == "m"
    assert kinds(apart) == {"subject"}


def test_nothing_to_merge() -> None:
    with pytest.raises(UsageError):
        merge([])


def test_many_components_of_one_name_cost_little() -> None:
    one, other = (
        bom(*(part(f"{side}{n}", NodeKind.FILE, name="x", sha256=f"{side}{n:063}") for n in range(3_000)))
        for side in "ab"
    )
    merged = merge([("", one), ("", other)])
    assert len(merged.bom.components) == 6_000


NAMES = ("numpy", "torch", "scorer", "bert", "imdb")
FACTS = {"license": "mit", "version": "1", "size": 7, "tags": ["a", "b"], "dtype": "F32", "digests": [f"sha256:{A}"]}
KIND = {
    "numpy": NodeKind.LIBRARY,
    "torch": NodeKind.LIBRARY,
    "scorer": NodeKind.MODEL,
    "bert": NodeKind.MODEL,
    "imdb": NodeKind.DATA,
}
EDGES = (
    ("scorer", EdgeKind.DESCENDANT_OF, "bert"),
    ("scorer", EdgeKind.TRAINED_ON, "imdb"),
    ("scorer", EdgeKind.DEPENDS_ON, "numpy"),
)


@st.composite
def views(draw: st.DrawFn, *, clean: bool) -> Bom:
    """A document about a part of one truth; unless it is clean, with values, digests and refs of its own."""
    parts = []
    for name in sorted({"scorer", *draw(st.sets(st.sampled_from(NAMES)))}):
        facts = {"name": Fact(name, Status.DECLARED, (Place(name),))}
        for fact, value in sorted(FACTS.items()):
            if draw(st.booleans()):
                said = value if clean else draw(st.sampled_from([value, "other", None]))
                status = draw(st.sampled_from(list(Status))) if said is not None else Status.UNKNOWN
                facts[fact] = Fact(None if status is Status.UNKNOWN else said, status, (Place(fact),))
        if not clean and draw(st.booleans()):
            facts["sha256"] = Fact(draw(st.sampled_from([A, B])), Status.OBSERVED)
        ref = name if clean else draw(st.sampled_from([name, "a" + name]))
        parts.append(Component(ref, KIND[name], dict(sorted(facts.items()))))
    refs = {c.text("name"): c.ref for c in parts}
    edges = tuple(
        Relation(refs[s], kind, refs[t], status=draw(st.sampled_from(list(Status))))
        for s, kind, t in sorted(EDGES)
        if s in refs and t in refs and draw(st.booleans())
    )
    return bom(*parts, subject=refs["scorer"], edges=tuple(sorted(edges, key=lambda r: (r.source, r.kind, r.target))))


@settings(max_examples=100, deadline=None)
@given(views(clean=False))
def test_merging_a_document_with_itself_gives_it(one: Bom) -> None:
    merged = merge([("", one), ("", one)])
    assert merged.bom == one
    assert merged.conflicts == ()


@settings(max_examples=100, deadline=None)
@given(views(clean=False), views(clean=False))
def test_the_order_of_documents_says_nothing(one: Bom, other: Bom) -> None:
    merged = merge([("one", one), ("other", other)])
    assert merged == merge([("other", other), ("one", one)])
    assert merge([("", one), ("", other)]) == merge([("", other), ("", one)])


@settings(max_examples=100, deadline=None)
@given(views(clean=True), views(clean=True), views(clean=True))
def test_documents_without_conflict_can_be_merged_in_any_grouping(one: Bom, two: Bom, three: Bom) -> None:
    left = merge([("", merge([("", one), ("", two)]).bom), ("", three)])
    right = merge([("", one), ("", merge([("", two), ("", three)]).bom)])
    assert left.bom == right.bom
    assert left.bom == merge([("", one), ("", two), ("", three)]).bom


@settings(max_examples=100, deadline=None)
@given(views(clean=False), views(clean=False))
def test_nothing_that_was_said_is_lost(one: Bom, other: Bom) -> None:
    merged = merge([("", one), ("", other)])
    told = str(merged.bom) + str([c.as_dict() for c in merged.conflicts])
    for component in (*one.components, *other.components):
        for fact in component.facts.values():
            assert fact.value is None or str(fact.value) in told
