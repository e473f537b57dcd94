"""The gate: a matrix of what is there, what is asked, and what follows."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import rfc8785

from assaymark.core import bom
from assaymark.core.clock import timestamp
from assaymark.core.digest import SHA256, Digest
from assaymark.core.errors import Malformed
from assaymark.core.evidence import APPROVAL, TEST_RESULT, Evidence, Statement
from assaymark.core.finding import Severity
from assaymark.core.policy import Parties, Policy, Requirement, decide, scan_policy
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


def test_an_action_that_asks_for_nothing_is_held() -> None:
    empty = Policy("p", actions={"promote": ()})
    assert outcome(empty) is HOLD
    assert outcome(empty, evidence()) is HOLD


# Roles: people out of a trust root


class Register:
    """Who has which keys, whatever the time: core.policy.Roles."""

    people = {"a1": "ann", "b1": "bea", "b2": "bea", "c1": "cid", "s1": "scan"}

    def keys_of(self, role: str, project: str, at: str) -> dict[str, str]:
        assert project == "fraud"
        return {k: p for k, p in self.people.items() if (p == "scan") == (role == "scanner") and at <= "2026-12"}


PARTIES = Parties(Register(), "fraud", publisher="ann", requester="cid")


def approval(*signers: str, decision: str = "approve", ago: timedelta = timedelta(0)) -> Evidence:
    """In the name of the first signer."""
    approver = Register.people.get(next(iter(signers), ""), "x")
    said = {"decision": decision, "approver": approver, "reason": "drifts", "at": timestamp(NOW - ago)}
    return evidence(said, kind=APPROVAL, signers=frozenset(signers))


def approvals(count: int, *exclude: str, age: timedelta | None = None) -> Policy:
    need = Requirement(APPROVAL, threshold=count, role="approver", exclude=frozenset(exclude), max_age=age)
    return Policy("p", actions={"promote": (need,)})


@pytest.mark.parametrize(
    ("policy", "items", "expected"),
    [
        (approvals(1), [approval("b1")], ALLOW),
        (approvals(1), [approval("s1")], HOLD),
        (approvals(1), [approval("stranger")], HOLD),
        (approvals(1), [approval()], HOLD),
        (approvals(2), [approval("b1"), approval("b2")], HOLD),
        (approvals(2), [approval("b1", "b2")], HOLD),
        (approvals(2), [approval("b1"), approval("a1")], ALLOW),
        (approvals(2), [approval("b1", "a1")], HOLD),
        (approvals(1, "publisher"), [approval("a1")], HOLD),
        (approvals(1, "publisher"), [approval("c1")], ALLOW),
        (approvals(1, "publisher", "requester"), [approval("c1"), approval("a1")], HOLD),
        (approvals(1), [approval("b1", ago=timedelta(seconds=-1))], HOLD),
        (approvals(1, age=timedelta(days=1)), [approval("b1", ago=timedelta(days=2))], HOLD),
        (approvals(1), [approval("b1"), approval("c1", decision="deny")], DENY),
        (approvals(1), [approval("b1"), approval("s1", decision="deny")], ALLOW),
        (approvals(1), [approval("b1", decision="APPROVE")], DENY),
    ],
)
def test_a_role_counts_people(policy: Policy, items: list[Evidence], expected: Outcome) -> None:
    assert decide("promote", ONE, items, policy, NOW, parties=PARTIES).outcome is expected


def test_a_role_without_parties_is_met_by_nobody() -> None:
    verdict = decide("promote", ONE, [approval("b1")], approvals(1, "publisher"), NOW)
    assert verdict.outcome is HOLD
    assert "1 people with the role 'approver' other than the publisher (of these: nobody)" in verdict.reasons[0].message


def test_keys_are_asked_for_at_the_time_of_the_statement() -> None:
    late = NOW.replace(year=2027)
    said = {"decision": "approve", "approver": "bea", "at": timestamp(late)}
    made = evidence(said, kind=APPROVAL, signers=frozenset({"b1"}))
    assert decide("promote", ONE, [made], approvals(1), late, parties=PARTIES).outcome is HOLD


def test_a_requirement_that_makes_no_sense() -> None:
    for options in ({"threshold": 0}, {"threshold": 1, "signers": KEYS}, {"threshold": 1, "exclude": frozenset({"x"})}):
        with pytest.raises(ValueError, match="a role takes"):
            Requirement(APPROVAL, role="approver", **options)  # type: ignore[arg-type] # by name
    with pytest.raises(ValueError, match="only a requirement with a role"):
        Requirement(APPROVAL, exclude=frozenset({"publisher"}))


# Documents


@pytest.mark.parametrize(
    "policy",
    [scan_policy(), Policy("empty"), approvals(2, "publisher"), needs(signers=KEYS, threshold=2), needs(max_age=timedelta(days=3)),
     Policy("glass", 3, Severity.LOW, {"break-glass": ()}, timedelta(hours=8))],
)  # fmt: skip
def test_a_policy_is_read_as_it_was_written(policy: Policy) -> None:
    assert Policy.from_json(json.loads(json.dumps(policy.to_json()))) == policy
    assert Policy.from_json(policy.to_json()).digest == policy.digest


def test_the_digest_of_a_policy_without_roles_did_not_change() -> None:
    """Evidence of scans names it."""
    assert scan_policy().digest == f"sha256:{hashlib.sha256(rfc8785.dumps(scan_policy().to_json())).hexdigest()}"
    assert scan_policy().to_json().keys() == {"schema", "name", "version", "fail_on", "actions"}
    assert scan_policy().to_json()["actions"]["scan"][0].keys() == {
        "predicate_type",
        "signers",
        "threshold",
        "max_age_seconds",
    }


DOCUMENT = Policy(
    "p", actions={"promote": (*approvals(2, "publisher").actions["promote"], Requirement(TEST_RESULT))}
).to_json()
NEED = DOCUMENT["actions"]["promote"][0]


@pytest.mark.parametrize(
    "change",
    [
        {"more": 1}, {"name": "A b"}, {"name": None}, {"version": 0}, {"version": "1"}, {"version": True}, {"schema": "x"},
        {"fail_on": "HIGH"}, {"fail_on": "worst"}, {"fail_on": 3}, {"actions": []}, {"actions": {"promote": {}}}, {"actions": None},
        {"actions": {"promote": [{}]}}, {"break_glass_seconds": 0}, {"break_glass_seconds": None}, {"break_glass_seconds": 1.5},
        *({"actions": {"promote": [NEED | wrong]}} for wrong in (
            {"more": 1}, {"threshold": 0}, {"threshold": -1}, {"threshold": True}, {"role": ""}, {"role": 1}, {"exclude": ["x"]},
            {"exclude": ["publisher", "publisher"]}, {"exclude": ["requester", "publisher"]}, {"signers": ["k"]}, {"signers": "k"},
            {"max_age_seconds": 0}, {"max_age_seconds": True}, {"max_age_seconds": 1 << 60}, {"predicate_type": None},
        )),
    ],
    ids=str,
)  # fmt: skip
def test_a_document_that_is_no_policy(change: dict[str, Any]) -> None:
    Policy.from_json(DOCUMENT)
    with pytest.raises(Malformed, match="not a policy"):
        Policy.from_json(DOCUMENT | change)
    for value in (None, [], "x", 1):
        with pytest.raises(Malformed):
            Policy.from_json(value)


@pytest.mark.parametrize("name", ["production", "staging"])
def test_policies_that_ship(name: str) -> None:
    from assaymark.policies import read_policy

    policy = read_policy(name)
    assert policy.name == name
    kinds = [(need.predicate_type, need.role, need.threshold) for need in policy.actions["promote"]]
    listed = [(bom.CYCLONEDX, "publisher", 1)] if name == "production" else []
    assert kinds == [
        (TEST_RESULT, "scanner", 1), ("urn:assaymark:seal:v1", "publisher", 1), *listed,
        (APPROVAL, "approver", 1 if name == "staging" else 2),
    ]  # fmt: skip
    assert policy.actions["promote"][0].max_age == timedelta(days=7)
    assert policy.actions["promote"][-1].exclude == {"publisher", "requester"}


def test_digests_of_policies_that_shipped_stand() -> None:
    """Trust roots name them."""
    from assaymark.registry.shipped import shipped

    assert {(policy.name, policy.version): digest[:19] for digest, policy in shipped().items()} == {
        ("staging", 1): "sha256:84c42489d41b", ("production", 1): "sha256:3f081f216ed7",
        ("production", 2): "sha256:51b7857adc3c",
    }  # fmt: skip


NEED = Requirement(
    bom.CYCLONEDX, threshold=1, role="publisher", or_types=frozenset({bom.SPDX}), or_roles=frozenset({"scanner"})
)


class Everybody:
    """Two people; the publisher's key ends."""

    def keys_of(self, role: str, project: str, at: str) -> dict[str, str]:
        return {"scanner": {"s": "scanner"}, "publisher": {"p": "ann"} if at < "2026-11-25" else {}}.get(role, {})


@pytest.mark.parametrize(
    ("kind", "by", "day", "outcome"),
    [
        (bom.CYCLONEDX, "p", 24, "allow"),
        (bom.SPDX, "s", 24, "allow"),
        (bom.SPDX3, "s", 24, "hold"),
        (bom.CYCLONEDX, "x", 24, "hold"),
        (bom.CYCLONEDX, "s", 26, "allow"),
        (bom.CYCLONEDX, "p", 26, "hold"),
    ],
)
def test_any_of_several_types_and_roles_by_a_key_that_counts_now(kind: str, by: str, day: int, outcome: str) -> None:
    """A bill of materials has no time that anybody vouches for, whatever stands in it."""
    subject = Subject("m", Digest("sha256", "0" * 64))
    said = Evidence(
        Statement((subject,), kind, {"at": "2020-01-01T00:00:00Z"}), Digest("sha256", "1" * 64), frozenset({by})
    )
    policy = Policy("p", actions={"promote": (NEED,)})
    parties = Parties(Everybody(), "fraud", "ann", "dan")
    now = datetime(2026, 11, day, tzinfo=UTC)
    assert decide("promote", subject, [said], policy, now, parties=parties).outcome == outcome
    assert Policy.from_json(policy.to_json()) == policy


@pytest.mark.parametrize(
    "changes",
    [
        {"or_types": []}, {"or_types": ["https://cyclonedx.org/bom"]}, {"or_types": [1]}, {"or_roles": ["publisher"]},
        {"or_types": ["b", "a"]}, {"predicate_type": APPROVAL}, {"or_types": [APPROVAL]}, {"or_types": "a"},
        {"role": "", "exclude": []}, {"or_roles": None},
    ],
)  # fmt: skip
def test_what_counts_as_well_has_one_form(changes: dict[str, Any]) -> None:
    document = Policy("p", actions={"promote": (NEED,)}).to_json()
    document["actions"]["promote"][0] |= changes
    with pytest.raises(Malformed):
        Policy.from_json(document)
