"""What we write as CycloneDX is valid, the same each time, and read again is the same BOM."""

import json
from dataclasses import replace

import pytest
from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator
from hypothesis import HealthCheck, given, settings

from assaymark.bom.cyclonedx.read import read
from assaymark.bom.cyclonedx.write import write, write_with_losses
from assaymark.bom.schema import validator
from assaymark.core.graph import EdgeKind, NodeKind
from tests.bom.boms_at_random import boms, model_bom

VERSIONS = ("1.6", "1.7")


def through(document: dict) -> dict:
    return json.loads(json.dumps(document))


@pytest.mark.parametrize("version", VERSIONS)
@settings(max_examples=100, deadline=None, suppress_health_check=list(HealthCheck))
@given(bom=boms())
def test_any_bom_is_written_valid_and_read_the_same(version: str, bom) -> None:
    document = write(bom, version)
    assert list(validator(version).iter_errors(document)) == []
    again = read(through(document))
    assert again == bom
    assert write(again, version) == document


@pytest.mark.parametrize("version", VERSIONS)
def test_other_peoples_validator_agrees(version: str) -> None:
    document = write(model_bom(), version)
    schema = {"1.6": SchemaVersion.V1_6, "1.7": SchemaVersion.V1_7}[version]
    assert JsonStrictValidator(schema).validate_str(json.dumps(document)) is None


@pytest.mark.parametrize("version", VERSIONS)
def test_a_model_with_all_that_it_came_from_survives(version: str) -> None:
    bom = model_bom()
    assert {component.kind for component in bom.components} == set(NodeKind)
    assert {relation.kind for relation in bom.relations} == set(EdgeKind) - {EdgeKind.NAMES}
    document, lost = write_with_losses(bom, version)
    assert lost == []
    assert read(through(document)) == bom
    assert read(through(write(read(through(document)), {"1.6": "1.7", "1.7": "1.6"}[version]))) == bom


def test_the_words_of_cyclonedx_are_used() -> None:
    document = write(model_bom(), "1.7")
    model = document["metadata"]["component"]
    assert model["type"] == "machine-learning-model"
    assert model["hashes"] == [{"alg": "SHA-256", "content": "1" * 64}]
    assert model["licenses"] == [{"license": {"id": "Apache-2.0"}}]
    parameters = model["modelCard"]["modelParameters"]
    assert parameters["datasets"] == [{"ref": "data:imdb"}]
    assert parameters["inputs"] == [{"format": "input_ids: I64 [1, 512]"}]
    assert model["modelCard"]["quantitativeAnalysis"]["performanceMetrics"] == [
        {"type": "accuracy", "value": "0.93", "slice": "imdb test"}
    ]
    (base,) = model["pedigree"]["ancestors"]
    assert (base["name"], base["purl"]) == (
        "bert-base-uncased",
        "pkg:huggingface/google-bert/bert-base-uncased@86b5e09",
    )
    assert {one["location"] for one in model["evidence"]["occurrences"]} == {
        "README.md",
        "config.json",
        "model.safetensors",
    }
    types = {one["bom-ref"]: one["type"] for one in document["components"]}
    assert (
        types["data:imdb"] == "data"
        and types["image:cuda"] == "container"
        and types["driver:nvidia"] == "device-driver"
    )
    dataset = next(one for one in document["components"] if one["bom-ref"] == "data:imdb")
    assert dataset["hashes"][0]["content"] == "2" * 64 and dataset["data"][0]["type"] == "dataset"
    depends = {one["ref"]: one.get("dependsOn", []) for one in document["dependencies"]}
    assert {"data:imdb", "environment:lock", "model:bert", "image:cuda"} <= set(depends["model:tuned"])
    (flow,) = document["formulation"][0]["workflows"]
    assert flow["inputs"] == [{"resource": {"ref": "data:imdb"}}]
    assert flow["outputs"] == [{"type": "artifact", "resource": {"ref": "model:tuned"}}]
    assert flow["steps"][0]["commands"][0]["executed"].startswith("python train.py")
    assert document["services"][0]["bom-ref"] == "deployment:eu"
    assert document["compositions"] == [{"aggregate": "incomplete", "assemblies": ["data:imdb", "model:tuned"]}]
    assert "timestamp" not in document["metadata"]


def test_citations_say_who_states_which_pointer() -> None:
    document = write(model_bom(), "1.7")
    pointers = {pointer: one for one in document["citations"] for pointer in one["pointers"]}
    told = pointers["/metadata/component/hashes/0"]
    assert told["note"] == "observed in model.safetensors (header)"
    assert told["attributedTo"] == document["metadata"]["tools"]["components"][0]["bom-ref"]
    for pointer in pointers:
        value = document
        for step in pointer.split("/")[1:]:
            value = value[int(step)] if isinstance(value, list) else value[step]
    assert "citations" not in write(model_bom(), "1.6")


def test_the_serial_number_is_that_of_the_content() -> None:
    one, other = write(model_bom(), "1.7"), write(replace(model_bom(), author="Others"), "1.7")
    assert one == write(model_bom(), "1.7")
    assert one["serialNumber"] != other["serialNumber"]


def test_tools_without_a_run_make_a_workflow() -> None:
    bom = model_bom()
    kept = tuple(one for one in bom.relations if one.kind is not EdgeKind.GENERATED_BY)
    made = replace(bom, relations=kept)
    document = write(made, "1.7")
    flow = next(one for one in document["formulation"][0]["workflows"] if "tasks" in one)
    assert flow["tasks"][0]["steps"][0]["commands"][0]["executed"] == "trl sft"
    assert read(through(document)) == made
