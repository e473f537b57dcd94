"""Fingerprints: the same thing keeps its name when the bytes around it move, another thing has another."""

import hashlib
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from assaymark.core.finding import Confidence, Finding, Persona, Severity, Where, fingerprint
from assaymark.core.scan import (
    FileReport,
    Gap,
    file_from_json,
    file_to_json,
    finding_from_json,
    finding_to_json,
)

WHERE = Where("models/a.pkl", "inner.zip!data.pkl", 10, None, "os.system")
FINDING = Finding(
    "MDL001", "Title", Severity.CRITICAL, Confidence.HIGH, Persona.REGULAR, WHERE, "os.system runs commands"
)


def moved(**changes: object) -> str:
    return replace(FINDING, where=replace(WHERE, **changes), fingerprint="").fingerprint


def test_known_answer() -> None:
    parts = "MDL001\0models/a.pkl\0inner.zip!data.pkl\0os.system"
    assert FINDING.fingerprint == hashlib.sha256(parts.encode()).hexdigest()[:32]


def test_it_survives_a_move_of_the_bytes() -> None:
    assert moved(offset=99_999) == moved(offset=None, line=7) == FINDING.fingerprint


def test_it_survives_another_wording_where_a_symbol_stands() -> None:
    assert fingerprint("MDL001", WHERE, "new words") == FINDING.fingerprint
    bare = replace(WHERE, symbol="")
    assert fingerprint("MDL001", bare, "one") != fingerprint("MDL001", bare, "two")


def test_it_differs_by_what_and_where() -> None:
    prints = [
        FINDING.fingerprint,
        moved(path="models/b.pkl"),
        moved(member="inner.zip!other.pkl"),
        moved(symbol="os.popen"),
        fingerprint("MDL002", WHERE, ""),
    ]
    assert len(set(prints)) == len(prints)


def test_parts_cannot_run_into_each_other() -> None:
    assert fingerprint("A", Where("b", "c", symbol="d"), "") != fingerprint("A", Where("bc", "", symbol="d"), "")


def test_a_name_that_is_no_unicode_has_a_fingerprint() -> None:
    assert len(fingerprint("A", Where("\udcff"), "x")) == 32


@pytest.mark.parametrize(
    ("where", "text"),
    [
        (Where("a"), "a"),
        (Where("a", "m"), "a!m"),
        (Where("a", offset=0), "a @0"),
        (Where("a", "m", 3, 4), "a!m:4"),
        (Where("a", line=1), "a:1"),
    ],
)
def test_a_place_is_written_as_people_read_it(where: Where, text: str) -> None:
    assert str(where) == text


TEXT = st.text(st.characters(exclude_categories=()), max_size=20)
PLACES = st.builds(Where, TEXT, TEXT, st.none() | st.integers(0, 2**40), st.none() | st.integers(1, 10**6), TEXT)
FINDINGS = st.builds(
    Finding,
    TEXT, TEXT, st.sampled_from(Severity), st.sampled_from(Confidence), st.sampled_from(Persona), PLACES, TEXT, TEXT,
    st.booleans(), st.integers(1, 100),
)  # fmt: skip
REPORTS = st.builds(
    FileReport,
    TEXT, st.integers(0, 2**40), st.none() | TEXT, st.tuples(TEXT), st.tuples(TEXT),
    st.lists(FINDINGS, max_size=2).map(tuple), st.lists(st.builds(Gap, TEXT, TEXT), max_size=2).map(tuple), st.booleans(),
)  # fmt: skip


@given(FINDINGS, REPORTS)
@settings(max_examples=50, deadline=None)
def test_records_come_back_from_json_as_they_were(finding: Finding, report: FileReport) -> None:
    assert finding_from_json(finding_to_json(finding)) == finding
    assert file_from_json(file_to_json(report)) == report


@pytest.mark.parametrize("broken", [{}, {"path": "x"}, {**file_to_json(FileReport("x", 1)), "findings": [{}]}])
def test_a_broken_record_is_refused(broken: dict[str, object]) -> None:
    with pytest.raises((KeyError, TypeError, ValueError)):
        file_from_json(broken)
