"""SPDX 3.0 of other people: what is understood, and that nothing is lost."""

import copy
import json
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from assaymark.bom.document import Component, Fact, Gap, Place, Relation, Status
from assaymark.bom.spdx.read3 import read
from assaymark.bom.spdx.validate import problems
from assaymark.bom.spdx.write import write
from assaymark.core.errors import Malformed
from assaymark.core.graph import EdgeKind, NodeKind
from tests.bom.spdx_samples import CONTEXT, DIGEST, foreign, model_bom

X = "https://example.com/x/"


def said(bom):
    return {(r.source.removeprefix(X), r.kind, r.target.removeprefix(X), r.how) for r in bom.relations}


def test_a_foreign_document_is_understood_and_given_back():
    bom = read(foreign())
    assert write(bom) == foreign()
    assert bom.subject == X + "model"
    assert (bom.at, bom.author, bom.tools) == ("2024-02-03T04:05:06Z", "Ada", (("maker 2.0", ""),))
    assert {c.ref.removeprefix(X): c.kind for c in bom.components} == {
        "model": NodeKind.MODEL,
        "data": NodeKind.DATA,
        "lib": NodeKind.LIBRARY,
        "run": NodeKind.RUN,
        "org": NodeKind.PARTY,
    }


def test_ai_and_dataset_fields_are_facts():
    bom = read(foreign())
    model, data = bom.component(X + "model"), bom.component(X + "data")
    assert {name: model.value(name) for name in model.facts} == {
        "name": "sentiment",
        "version": "2",
        "supplier": "Acme",
        "author": "Ada",
        "released": "2024-01-01T00:00:00Z",
        "download": "https://example.com/d",
        "architecture": "supervised",
        "hyperparameters": {"lr": "0.1"},
        "environmental": {"energy": [{"activity": "training", "value": 0.5, "unit": "kWh"}]},
        "sha256": DIGEST,
        "license": "MIT",
    }
    assert {name: data.value(name) for name in data.facts} == {
        "name": "reviews",
        "modalities": ["text"],
        "size": 10,
        "personal_data": False,
    }


def test_directions():
    assert said(read(foreign())) == {
        ("model", EdgeKind.TRAINED_ON, "data", ""),
        ("model", EdgeKind.GENERATED_BY, "run", ""),
        ("lib", EdgeKind.DESCENDANT_OF, "data", ""),
        ("model", EdgeKind.DEPENDS_ON, "lib", ""),
        ("model", EdgeKind.SUPPLIED_BY, "org", ""),
    }


def test_completeness_is_a_gap():
    assert [(gap.ref.removeprefix(X), gap.what) for gap in read(foreign()).gaps] == [
        ("model", "testedOn"),
        ("model", "trainedOn"),
    ]


def test_one_element_with_others_inside():
    info = {
        "type": "CreationInfo",
        "specVersion": "3.0.1",
        "created": "2024-01-01T00:00:00Z",
        "createdBy": ["urn:x:me"],
    }
    package = {"type": "software_Package", "spdxId": "urn:x:lib", "name": "numpy", "creationInfo": info}
    document = {
        "@context": CONTEXT, "type": "SpdxDocument", "spdxId": "urn:x:doc", "creationInfo": info,
        "rootElement": [package], "element": ["urn:x:lib"],
    }  # fmt: skip
    bom = read(document)
    assert bom.subject == "urn:x:lib" and bom.root.name == "numpy"
    assert write(bom) == document
    alone = {"@context": CONTEXT, **package}
    assert read(alone).root.name == "numpy" and write(read(alone)) == alone


def test_full_names_of_classes_and_values():
    terms = "https://spdx.org/rdf/3.0.1/terms/"
    document = {"@context": CONTEXT, "@graph": [
        {"@type": [terms + "Software/Package"], "@id": "urn:x:a", "name": "a"},
        {"type": terms + "Software/Package", "spdxId": "urn:x:b", "name": "b"},
        {"type": "Relationship", "spdxId": "urn:x:r", "from": "urn:x:a", "to": ["urn:x:b"],
         "relationshipType": terms + "Core/RelationshipType/dependsOn"},
    ]}  # fmt: skip
    bom = read(document)
    assert [(r.source, r.kind, r.target) for r in bom.relations] == [("urn:x:a", EdgeKind.DEPENDS_ON, "urn:x:b")]
    assert write(bom) == document


def test_what_has_changed_is_written_and_the_rest_stays():
    bom = read(foreign())
    model = bom.component(X + "model")
    facts = {
        **model.facts,
        "sha256": Fact("00" * 32, Status.VERIFIED, (Place("model.bin"),)),
        "parameters": Fact(7, Status.OBSERVED),
    }
    added = Component("file:weights", NodeKind.FILE, {"name": Fact("weights", Status.OBSERVED)})
    components = [one if one != model else replace(model, facts=facts) for one in bom.components] + [added]
    relations = [one for one in bom.relations if one.kind is not EdgeKind.TRAINED_ON]
    relations.append(Relation(X + "model", EdgeKind.CONTAINS, "file:weights", status=Status.OBSERVED))
    changed = replace(
        bom,
        components=tuple(sorted(components, key=lambda one: one.ref)),
        relations=tuple(sorted(relations, key=lambda one: (one.source, one.kind, one.target))),
        gaps=(Gap(X + "model", "license", "why", "step"),),
    )
    document = write(changed)
    [package] = [one for one in document["@graph"] if one.get("spdxId") == "ex:model"]
    assert [one["hashValue"] for one in package["verifiedUsing"]] == ["00" * 32, "01020304"]
    assert package["extension"] and package["ai_autonomyType"] == "yes"
    assert not [problem for problem in problems(document) if problem.code in {"BOM002", "BOM003"}]
    again = read(json.loads(json.dumps(document)))
    assert replace(again, native={}, components=()) == replace(changed, native={}, components=())
    assert [(c.ref, c.kind, c.facts) for c in again.components] == [
        (c.ref, c.kind, c.facts) for c in changed.components
    ]
    assert write(again) == document


def test_what_looks_like_our_own_marks_comes_back():
    document = {"@context": CONTEXT, "@graph": [
        {"assaymark:component": "urn:x:a"}, {"assaymark:raw": {"a": 1}}, None, 3,
        {"type": "software_Package", "spdxId": "urn:x:a", "x": {"assaymark:component": "urn:x:a"}},
        {"type": "software_Package", "spdxId": "urn:x:a", "name": "a second one of that name"},
    ]}  # fmt: skip
    assert write(read(document)) == document


def nested(depth):
    value = {}
    for _ in range(depth):
        value = {"a": value}
    return value


@pytest.mark.parametrize(
    ("document", "word"),
    [
        ([], "a list, not an object"),
        ({"@graph": []}, "no @context"),
        ({"@context": CONTEXT, "@graph": {}}, "not a list"),
        ({"@context": CONTEXT, "@graph": [nested(100_000)]}, "nested deeper"),
        ({"@context": CONTEXT, "@graph": [{}] * 1_000_000}, "at most"),
        ({"@context": CONTEXT, "@graph": [{1: 2}]}, "a key that is not a text"),
        ({"@context": CONTEXT, "@graph": [b""]}, "which JSON does not know"),
    ],
)
def test_beyond_bounds(document, word):
    with pytest.raises(Malformed, match=word):
        read(document)
    with pytest.raises(Malformed, match=word):
        problems(document)


@pytest.mark.parametrize(
    "note",
    [
        {"facts": []},
        {"facts": {"name": 3}},
        {"facts": {"name": {"status": "sure"}}},
        {"facts": {"name": {"places": [[1]]}}},
        {"relations": {}},
        {"kind": "toaster"},
        {"native": 3},
    ],
)
def test_a_forged_note_is_malformed(note):
    document = write(model_bom())
    for one in document["@graph"]:
        if one["type"] == "Annotation" and '"kind"' not in one["statement"] and "spdx-component" in one["statement"]:
            one["statement"] = json.dumps({**json.loads(one["statement"]), **note})
    with pytest.raises(Malformed, match="an annotation of ours"):
        read(document)


def places(value, at=()):
    yield at
    for key, one in value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ():
        yield from places(one, (*at, key))


STRANGE = st.sampled_from(
    [None, True, -1, 2**60, 1.5, "", "x", "ex:model", "_:c", "SPDXRef-app", [], {}, [[]], [None], {"type": 3}, {"": {}}]
)


def mutated(data, document):
    """The document with a few places changed, taken out or doubled."""
    document = copy.deepcopy(document)
    for _ in range(data.draw(st.integers(1, 4))):
        at = data.draw(st.sampled_from([one for one in places(document) if one]))
        holder = document
        for key in at[:-1]:
            holder = holder[key]
        match data.draw(st.sampled_from(["set", "take", "double", "add"])):
            case "set":
                holder[at[-1]] = copy.deepcopy(data.draw(STRANGE))
            case "take":
                del holder[at[-1]]
            case "double" if isinstance(holder, list):
                holder.append(copy.deepcopy(holder[at[-1]]))
            case _ if isinstance(holder, dict):
                holder[
                    data.draw(st.sampled_from(["type", "to", "name", "spdxId", "SPDXID", "relationships", "@graph"]))
                ] = copy.deepcopy(data.draw(STRANGE))
            case _:
                pass
        if not isinstance(document, dict) or not document:
            break
    return document


@given(st.data())
@settings(max_examples=100, deadline=None)
def test_mutations_are_read_and_given_back_or_malformed(data):
    document = mutated(data, data.draw(st.sampled_from([foreign(), write(model_bom())])))
    try:
        problems(document)
        bom = read(document)
    except Malformed:
        return
    assert write(bom) == document
