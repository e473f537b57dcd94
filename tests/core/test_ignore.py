"""What a person accepts needs a reason, an owner and an end; what a baseline knows is set apart."""

from dataclasses import replace
from datetime import date, datetime, timedelta
from typing import Any

import pytest

from assaymark.core.errors import UsageError
from assaymark.core.finding import Confidence, Finding, Persona, Severity, Where
from assaymark.core.ignore import apply_ignores, read_baseline, read_ignores, split_known

TODAY = date(2026, 11, 24)
ONE = Finding(
    "MDL001", "T", Severity.CRITICAL, Confidence.HIGH, Persona.REGULAR, Where("models/a.pkl", symbol="os.system"), "m"
)
TWO = replace(ONE, id="MDL002", where=Where("models/deep/b.pkl", symbol="x.y"), fingerprint="")
FULL = {"fingerprint": ONE.fingerprint, "reason": "known", "owner": "ann", "expires": TODAY}
BY_PATH = {"id": "MDL001", "path": "models/*", "reason": "known", "owner": "ann", "expires": TODAY}


def without(entry: dict[str, Any], *names: str) -> dict[str, Any]:
    return {key: value for key, value in entry.items() if key not in names}


def apply(*entries: dict[str, Any], today: date = TODAY) -> tuple[list[str], list[str], list[str]]:
    """Ids that stand, ids that are accepted, notes."""
    ignores = read_ignores(list(entries), TODAY, "assaymark.toml")
    standing, accepted, notes = apply_ignores([ONE, TWO], ignores, today)
    return [f.id for f in standing], [i.finding.id for i in accepted], [f"{n.what}: {n.why}" for n in notes]


@pytest.mark.parametrize(
    ("entry", "problem"),
    [
        ("text", "known keys are"),
        ({**FULL, "comment": "x"}, "known keys are expires, fingerprint, id, owner, path, reason"),
        ({**FULL, "reason": 5}, "every key but 'expires' is a text"),
        ({**FULL, "fingerprint": ["x"]}, "every key but 'expires' is a text"),
        (without(FULL, "reason"), "needs a reason and an owner"),
        ({**FULL, "reason": " \n"}, "needs a reason and an owner"),
        (without(FULL, "owner"), "needs a reason and an owner"),
        ({**FULL, "owner": ""}, "needs a reason and an owner"),
        (without(FULL, "fingerprint"), "either a fingerprint"),
        ({**FULL, "fingerprint": ONE.fingerprint[:11]}, "12 digits or more"),
        ({**FULL, "id": "MDL001", "path": "x"}, "either a fingerprint"),
        (without(BY_PATH, "id"), "both id and path"),
        (without(BY_PATH, "path"), "both id and path"),
        (without(FULL, "expires"), "needs an expiry date"),
        ({**FULL, "expires": "2026-12-01"}, "needs an expiry date"),
        ({**FULL, "expires": datetime(2026, 12, 1)}, "needs an expiry date"),
        ({**FULL, "expires": TODAY + timedelta(days=91)}, "later than 90 days from now"),
    ],
)
def test_an_entry_that_is_not_whole_is_refused_by_its_number(entry: object, problem: str) -> None:
    with pytest.raises(UsageError, match=problem) as caught:
        read_ignores([FULL, entry], TODAY, "assaymark.toml")
    assert caught.value.message.startswith("assaymark.toml: ignore 2: ")


@pytest.mark.parametrize("entries", [{}, "x", {"ignore": []}, None])
def test_the_entries_are_a_list(entries: object) -> None:
    with pytest.raises(UsageError, match="is not a list of tables"):
        read_ignores(entries, TODAY, "assaymark.toml")


def test_ninety_days_are_the_longest() -> None:
    (ignore,) = read_ignores([{**FULL, "expires": TODAY + timedelta(days=90)}], TODAY, "x")
    assert ignore.expires == date(2027, 2, 22)


def test_by_fingerprint() -> None:
    assert apply(FULL) == (["MDL002"], ["MDL001"], [])


def test_twelve_digits_suffice() -> None:
    assert apply({**FULL, "fingerprint": ONE.fingerprint[:12]}) == (["MDL002"], ["MDL001"], [])


@pytest.mark.parametrize(
    ("rule_id", "path", "accepted"),
    [
        ("MDL001", "models/a.pkl", ["MDL001"]),
        ("MDL001", "models/*", ["MDL001"]),
        ("MDL001", "*.pkl", ["MDL001"]),
        ("MDL002", "models/*", ["MDL002"]),
        ("MDL001", "a.pkl", []),
        ("MDL001", "MODELS/*", []),
        ("MDL003", "*", []),
        ("MDL00?", "*", []),
    ],
)
def test_by_rule_and_path(rule_id: str, path: str, accepted: list[str]) -> None:
    assert apply({**BY_PATH, "id": rule_id, "path": path})[1] == accepted


def test_it_is_good_to_the_end_of_its_last_day() -> None:
    assert apply(FULL, today=TODAY) == (["MDL002"], ["MDL001"], [])
    standing, accepted, notes = apply(FULL, today=TODAY + timedelta(days=1))
    assert (standing, accepted) == (["MDL001", "MDL002"], [])
    assert notes == [f"ignore of {ONE.fingerprint}: expired on 2026-11-24 (owner: ann); its findings count again"]


def test_an_expired_one_that_matches_nothing_is_not_mentioned() -> None:
    assert apply({**BY_PATH, "path": "gone/*"}, today=TODAY + timedelta(days=9))[2] == []


def test_a_valid_one_beside_an_expired_one_counts() -> None:
    later = {**BY_PATH, "expires": TODAY + timedelta(days=9)}
    assert apply(FULL, later, today=TODAY + timedelta(days=1)) == (["MDL002"], ["MDL001"], [])


def test_who_accepted_it_and_why_is_kept() -> None:
    _, (ignored,), _ = apply_ignores([ONE], read_ignores([FULL], TODAY, "x"), TODAY)
    assert (ignored.finding, ignored.reason, ignored.owner, ignored.expires) == (ONE, "known", "ann", "2026-11-24")


# Baseline


def test_what_the_baseline_knows_is_apart() -> None:
    assert split_known([ONE, TWO], [ONE.fingerprint, "gone"]) == ([TWO], [ONE])
    assert split_known([ONE, TWO], []) == ([ONE, TWO], [])


def test_a_baseline_knows_what_its_own_baseline_knew() -> None:
    document = {
        "schema": "assaymark/scan-report/v1",
        "findings": [{"fingerprint": "a"}],
        "known": [{"fingerprint": "b"}],
    }
    assert read_baseline(document) == ["a", "b"]


@pytest.mark.parametrize(
    "document",
    [
        {}, [], None, 5, "text", {"schema": "assaymark/scan-report/v2", "findings": [], "known": []},
        {"schema": "assaymark/scan-report/v1"},
        {"schema": "assaymark/scan-report/v1", "findings": [], "known": None},
        {"schema": "assaymark/scan-report/v1", "findings": [{}], "known": []},
        {"schema": "assaymark/scan-report/v1", "findings": ["x"], "known": []},
        {"schema": "assaymark/scan-report/v1", "findings": [{"fingerprint": 5}], "known": []},
        {"schema": "assaymark/scan-report/v1", "findings": [{"fingerprint": ["x"]}], "known": []},
    ],
)  # fmt: skip
def test_what_is_no_report_is_refused(document: object) -> None:
    with pytest.raises(UsageError, match="the baseline"):
        read_baseline(document)
