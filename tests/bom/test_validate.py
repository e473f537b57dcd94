"""What `assay bom validate` finds: each code by one document that has it, and none by documents that are sound."""

import copy
import json
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings

from assaymark.bom.cyclonedx.write import write
from assaymark.bom.problems.codes import CODES
from assaymark.bom.problems.cyclonedx import circles
from assaymark.bom.problems.identity import moment
from assaymark.bom.validate import Problem, validate
from assaymark.core.finding import Severity
from tests.bom.boms_at_random import model_bom
from tests.bom.cyclonedx_documents import XML_SAYS, foreign
from tests.bom.test_cyclonedx_foreign import spoilt

SOUND: dict[str, Any] = {
    "bomFormat": "CycloneDX",
    "specVersion": "1.7",
    "serialNumber": "urn:uuid:3e671687-395b-41f5-a30f-a58921a69b79",
    "version": 1,
    "metadata": {
        "timestamp": "2026-01-01T00:00:00Z",
        "component": {
            "type": "machine-learning-model",
            "bom-ref": "m",
            "name": "sentiment",
            "version": "1",
            "hashes": [{"alg": "SHA-256", "content": "a" * 64}],
            "modelCard": {"modelParameters": {"datasets": [{"ref": "d"}]}},
            "pedigree": {
                "ancestors": [
                    {"type": "machine-learning-model", "name": "bert", "purl": "pkg:huggingface/google/bert@1"}
                ]
            },
        },
    },
    "components": [
        {"type": "data", "bom-ref": "d", "name": "imdb"},
        {
            "type": "library",
            "bom-ref": "l",
            "name": "Torch_Vision",
            "version": "v0.2",
            "purl": "pkg:pypi/torch-vision@0.2",
            "licenses": [{"expression": "(MIT OR Apache-2.0) AND LicenseRef-own"}],
        },
    ],
    "services": [{"bom-ref": "s", "name": "api"}],
    "dependencies": [{"ref": "m", "dependsOn": ["l", "s"]}, {"ref": "l"}],
    "compositions": [{"aggregate": "complete", "assemblies": ["l"]}],
    "vulnerabilities": [{"id": "CVE-1", "affects": [{"ref": "l"}]}],
    "citations": [{"pointers": ["/components/0/name"], "timestamp": "2026-01-01T00:00:00Z", "attributedTo": "m"}],
}


def changed(place: str, value: Any) -> dict[str, Any]:
    """The sound document with another value at a JSON pointer."""
    document = copy.deepcopy(SOUND)
    *way, last = place.split("/")[1:]
    holder: Any = document
    for step in way:
        holder = holder[int(step)] if isinstance(holder, list) else holder[step]
    if isinstance(holder, list):
        holder.insert(int(last), value)
    else:
        holder[last] = value
    return document


def found(document: dict[str, Any]) -> list[tuple[str, str]]:
    return [(one.code, one.at) for one in validate(document, f"cyclonedx-{document['specVersion']}")]


BAD: dict[str, list[tuple[str, Any, str]]] = {
    "BOM001": [
        ("/components/0/type", "wheel", "/components/0/type"),
        ("/components/0/surprise", 1, "/components/0/surprise"),
        ("/components/0", {"type": "data"}, "/components/0"),
        ("/version", "one", "/version"),
    ],
    "BOM002": [("/components/1/bom-ref", "d", "/components/1/bom-ref"), ("/services/0/bom-ref", "m", "/services/0/bom-ref")],
    "BOM003": [
        ("/dependencies/0/dependsOn/0", "x", "/dependencies/0/dependsOn/0"),
        ("/dependencies/1/ref", "x", "/dependencies/1/ref"),
        ("/compositions/0/assemblies/0", "x", "/compositions/0/assemblies/0"),
        ("/vulnerabilities/0/affects/0/ref", "x", "/vulnerabilities/0/affects/0/ref"),
        ("/citations/0/attributedTo", "x", "/citations/0/attributedTo"),
        ("/metadata/component/modelCard/modelParameters/datasets/0/ref", "x", "/metadata/component/modelCard/modelParameters/datasets/0/ref"),
        ("/annotations", [{"subjects": ["x"], "annotator": {"individual": {"name": "A"}}, "timestamp": "2026-01-01T00:00:00Z", "text": "t"}], "/annotations/0/subjects/0"),
        ("/vulnerabilities/0/affects/0/ref", "urn:cdx:3e671687-395b-41f5-a30f-a58921a69b79/1#x", "/vulnerabilities/0/affects/0/ref"),
    ],
    "BOM004": [
        ("/metadata/component/hashes/0/content", "a" * 40, "/metadata/component/hashes/0/content"),
        ("/metadata/component/hashes/0/content", "z" * 64, "/metadata/component/hashes/0/content"),
    ],
    "BOM005": [("/components/1/purl", "not a purl", "/components/1/purl"), ("/components/1/purl", "pkg:pypi", "/components/1/purl")],
    "BOM006": [("/components/1/purl", "pkg:pypi/numpy@0.2", "/components/1/purl"), ("/components/1/purl", "pkg:pypi/torch-vision@0.3", "/components/1/purl")],
    "BOM007": [("/components/1/modelCard", {}, "/components/1/modelCard")],
    "BOM008": [("/metadata/component/modelCard/modelParameters/datasets/0/ref", "l", "/metadata/component/modelCard/modelParameters/datasets/0/ref")],
    "BOM009": [("/dependencies/1/dependsOn", ["m"], "/dependencies/0"), ("/dependencies/1/dependsOn", ["l"], "/dependencies/1")],
    "BOM010": [
        ("/metadata/component/pedigree/ancestors/0", {"type": "machine-learning-model", "name": "sentiment", "version": "1"}, "/metadata/component/pedigree/ancestors"),
        ("/metadata/component/pedigree/ancestors/0", {"type": "file", "name": "x", "hashes": [{"alg": "SHA-256", "content": "A" * 64}]}, "/metadata/component/pedigree/ancestors"),
    ],
    "BOM011": [("/metadata/component/hashes", [], "/metadata/component")],
    "BOM012": [
        ("/metadata/timestamp", "2026-02-30T00:00:00Z", "/metadata/timestamp"),
        ("/metadata/timestamp", "9999-01-01T00:00:00Z", "/metadata/timestamp"),
        ("/vulnerabilities/0", {"id": "C", "created": "2026-02-01T00:00:00Z", "updated": "2026-01-01T00:00:00Z"}, "/vulnerabilities/0/updated"),
    ],
    "BOM013": [("/serialNumber", "urn:uuid:nope", "/serialNumber")],
    "BOM014": [("/components/2", {**SOUND["components"][1], "bom-ref": "l2"}, "/components/2")],
    "BOM015": [
        ("/components/1/licenses", [{"license": {"id": "MTI"}}], "/components/1/licenses/0/license/id"),
        ("/components/1/licenses", [{"expression": "MIT OR"}], "/components/1/licenses/0/expression"),
    ],
    "BOM016": [("/citations/0/pointers/0", "/components/7/name", "/citations/0/pointers/0"), ("/citations/0/pointers/0", "components", "/citations/0/pointers/0")],
    "BOM017": [("/metadata/component/hashes/1", {"alg": "SHA-256", "content": "b" * 64}, "/metadata/component/hashes/1/content")],
}  # fmt: skip


def test_a_sound_document_has_no_problem() -> None:
    assert found(SOUND) == []


@pytest.mark.parametrize("version", ["1.6", "1.7"])
def test_what_we_write_is_sound(version: str) -> None:
    problems = validate(write(model_bom(), version), f"cyclonedx-{version}")
    assert [(one.code, one.at) for one in problems if one.error] == []
    assert {one.code for one in problems} <= {"BOM011"}  # the base is known by its package URL alone


@pytest.mark.parametrize(
    ("code", "place", "value", "at"), [(code, *case) for code, cases in BAD.items() for case in cases]
)
def test_each_problem_is_found_at_its_place(code: str, place: str, value: Any, at: str) -> None:
    assert (code, at) in found(changed(place, value))


def test_a_document_that_does_not_say_what_it_is_about() -> None:
    document = copy.deepcopy(SOUND)
    del document["metadata"]["component"], document["dependencies"], document["citations"]
    assert found(document) == [("BOM018", "/metadata")]


def test_every_code_has_a_case() -> None:
    assert set(BAD) | {"BOM018"} == set(CODES)


def test_ancestors_of_one_another_are_found() -> None:
    document = changed(
        "/components/0",
        {
            "type": "machine-learning-model", "bom-ref": "b", "name": "bert", "purl": "pkg:huggingface/google/bert@1",
            "hashes": [{"alg": "SHA-256", "content": "e" * 64}],
            "pedigree": {"ancestors": [{"type": "machine-learning-model", "name": "s", "hashes": [{"alg": "SHA-256", "content": "a" * 64}]}]},
        },
    )  # fmt: skip
    assert [code for code, _ in found(document)] == ["BOM010"]


def test_a_link_into_another_document_is_not_followed() -> None:
    assert found(changed("/vulnerabilities/0/affects/0/ref", "urn:cdx:00000000-395b-41f5-a30f-a58921a69b79/1#x")) == []


def test_a_model_whose_files_have_digests_needs_none() -> None:
    document = changed("/metadata/component/hashes", [])
    document["components"].append(
        {"type": "file", "bom-ref": "f", "name": "w", "hashes": [{"alg": "SHA-256", "content": "1" * 64}]}
    )
    document["dependencies"][0]["dependsOn"].append("f")
    assert found(document) == []


def test_problems_of_one_code_are_bounded_and_counted() -> None:
    document = changed("/dependencies/0/dependsOn", [f"x{number}" for number in range(1000)])
    problems = [one for one in validate(document, "cyclonedx-1.7") if one.code == "BOM003"]
    assert len(problems) == 201
    assert problems[0] == Problem("BOM003", Severity.HIGH, "", "800 more of them are not shown", CODES["BOM003"].fix)


@pytest.mark.parametrize("version", ["1.4", "1.5", "1.6", "1.7"])
def test_the_schema_alone_is_what_others_ask_for(version: str) -> None:
    assert validate(foreign(version), f"cyclonedx-{version}", schema_only=True) == []
    assert validate({**foreign(version), "version": "x"}, f"cyclonedx-{version}", schema_only=True) != []


def test_xml_is_validated_as_its_json() -> None:
    assert [one.code for one in validate(XML_SAYS, "cyclonedx-xml-1.6")] == []


def test_messages_are_plain() -> None:
    (problem,) = validate(changed("/components/0/type", "wheel"), "cyclonedx-1.7", schema_only=True)
    assert (
        problem.message
        == '"wheel" is not one of application, framework, library, container, platform, operating-system and 7 more'
    )
    (problem,) = validate(changed("/components/0", {"type": "data"}), "cyclonedx-1.7", schema_only=True)
    assert problem.message == '"name" is missing'
    (problem,) = validate(changed("/components/1/licenses", [{"license": {}}]), "cyclonedx-1.7", schema_only=True)
    assert problem.message == '"id" or "name" is missing'


def test_long_values_are_cut_off() -> None:
    (problem,) = validate(changed("/components/0/type", "x" * 100_000), "cyclonedx-1.7", schema_only=True)
    assert len(problem.message) < 300


def test_circles_are_found_without_recursion() -> None:
    count = 50_000
    around = {str(number): [str((number + 1) % count)] for number in range(count)}
    assert [len(one) for one in circles(around)] == [count]
    assert list(circles({"a": ["b"], "b": ["c"], "c": []})) == []
    assert sorted(map(sorted, circles({"a": ["b"], "b": ["a", "c"], "c": ["c"]}))) == [["a", "b"], ["c"]]


@pytest.mark.parametrize(
    ("text", "there"),
    [
        ("2026-01-01T00:00:00Z", True),
        ("2026-01-01t00:00:00.123456789+14:00", True),
        ("1970-01-01T00:00:00Z", True),
        ("2026-01-01", False),
        ("2026-13-01T00:00:00Z", False),
        ("2026-01-01T24:00:00Z", False),
        ("0001-01-01T00:00:00+14:00", False),
        ("٢٠٢٦-01-01T00:00:00Z", False),
        (None, False),
    ],
)
def test_moments(text: Any, there: bool) -> None:
    assert (moment(text) is not None) is there


@settings(max_examples=100, deadline=None, suppress_health_check=list(HealthCheck))
@given(document=spoilt())
def test_any_document_gets_an_answer(document: dict[str, Any]) -> None:
    for problem in validate(document, f"cyclonedx-{document['specVersion']}"):
        assert problem.code in CODES
        assert problem.at == "" or problem.at.startswith("/")
        json.dumps([problem.message, problem.at])
