"""What an approver checks before he signs: everything that the server says of a request, held against his own trust root.

An approver who signs what a server shows him is only as good as that server. Here the people's signatures are verified on
his side, and the policy is applied to the evidence itself.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from assaymark.core.clock import timestamp
from assaymark.core.digest import sha256
from assaymark.core.envelope import Envelope
from assaymark.core.errors import Malformed, Untrusted
from assaymark.core.evidence import Evidence, read_statement
from assaymark.core.policy import BREAK_GLASS, PROMOTE, Parties, Policy, decide
from assaymark.core.statements import Approval, Predicate, Request, Seal, evidence_set
from assaymark.core.subject import Subject
from assaymark.core.trust import TrustRoot
from assaymark.core.verdict import Outcome, Reason

_STEP = "do not sign; ask the requester, and whoever runs the registry"


@dataclass(frozen=True, slots=True)
class Reviewed:
    """What is asked for, of which bytes, on what evidence, and what is missing beside approvals."""

    request: Request
    digest: str
    """Of the request's payload."""
    subject: Subject
    evidence: tuple[Evidence, ...]
    missing: tuple[Reason, ...]


def review(found: Mapping[str, Any], root: TrustRoot, now: datetime, nonce: str) -> Reviewed:
    """Judge what a registry says of the request `nonce`, believing none of it; raises Untrusted or Malformed.

    1. The request has the nonce that was asked for, is signed by the requester, who is no scanner, and is still open.
    2. The seal is signed by the publisher before it, about the same version and bytes.
    3. The evidence is the set that the request binds, each piece signed by somebody of the trust root.
    4. The policy is the one that the trust root names for the channel.
    5. The gate says what it thinks of all that.
    """
    envelopes = found.get("envelopes")
    if not isinstance(envelopes, Mapping):
        raise Malformed("the registry did not give the envelopes of the request", step=_STEP)
    asked, sealed = (_read(envelopes.get(name), root) for name in ("request", "seal"))
    request, seal = Request.read(asked.statement), Seal.read(sealed.statement)
    subject = asked.statement.subjects[0]
    if request.nonce != nonce:
        raise Untrusted(f"the registry shows the request {request.nonce} instead of {nonce:.64}", step=_STEP)
    _signed(asked, root, request.requester, request)
    if root.people[request.requester].is_service:
        raise Untrusted(f"{request.requester} is a scanner, whose key may stand on the server", step=_STEP)
    if request.expires <= timestamp(now):
        raise Untrusted(f"the request was open until {request.expires}", step="ask for a new one")
    _signed(sealed, root, seal.publisher, seal)
    if sealed.statement.subjects[0] != subject or seal.at > request.at:
        raise Untrusted("the request and the seal do not speak of the same bytes, or not in this order", step=_STEP)
    if seal.publisher != request.publisher:
        raise Untrusted(f"{seal.publisher} sealed it, but the request names {request.publisher}", step=_STEP)
    documents = envelopes.get("evidence")
    if not isinstance(documents, list):
        raise Malformed("the registry did not give the evidence of the request", step=_STEP)
    others = [_read(document, root) for document in documents]
    if evidence_set(item.digest for item in others) != request.evidence:
        raise Untrusted("the evidence is not what the request binds", step=_STEP)
    policy = Policy.from_json(found.get("policy"))
    if not policy.digest == request.policy == root.policies.get(request.channel):
        raise Untrusted(f"the policy is not the one of {request.channel} in the trust root", step=_STEP)
    action = BREAK_GLASS if request.break_glass else PROMOTE
    parties = Parties(root, request.project, request.publisher, request.requester)
    verdict = decide(action, subject, [sealed, *others], policy, now, parties=parties)
    waiting = f"no evidence of type {Approval.TYPE}"
    reasons = [r for r in verdict.reasons if r.outcome is Outcome.DENY or not r.message.startswith(waiting)]
    return Reviewed(request, str(asked.digest), subject, tuple(others), tuple(reasons))


def _read(document: Any, root: TrustRoot) -> Evidence:
    envelope = Envelope.from_object(document)
    signers = root.signers(envelope)
    if not signers:
        raise Untrusted("nobody of the trust root signed a part of this request", step=_STEP)
    return Evidence(read_statement(envelope), sha256(envelope.payload), signers)


def _signed(item: Evidence, root: TrustRoot, person: str, said: Predicate) -> None:
    at, project = getattr(said, "at", ""), getattr(said, "project", "")
    known = root.people.get(person)
    if known is None or not known.is_in(project) or not item.signers & root.keys_of_person(person, at):
        raise Untrusted(f"the {said.word()} was not signed by {person}", step=_STEP)
