"""BOM to SPDX 3.0.1: what others read of it, and that nothing is lost on the way back."""

import io
import json
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from assaymark.bom.document import Bom, Component, Fact, Gap, Place, Relation, Status
from assaymark.bom.spdx.read3 import read
from assaymark.bom.spdx.validate import problems
from assaymark.bom.spdx.write import write
from assaymark.bom.words import FACTS
from assaymark.core.errors import Malformed
from assaymark.core.graph import EdgeKind, NodeKind
from tests.bom.spdx_samples import DIGEST, model_bom


def element(document, **wanted):
    found = [one for one in document["@graph"] if all(one.get(key) == value for key, value in wanted.items())]
    assert len(found) == 1, found
    return found[0]


def related(document, kind):
    """(source name, target names) of the relationships of a type."""
    names = {one.get("spdxId"): one.get("name") for one in document["@graph"]}
    return {
        (names[one["from"]], tuple(names.get(to, to) for to in one["to"]))
        for one in document["@graph"]
        if one.get("relationshipType") == kind
    }


def test_written_and_read_again_is_the_same_bom():
    bom = model_bom()
    document = json.loads(json.dumps(write(bom)))
    assert read(document) == bom
    assert write(read(document)) == document


def test_the_same_bom_gives_the_same_bytes_and_another_one_other_names():
    assert json.dumps(write(model_bom())) == json.dumps(write(model_bom()))
    other = replace(model_bom(), author="Somebody else")
    assert not {e.get("spdxId") for e in write(other)["@graph"]} & {
        e.get("spdxId") for e in write(model_bom())["@graph"]
    } - {None}


def test_the_model_says_what_it_is_and_invents_nothing():
    package = element(write(model_bom()), type="ai_AIPackage", name="my-bert")
    assert package["ai_typeOfModel"] == ["BertForSequenceClassification", "bert"]
    assert package["ai_domain"] == ["text-classification"]
    assert package["software_primaryPurpose"] == "model"
    assert package["ai_energyConsumption"]["ai_trainingEnergyConsumption"][0]["ai_energyQuantity"] == 1.5
    assert package["ai_useSensitivePersonalInformation"] == "no"
    assert (
        not {"releaseTime", "software_packageVersion", "software_downloadLocation", "ai_autonomyType"} & package.keys()
    )
    assert "No assertion is made on releaseTime" in package["comment"]


def test_directions_of_relationships():
    document = write(model_bom())
    assert related(document, "trainedOn") == {("my-bert", ("imdb",)), ("bert-base", ("NoAssertionElement",))}
    assert related(document, "generates") == {("run", ("my-bert",))}
    assert related(document, "descendantOf") == {("my-bert", ("bert-base",))}
    assert related(document, "hasHost") == {("run", ("python",))}
    assert related(document, "hasInput") == {("run", ("imdb",))}
    assert element(document, type="LifecycleScopedRelationship", relationshipType="hasHost")["scope"] == "development"


def test_gaps_are_completeness():
    document = write(model_bom())
    names = {one["spdxId"]: one.get("name") for one in document["@graph"] if "spdxId" in one}
    said = {
        (names[r["from"]], r["relationshipType"]): r["completeness"] for r in document["@graph"] if "completeness" in r
    }
    assert said == {("my-bert", "dependsOn"): "incomplete", ("bert-base", "trainedOn"): "noAssertion"}


def test_licences_are_expressions_texts_or_no_assertion():
    document = write(model_bom())
    expressions = {one.get("simplelicensing_licenseExpression") for one in document["@graph"]} - {None}
    assert expressions == {"MIT", "LicenseRef-Some-Research-Licence-v2"}
    assert (
        element(document, type="simplelicensing_SimpleLicensingText")["simplelicensing_licenseText"]
        == "Some Research Licence, v2"
    )
    assert ("bert-base", ("expandedlicensing_NoAssertionLicense",)) in related(document, "hasDeclaredLicense")


def test_moments():
    info = element(write(model_bom()), type="CreationInfo")
    assert info["created"] == "1970-01-01T00:00:00Z" and "1970" in info["comment"]
    info = element(write(replace(model_bom(), at="2024-05-06T07:08:09.5+02:00")), type="CreationInfo")
    assert info["created"] == "2024-05-06T05:08:09Z" and "comment" not in info
    bom = replace(model_bom(), at="2024-05-06T07:08:09.5+02:00")
    assert read(write(bom)) == bom


def test_a_digest_that_was_changed_in_the_document_is_what_is_read():
    document = write(model_bom())
    changed = element(document, type="software_File", name="model.safetensors")
    changed["verifiedUsing"][0]["hashValue"] = "00" * 32
    bom = read(document)
    assert bom.component("file:model.safetensors").value("sha256") == "00" * 32
    assert write(bom) == document


def test_a_relation_that_was_taken_out_of_the_document_is_not_read():
    document = write(model_bom())
    document["@graph"] = [one for one in document["@graph"] if one.get("relationshipType") != "trainedOn"]
    assert not [one for one in read(document).relations if one.kind is EdgeKind.TRAINED_ON]


def test_no_problem_is_an_error():
    found = problems(write(model_bom()))
    assert {problem.code for problem in found} == {"BOM031"} and not any(problem.error for problem in found)


def test_a_relation_to_nothing_is_refused():
    with pytest.raises(Malformed, match="has not both"):
        write(Bom("", (), (Relation("a", EdgeKind.CONTAINS, "b"),)))


def test_an_empty_bom():
    bom = Bom("", ())
    assert read(write(bom)) == bom and not problems(write(bom))


def test_the_bindings_of_the_spdx_project_read_it():
    bindings = pytest.importorskip("spdx_python_model").v3_0_1
    found = bindings.SHACLObjectSet()
    bindings.JSONLDDeserializer().read(io.BytesIO(json.dumps(write(model_bom())).encode()), found)
    assert not found.missing_ids
    [model] = [one for one in found.foreach_type(bindings.ai_AIPackage) if one.name == "my-bert"]
    assert list(model.ai_typeOfModel) == ["BertForSequenceClassification", "bert"]
    assert model.suppliedBy.name == "acme"
    out = io.BytesIO()
    bindings.JSONLDSerializer().write(found, out)
    assert len(json.loads(out.getvalue())["@graph"]) == len(write(model_bom())["@graph"])


@pytest.mark.filterwarnings("ignore")
def test_the_ntia_checker_finds_author_time_and_dependencies(tmp_path):
    checker = pytest.importorskip("ntia_conformance_checker")
    path = tmp_path / "bom.spdx3.json"
    path.write_text(json.dumps(write(model_bom())))
    result = checker.SbomChecker(str(path), validate=False, sbom_spec="spdx3")
    assert not result.parsing_error
    assert result.doc_author and result.doc_timestamp and result.dependency_relationships
    assert not result.components_without_names and not result.components_without_identifiers


JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**53), 2**53)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3),
    max_leaves=5,
)
PLACES = st.lists(st.builds(Place, st.text(max_size=5), st.text(max_size=5)), max_size=2).map(tuple)
STATUS = st.sampled_from(Status)
FACT = st.builds(Fact, JSON | st.just(DIGEST) | st.just("pkg:pypi/x@1"), STATUS, PLACES, st.text(max_size=4))
COMPONENT = st.builds(
    Component,
    st.text(min_size=1, max_size=6),
    st.sampled_from(NodeKind),
    st.dictionaries(st.sampled_from([*FACTS, "sha256", "md5"]) | st.text(max_size=5), FACT, max_size=6),
    st.dictionaries(st.sampled_from(["cyclonedx", "spdx-2", "spdx-3"]), JSON, max_size=2),
)


@st.composite
def boms(draw):
    components = draw(st.lists(COMPONENT, min_size=1, max_size=5, unique_by=lambda one: one.ref))
    refs = [component.ref for component in components]
    ends = st.tuples(st.sampled_from(refs), st.sampled_from(EdgeKind), st.sampled_from(refs))
    keys = draw(st.lists(ends, max_size=8, unique=True))
    how = st.sampled_from(["", "direct", "training", "serving", "build", "x"])
    relations = [Relation(*key, draw(how), draw(STATUS), draw(PLACES)) for key in keys if key[0] != key[2]]
    gaps = draw(st.lists(st.tuples(st.sampled_from(refs), st.sampled_from(EdgeKind).map(str)), max_size=3, unique=True))
    return Bom(
        draw(st.sampled_from(refs)),
        tuple(sorted(components, key=lambda one: one.ref)),
        tuple(sorted(relations, key=lambda one: (one.source, one.kind, one.target))),
        tuple(Gap(ref, what, "why") for ref, what in sorted(gaps)),
        draw(st.sampled_from(["", "2024-01-01T00:00:00Z", "yesterday"])),
        draw(st.text(max_size=4)),
        tuple(draw(st.lists(st.tuples(st.text(max_size=4), st.text(max_size=4)), max_size=2))),
    )


@given(boms())
@settings(max_examples=100, deadline=None)
def test_any_bom_comes_back_as_it_was(bom):
    document = json.loads(json.dumps(write(bom)))
    assert read(document) == bom
    assert not [problem for problem in problems(document) if problem.code in {"BOM001", "BOM002", "BOM003"}]
