"""What a policy still wants, requirement by requirement, and the command that makes the evidence."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from datetime import datetime

from assaymark.core import bom
from assaymark.core.evidence import TEST_RESULT, Evidence
from assaymark.core.policy import BREAK_GLASS, DISTINCT, Parties, Policy, Requirement, decide
from assaymark.core.statements import Approval, Seal
from assaymark.core.subject import Subject
from assaymark.core.verdict import Outcome

_COMMANDS = {
    TEST_RESULT: "assay scan MODEL --evidence scan.json --key SCANNER",
    bom.CYCLONEDX: (
        "assay bom build MODEL -o cyclonedx:bom.json && "
        "assay bom sign bom.json --model MODEL --key KEY -o signed.json && assay registry attest {version} signed.json"
    ),
    Seal.TYPE: "assay registry publish MODEL {version} --as PUBLISHER --key KEY",
    Approval.TYPE: "assay registry approve REQUEST --as APPROVER --key KEY --root root.json",
}
_WORDS = {
    TEST_RESULT: "scan",
    **dict.fromkeys(bom.TYPES, "bill of materials"),
    Seal.TYPE: "seal",
    Approval.TYPE: "approval",
}


@dataclass(frozen=True, slots=True)
class Need:
    """One requirement: whether it is met, what stands against it, and what to do. Texts are for people."""

    what: str
    outcome: Outcome
    reasons: tuple[str, ...] = ()
    command: str = ""


def explain(
    action: str,
    subject: Subject,
    evidence: Iterable[Evidence],
    policy: Policy,
    now: datetime,
    *,
    parties: Parties | None = None,
) -> Iterator[Need]:
    """Judge each requirement of an action alone, by the same gate, and then whether nobody stands in two places."""
    every = tuple(evidence)
    for need in policy.actions.get(action, ()):
        alone = replace(policy, actions={action: (need,)})
        verdict = decide(action, subject, every, alone, now, parties=parties)
        reasons = tuple(f"{reason.code}: {reason.message}" for reason in verdict.reasons)
        command = "" if verdict.outcome is Outcome.ALLOW else _command(need, subject, action)
        yield Need(describe(need), verdict.outcome, reasons, command)
    whole = decide(action, subject, every, policy, now, parties=parties)
    for reason in (one for one in whole.reasons if one.code == DISTINCT):
        yield Need("distinct people", reason.outcome, (f"{reason.code}: {reason.message}",))


def describe(need: Requirement) -> str:
    """A requirement in a line."""
    kinds = (need.predicate_type, *sorted(need.or_types))
    word = " or ".join(dict.fromkeys(_WORDS.get(kind, kind) for kind in kinds))
    who = f" by {need.threshold} of {len(need.signers)} keys" if need.signers else ""
    if need.role:
        people = "person" if need.threshold == 1 else "people"
        who = f" by {need.threshold} {people} with the role {' or '.join((need.role, *sorted(need.or_roles)))}"
        who += f", not the {' or the '.join(sorted(need.exclude))}" if need.exclude else ""
    age = (
        f", at most {need.max_age.days or need.max_age} {'days ' if need.max_age.days else ''}old"
        if need.max_age
        else ""
    )
    return f"{word}{who}{age}"


def _command(need: Requirement, subject: Subject, action: str) -> str:
    made = _COMMANDS.get(need.predicate_type, "")
    if need.predicate_type == Approval.TYPE and action == BREAK_GLASS:
        made = made.replace("APPROVER", "SECURITY-PERSON")
    return made.format(version=subject.name)
