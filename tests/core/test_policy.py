"""The gate: a matrix of what is there, what is asked, and what follows."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from assaymark.core.clock import timestamp
from assaymark.core.digest import SHA256, Digest
from assaymark.core.evidence import TEST_RESULT, Evidence, Statement
from assaymark.core.finding import Severity
from assaymark.core.policy import Policy, Requirement, decide, scan_policy
from assaymark.core.subject import Subject
from assaymark.core.verdict import Outcome, Verdict

NOW = datetime(2026, 11, 24, 12, tzinfo=UTC)
ONE = Subject("one", Digest(SHA256, "1" * 64))
TWO = Subject("two", Digest(SHA256, "2" * 64))
KEYS = frozenset({"k1", "k2", "k3"})
ALLOW, HOLD, DENY = Outcome.ALLOW, Outcome.HOLD, Outcome.DENY


def finding(severity: str = "low", *, holds: bool = False, rule_id: str = "MDL001") -> dict[str, Any]:
    return {"id": rule_id, "severity": severity, "holds": holds, "message": "m", "fingerprint": f"{rule_id}-print"}


def detail(*findings: Mapping[str, Any], analysed: int = 1, at: datetime = NOW) -> dict[str, Any]:
    return {
        "result": "PASSED",
        "assaymark": {"at": timestamp(at), "findings": list(findings), "coverage": {"analysed": analysed}},
    }


def evidence(
    predicate: Mapping[str, Any] | None = None,
    *,
    about: Subject = ONE,
    signers: frozenset[str] = frozenset(),
    kind: str = TEST_RESULT,
) -> Evidence:
    made = Evidence.unsigned(Statement((about,), kind, detail() if predicate is None else predicate))
    return replace(made, signers=signers)


def needs(**of: Any) -> Policy:
    return Policy("p", actions={"promote": (Requirement(TEST_RESULT, **of),)})


def outcome(
    policy: Policy, *items: Evidence, subject: Subject | None = ONE, action: str = "promote", now: datetime = NOW
) -> Outcome:
    return decide(action, subject, items, policy, now).outcome


# Missing, wrong, unknown


def test_a_clean_scan_is_allowed() -> None:
    verdict = decide("scan", ONE, [evidence()], scan_policy(), NOW)
    assert verdict == Verdict(ALLOW, "scan", scan_policy().digest, ())


@pytest.mark.parametrize(
    "items",
    [[], [evidence(about=TWO)], [evidence(kind="https://slsa.dev/provenance/v1")]],
    ids=["none", "of another subject", "of another type"],
)
def test_without_the_evidence_it_holds_and_says_which(items: list[Evidence]) -> None:
    verdict = decide("scan", ONE, items, scan_policy(), NOW)
    assert verdict.outcome is HOLD
    (reason,) = verdict.reasons
    assert reason.code == "evidence"
    assert TEST_RESULT in reason.message


def test_an_action_that_the_policy_does_not_know_holds() -> None:
    assert outcome(scan_policy(), evidence(), action="deploy") is HOLD
    assert outcome(Policy("empty"), evidence(), action="scan") is HOLD


def test_an_action_that_is_said_to_need_nothing_is_allowed() -> None:
    assert outcome(Policy("p", actions={"promote": ()})) is ALLOW


def test_evidence_about_another_subject_says_nothing_of_this_one() -> None:
    assert outcome(scan_policy(), evidence(), evidence(detail(finding("critical")), about=TWO), action="scan") is ALLOW


def test_evidence_about_several_subjects_counts_for_each() -> None:
    both = Evidence.unsigned(Statement((ONE, TWO), TEST_RESULT, detail()))
    assert outcome(scan_policy(), both, subject=TWO, action="scan") is ALLOW


def test_the_name_of_a_subject_does_not_matter() -> None:
    assert outcome(scan_policy(), evidence(), subject=replace(ONE, name="other"), action="scan") is ALLOW
    assert outcome(scan_policy(), evidence(), subject=replace(TWO, name="one"), action="scan") is HOLD


def test_a_subject_without_identity_takes_only_evidence_without_one() -> None:
    nobody = Evidence.unsigned(Statement((), TEST_RESULT, detail()))
    assert outcome(scan_policy(), nobody, subject=None, action="scan") is ALLOW
    assert outcome(scan_policy(), evidence(), subject=None, action="scan") is HOLD
    assert outcome(scan_policy(), nobody, subject=ONE, action="scan") is HOLD


# What a scan says


@pytest.mark.parametrize("fail_on", list(Severity), ids=lambda s: s.word)
@pytest.mark.parametrize("severity", list(Severity), ids=lambda s: s.word)
@pytest.mark.parametrize("holds", [False, True], ids=["tells", "holds"])
def test_severity_against_threshold(severity: Severity, fail_on: Severity, holds: bool) -> None:
    verdict = decide("scan", ONE, [evidence(detail(finding(severity.word, holds=holds)))], scan_policy(fail_on), NOW)
    expected = DENY if severity >= fail_on else HOLD if holds else ALLOW
    assert verdict.outcome is expected
    if expected is not ALLOW:
        (reason,) = verdict.reasons
        assert (reason.code, reason.outcome, reason.refs) == ("MDL001", expected, ("MDL001-print",))


def test_the_worst_reason_decides_and_comes_first() -> None:
    items = [evidence(detail(finding("medium", holds=True, rule_id="CHK002"), finding("high"), analysed=0))]
    verdict = decide("scan", ONE, items, scan_policy(), NOW)
    assert verdict.outcome is DENY
    assert [(r.outcome, r.code) for r in verdict.reasons] == [(DENY, "MDL001"), (HOLD, "CHK002"), (HOLD, "coverage")]


def test_nothing_looked_at_holds() -> None:
    verdict = decide("scan", ONE, [evidence(detail(analysed=0))], scan_policy(), NOW)
    assert (verdict.outcome, verdict.reasons[0].code) == (HOLD, "coverage")


def test_one_bad_piece_of_evidence_outweighs_good_ones() -> None:
    assert outcome(scan_policy(), evidence(), evidence(detail(finding("high"))), action="scan") is DENY


@pytest.mark.parametrize(
    ("predicate", "expected"),
    [
        ({"result": "PASSED"}, ALLOW),
        ({"result": "FAILED"}, DENY),
        ({"result": "WARNED"}, HOLD),
        ({"result": "passed"}, HOLD),
        ({}, HOLD),
        ({"result": None}, HOLD),
        ({"result": ["PASSED"]}, HOLD),
        ({"result": "PASSED", "assaymark": "x"}, ALLOW),
    ],
)
def test_a_test_result_of_others_counts_by_its_result(predicate: dict[str, Any], expected: Outcome) -> None:
    assert outcome(scan_policy(), evidence(predicate), action="scan") is expected


@pytest.mark.parametrize(
    "broken",
    [
        {},
        {"findings": [], "coverage": {}},
        {"findings": None, "coverage": {"analysed": 1}},
        {"findings": [{}], "coverage": {"analysed": 1}},
        {"findings": [finding("terrible")], "coverage": {"analysed": 1}},
        {"findings": [{**finding(), "severity": 4}], "coverage": {"analysed": 1}},
        {"findings": [], "coverage": []},
        {"findings": ["x"], "coverage": {"analysed": 1}},
    ],
)
def test_a_detail_of_ours_that_cannot_be_read_holds(broken: dict[str, Any]) -> None:
    made = {"result": "PASSED", "assaymark": {"at": timestamp(NOW), **broken}}
    assert outcome(scan_policy(), evidence(made), action="scan") is HOLD


# Signers


@pytest.mark.parametrize(
    ("threshold", "signers", "expected"),
    [
        (0, [set()], ALLOW),
        (1, [set()], HOLD),
        (1, [{"stranger"}], HOLD),
        (1, [{"k1"}], ALLOW),
        (2, [{"k1"}], HOLD),
        (2, [{"k1"}, {"k1"}], HOLD),
        (2, [{"k1", "stranger"}], HOLD),
        (2, [{"k1", "k2"}], ALLOW),
        (2, [{"k1"}, {"k2"}], ALLOW),
        (3, [{"k1"}, {"k2", "k3"}], ALLOW),
    ],
)
def test_threshold_counts_distinct_trusted_keys(threshold: int, signers: list[set[str]], expected: Outcome) -> None:
    items = [evidence(signers=frozenset(s)) for s in signers]
    assert outcome(needs(signers=KEYS, threshold=threshold), *items) is expected


def test_evidence_that_no_trusted_key_signed_cannot_deny_either() -> None:
    stranger = evidence(detail(finding("critical")), signers=frozenset({"stranger"}))
    policy = needs(signers=KEYS, threshold=1)
    assert outcome(policy, evidence(signers=frozenset({"k1"})), stranger) is ALLOW


def test_a_threshold_that_cannot_be_met_is_refused() -> None:
    with pytest.raises(ValueError, match="can never be met"):
        Requirement(TEST_RESULT, frozenset({"k"}), 2)


# Age


@pytest.mark.parametrize(
    ("age", "expected"),
    [
        (timedelta(0), ALLOW),
        (timedelta(days=1), ALLOW),
        (timedelta(days=1, seconds=1), HOLD),
        (timedelta(seconds=-1), HOLD),
        (timedelta(days=-400), HOLD),
    ],
)
def test_evidence_too_old_or_from_the_future_does_not_count(age: timedelta, expected: Outcome) -> None:
    assert outcome(needs(max_age=timedelta(days=1)), evidence(detail(at=NOW - age))) is expected


@pytest.mark.parametrize("at", [None, "yesterday", "2026-11-24T12:00:00", 5])
def test_evidence_of_unknown_age_does_not_count_where_age_matters(at: object) -> None:
    made = detail()
    made["assaymark"]["at"] = at
    assert outcome(needs(max_age=timedelta(days=1)), evidence(made)) is HOLD


def test_old_evidence_of_a_worse_result_is_not_consulted() -> None:
    old = evidence(detail(finding("high"), at=NOW - timedelta(days=9)))
    assert outcome(needs(max_age=timedelta(days=1)), evidence(), old) is ALLOW


def test_every_requirement_is_to_be_met() -> None:
    policy = Policy("p", actions={"promote": (Requirement(TEST_RESULT), Requirement("https://slsa.dev/provenance/v1"))})
    assert outcome(policy, evidence()) is HOLD
    assert outcome(policy, evidence(), evidence({}, kind="https://slsa.dev/provenance/v1")) is ALLOW


# Purity and identity


def test_the_same_input_gives_the_same_verdict_at_any_time() -> None:
    policy = needs(max_age=timedelta(days=1))
    item = evidence()
    later = NOW + timedelta(days=30)
    first = decide("promote", ONE, [item], policy, NOW)
    assert decide("promote", ONE, [item], policy, later).outcome is HOLD
    assert decide("promote", ONE, iter([item]), policy, NOW) == first


def test_a_policy_is_named_by_its_content() -> None:
    base = needs(signers=KEYS, threshold=1, max_age=timedelta(days=1))
    others = [
        replace(base, name="q"),
        replace(base, version=2),
        replace(base, fail_on=Severity.LOW),
        replace(base, actions={"deploy": base.actions["promote"]}),
        needs(signers=KEYS, threshold=2, max_age=timedelta(days=1)),
        needs(signers=frozenset({"k1"}), threshold=1, max_age=timedelta(days=1)),
        needs(signers=KEYS, threshold=1),
    ]
    assert len({policy.digest for policy in (base, *others)}) == len(others) + 1
    assert needs(max_age=timedelta(days=1), threshold=1, signers=KEYS).digest == base.digest
