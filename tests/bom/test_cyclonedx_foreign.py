"""Documents of other tools: read without losing anything, written the same, and into other versions and back."""

import json
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from assaymark.bom.cyclonedx.patch import apply, canonical, difference
from assaymark.bom.cyclonedx.read import read
from assaymark.bom.cyclonedx.write import write, write_with_losses
from assaymark.bom.cyclonedx.xml import parse as parse_xml
from assaymark.bom.document import Bom, Component, Fact, Relation, Status
from assaymark.bom.neutral import from_json, to_json
from assaymark.bom.problems.schema import problems
from assaymark.bom.schema import validator
from assaymark.core.errors import Malformed
from assaymark.core.graph import EdgeKind, NodeKind
from tests.bom.boms_at_random import JSON
from tests.bom.cyclonedx_documents import XML, XML_SAYS, foreign

VERSIONS = ("1.4", "1.5", "1.6", "1.7")


@pytest.mark.parametrize("version", VERSIONS)
def test_the_documents_of_these_tests_are_valid(version: str) -> None:
    assert problems(foreign(version), f"cyclonedx-{version}") == []


@pytest.mark.parametrize("version", VERSIONS)
def test_the_same_version_is_written_as_it_was(version: str) -> None:
    assert canonical(write(read(foreign(version)), version)) == canonical(foreign(version))


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("other", VERSIONS)
def test_another_version_is_valid_and_comes_back_whole(version: str, other: str) -> None:
    made, lost = write_with_losses(read(foreign(version)), other)
    assert list(validator(other).iter_errors(made)) == []
    assert bool(lost) == (version > other)
    back = write(read(json.loads(json.dumps(made))), version)
    assert {**back, "$schema": ""} == {**foreign(version), "$schema": ""}


def test_what_moves_into_a_property_is_named() -> None:
    _, lost = write_with_losses(read(foreign("1.7")), "1.6")
    assert "/citations" in lost
    assert any(pointer.endswith("/isExternal") for pointer in lost)


def test_the_neutral_document_carries_it_too() -> None:
    bom = from_json(json.loads(json.dumps(to_json(read(foreign("1.7"))))))
    assert canonical(write(bom, "1.7")) == canonical(foreign("1.7"))


def test_facts_and_relations_are_understood() -> None:
    bom = read(foreign("1.7"))
    assert (bom.subject, bom.at) == ("shop", "2026-02-03T04:05:06+01:00")
    assert bom.author == "A. Writer, B"
    assert bom.tools == (("bomber", "9"),)
    zeta = bom.component("z")
    assert zeta.text("sha256") == "ab" * 32
    assert zeta.text("license") == "MIT AND Own"
    assert zeta.text("repository") == "https://example.org/git"
    assert zeta.text("revision") == "abc"
    model = bom.component("m")
    assert (model.kind, model.text("task"), model.text("family")) == (NodeKind.MODEL, "classify", "bert")
    known = {(one.source, one.kind, bom.component(one.target).name) for one in bom.relations}
    assert {
        ("shop", EdgeKind.DEPENDS_ON, "zeta"),
        ("z", EdgeKind.DEPENDS_ON, "linux"),
        ("z", EdgeKind.CONTAINS, "inner"),
        ("z", EdgeKind.CONTAINS, "no-ref"),
        ("z", EdgeKind.DESCENDANT_OF, "alpha"),
        ("m", EdgeKind.TRAINED_ON, "imdb"),
    } <= known
    assert all(
        fact.status is Status.DECLARED and not fact.places for one in bom.components for fact in one.facts.values()
    )


def test_a_fact_that_is_learned_later_is_written_into_the_foreign_document() -> None:
    bom = read(foreign("1.6"))
    changed = [
        Component(one.ref, one.kind, {**one.facts, "sha512": Fact("d" * 128, Status.OBSERVED)}, one.native)
        if one.ref == "z"
        else one
        for one in bom.components
    ]
    made = write(
        replace(bom, components=(*changed, Component("new", NodeKind.DATA, {"name": Fact("new", Status.DECLARED)}))),
        "1.6",
    )
    zeta = made["components"][0]
    assert {one["alg"] for one in zeta["hashes"]} == {"SHA-256", "SHA-512", "MD5"}
    assert (zeta["scope"], zeta["swid"]["tagId"]) == ("optional", "t")
    assert made["components"][-1]["bom-ref"] == "new"
    assert list(validator("1.6").iter_errors(made)) == []


def test_a_relation_that_is_learned_later_is_written_too() -> None:
    bom = read(foreign("1.6"))
    new = Relation("m", EdgeKind.DEPENDS_ON, "os")
    made = write(
        replace(bom, relations=tuple(sorted((*bom.relations, new), key=lambda r: (r.source, r.kind, r.target)))), "1.6"
    )
    assert {"ref": "m", "dependsOn": ["os"]} in made["dependencies"]
    assert new in read(made).relations


@pytest.mark.parametrize(
    ("components", "subject"),
    [
        ([{"type": "machine-learning-model", "name": "m", "bom-ref": "m"}, {"type": "data", "name": "d"}], "m"),
        ([{"type": "library", "name": "only", "bom-ref": "only"}], "only"),
        ([{"type": "library", "name": "a"}, {"type": "library", "name": "b"}], "component:document"),
        ([], "component:document"),
    ],
)
def test_a_document_that_does_not_say_what_it_is_about(components: list[Any], subject: str) -> None:
    document = {"bomFormat": "CycloneDX", "specVersion": "1.6", "version": 1, "components": components}
    bom = read(document)
    assert bom.subject == subject
    assert bom.root.ref == subject
    assert write(bom, "1.6") == document


def test_refs_that_stand_twice_are_told_apart() -> None:
    document = {
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "components": [{"type": "library", "name": name, "bom-ref": "a"} for name in ("one", "two", "three")],
    }
    bom = read(document)
    assert sorted(one.name for one in bom.components if one.kind is NodeKind.LIBRARY) == ["one", "three", "two"]
    assert write(bom, "1.6") == document


@pytest.mark.parametrize(
    ("document", "what"),
    [
        ({"bomFormat": "CycloneDX", "specVersion": "1.3"}, "1.3 is not read"),
        ({"bomFormat": "Else"}, "no bomFormat"),
        ({"bomFormat": "CycloneDX", "specVersion": "1.6", "components": ["x"]}, "/components/0"),
    ],
)
def test_what_is_no_document_is_said_with_its_place(document: dict[str, Any], what: str) -> None:
    with pytest.raises(Malformed, match=what):
        read(document)


def test_nesting_is_bounded() -> None:
    inner: dict[str, Any] = {"type": "library", "name": "a"}
    for _ in range(70):
        inner = {"type": "library", "name": "a", "components": [inner]}
    with pytest.raises(Malformed, match="nested deeper"):
        read({"bomFormat": "CycloneDX", "specVersion": "1.6", "components": [inner]})


def test_xml_says_the_same_as_json() -> None:
    made = parse_xml(XML.encode(), "bom.xml")
    assert made == XML_SAYS
    assert problems(made, "cyclonedx-xml-1.6") == []
    assert read(made).component("m").text("task") == "classify"


@pytest.mark.parametrize(
    ("text", "what"),
    [
        (
            '<!DOCTYPE b [<!ENTITY a "aaaa"><!ENTITY b "&a;&a;&a;">]><bom xmlns="http://cyclonedx.org/schema/bom/1.6">&b;</bom>',
            "document type",
        ),
        (
            '<!DOCTYPE bom SYSTEM "http://example.org/x.dtd"><bom xmlns="http://cyclonedx.org/schema/bom/1.6"/>',
            "document type",
        ),
        ('<!DOCTYPE bom [<!ENTITY % p SYSTEM "file:///etc/passwd"> %p;]><bom/>', "document type"),
        ('<bom xmlns="http://cyclonedx.org/schema/bom/1.6">&other;</bom>', "undefined entity"),
        ('<bom xmlns="http://cyclonedx.org/schema/bom/1.2"/>', "no CycloneDX document of a version"),
        ("<bom/>", "no CycloneDX document of a version"),
        ('<bom xmlns="http://cyclonedx.org/schema/bom/1.6"><components>', "no well-formed XML"),
        ('<bom xmlns="http://cyclonedx.org/schema/bom/1.6">' + "<a>" * 100, "deeper than 64"),
        ('<?xml version="1.0" encoding="made-up"?><bom/>', "encoding|well-formed"),
    ],
)
def test_xml_that_reaches_out_or_multiplies_is_refused(text: str, what: str) -> None:
    with pytest.raises(Malformed, match=what):
        parse_xml(text.encode(), "bom.xml")


@settings(max_examples=150, deadline=None)
@given(made=JSON, wanted=JSON)
def test_a_difference_put_in_gives_what_was_wanted(made: Any, wanted: Any) -> None:
    assert canonical(apply(made, difference(made, wanted))) == canonical(wanted)


_ITEM = st.fixed_dictionaries(
    {"ref": st.sampled_from("abcd")}, optional={"x": JSON, "dependsOn": st.lists(st.sampled_from("abc"))}
)


@settings(max_examples=150, deadline=None)
@given(made=st.lists(_ITEM, max_size=5), wanted=st.lists(_ITEM, max_size=5))
def test_a_difference_of_lists_too(made: Any, wanted: Any) -> None:
    assert canonical(apply(made, difference(made, wanted))) == canonical(wanted)


def _places(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [path, *(place for key, item in items for place in _places(item, (*path, key)))]


@st.composite
def spoilt(draw: st.DrawFn) -> dict[str, Any]:
    """A document with a few values of another kind in it."""
    document = json.loads(json.dumps(foreign(draw(st.sampled_from(VERSIONS)))))
    for _ in range(draw(st.integers(1, 3))):
        *way, last = draw(
            st.sampled_from(
                [place for place in _places(document) if place and place[0] not in ("bomFormat", "specVersion")]
            )
        )
        holder = document
        for step in way:
            holder = holder[step]
        holder[last] = draw(JSON)
    return document


@settings(max_examples=100, deadline=None, suppress_health_check=list(HealthCheck))
@given(document=spoilt())
def test_a_spoilt_document_is_read_whole_or_refused(document: dict[str, Any]) -> None:
    try:
        bom = read(document)
    except Malformed:
        return
    assert isinstance(bom, Bom)
    assert canonical(write(bom, document["specVersion"])) == canonical(document)
