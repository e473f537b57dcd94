"""What all forms of a report have in common."""

import re
import subprocess
import sys

import pytest

from assaymark.core.check import _PREFIX
from assaymark.report import FORMATS, render, summary
from tests.report import samples

ALL = ("rich", "clean", "empty", "hostile")


def rules_of(name: str) -> dict:
    return samples.hostile_rules() if name == "hostile" else samples.RULES


@pytest.mark.parametrize("form", FORMATS)
@pytest.mark.parametrize("name", ALL)
def test_the_same_report_gives_the_same_document(form: str, name: str) -> None:
    first = render(form, getattr(samples, name)(), rules_of(name))
    assert first == render(form, getattr(samples, name)(), rules_of(name))
    assert first.endswith("\n")


@pytest.mark.parametrize("form", FORMATS)
@pytest.mark.parametrize("name", ALL)
def test_every_document_is_valid_unicode_without_controls(form: str, name: str) -> None:
    document = render(form, getattr(samples, name)(), rules_of(name))
    document.encode("utf-8")
    bad = {c for c in document if (ord(c) < 32 and c != "\n") or 0x7F <= ord(c) < 0xA0 or 0x202A <= ord(c) <= 0x202E}
    assert not bad


@pytest.mark.parametrize("form", FORMATS)
def test_no_line_is_a_command_to_a_ci_runner(form: str) -> None:
    for options in ({}, {"width": 40}, {"width": 40, "verbose": True}) if form == "text" else ({},):
        document = render(form, samples.hostile(), samples.hostile_rules(), **options)
        assert not [line for line in document.splitlines() if line.strip().startswith(("::", "##["))]


@pytest.mark.parametrize("form", FORMATS)
def test_findings_whose_rule_is_unknown_are_still_told(form: str) -> None:
    assert "MDL901" in render(form, samples.rich(), {})


@pytest.mark.parametrize("form", FORMATS)
def test_a_big_report_is_written_whole(form: str) -> None:
    report = samples.big()
    document = render(form, report, samples.RULES)
    if form == "text":
        assert "more findings, not shown" in document
    elif form == "markdown":
        assert "more findings not shown here" in document
    else:
        told = set(re.findall(r"(?<![0-9a-f])[0-9a-f]{32}(?![0-9a-f])", document))
        assert told >= {finding.fingerprint for finding in report.findings}


@pytest.mark.parametrize("form", FORMATS)
def test_what_was_set_aside_is_counted(form: str) -> None:
    document = render(form, samples.rich(), samples.RULES)
    assert "911135bb7b74" in document or "1 ignored" in document
    assert "b95d5d14b28d" in document or "1 known" in document


def test_an_unknown_form_is_a_key_error() -> None:
    with pytest.raises(KeyError):
        render("pdf", samples.clean(), {})


def test_layers_of_ids_agree_with_the_registry() -> None:
    assert summary.LAYER_OF == _PREFIX


def test_a_form_does_not_import_the_others() -> None:
    code = "import sys, assaymark.report.text; print(sorted(m for m in sys.modules if 'jinja2' in m or 'sarif' in m))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"


def test_sizes_are_decimal() -> None:
    assert [summary.size(n) for n in (0, 999, 1_000, 999_949, 999_960, 1_400_000_000, 5 * 10**15)] == [
        "0 B", "999 B", "1.0 kB", "999.9 kB", "1.0 MB", "1.4 GB", "5,000.0 TB",
    ]  # fmt: skip


def test_reasons_that_differ_in_numbers_are_alike() -> None:
    assert summary.alike(samples.rich().gaps) == [
        ("tensor data of 4,831,838,208 bytes are numbers", 2),
        ("an image in an output is not looked into", 1),
    ]


def test_long_and_surrogate_texts_are_kept_whole() -> None:
    assert summary.safe("x" * 9_000) == "x" * 9_000
    assert summary.safe("\udc80" * 9) == "\\udc80" * 9
    assert summary.place("a\tb\nc") == "a\\tb\\nc"


def test_in_a_file_findings_stand_worst_first_then_by_line() -> None:
    found = [
        samples.finding("LIB901", "b", "second", line=9),
        samples.finding("LIB901", "a", "other", line=1),
        samples.finding("LIB901", "b", "first", line=2),
        samples.finding("TLG901", "b", "worst", line=30),
    ]
    groups = summary.by_file(found)
    assert [[f.message for f in group] for group in groups] == [["worst", "first", "second"], ["other"]]
