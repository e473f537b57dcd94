import json
from pathlib import Path

import jsonschema_rs
import pytest
import rfc8785

from assaymark.core.scan import finding_from_json
from assaymark.report import schemas
from assaymark.report.json import SCHEMA, render, to_dict
from tests.report import samples

PUBLISHED = Path(__file__).parents[2] / "docs" / "schemas" / "scan-report-v1.schema.json"


@pytest.fixture(scope="module")
def schema() -> jsonschema_rs.Draft202012Validator:
    loaded = json.loads(PUBLISHED.read_text("utf-8"))
    jsonschema_rs.meta.validate(loaded)
    return jsonschema_rs.Draft202012Validator(loaded, validate_formats=True)


@pytest.mark.parametrize("name", ["rich", "clean", "empty", "hostile", "big"])
def test_reports_keep_the_published_schema(schema: jsonschema_rs.Draft202012Validator, name: str) -> None:
    document = json.loads(render(getattr(samples, name)(), samples.RULES))
    assert [str(error) for error in schema.iter_errors(document)] == []


def test_the_schema_is_strict(schema: jsonschema_rs.Draft202012Validator) -> None:
    def objects(node: object) -> list[dict]:
        if isinstance(node, dict):
            own = [node] if node.get("type") == "object" else []
            return own + [found for child in node.values() for found in objects(child)]
        return [found for child in node for found in objects(child)] if isinstance(node, list) else []

    for node in objects(json.loads(PUBLISHED.read_text("utf-8"))):
        assert "additionalProperties" in node
        assert node["additionalProperties"] is False or isinstance(node["additionalProperties"], dict)
        assert sorted(node.get("required", [])) == sorted(node.get("properties", {}))
    document = to_dict(samples.rich(), samples.RULES)
    assert not schema.is_valid(document | {"more": 1})
    assert not schema.is_valid(document | {"schema": "assaymark/scan-report/v2"})
    assert not schema.is_valid(document | {"at": "yesterday"})


def test_the_package_carries_the_published_schema() -> None:
    assert schemas.schema("scan-report-v1") == json.loads(PUBLISHED.read_text("utf-8"))


def test_everything_the_report_knows_is_there() -> None:
    report = samples.rich()
    document = json.loads(render(report, samples.RULES))
    assert list(document) == [
        "schema", "tool", "at", "roots", "policy", "verdict", "summary",
        "findings", "ignored", "known", "files", "coverage", "rules",
    ]  # fmt: skip
    assert document["schema"] == SCHEMA
    assert document["roots"] == [
        {"path": "projects/tiny", "folder": True, "digest": str(report.roots[0].subject.digest), "source": None}
    ]
    assert document["verdict"]["outcome"] == "deny"
    assert document["verdict"]["reasons"][0]["refs"] == [document["findings"][0]["fingerprint"]]
    assert document["summary"] == {
        "files": 11,
        "bytes": report.bytes,
        "byte_map": {"parsed": 61_780, "data": 4_831_838_208, "unexplained": 12, "first": None},
        "analysed": 10,
        "findings": {"critical": 1, "high": 3, "medium": 2, "low": 2, "info": 0},
        "ignored": 1,
        "known": 1,
        "hidden": 4,
        "excluded": 2,
    }
    first = document["findings"][0]
    assert first["location"] == "projects/tiny/checkpoints/epoch-3.pt!epoch-3/data.pkl @37"
    assert finding_from_json(first) == report.findings[0]
    assert document["ignored"][0]["owner"] == "data@example.org"
    assert document["known"][0]["symbol"] == "pandas"
    assert document["files"][6]["gaps"] == [
        {"what": "model/model-00001.safetensors", "why": "tensor data of 4,831,838,208 bytes are numbers"}
    ]
    assert document["files"][6]["byte_map"]["unexplained"] == 12
    assert [file["outcome"] for file in document["files"]].count("deny") == 4
    assert document["coverage"]["errors"] == [f.fingerprint for f in report.findings if f.id == "CHK902"]
    assert document["coverage"]["checks"]["LIB902"] == 0
    assert document["rules"]["MDL901"]["refs"] == ["CWE:502", "ATLAS:AML.T0011.000", "OWASP-LLM:LLM03"]


def test_only_the_given_rules_are_listed() -> None:
    assert to_dict(samples.rich(), {})["rules"] == {}


def test_the_document_can_be_signed() -> None:
    for report in (samples.rich(), samples.hostile()):
        document = to_dict(report, samples.RULES)
        assert json.loads(rfc8785.dumps(document)) == json.loads(render(report, samples.RULES))
