from dataclasses import replace
from xml.etree import ElementTree as ET

import pytest

from assaymark.core.scan import ScanReport
from assaymark.core.verdict import Outcome
from assaymark.report.junit import render
from tests.report import samples

ATTRIBUTES = {
    "testsuites": {"name", "tests", "failures", "errors"},
    "testsuite": {"name", "tests", "failures", "errors", "skipped", "timestamp"},
    "testcase": {"name", "classname"},
    "failure": {"type", "message"},
    "error": {"type", "message"},
    "skipped": {"type", "message"},
    "system-out": set(),
}
"""What we use of junit-10.xsd; it allows nothing here that it does not name."""


def read(report: ScanReport, rules: dict = samples.RULES) -> ET.Element:
    return ET.fromstring(render(report, rules))


def names(suites: ET.Element, result: str) -> list[str]:
    return [case.get("name", "") for case in suites.iter("testcase") if case.find(result) is not None]


@pytest.mark.parametrize("name", ["rich", "clean", "empty", "hostile"])
def test_elements_attributes_and_counts(name: str) -> None:
    suites = read(getattr(samples, name)(), samples.hostile_rules() if name == "hostile" else samples.RULES)
    for element in suites.iter():
        assert set(element.attrib) <= ATTRIBUTES[element.tag]
    for suite in suites:
        cases = suite.findall("testcase")
        assert int(suite.get("tests", "")) == len(cases)
        for result, counter in (("failure", "failures"), ("error", "errors"), ("skipped", "skipped")):
            assert int(suite.get(counter, "")) == sum(case.find(result) is not None for case in cases)
    for counter in ("tests", "failures", "errors"):
        assert int(suites.get(counter, "")) == sum(int(suite.get(counter, "")) for suite in suites)


@pytest.mark.parametrize("name", ["rich", "clean", "empty", "hostile"])
def test_it_is_green_exactly_when_the_verdict_is_allow(name: str) -> None:
    report = getattr(samples, name)()
    suites = read(report)
    green = suites.get("failures") == "0" and suites.get("errors") == "0"
    assert green == (report.verdict.outcome is Outcome.ALLOW)


def test_denying_findings_fail_and_holding_ones_are_errors() -> None:
    suites = read(samples.rich())
    assert [name[:6] for name in names(suites, "failure")] == ["MDL901", "MDL902", "INF901", "TLG901"]
    assert [name[:6] for name in names(suites, "error")] == ["CHK902"]
    failure = next(suites.iter("failure"))
    assert failure.get("message") == "critical: posix.system is called with 'curl -s https://…/x | sh'"
    assert "37 | STACK_GLOBAL posix system" in (failure.text or "")
    assert "Fix: Do not load it." in (failure.text or "")


def test_advice_passes_and_says_so() -> None:
    suites = read(samples.rich())
    advice = [name[:6] for name in names(suites, "system-out")]
    assert advice == ["DAT901", "LIB901", "LIB901"]


def test_ignored_known_and_left_out_are_skipped() -> None:
    skipped = [case.get("message") for case in read(samples.rich()).iter("skipped")]
    assert "ignored until 2027-01-31 by data@example.org: reviewed: phone numbers" in skipped
    assert "known by the baseline: pandas has no hash" in skipped
    assert "an image in an output is not looked into" in skipped
    assert "version control data" in skipped


def test_each_analysed_file_without_findings_passes() -> None:
    files = next(suite for suite in read(samples.rich()) if suite.get("name") == "assay.files")
    passed = [case.get("name") for case in files if not len(case)]
    assert passed == [
        "projects/tiny/data/old.csv",
        "projects/tiny/model/model-00001.safetensors",
        "projects/tiny/model/model-00002.safetensors",
    ]


def test_a_verdict_without_findings_is_told() -> None:
    error = next(read(samples.empty()).iter("error"))
    assert error.get("message") == "no file of a kind that any check reads was found"


def test_names_do_not_move_with_the_bytes() -> None:
    report = samples.rich()
    first = report.findings[0]
    moved = replace(first, where=replace(first.where, offset=99))
    after = replace(report, findings=(moved, *report.findings[1:]))
    assert names(read(report), "failure") == names(read(after), "failure")


def test_characters_that_xml_has_no_place_for() -> None:
    document = render(samples.hostile(), samples.hostile_rules())
    assert not {"\x00", "\x0b", "\x1b", "\ufffe", "\uffff"} & set(document)
    assert "\ufffd" in document
    assert "<script>" not in document
