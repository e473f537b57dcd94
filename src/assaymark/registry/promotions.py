"""Promotion: a signed request, approvals that bind exactly it, and the activation that moves a channel.

The server judges here so that people get their answer at once. What protects a serving host is that the same rules are
applied again there, to the same signatures (registry.verify).
"""

import json
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import sqlalchemy as sa

from assaymark.core.clock import timestamp
from assaymark.core.digest import Digest
from assaymark.core.envelope import Envelope, Signer
from assaymark.core.errors import Conflict, NotFound, Untrusted, UsageError
from assaymark.core.evidence import PAYLOAD_TYPE, Evidence
from assaymark.core.policy import BREAK_GLASS, PROMOTE, Parties, Policy, decide
from assaymark.core.statements import DENY, Activation, Approval, Request, Seal, evidence_set
from assaymark.core.subject import Subject
from assaymark.core.verdict import Outcome, Verdict
from assaymark.registry import tables
from assaymark.registry.keeping import check_kept
from assaymark.registry.models import find_model, find_version, name_of_version
from assaymark.registry.names import ModelName, VersionName
from assaymark.registry.shipped import shipped
from assaymark.registry.states import RequestState, VersionState, check_request
from assaymark.registry.versions import all_evidence, evidence_of, newest, statement_of
from assaymark.registry.work import Signed, Work, new_nonce

_requests, _channels, _envelopes = tables.requests, tables.channels, tables.envelopes
_LONGEST = timedelta(days=30)
"""For which a request can be open."""
_PENDING = (RequestState.OPEN, RequestState.APPROVED)
_PROMOTABLE = {VersionState.VERIFIED, VersionState.DEPRECATED}


@dataclass(frozen=True, slots=True)
class Promotion:
    """A request as it is stored, and what was signed about it."""

    row: Any
    name: VersionName
    digest: Digest
    signed: Signed
    said: Request
    approvals: tuple[Signed, ...]

    @property
    def action(self) -> str:
        """The policy's action that it asks for."""
        return BREAK_GLASS if self.said.break_glass else PROMOTE


def propose(
    work: Work,
    name: VersionName,
    channel: str,
    requester: str,
    *,
    reason: str = "",
    days: int = 7,
    emergency: bool = False,
) -> tuple[Subject, Request]:
    """What a requester has to sign for this version to be promoted, as things stand now."""
    row = find_version(work.connection, name)
    seal = _seal(work, row.id, name)
    return Subject(str(name), Digest.parse(row.digest)), Request(
        project=name.model.project, model=name.model.model, version=name.version, channel=channel,
        counter=_counter(work, row.model, channel) + 1, policy=policy_of(work, channel).digest,
        evidence=evidence_set(item.evidence.digest for item in evidence_of(work, row.id)), nonce=new_nonce(),
        requester=requester, publisher=Seal.read(seal.statement).publisher,
        expires=timestamp(work.now + timedelta(days=days)), break_glass=emergency, reason=reason, at=work.at,
    )  # fmt: skip


def request(work: Work, name: VersionName, document: bytes, channel: str) -> str:
    """Open a request for a channel. Returns its nonce, which names it; raises Untrusted or Conflict.

    1. The requester signed it, with a key that the trust root gives him.
    2. It speaks of this version's bytes, of the channel's policy and of the evidence as they are now.
    3. Its counter is the channel's next, it does not expire late, and was never used.
    4. The version was verified, unless this is an emergency; after one, its review comes first. Its bytes are still kept.
    """
    row = find_version(work.connection, name)
    signed = work.signed(document)
    said = Request.read(signed.statement)
    signed.require(work.trust.keys_of_person(said.requester, said.at), said.requester)
    work.check_time(said.at)
    if said.channel != channel:
        raise Untrusted(f"this request is for {said.channel}, not for {channel}", step="send it where it belongs")
    _, wanted = propose(work, name, channel, said.requester)
    if str(signed.statement.subjects[0].digest) != row.digest or signed.statement.subjects[0].name != str(name):
        raise Untrusted(f"this request is not about {name} as it is here", step=f"its digest is {row.digest}")
    for field in ("policy", "evidence", "counter", "publisher"):
        if getattr(said, field) != getattr(wanted, field):
            why = f"the request's {field} is {getattr(said, field)}; here it is {getattr(wanted, field)}"
            raise Conflict(why, step="request anew, with what stands now")
    if not work.at < said.expires <= timestamp(work.now + _LONGEST):
        raise UsageError(f"a request expires within {_LONGEST.days} days", step="request anew")
    _check_open(work, row, name, said)
    check_kept(work, row, name)
    if work.connection.execute(sa.select(_requests.c.nonce).where(_requests.c.nonce == said.nonce)).first():
        raise Conflict("this request was made before", step="request anew")
    work.connection.execute(
        _requests.insert().values(
            nonce=said.nonce, version=row.id, channel=said.channel, counter=said.counter, state=RequestState.OPEN,
            digest=str(signed.evidence.digest), requester=said.requester, break_glass=said.break_glass,
            expires=said.expires, at=work.at,
        )
    )  # fmt: skip
    work.keep(row.id, signed, said.nonce)
    _log(work, "requested", name, row.digest, said.requester, signed, said.channel)
    return said.nonce


def find(work: Work, nonce: str, *, hold: bool = False) -> Promotion:
    """A request with its signatures; raises NotFound. `hold`: whoever else means to change it waits (PostgreSQL)."""
    wanted = sa.select(_requests).where(_requests.c.nonce == nonce)
    row = work.connection.execute(wanted.with_for_update() if hold else wanted).first()
    if row is None:
        raise NotFound(f"there is no request {nonce[:40]}", step="assay registry requests")
    kept = work.connection.execute(
        sa.select(_envelopes.c.predicate_type, _envelopes.c.document).where(_envelopes.c.request == nonce)
    ).all()
    signed = [work.signed(document.encode()) for kind, document in kept if kind in {Request.TYPE, Approval.TYPE}]
    own = next(item for item in signed if item.statement.predicate_type == Request.TYPE)
    approvals = tuple(item for item in signed if item is not own)
    name = name_of_version(work.connection, row.version)
    return Promotion(row, name, own.statement.subjects[0].digest, own, Request.read(own.statement), approvals)


def decide_on(work: Work, nonce: str, document: bytes) -> RequestState:
    """Take one person's approval or denial. Returns the request's state then; raises Untrusted or Conflict.

    1. The request is open and has not expired.
    2. The decision binds exactly this request and these bytes.
    3. The approver signed it with his own key, in a role that the policy asks for, and is neither of the excluded.
    4. Nobody decides twice.
    5. Enough approvals, and everything else that the policy asks for: the request is approved. One denial denies it.
    """
    promotion = find(work, nonce, hold=True)
    _check_pending(work, promotion)
    signed = work.signed(document)
    said = Approval.read(signed.statement)
    other = said.unbound(promotion.said, promotion.row.digest)
    if other or signed.statement.subjects[0].digest != promotion.digest:
        raise Untrusted(
            f"this approval binds another {other or 'digest'} than the request", step="sign what is asked for"
        )
    work.check_time(said.at)
    if not work.at < said.expires:
        raise Untrusted(f"this approval expired at {said.expires}", step="approve anew")
    _check_approver(work, promotion, signed, said)
    if any(Approval.read(item.statement).approver == said.approver for item in promotion.approvals):
        raise Conflict(f"{said.approver} decided on this request before", step="another person has to")
    work.keep(promotion.row.version, signed, nonce)
    if said.decision == DENY:
        after = RequestState.DENIED
    else:
        verdict = judge(work, find(work, nonce))
        after = RequestState.APPROVED if verdict.outcome is Outcome.ALLOW else RequestState.OPEN
    now = RequestState(promotion.row.state)
    if after is not now:
        check_request(now, after)
    work.move(_requests, promotion.row, _requests.c.nonce == nonce, state=after)
    kind = "denied" if said.decision == DENY else "approved"
    _log(work, kind, promotion.name, str(promotion.digest), said.approver, signed, promotion.said.channel)
    return after


def bound_evidence(work: Work, promotion: Promotion) -> list[Signed]:
    """The evidence that the request bound: what is here now, or what was before something came later."""
    came = all_evidence(work, promotion.row.version)
    for count in range(len(came), -1, -1):
        then = newest(came[:count])
        if evidence_set(item.evidence.digest for item in then) == promotion.said.evidence:
            return then
    raise Conflict("the evidence that was asked about is not here any more", step="restore it from a backup")


def judge(work: Work, promotion: Promotion) -> Verdict:
    """The gate: the channel's policy on everything that is known about the version, at this moment."""
    policy = policy_of(work, promotion.said.channel)
    said = promotion.said
    bound = [item.evidence for item in promotion.approvals if not _loose(item, promotion)]
    evidence: list[Evidence] = [item.evidence for item in evidence_of(work, promotion.row.version)]
    evidence += [_seal(work, promotion.row.version, promotion.name).evidence, *bound]
    parties = Parties(work.trust, said.project, said.publisher, said.requester)
    return decide(promotion.action, Subject("", promotion.digest), evidence, policy, work.now, parties=parties)


def activate(work: Work, nonce: str, actor: str, server: Signer) -> int:
    """Move the channel. Returns the ledger's ticket; raises Conflict.

    1. The request is approved, has not expired, and the gate still allows it.
    2. Its counter is the channel's next: whoever came second is void.
    3. The one before is superseded, the channel moved, and the activation logged, all at once.
    """
    promotion = find(work, nonce, hold=True)
    _check_pending(work, promotion)
    check_request(RequestState(promotion.row.state), RequestState.ACTIVE)
    verdict = judge(work, promotion)
    if verdict.outcome is not Outcome.ALLOW:
        raise Conflict(f"the policy says {verdict.outcome}: {verdict.reasons[0].message}", step="request anew")
    version = find_version(work.connection, promotion.name)
    channel = _channel(work, version.model, promotion.said.channel)
    if (channel.counter if channel else 0) + 1 != promotion.said.counter:
        raise Conflict("the channel moved since this was requested", step="request anew")
    signed = _activation(work, promotion, channel, server)
    work.keep(promotion.row.version, signed, nonce)
    work.move(_requests, promotion.row, _requests.c.nonce == nonce, state=RequestState.ACTIVE)
    ticket = _log(
        work, "activated", promotion.name, str(promotion.digest), actor, signed, promotion.said.channel,
        from_=RequestState.APPROVED, to=RequestState.ACTIVE,
    )  # fmt: skip
    _move_channel(work, version.model, promotion, channel, ticket)
    return ticket


def _move_channel(work: Work, model: int, promotion: Promotion, channel: Any, ticket: int) -> None:
    values = {"counter": promotion.said.counter, "request": promotion.row.nonce, "ticket": ticket}
    values["review_due"] = promotion.said.break_glass
    if channel is None:
        work.connection.execute(_channels.insert().values(model=model, name=promotion.said.channel, **values))
        return
    same = sa.and_(
        _channels.c.model == model, _channels.c.name == promotion.said.channel, _channels.c.counter == channel.counter
    )
    if work.connection.execute(_channels.update().where(same).values(**values)).rowcount != 1:
        raise Conflict("the channel moved meanwhile", step="request anew")
    before = sa.and_(_requests.c.nonce == channel.request, _requests.c.state == RequestState.ACTIVE)
    work.connection.execute(_requests.update().where(before).values(state=RequestState.SUPERSEDED))


def _activation(work: Work, promotion: Promotion, channel: Any, server: Signer) -> Signed:
    said = promotion.said
    policy = policy_of(work, said.channel)
    until = timestamp(work.now + policy.break_glass) if said.break_glass and policy.break_glass else None
    used = [item for item in promotion.approvals if not _loose(item, promotion)]
    activation = Activation(
        project=said.project, model=said.model, version=said.version, channel=said.channel, counter=said.counter,
        request=promotion.row.digest, seal=str(_seal(work, promotion.row.version, promotion.name).evidence.digest),
        approvals=tuple(sorted(str(item.evidence.digest) for item in used)), policy=said.policy, evidence=said.evidence,
        previous=str(find(work, channel.request).digest) if channel else None, break_glass_until=until, at=work.at,
    )  # fmt: skip
    payload = activation.statement(Subject(str(promotion.name), promotion.digest)).payload()
    return work.signed(json.dumps(Envelope.sign(PAYLOAD_TYPE, payload, [server]).to_json()).encode())


def void(work: Work, nonce: str, actor: str, why: str) -> None:
    """Withdraw a request, or take back what it made active: an activation that is void gets no timestamp any more."""
    promotion = find(work, nonce, hold=True)
    check_request(RequestState(promotion.row.state), RequestState.VOID)
    work.move(_requests, promotion.row, _requests.c.nonce == nonce, state=RequestState.VOID)
    _log(work, "voided", promotion.name, str(promotion.digest), actor, None, promotion.said.channel, reason=why)


def void_worse(work: Work, name: VersionName, actor: str) -> list[str]:
    """After new evidence: void every request of this version that the gate now denies. Returns their nonces."""
    row = find_version(work.connection, name)
    states = (*_PENDING, RequestState.ACTIVE)
    wanted = sa.select(_requests.c.nonce).where(_requests.c.version == row.id, _requests.c.state.in_(states))
    voided = []
    for (nonce,) in work.connection.execute(wanted).all():
        verdict = judge(work, find(work, nonce))
        if verdict.outcome is Outcome.DENY:
            void(work, nonce, actor, verdict.reasons[0].message[:500])
            voided.append(nonce)
    return voided


def any_late(work: Work) -> bool:
    """Whether a request's time is over that is not closed."""
    late = sa.select(_requests.c.nonce).where(_requests.c.state.in_(_PENDING), _requests.c.expires <= work.at)
    return work.connection.execute(late.limit(1)).first() is not None


def expire(work: Work, limit: int = 500) -> int:
    """Close requests whose time is over. Returns how many."""
    late = (
        sa.select(_requests.c.nonce).where(_requests.c.state.in_(_PENDING), _requests.c.expires <= work.at).limit(limit)
    )
    found = work.connection.execute(late).all()
    for (nonce,) in found:
        promotion = find(work, nonce)
        work.move(_requests, promotion.row, _requests.c.nonce == nonce, state=RequestState.EXPIRED)
        _log(work, "expired", promotion.name, str(promotion.digest), "registry", None, promotion.said.channel)
    return len(found)


def policy_of(work: Work, channel: str) -> Policy:
    """The policy that the trust root names for a channel; raises NotFound."""
    digest = work.trust.policies.get(channel)
    if digest is None:
        known = ", ".join(sorted(work.trust.policies)) or "none"
        raise NotFound(f"the trust root has no channel {channel!r} (channels: {known})", step="assay trust policy")
    if digest in shipped():
        return shipped()[digest]
    wanted = sa.select(tables.policies.c.document).where(tables.policies.c.digest == digest)
    document = work.connection.execute(wanted).scalar()
    if document is None:
        raise UsageError(f"the policy {digest} of {channel} is not here", step="assay registry policy POLICY.json")
    return Policy.from_json(json.loads(document))


def _seal(work: Work, version: int, name: VersionName) -> Signed:
    seal = statement_of(work, version, Seal.TYPE)
    if seal is None:
        raise Conflict(f"{name} is not sealed", step="seal it first")
    return seal


def _check_open(work: Work, row: Any, name: VersionName, said: Request) -> None:
    """Step 4 of `request`."""
    policy = policy_of(work, said.channel)
    if said.break_glass:
        if BREAK_GLASS not in policy.actions or policy.break_glass is None:
            raise Conflict(f"the policy of {said.channel} knows no break-glass", step="request in the normal way")
        if not said.reason.strip():
            raise UsageError("an emergency needs its reason", step="--reason")
    elif VersionState(row.state) not in _PROMOTABLE:
        raise Conflict(f"{name} is {row.state}, not verified", step=f"assay registry show {name}")
    channel = _channel(work, row.model, said.channel)
    if channel is not None and channel.review_due and not said.break_glass:
        step = f"assay registry review {name.model} {said.channel}"
        raise Conflict(f"{said.channel} was moved by break-glass and that was not reviewed yet", step=step)


def review(work: Work, name: ModelName, channel: str, actor: str, conclusion: str) -> None:
    """End the review that break-glass forces; what was concluded is logged."""
    model = find_model(work.connection, name)
    row = _channel(work, model.id, channel)
    if row is None or not row.review_due:
        raise Conflict(f"{name} has no review due in {channel}")
    if not conclusion.strip():
        raise UsageError("a review has a conclusion", step="--conclusion")
    same = sa.and_(_channels.c.model == model.id, _channels.c.name == channel)
    work.connection.execute(_channels.update().where(same).values(review_due=False))
    work.log("reviewed", name, actor, channel=channel, reason=conclusion[:500])


def _check_pending(work: Work, promotion: Promotion) -> None:
    if promotion.row.state not in _PENDING:
        raise Conflict(f"this request is {promotion.row.state}", step="open a new request")
    if promotion.row.expires <= work.at:
        raise Conflict(f"this request expired at {promotion.row.expires}", step="open a new request")


def _check_approver(work: Work, promotion: Promotion, signed: Signed, said: Approval) -> None:
    project = promotion.said.project
    signed.require(work.trust.keys_of_person(said.approver, said.at), said.approver)
    needs = [
        n
        for n in policy_of(work, promotion.said.channel).actions[promotion.action]
        if n.predicate_type == Approval.TYPE
    ]
    parties = Parties(work.trust, project, promotion.said.publisher, promotion.said.requester)
    if not any(said.approver in parties.speaking(signed.evidence, need) for need in needs):
        asked = " or ".join(sorted({need.role for need in needs})) or "nobody"
        why = (
            f"{said.approver} cannot approve this: the policy asks for a {asked} who neither published nor requested it"
        )
        raise Untrusted(why, step="assay trust show")


def _loose(item: Signed, promotion: Promotion) -> bool:
    """Whether an approval does not bind this request (it was checked when it came; the database is not believed)."""
    said = Approval.read(item.statement)
    wrong = said.unbound(promotion.said, str(promotion.signed.evidence.digest))
    return bool(wrong) or item.statement.subjects[0].digest != promotion.digest


def _channel(work: Work, model: int, name: str) -> Any:
    wanted = sa.select(_channels).where(_channels.c.model == model, _channels.c.name == name)
    return work.connection.execute(wanted).first()


def _counter(work: Work, model: int, channel: str) -> int:
    found = _channel(work, model, channel)
    return found.counter if found else 0


def _log(
    work: Work, kind: str, name: VersionName, digest: str, actor: str, signed: Signed | None, channel: str, **more: Any
) -> int:
    envelopes = [str(signed.evidence.digest)] if signed else None
    return work.log(
        kind, name.model, actor, version=name.version, digest=digest, envelopes=envelopes, channel=channel, **more
    )
