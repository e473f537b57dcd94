"""Which evidence an action needs, and the one gate that judges.

`decide` is pure: the same evidence, policy and moment give the same verdict, today and in an audit.
"""

import hashlib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import field
from datetime import datetime, timedelta
from typing import Any, Protocol

from assaymark.core import bom
from assaymark.core.clock import parse_timestamp, timestamp
from assaymark.core.evidence import APPROVAL, ORIGIN, SEAL, TEST_RESULT, Evidence
from assaymark.core.finding import Severity
from assaymark.core.record import dataclass
from assaymark.core.strictjson import canonical
from assaymark.core.subject import Subject
from assaymark.core.verdict import Outcome, Reason, Verdict

SCHEMA = "assaymark/policy/v1"
PROMOTE, BREAK_GLASS = "promote", "break-glass"
"""Actions of a channel's policy."""
DISTINCT = "distinct"
"""Code of the reason that one person stands in two places."""
PUBLISHER, REQUESTER = "publisher", "requester"
"""Parties that a requirement can exclude."""
_SPEAKER = {SEAL: "publisher", APPROVAL: "approver"}
"""Fields of the person in whose name a statement speaks."""


class Roles(Protocol):
    """Who may speak in which role: core.trust.TrustRoot."""

    def keys_of(self, role: str, project: str, at: str) -> Mapping[str, str]:
        """Keyid -> person, for a moment in RFC 3339."""
        ...


@dataclass(frozen=True, slots=True)
class Parties:
    """What a requirement with a role is judged by. `publisher` and `requester` are ids of people."""

    roles: Roles
    project: str
    publisher: str
    requester: str

    def speaking(self, item: Evidence, need: "Requirement", now: datetime | None = None) -> frozenset[str]:
        """The people by whom the evidence counts for the requirement: each once, however many keys he has.

        What speaks in one person's name counts by him alone, whoever cosigned it. What has to be fresh takes a key that
        counts at `now` still: one that was taken back could date its words back. A bill of materials has no time of its
        own that anybody vouches for, so its key has to count at `now`.
        """
        at = now if item.statement.predicate_type in bom.TYPES else _made(item)
        if at is None:
            return frozenset()
        keys = self._keys_of(need, at)
        if need.max_age is not None and now is not None:
            still = self._keys_of(need, now)
            keys = {keyid: person for keyid, person in keys.items() if keyid in still}
        people = frozenset(keys[signer] for signer in item.signers & keys.keys())
        if speaker := _SPEAKER.get(item.statement.predicate_type):
            people &= {str(item.statement.predicate.get(speaker))}
        named = {PUBLISHER: self.publisher, REQUESTER: self.requester}
        return people - {named[name] for name in need.exclude}

    def _keys_of(self, need: "Requirement", at: datetime) -> dict[str, str]:
        return {
            keyid: person
            for role in (need.role, *sorted(need.or_roles))
            for keyid, person in self.roles.keys_of(role, self.project, timestamp(at)).items()
        }


@dataclass(frozen=True, slots=True)
class Requirement:
    """Evidence an action needs: of a type, signed by `threshold` distinct keys out of `signers`, not older than `max_age`.

    With a `role` it is `threshold` distinct people who have it in the trust root, none of them among the parties of `exclude`.
    `threshold` 0 takes unsigned evidence, for what was looked at in this very process. `or_types` and `or_roles` count as
    well: a bill of materials may be CycloneDX or SPDX, and be signed by a publisher or a scanner.
    """

    predicate_type: str
    signers: frozenset[str] = frozenset()
    threshold: int = 0
    max_age: timedelta | None = None
    role: str = ""
    exclude: frozenset[str] = frozenset()
    or_types: frozenset[str] = frozenset()
    or_roles: frozenset[str] = frozenset()

    @property
    def types(self) -> frozenset[str]:
        """Predicate types of which one has to be there."""
        return self.or_types | {self.predicate_type}

    def __post_init__(self) -> None:
        if self.threshold < 0:
            raise ValueError(f"a threshold of {self.threshold} is less than nobody")
        if self.predicate_type in self.or_types or self.role in self.or_roles or (self.or_roles and not self.role):
            raise ValueError("what counts as well repeats a type or a role, or adds to no role")
        if APPROVAL in self.types and (self.or_types or self.or_roles):
            raise ValueError("an approval has no other type or role that would count as well")
        if self.role:
            if self.threshold < 1 or self.signers or not self.exclude <= {PUBLISHER, REQUESTER}:
                raise ValueError("a role takes a threshold of people, no keys, and excludes publisher or requester")
            return
        if self.exclude:
            raise ValueError("only a requirement with a role excludes people")
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
    break_glass: timedelta | None = None
    """How long what was activated by break-glass may stand; None is not at all."""

    def to_json(self) -> dict[str, Any]:
        """The document that is hashed."""
        limit = {"break_glass_seconds": int(self.break_glass.total_seconds())} if self.break_glass else {}
        return {
            "schema": SCHEMA,
            "name": self.name,
            "version": self.version,
            "fail_on": self.fail_on.word,
            "actions": {action: [_need_to_json(need) for need in needs] for action, needs in self.actions.items()},
            **limit,
        }

    @classmethod
    def from_json(cls, data: Any) -> "Policy":
        """Read a document; raises Malformed unless it is exactly what `to_json` gives for what was read."""
        from assaymark.core.policydoc import read_policy

        return read_policy(data)

    @property
    def digest(self) -> str:
        """`sha256:` over the RFC 8785 form."""
        return f"sha256:{hashlib.sha256(canonical(self.to_json())).hexdigest()}"


def _need_to_json(need: Requirement) -> dict[str, Any]:
    """Fields that came later are there only where they say something, so that digests of old policies stand."""
    role = {"role": need.role, "exclude": sorted(need.exclude)} if need.role else {}
    also = {name: sorted(given) for name in ("or_types", "or_roles") if (given := getattr(need, name))}
    return {
        "predicate_type": need.predicate_type,
        "signers": sorted(need.signers),
        "threshold": need.threshold,
        "max_age_seconds": int(need.max_age.total_seconds()) if need.max_age else None,
        **role,
        **also,
    }


def scan_policy(fail_on: Severity = Severity.HIGH) -> Policy:
    """The policy of `assay scan`: a scan of the subject, made just now, nothing left out, nothing at `fail_on` or above."""
    return Policy("scan", fail_on=fail_on, actions={"scan": (Requirement(TEST_RESULT),)})


def decide(
    action: str,
    subject: Subject | None,
    evidence: Iterable[Evidence],
    policy: Policy,
    now: datetime,
    *,
    parties: Parties | None = None,
) -> Verdict:
    """Judge whether `subject` may be the object of `action`.

    1. An action that the policy does not name, or asks no evidence of, is held.
    2. Only evidence whose subjects hold this digest counts (a subject without digest matches evidence without one).
    3. Each requirement must be met by signers, number and age; what is not met is held. One with a role counts people, and
       is met by nobody where no `parties` are given. An approval that says no counts for nothing, and denies. Who approves
       for one requirement does not approve for another as well, whatever roles he has.
    4. What the evidence that counts says is weighed: a bad result denies, an incomplete one holds.
    5. The worst of all reasons is the outcome. No reason at all is allow.
    """
    needs = policy.actions.get(action)
    if not needs:
        says = "does not speak of" if needs is None else "asks for no evidence of"
        reason = Reason(Outcome.HOLD, "policy", f"policy {policy.name!r} {says} {action!r}")
        return Verdict(Outcome.HOLD, action, policy.digest, (reason,))
    about = [item for item in evidence if _is_about(item, subject)]
    reasons: list[Reason] = []
    approving: list[tuple[int, set[str]]] = []
    for need in needs:
        met = [item for item in about if _meets(item, need, now, parties)]
        who = {one for item in met if _approves(item) for one in _signing(item, need, now, parties)}
        if not met or len(who) < need.threshold:
            reasons.append(Reason(Outcome.HOLD, "evidence", _missing(need, who)))
        elif need.role and need.predicate_type == APPROVAL:
            approving.append((need.threshold, who))
        for item in met:
            reasons.extend(_weigh(item, policy))
    if not _distinct(approving):
        total = sum(count for count, _ in approving)
        reasons.append(Reason(Outcome.HOLD, DISTINCT, f"the approvals take {total} distinct people, one for each"))
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


def _meets(item: Evidence, need: Requirement, now: datetime, parties: Parties | None) -> bool:
    kind = item.statement.predicate_type
    if kind not in need.types:
        return False
    if need.threshold and not _signing(item, need, now, parties):
        return False
    if need.max_age is None and (not need.role or kind in bom.TYPES):
        return True
    made = _made(item)
    return made is not None and made <= now and (need.max_age is None or now - made <= need.max_age)


def _signing(item: Evidence, need: Requirement, now: datetime, parties: Parties | None) -> frozenset[str]:
    """The keys, or with a role the people, by whom this counts."""
    if need.role:
        return parties.speaking(item, need, now) if parties else frozenset()
    return item.signers & need.signers


def _distinct(wanted: list[tuple[int, set[str]]]) -> bool:
    """Whether each of these sets can give so many people that nobody is given twice (a matching by augmenting paths)."""
    places = [who for count, who in wanted for _ in range(count)]
    given: dict[str, int] = {}

    def give(place: int, tried: set[str]) -> bool:
        for person in places[place] - tried:
            tried.add(person)
            if person not in given or give(given[person], tried):
                given[person] = place
                return True
        return False

    return all(give(place, set()) for place in range(len(places)))


def _made(item: Evidence) -> datetime | None:
    try:
        return parse_timestamp(item.statement.made_at or "")
    except (ValueError, OverflowError):
        return None


def _approves(item: Evidence) -> bool:
    return item.statement.predicate_type != APPROVAL or item.statement.predicate.get("decision") == "approve"


def _missing(need: Requirement, who: set[str]) -> str:
    signed = f" signed by {need.threshold} trusted keys ({len(who)} did)" if need.threshold else ""
    if need.role:
        other = f" other than the {' and the '.join(sorted(need.exclude))}" if need.exclude else ""
        did = ", ".join(sorted(who)) or "nobody"
        role = " or ".join(map(repr, (need.role, *sorted(need.or_roles))))
        signed = f" by {need.threshold} people with the role {role}{other} (of these: {did})"
    aged = f", at most {need.max_age} old" if need.max_age else ""
    return f"no evidence of type {' or '.join((need.predicate_type, *sorted(need.or_types)))}{signed}{aged}"


def _weigh(item: Evidence, policy: Policy) -> Iterator[Reason]:
    """What a test result says: our own detail where there is one, else the standard `result` field. An approval can say no."""
    if not _approves(item):
        who, why = (str(item.statement.predicate.get(name))[:200] for name in ("approver", "reason"))
        yield Reason(Outcome.DENY, "approval", f"{who} denied it: {why}", (str(item.digest),))
    if item.statement.predicate_type not in {TEST_RESULT, ORIGIN}:
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
