"""`assay bom score`: what can be verified counts, and words alone stay under 40 %."""

import json
from dataclasses import replace
from hashlib import sha256
from importlib import import_module

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from assaymark.bom.document import HASHES, Bom, Component, Fact, Gap, Place, Relation, Status
from assaymark.bom.score import DEFAULT, WORTH, Score, score
from assaymark.bom.score.profiles import fixes, load, names
from assaymark.bom.words import FACTS
from assaymark.core.errors import UsageError
from assaymark.core.graph import EdgeKind, NodeKind
from assaymark.faces.cli import assay

A, B = (sha256(text).hexdigest() for text in (b"a", b"b"))
COMMIT = sha256(b"c").hexdigest()[:40]
WORDS = ("fact", "digest", "identity", "relation", "run", "document", "section", "property")


def fact(value: object, status: Status = Status.DECLARED) -> Fact:
    return Fact(value, status, (Place("README.md"),))


def part(ref: str, kind: NodeKind, status: Status = Status.DECLARED, **facts: object) -> Component:
    return Component(ref, kind, {name: fact(value, status) for name, value in facts.items()})


def bom(*parts: Component, edges: tuple[Relation, ...] = (), **rest: object) -> Bom:
    return Bom(parts[0].ref, tuple(sorted(parts, key=lambda c: c.ref)), edges, **rest)  # type: ignore[arg-type]


def strengths(measured: Score) -> dict[str, str]:
    return {e.element.id: e.strength for profile in measured.profiles for e in profile.elements}


def test_the_profiles_side_by_side_in_their_order() -> None:
    measured = score(bom(part("m", NodeKind.MODEL, name="m")))
    assert [profile.profile.name for profile in measured.profiles] == list(DEFAULT)
    assert set(DEFAULT) == set(names())
    assert measured.as_dict() == score(bom(part("m", NodeKind.MODEL, name="m"))).as_dict()


@pytest.mark.parametrize("name", names())
def test_a_profile_is_sound_data(name: str) -> None:
    profile = load(name)
    assert profile.title and profile.edition and profile.source
    assert "ours" in profile.mapping.lower()
    assert len({element.id for element in profile.elements}) == len(profile.elements)
    assert {element.cluster for element in profile.elements} == {cluster.id for cluster in profile.clusters}
    kinds = {*NodeKind, "document", "subject", "component"}
    for element in profile.elements:
        assert set(element.of) <= kinds, element.id
        assert element.weight > 0
        assert {element.fix, element.prove} <= set(fixes()), element.id
        for way in element.any:
            for word in way:
                assert set(word) <= set(WORDS), element.id
                if "relation" in word:
                    assert word["relation"] in {*EdgeKind, "any"}, element.id


def test_the_sizes_that_the_sources_have() -> None:
    assert len(load("owasp-aibom").elements) == 48
    assert len(load("g7-ai").clusters) == 7
    assert len(load("g7-ai").elements) == 50
    assert len([e for e in load("cisa-2025").elements if e.cluster == "data"]) == 11


def test_every_fact_that_a_profile_asks_for_is_a_known_word_or_can_never_be_proved() -> None:
    for name in names():
        for element in load(name).elements:
            listed = [word["fact"] for way in element.any for word in way if "fact" in word]
            unknown = [word for word in listed if word not in FACTS]
            assert not unknown or element.prose or len(listed) > len(unknown) or len(element.any) > len(unknown), (
                element.id
            )


def test_every_command_that_a_step_names_exists() -> None:
    for text in fixes().values():
        for start in range(len(text)):
            if text.startswith("assay ", start):
                group, sub = text[start:].replace(",", " ").replace(";", " ").split()[1:3]
                command = assay.get_command(None, group)
                assert command is not None, text
                assert sub in command.list_commands(None), text


def test_every_gap_names_its_next_step() -> None:
    measured = score(bom(part("m", NodeKind.MODEL, name="m")))
    for profile in measured.profiles:
        for element in profile.elements:
            assert element.fix or element.state == "met", element.element.id
        assert [gap.lost for gap in profile.gaps] == sorted((gap.lost for gap in profile.gaps), reverse=True)


def test_the_documents_own_gap_names_the_step() -> None:
    gap = Gap("m", "license", "no card names a licence", "ask Acme")
    measured = score(bom(part("m", NodeKind.MODEL, name="m"), gaps=(gap,)), ["verifiability"])
    assert next(e.fix for e in measured.profiles[0].elements if e.element.id == "V-MD-5") == "ask Acme"


@pytest.mark.parametrize(
    ("facts", "status", "strength"),
    [
        ({"sha256": A}, Status.DECLARED, "pinned"),
        ({"sha256": A}, Status.OBSERVED, "observed"),
        ({"sha256": A}, Status.VERIFIED, "verified"),
        ({"sha256": A}, Status.UNKNOWN, "none"),
        ({"sha256": "not a digest"}, Status.DECLARED, "declared"),
        ({"sha256": "0" * 64}, Status.OBSERVED, "declared"),
        ({"md5": A[:32]}, Status.DECLARED, "none"),
        ({"purl": f"pkg:huggingface/acme/m@{COMMIT}"}, Status.DECLARED, "pinned"),
        ({"purl": "pkg:huggingface/acme/m@main"}, Status.DECLARED, "declared"),
        ({"repository": "acme/m", "revision": COMMIT}, Status.DECLARED, "pinned"),
        ({"revision": COMMIT}, Status.DECLARED, "declared"),
        ({"manifest": f"assaymark-manifest:{A}"}, Status.OBSERVED, "observed"),
        ({"name": "m"}, Status.VERIFIED, "none"),
    ],
)
def test_what_says_which_bytes_are_meant(facts: dict[str, object], status: Status, strength: str) -> None:
    made = part("m", NodeKind.MODEL, status, **facts)
    assert strengths(score(bom(made), ["verifiability"]))["V-ID-2"] == strength


def test_a_relation_is_as_strong_as_what_it_leads_to() -> None:
    model = part("m", NodeKind.MODEL, name="m")
    for facts, strength in (({"name": "imdb"}, "declared"), ({"name": "imdb", "sha256": A}, "pinned")):
        data = part("d", NodeKind.DATA, **facts)
        made = bom(model, data, edges=(Relation("m", EdgeKind.TRAINED_ON, "d"),))
        assert strengths(score(made, ["verifiability"]))["V-OR-2"] == strength
    dangling = bom(model, edges=(Relation("m", EdgeKind.TRAINED_ON, "nowhere"),))
    assert strengths(score(dangling, ["verifiability"]))["V-OR-2"] == "none"


def test_a_fact_of_the_run_counts_for_the_model() -> None:
    run = part("r", NodeKind.RUN, Status.OBSERVED, hyperparameters={"lr": 0.1})
    made = bom(part("m", NodeKind.MODEL, name="m"), run, edges=(Relation("m", EdgeKind.GENERATED_BY, "r"),))
    assert strengths(score(made, ["verifiability"]))["V-OR-6"] == "observed"


def test_some_of_several_is_partly() -> None:
    made = bom(
        part("m", NodeKind.MODEL, name="m"),
        part("a", NodeKind.LIBRARY, name="numpy", digests=[f"sha256:{A}"]),
        part("b", NodeKind.LIBRARY, name="torch"),
    )
    element = next(e for e in score(made, ["verifiability"]).profiles[0].elements if e.element.id == "V-ID-4")
    assert (element.state, element.met, element.asked, element.lacking, element.credit) == (
        "partly",
        1,
        2,
        ("torch",),
        0.4,
    )


def test_a_signature_counts_where_it_is_about_bytes() -> None:
    pinned = bom(part("m", NodeKind.MODEL, Status.OBSERVED, name="m", sha256=A), author="Acme")
    prose = bom(part("m", NodeKind.MODEL, name="m"), author="Acme")
    assert strengths(score(pinned, ["verifiability"], signed=True))["V-DO-2"] == "verified"
    assert strengths(score(pinned, ["verifiability"]))["V-DO-2"] == "declared"
    assert strengths(score(prose, ["verifiability"], signed=True))["V-DO-2"] == "declared"


def test_an_unknown_profile_is_named_with_those_that_there_are() -> None:
    with pytest.raises(UsageError) as error:
        score(bom(part("m", NodeKind.MODEL)), ["g8"])
    assert "g7-ai" in error.value.step


def everything(status: Status) -> Bom:
    """A document that says everything that any profile asks for, and has digests."""
    values = dict.fromkeys(
        (*FACTS, *(w["fact"] for n in names() for e in load(n).elements for y in e.any for w in y if "fact" in w)),
        "said",
    )
    parts = [Component(kind, kind, {name: fact(value, status) for name, value in values.items()}) for kind in NodeKind]
    pinned = {name: fact(digest, status) for name, digest in (("sha256", A), ("sha512", sha256(b"x").hexdigest() * 2))}
    parts = [
        replace(c, facts={**c.facts, **pinned, "purl": fact(f"pkg:generic/{c.ref}@{COMMIT}", status)}) for c in parts
    ]
    edges = tuple(
        Relation(a, kind, b, status=status) for kind in EdgeKind for a in NodeKind for b in NodeKind if a != b
    )
    sections = ("lifecycles", "services", "declarations", "definitions", "externalReferences", "vulnerabilities")
    properties = [
        {"name": word["property"], "value": "x"}
        for n in names()
        for e in load(n).elements
        for y in e.any
        for word in y
        if "property" in word
    ]
    parts = [replace(c, native={"cyclonedx": {"properties": properties}}) for c in parts]
    return Bom(
        "model", tuple(sorted(parts, key=lambda c: c.ref)), edges, (Gap("x", "y", "z"),), "2026-01-01T00:00:00Z", "Acme",
        (("assay", "1"),), {"cyclonedx": {"head": {key: [] for key in sections}, "version": "1.7"}},
    )  # fmt: skip


def test_every_element_can_be_met() -> None:
    for profile in score(everything(Status.VERIFIED), signed=True).profiles:
        assert [e.element.id for e in profile.elements if e.state != "met"] == []
        assert profile.stated == 100
        assert profile.verifiable > 40


def test_words_about_everything_are_forty_per_cent_and_no_more() -> None:
    """The same without digests and revisions."""
    said = everything(Status.DECLARED)
    bare = [
        replace(c, facts={n: f for n, f in c.facts.items() if n not in (*HASHES, "manifest", "digests", "purl")})
        for c in said.components
    ]
    measured = score(replace(said, components=tuple(bare)), signed=True)
    for profile in measured.profiles:
        assert 30 < profile.verifiable <= 40
    assert WORTH["declared"] == 0.4


PROSE = st.sampled_from([Status.DECLARED, Status.INFERRED, Status.UNKNOWN])
TEXTS = st.one_of(
    st.text(max_size=20), st.just("main"), st.just("pkg:pypi/numpy@2.1.0"), st.just("v1.0"), st.just("A" * 64)
)


@settings(max_examples=100, deadline=None)
@given(st.data(), st.booleans())
def test_prose_without_digests_cannot_exceed_forty_per_cent(data: st.DataObject, signed: bool) -> None:
    parts = []
    for number in range(data.draw(st.integers(1, 4))):
        listed = data.draw(st.sets(st.sampled_from(sorted(FACTS))))
        facts = {name: Fact(data.draw(TEXTS), data.draw(PROSE)) for name in sorted(listed - {"digests"})}
        parts.append(Component(f"c{number}", data.draw(st.sampled_from(list(NodeKind))), facts))
    edges = tuple(
        Relation(a.ref, kind, b.ref, status=data.draw(PROSE))
        for kind in data.draw(st.sets(st.sampled_from(list(EdgeKind))))
        for a in parts
        for b in parts
        if a is not b
    )
    made = Bom(
        "c0",
        tuple(parts),
        edges,
        (),
        "2026-01-01T00:00:00Z",
        data.draw(TEXTS),
        (("a", "1"),),
        {"cyclonedx": {"head": {"vulnerabilities": []}}},
    )
    for profile in score(made, signed=signed).profiles:
        assert 0 <= profile.verifiable <= 40
        assert profile.verifiable <= profile.stated


@settings(max_examples=50, deadline=None)
@given(st.sampled_from(sorted(FACTS)), st.sampled_from([Status.DECLARED, Status.OBSERVED, Status.VERIFIED]))
def test_saying_more_never_lowers_a_score(name: str, status: Status) -> None:
    less = bom(part("m", NodeKind.MODEL, name="m"))
    model = less.components[0]
    more = replace(less, components=(replace(model, facts={**model.facts, name: Fact("said", status)}),))
    for one, other in zip(score(less).profiles, score(more).profiles, strict=True):
        assert other.verifiable >= one.verifiable


def test_the_data_files_are_in_the_package() -> None:
    module = import_module("assaymark.bom.score.profiles")
    assert json.dumps(sorted(fixes())) and module.__file__
