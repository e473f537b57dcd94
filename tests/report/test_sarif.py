import json
from pathlib import Path

import jsonschema_rs
import pytest

from assaymark.core.finding import Where
from assaymark.core.scan import Root, ScanReport
from assaymark.report.sarif import render
from tests.report import samples

OFFICIAL = Path(__file__).parent / "data" / "sarif-schema-2.1.0.json"


@pytest.fixture(scope="module")
def schema() -> jsonschema_rs.Draft4Validator:
    return jsonschema_rs.Draft4Validator(json.loads(OFFICIAL.read_text("utf-8")), validate_formats=True)


def run_of(report: ScanReport, rules: dict = samples.RULES) -> dict:
    return json.loads(render(report, rules))["runs"][0]


@pytest.mark.parametrize("name", ["rich", "clean", "empty", "hostile", "big"])
def test_reports_keep_the_official_schema(schema: jsonschema_rs.Draft4Validator, name: str) -> None:
    rules = samples.hostile_rules() if name == "hostile" else samples.RULES
    document = json.loads(render(getattr(samples, name)(), rules))
    assert [str(error) for error in schema.iter_errors(document)] == []


def test_rules_carry_what_code_scanning_shows() -> None:
    rules = {rule["id"]: rule for rule in run_of(samples.rich())["tool"]["driver"]["rules"]}
    assert list(rules) == sorted(samples.RULES)
    pickle = rules["MDL901"]
    assert pickle["name"] == "PickleRunsACommand"
    assert pickle["shortDescription"]["text"] == "A pickle starts a command when the model is loaded"
    assert pickle["help"]["text"].startswith("Why: torch.load")
    assert "**Fix:** Do not load it." in pickle["help"]["markdown"]
    assert pickle["defaultConfiguration"] == {"level": "error"}
    assert pickle["properties"]["security-severity"] == "9.5"
    assert pickle["properties"]["precision"] == "high"
    assert pickle["properties"]["tags"] == [
        "security", "model", "external/cwe/cwe-502", "ATLAS:AML.T0011.000", "OWASP-LLM:LLM03",
    ]  # fmt: skip
    assert rules["CHK902"]["name"] == "TheContentBreaksTheRulesOfItsFormat"


def test_results_point_at_their_rule_and_file() -> None:
    run = run_of(samples.rich())
    for result in run["results"]:
        assert run["tool"]["driver"]["rules"][result["ruleIndex"]]["id"] == result["ruleId"]
        location = result["locations"][0]["physicalLocation"]["artifactLocation"]
        assert run["artifacts"][location["index"]]["location"]["uri"] == location["uri"]
        assert result["partialFingerprints"]["assaymark/v1"]
    levels = {result["ruleId"]: result["level"] for result in run["results"]}
    assert levels == {
        "MDL901": "error", "INF901": "error", "MDL902": "error", "TLG901": "error",
        "CHK902": "warning", "DAT901": "warning", "LIB901": "note",
    }  # fmt: skip


def test_a_rule_that_was_not_given_has_no_index() -> None:
    assert "ruleIndex" not in run_of(samples.rich(), {})["results"][0]


def test_places_in_a_member_are_not_claimed_of_the_archive() -> None:
    pickle, docker = run_of(samples.rich())["results"][:2]
    place = pickle["locations"][0]
    assert place["physicalLocation"]["artifactLocation"]["uri"] == "projects/tiny/checkpoints/epoch-3.pt"
    assert "byteOffset" not in place["physicalLocation"]["region"]
    assert place["physicalLocation"]["region"]["startLine"] == 1
    assert place["logicalLocations"] == [
        {
            "name": "epoch-3/data.pkl",
            "fullyQualifiedName": "projects/tiny/checkpoints/epoch-3.pt!epoch-3/data.pkl",
            "kind": "member",
        }
    ]
    assert pickle["properties"]["offset"] == 37
    region = docker["locations"][0]["physicalLocation"]["region"]
    assert region == {"startLine": 1, "snippet": {"text": "FROM python:latest"}}
    header = next(r for r in run_of(samples.rich())["results"] if r["ruleId"] == "CHK902")
    assert header["locations"][0]["physicalLocation"]["region"]["byteOffset"] == 0


def test_ignored_findings_are_suppressed_and_known_ones_unchanged() -> None:
    results = run_of(samples.rich())["results"]
    states = [result["baselineState"] for result in results]
    assert states == ["new"] * 9 + ["unchanged"]
    suppressed = [result for result in results if "suppressions" in result]
    assert [r["suppressions"] for r in suppressed] == [
        [
            {
                "kind": "external",
                "status": "accepted",
                "justification": "reviewed: phone numbers (accepted by data@example.org until 2027-01-31)",
            }
        ]
    ]


def test_without_a_baseline_nothing_is_new() -> None:
    assert "baselineState" not in run_of(samples.big(3, 3))["results"][0]


def test_what_the_scanner_could_not_do_is_a_notification() -> None:
    invocation = run_of(samples.rich())["invocations"][0]
    assert invocation["executionSuccessful"] is True
    assert [n["descriptor"]["id"] for n in invocation["toolExecutionNotifications"]] == ["CHK902"]


@pytest.mark.parametrize(
    ("given", "path", "uri"),
    [
        (".", "a b/ä#?.pt", "a%20b/%C3%A4%23%3F.pt"),
        ("./m", "x.pt", "m/x.pt"),
        ("../m/", "x.pt", "../m/x.pt"),
        ("/srv/m", "a b.pt", "file:///srv/m/a%20b.pt"),
        (".", "c:d", "c%3Ad"),
        (".", "100%", "100%25"),
    ],
)
def test_uris_are_relative_as_typed_and_encoded(given: str, path: str, uri: str) -> None:
    found = samples.finding("LIB901", path, "x")
    report = ScanReport(
        samples.AT,
        samples.TOOL,
        (Root(given, "", is_folder=True, subject=None),),
        (),
        (found,),
        samples.judge((found,)),
    )
    location = run_of(report)["results"][0]["locations"][0]["physicalLocation"]["artifactLocation"]
    assert location["uri"] == uri


def test_messages_make_no_links_and_no_placeholders() -> None:
    texts = [result["message"]["text"] for result in run_of(samples.hostile(), samples.hostile_rules())["results"]]
    assert not [text for text in texts if "](" in text.replace("\\](", "")]
    assert any("{{0}}" in text for text in texts)


def test_scans_of_different_paths_do_not_replace_each_other() -> None:
    assert run_of(samples.rich())["automationDetails"]["id"] == "assay scan projects/tiny/2026-11-24T10:00:00Z"
    assert run_of(samples.clean())["automationDetails"]["id"] == "assay scan m.safetensors/2026-11-24T10:00:00Z"


def test_artifacts_carry_digests() -> None:
    report = samples.rich()
    artifact = run_of(report)["artifacts"][0]
    sha256 = next(f.sha256 for f in report.files if f.path == Where(report.findings[0].where.path).path)
    assert artifact["hashes"] == {"sha-256": sha256}
    assert artifact["properties"]["formats"] == ["zip", "pickle"]
