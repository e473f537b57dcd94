"""Which evidence an action needs, and the one gate that judges.

`decide` is pure: the same evidence, policy and moment give the same verdict, today and in an audit.
"""

import hashlib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

import rfc8785

from assaymark.core.clock import parse_timestamp
from assaymark.core.evidence import TEST_RESULT, Evidence
from assaymark.core.finding import Severity
from assaymark.core.subject import Subject
from assaymark.core.verdict import Outcome, Reason, Verdict

SCHEMA = "assaymark/policy/v1"


@dataclass(frozen=True, slots=True)
class Requirement:
    """Evidence an action needs: of a type, signed by `threshold` distinct keys out of `signers`, not older than `max_age`.

    `threshold` 0 takes unsigned evidence, for what was looked at in this very process.
    """

    predicate_type: str
    signers: frozenset[str] = frozenset()
    threshold: int = 0
    max_age: timedelta | None = None

    def __post_init__(self) -> None:
        if self.threshold > len(self.signers):
            message = f"{self.threshold} signatures asked of {len(self.signers)} keys can never be met"
            raise ValueError(message)


@dataclass(frozen=True)
class Policy:
    """Versioned and named by digest. Findings at `fail_on` or above deny; `actions` maps an action to its requirements."""

    name: str
    version: int = 1
    fail_on: Severity = Severity.HIGH
    actions: Mapping[str, tuple[Requirement, ...]] = field(default_factory=dict)

    def to_json(self) -> dict[str, Any]:
        """The document that is hashed."""
        return {
            "schema": SCHEMA,
            "name": self.name,
            "version": self.version,
            "fail_on": self.fail_on.word,
            "actions": {
                action: [
                    {
                        "predicate_type": need.predicate_type,
                        "signers": sorted(need.signers),
                        "threshold": need.threshold,
                        "max_age_seconds": int(need.max_age.total_seconds()) if need.max_age else None,
                    }
                    for need in needs
                ]
                for action, needs in self.actions.items()
            },
        }

    @property
    def digest(self) -> str:
        """`sha256:` over the RFC 8785 form."""
        return f"sha256:{hashlib.sha256(rfc8785.dumps(self.to_json())).hexdigest()}"


def scan_policy(fail_on: Severity = Severity.HIGH) -> Policy:
    """The policy of `assay scan`: a scan of the subject, made just now, nothing left out, nothing at `fail_on` or above."""
    return Policy("scan", fail_on=fail_on, actions={"scan": (Requirement(TEST_RESULT),)})


def decide(
    action: str, subject: Subject | None, evidence: Iterable[Evidence], policy: Policy, now: datetime
) -> Verdict:
    """Judge whether `subject` may be the object of `action`.

    1. An action the policy does not name is held.
    2. Only evidence whose subjects hold this digest counts (a subject without digest matches evidence without one).
    3. Each requirement must be met by signers, number and age; what is not met is held.
    4. What the evidence that counts says is weighed: a bad result denies, an incomplete one holds.
    5. The worst of all reasons is the outcome. No reason at all is allow.
    """
    if action not in policy.actions:
        reason = Reason(Outcome.HOLD, "policy", f"policy {policy.name!r} does not speak of {action!r}")
        return Verdict(Outcome.HOLD, action, policy.digest, (reason,))
    about = [item for item in evidence if _is_about(item, subject)]
    reasons: list[Reason] = []
    for need in policy.actions[action]:
        met = [item for item in about if _meets(item, need, now)]
        signers = {signer for item in met for signer in item.signers & need.signers}
        if not met or len(signers) < need.threshold:
            reasons.append(Reason(Outcome.HOLD, "evidence", _missing(need, len(signers))))
        for item in met:
            reasons.extend(_weigh(item, policy))
    worst = Outcome.ALLOW
    if any(reason.outcome is Outcome.DENY for reason in reasons):
        worst = Outcome.DENY
    elif reasons:
        worst = Outcome.HOLD
    order = {Outcome.DENY: 0, Outcome.HOLD: 1, Outcome.ALLOW: 2}
    reasons.sort(key=lambda reason: order[reason.outcome])
    return Verdict(worst, action, policy.digest, tuple(reasons))


def _is_about(item: Evidence, subject: Subject | None) -> bool:
    if subject is None:
        return not item.statement.subjects
    return any(other.digest == subject.digest for other in item.statement.subjects)


def _meets(item: Evidence, need: Requirement, now: datetime) -> bool:
    if item.statement.predicate_type != need.predicate_type:
        return False
    if need.threshold and not item.signers & need.signers:
        return False
    if need.max_age is None:
        return True
    try:
        age = now - parse_timestamp(item.statement.made_at or "")
    except ValueError:
        return False
    return timedelta(0) <= age <= need.max_age


def _missing(need: Requirement, signers: int) -> str:
    signed = f" signed by {need.threshold} trusted keys ({signers} did)" if need.threshold else ""
    aged = f", at most {need.max_age} old" if need.max_age else ""
    return f"no evidence of type {need.predicate_type}{signed}{aged}"


def _weigh(item: Evidence, policy: Policy) -> Iterator[Reason]:
    """What a test result says: our own detail where there is one, else the standard `result` field."""
    if item.statement.predicate_type != TEST_RESULT:
        return
    predicate = item.statement.predicate
    detail = predicate.get("assaymark")
    if not isinstance(detail, Mapping):
        result = str(predicate.get("result"))
        outcome = {"PASSED": None, "FAILED": Outcome.DENY}.get(result, Outcome.HOLD)
        if outcome:
            yield Reason(outcome, "test-result", f"result {result!r}", (str(item.digest),))
        return
    try:
        reasons = list(_weigh_detail(detail, policy))
    except (KeyError, TypeError, AttributeError):
        reasons = [Reason(Outcome.HOLD, "test-result", "its detail cannot be read", (str(item.digest),))]
    yield from reasons


def _weigh_detail(detail: Mapping[str, Any], policy: Policy) -> Iterator[Reason]:
    for finding in detail["findings"]:
        severity = Severity[finding["severity"].upper()]
        ref = (finding["fingerprint"],)
        if severity >= policy.fail_on:
            yield Reason(Outcome.DENY, finding["id"], f"{finding['severity']}: {finding['message']}", ref)
        elif finding["holds"]:
            yield Reason(Outcome.HOLD, finding["id"], finding["message"], ref)
    if not detail["coverage"]["analysed"]:
        yield Reason(Outcome.HOLD, "coverage", "no file of a kind that any check reads was found")
