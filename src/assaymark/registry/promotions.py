"""Promotion: a signed request, approvals that bind exactly it, and the activation that moves a channel.

The server judges here so that people get their answer at once. What protects a serving host is that the same rules are
applied again there, to the same signatures (registry.verify).
"""

import json
from dataclasses import replace
from datetime import timedelta
from typing import Any

import sqlalchemy as sa

from assaymark.core.clock import parse_timestamp, timestamp
from assaymark.core.digest import Digest
from assaymark.core.envelope import Envelope, Signer
from assaymark.core.errors import Conflict, Untrusted, UsageError
from assaymark.core.evidence import PAYLOAD_TYPE
from assaymark.core.policy import BREAK_GLASS, Parties
from assaymark.core.statements import DENY, Activation, Approval, Request, Seal, evidence_set
from assaymark.core.subject import Subject
from assaymark.core.verdict import Outcome
from assaymark.registry import tables
from assaymark.registry.gate import (
    Promotion,
    check_bytes,
    counting,
    find,
    judge,
    judge_by,
    policy_of,
    row_of,
    seal_of,
)
from assaymark.registry.keeping import check_kept
from assaymark.registry.models import find_model, find_version
from assaymark.registry.names import ModelName, VersionName
from assaymark.registry.states import RequestState, check_request
from assaymark.registry.versions import evidence_of
from assaymark.registry.work import Signed, Work, new_nonce

_requests, _channels = tables.requests, tables.channels
_LONGEST = timedelta(days=30)
"""For which a request can be open."""
_PENDING = (RequestState.OPEN, RequestState.APPROVED)
_NONCE = 32
"""Characters at most."""


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
    seal = seal_of(work, row.id, name)
    return Subject(str(name), Digest.parse(row.digest)), Request(
        project=name.model.project, model=name.model.model, version=name.version, channel=channel,
        counter=_counter(work, row.model, channel) + 1, policy=policy_of(work, channel).digest,
        evidence=evidence_set(item.evidence.digest for item in evidence_of(work, row.id)), nonce=new_nonce(),
        requester=requester, publisher=Seal.read(seal.statement).publisher,
        expires=timestamp(work.now + timedelta(days=days)), break_glass=emergency, reason=reason, at=work.at,
    )  # fmt: skip


def request(work: Work, name: VersionName, document: bytes, channel: str) -> str:
    """Open a request for a channel. Returns its nonce, which names it; raises Untrusted or Conflict.

    1. The requester signed it, with a key that the trust root gives him; no scanner requests, whose key may stand on a server.
    2. It speaks of this version's bytes, of the channel's policy and of the evidence as they are now.
    3. Its counter is the channel's next, it does not expire late, follows the seal, and was never used.
    4. The version was verified, unless this is an emergency; after one, its review comes first. Its bytes are still kept.
    """
    row = find_version(work.connection, name)
    signed = work.signed(document)
    said = Request.read(signed.statement)
    signed.require(work.trust.keys_of_person(said.requester, said.at), said.requester)
    if work.trust.people[said.requester].is_service:
        raise Untrusted(f"{said.requester} is a scanner and requests nothing", step="let a person request it")
    work.check_time(said.at)
    if said.channel != channel:
        raise Untrusted(f"this request is for {said.channel}, not for {channel}", step="send it where it belongs")
    _, wanted = propose(work, name, channel, said.requester)
    if str(signed.statement.subjects[0].digest) != row.digest or signed.statement.subjects[0].name != str(name):
        raise Untrusted(f"this request is not about {name} as it is here", step=f"its digest is {row.digest}")
    sealed = Seal.read(seal_of(work, row.id, name).statement).at
    if said.at < sealed:
        raise Untrusted(
            f"this was requested at {said.at}, before the seal ({sealed})",
            step="set the clocks right, and request anew",
        )
    for field in ("policy", "evidence", "counter", "publisher"):
        if getattr(said, field) != getattr(wanted, field):
            why = f"the request's {field} is {getattr(said, field)}; here it is {getattr(wanted, field)}"
            raise Conflict(why, step="request anew, with what stands now")
    if not work.at < said.expires <= timestamp(work.now + _LONGEST):
        raise UsageError(f"a request expires within {_LONGEST.days} days", step="request anew")
    _check_open(work, row, name, said)
    check_kept(work, row, name)
    if len(said.nonce) > _NONCE:
        raise UsageError(f"a nonce has at most {_NONCE} characters", step="assay registry request makes one")
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
    about = Subject(str(name), Digest.parse(row.digest))
    _log(
        work,
        "requested",
        about,
        said.requester,
        signed,
        said.channel,
        str(signed.evidence.digest),
        to=RequestState.OPEN,
    )
    return said.nonce


def decide_on(work: Work, nonce: str, document: bytes) -> RequestState:
    """Take one person's approval or denial. Returns the request's state then; raises Untrusted or Conflict.

    1. The request is open and has not expired, and nobody stopped the version meanwhile.
    2. The decision binds exactly this request and these bytes, and was made after the request.
    3. The approver signed it with his own key, in a role that the policy asks for, and is neither of the excluded.
    4. Nobody decides twice; but who approved may still deny.
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
    denies = said.decision == DENY
    if not denies:
        check_bytes(work, promotion.row.version, promotion.name, promotion.said)
    work.check_time(said.at)
    if not work.at < min(said.expires, said.valid_until):
        raise Untrusted(f"this approval expired at {min(said.expires, said.valid_until)}", step="approve anew")
    if said.at < promotion.said.at:
        raise Untrusted(
            f"this was signed at {said.at}, before the request ({promotion.said.at})", step="set the clock right"
        )
    _check_approver(work, promotion, signed, said)
    before = [a for item in promotion.approvals if (a := Approval.read(item.statement)).approver == said.approver]
    if any(not denies or one.decision == DENY for one in before):
        raise Conflict(f"{said.approver} decided on this request before", step="another person has to")
    work.keep(promotion.row.version, signed, nonce)
    if denies:
        after = RequestState.DENIED
    else:
        verdict = judge(_as_of_the_last(work, promotion, said), find(work, nonce))
        after = RequestState.APPROVED if verdict.outcome is Outcome.ALLOW else RequestState.OPEN
    now = RequestState(promotion.row.state)
    if after is not now:
        check_request(now, after)
    work.move(_requests, promotion.row, _requests.c.nonce == nonce, state=after)
    kind = "denied" if denies else "approved"
    _log_of(work, kind, promotion.row, said.approver, signed, from_=now, to=after)
    return after


def _as_of_the_last(work: Work, promotion: Promotion, said: Approval) -> Work:
    """Clocks of approvers may be a little ahead: whether there are enough is judged when the last of them is past."""
    times = [said.at, *(Approval.read(item.statement).at for item in promotion.approvals)]
    return replace(work, now=max(work.now, *map(parse_timestamp, times)))


def activate(work: Work, nonce: str, actor: str, server: Signer) -> int:
    """Move the channel. Returns the ledger's ticket; raises Conflict.

    1. The request is approved, has not expired, nobody stopped the version, and the gate still allows it.
    2. Its counter is the channel's next: whoever came second is void.
    3. The one before is superseded, the channel moved, and the activation logged, all at once.
    """
    promotion = find(work, nonce, hold=True)
    _check_pending(work, promotion)
    check_request(RequestState(promotion.row.state), RequestState.ACTIVE)
    check_bytes(work, promotion.row.version, promotion.name, promotion.said)
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
    change = {"from_": RequestState.APPROVED, "to": RequestState.ACTIVE}
    ticket = _log_of(work, "activated", promotion.row, actor, signed, **change)
    _move_channel(work, version.model, promotion, channel, ticket)
    if channel is not None:
        _supersede(work, channel.request, actor)
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


def _supersede(work: Work, nonce: str, actor: str) -> None:
    """What was active until now; unless it was taken back before."""
    before = row_of(work, nonce, hold=True)
    if before.state == RequestState.ACTIVE:
        _close(work, before, RequestState.SUPERSEDED, "superseded", actor)


def _close(work: Work, row: Any, state: RequestState, kind: str, actor: str, why: str = "") -> None:
    """Bring a request to an end by its row alone: that must work whoever's key left the trust root."""
    work.move(_requests, row, _requests.c.nonce == row.nonce, state=state)
    _log_of(work, kind, row, actor, from_=row.state, to=state, reason=why[:500] or None)


def _activation(work: Work, promotion: Promotion, channel: Any, server: Signer) -> Signed:
    said = promotion.said
    policy = policy_of(work, said.channel)
    until = timestamp(work.now + policy.break_glass) if said.break_glass and policy.break_glass else None
    used = counting(work, promotion)
    activation = Activation(
        project=said.project, model=said.model, version=said.version, channel=said.channel, counter=said.counter,
        request=promotion.row.digest, seal=str(seal_of(work, promotion.row.version, promotion.name).evidence.digest),
        approvals=tuple(sorted(str(item.evidence.digest) for item in used)), policy=said.policy, evidence=said.evidence,
        previous=row_of(work, channel.request).bytes if channel else None, break_glass_until=until, at=work.at,
    )  # fmt: skip
    payload = activation.statement(Subject(str(promotion.name), promotion.digest)).payload()
    return work.signed(json.dumps(Envelope.sign(PAYLOAD_TYPE, payload, [server]).to_json()).encode())


def void(work: Work, nonce: str, actor: str, why: str, *, active: bool = True) -> None:
    """Withdraw a request, or where `active` may be, take back what it made active: hosts get no timestamp for it any more."""
    row = row_of(work, nonce, hold=True)
    if row.state == RequestState.ACTIVE and not active:
        raise Conflict("this request became active meanwhile", step="somebody who may promote takes it back")
    check_request(RequestState(row.state), RequestState.VOID)
    _close(work, row, RequestState.VOID, "voided", actor, why)


def void_worse(work: Work, name: VersionName, actor: str) -> list[str]:
    """After new evidence: void every request of this version that the gate now denies. Returns their nonces.

    Where no policy is at hand nothing is promoted or handed out anyhow; evidence is taken all the same.
    """
    row = find_version(work.connection, name)
    states = (*_PENDING, RequestState.ACTIVE)
    wanted = sa.select(_requests.c.nonce).where(_requests.c.version == row.id, _requests.c.state.in_(states))
    given, voided = evidence_of(work, row.id), []
    for (nonce,) in work.connection.execute(wanted).all():
        try:
            verdict = judge_by(work, find(work, nonce), given)
        except (UsageError, Untrusted):
            continue
        if verdict.outcome is Outcome.DENY:
            void(work, nonce, actor, verdict.reasons[0].message)
            voided.append(nonce)
    return voided


def any_late(work: Work) -> bool:
    """Whether a request's time is over that is not closed."""
    late = (
        sa.select(_requests.c.nonce).where(_requests.c.state == state, _requests.c.expires <= work.at)
        for state in _PENDING
    )
    return any(work.connection.execute(one.limit(1)).first() for one in late)


def expire(work: Work, limit: int = 500) -> int:
    """Close requests whose time is over. Returns how many."""
    late = (
        sa.select(_requests.c.nonce).where(_requests.c.state.in_(_PENDING), _requests.c.expires <= work.at).limit(limit)
    )
    found = work.connection.execute(late).all()
    for (nonce,) in found:
        row = row_of(work, nonce, hold=True)
        if row.state in _PENDING:  # unless it was decided meanwhile
            _close(work, row, RequestState.EXPIRED, "expired", "registry")
    return len(found)


def _check_open(work: Work, row: Any, name: VersionName, said: Request) -> None:
    """Step 4 of `request`."""
    policy = policy_of(work, said.channel)
    if said.break_glass:
        if BREAK_GLASS not in policy.actions or policy.break_glass is None:
            raise Conflict(f"the policy of {said.channel} knows no break-glass", step="request in the normal way")
        if not said.reason.strip():
            raise UsageError("an emergency needs its reason", step="--reason")
    check_bytes(work, row.id, name, said)
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


def _channel(work: Work, model: int, name: str) -> Any:
    wanted = sa.select(_channels).where(_channels.c.model == model, _channels.c.name == name)
    return work.connection.execute(wanted).first()


def _counter(work: Work, model: int, channel: str) -> int:
    found = _channel(work, model, channel)
    return found.counter if found else 0


def _log_of(work: Work, kind: str, row: Any, actor: str, signed: Signed | None = None, **more: Any) -> int:
    about = Subject(f"{row.project}/{row.model}@{row.of}", Digest.parse(row.bytes))
    return _log(work, kind, about, actor, signed, row.channel, row.digest, **more)


def _log(
    work: Work, kind: str, about: Subject, actor: str, signed: Signed | None, channel: str, request: str, **more: Any
) -> int:
    """`request`: the digest of the request's payload, by which a leaf belongs to its row."""
    name = VersionName.parse(about.name)
    envelopes = [str(signed.evidence.digest)] if signed else None
    return work.log(
        kind, name.model, actor, version=name.version, digest=str(about.digest), envelopes=envelopes, channel=channel,
        request=request, **more,
    )  # fmt: skip
