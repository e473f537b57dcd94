"""The gate of a promotion: what was signed about a request, and what the channel's policy says of it at a moment.

Rows are not believed: signatures are verified and bindings compared each time, as hosts do it again (registry.verify).
"""

import json
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from assaymark.core.digest import Digest
from assaymark.core.errors import Conflict, NotFound, Untrusted, UsageError
from assaymark.core.evidence import Evidence
from assaymark.core.policy import BREAK_GLASS, PROMOTE, Parties, Policy, decide
from assaymark.core.statements import DENY, Approval, Request, Seal, evidence_set
from assaymark.core.subject import Subject
from assaymark.core.verdict import Outcome, Verdict
from assaymark.registry import holding, tables
from assaymark.registry.names import ModelName, VersionName
from assaymark.registry.shipped import shipped
from assaymark.registry.states import VersionState
from assaymark.registry.versions import all_evidence, newest, statement_of
from assaymark.registry.work import Signed, Work

_requests, _envelopes, _versions, _models = tables.requests, tables.envelopes, tables.versions, tables.models
_WORST = (Outcome.DENY, Outcome.HOLD, Outcome.ALLOW)
_PROMOTABLE = {VersionState.VERIFIED, VersionState.DEPRECATED}
_IN_NEED = _PROMOTABLE | {VersionState.SEALED, VersionState.REJECTED}
"""States in which break-glass may take a version: never what security stopped, or what is gone."""
_STOPPED = (VersionState.QUARANTINED, VersionState.REVOKED)


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


def find(work: Work, nonce: str, *, hold: bool = False) -> Promotion:
    """A request with its signatures; raises NotFound. `hold`: whoever else means to change it waits (PostgreSQL)."""
    row = row_of(work, nonce, hold=hold)
    kept = work.connection.execute(
        sa.select(_envelopes.c.predicate_type, _envelopes.c.document).where(_envelopes.c.request == nonce)
    ).all()
    known = [work.recognised(document.encode()) for kind, document in kept if kind in {Request.TYPE, Approval.TYPE}]
    signed = [item for item in known if item is not None]
    own = next((item for item in signed if item.statement.predicate_type == Request.TYPE), None)
    if own is None:
        raise Untrusted(
            f"the key that signed the request {nonce} is not in the trust root any more", step="request anew"
        )
    approvals = tuple(item for item in signed if item.statement.predicate_type == Approval.TYPE)
    name = VersionName(ModelName(row.project, row.model), row.of)
    return Promotion(row, name, own.statement.subjects[0].digest, own, Request.read(own.statement), approvals)


def row_of(work: Work, nonce: str, *, hold: bool = False) -> Any:
    """The request's row, with the name of its version and the digest of its bytes; raises NotFound."""
    wanted = (
        sa.select(_requests, _versions.c.digest.label("bytes"), _versions.c.name.label("of"), _models.c.project)
        .add_columns(_models.c.name.label("model"))
        .join(_versions, _versions.c.id == _requests.c.version)
        .join(_models, _models.c.id == _versions.c.model)
        .where(_requests.c.nonce == nonce)
    )
    row = work.connection.execute(wanted.with_for_update(of=_requests) if hold else wanted).first()
    if row is None:
        raise NotFound(f"there is no request {nonce[:40]}", step="assay registry requests")
    return row


def bound_evidence(work: Work, promotion: Promotion) -> list[Signed]:
    """The evidence that the request bound: what is here now, or what was before something came later."""
    return _bound(all_evidence(work, promotion.row.version), promotion)


def _bound(came: list[Signed], promotion: Promotion) -> list[Signed]:
    for count in range(len(came), -1, -1):
        then = newest(came[:count])
        if evidence_set(item.evidence.digest for item in then) == promotion.said.evidence:
            return then
    raise Conflict("the evidence that was asked about is not here any more", step="restore it from a backup")


def judge(work: Work, promotion: Promotion) -> Verdict:
    """The gate, at this moment: the channel's policy on what the request bound, as hosts apply it, and on what is known now.

    The worse of the two is the answer.
    """
    came = all_evidence(work, promotion.row.version)
    verdicts = [judge_by(work, promotion, evidence) for evidence in (_bound(came, promotion), newest(came))]
    return min(verdicts, key=lambda verdict: _WORST.index(verdict.outcome))


def judge_by(work: Work, promotion: Promotion, given: list[Signed]) -> Verdict:
    """The policy on this evidence, the seal, and the decisions that count."""
    policy = policy_of(work, promotion.said.channel)
    said = promotion.said
    evidence: list[Evidence] = [item.evidence for item in (*given, *counting(work, promotion))]
    evidence.append(seal_of(work, promotion.row.version, promotion.name).evidence)
    parties = Parties(work.trust, said.project, said.publisher, said.requester)
    return decide(promotion.action, Subject("", promotion.digest), evidence, policy, work.now, parties=parties)


def counting(work: Work, promotion: Promotion) -> list[Signed]:
    """The decisions that hosts will count at this moment (registry.verify, step 4); a denial counts whenever it was made."""

    def counts(item: Signed) -> bool:
        said = Approval.read(item.statement)
        if said.unbound(promotion.said, str(promotion.signed.evidence.digest)):
            return False  # it was checked when it came; the database is not believed
        if item.statement.subjects[0].digest != promotion.digest:
            return False
        in_time = promotion.said.at <= said.at <= work.at <= said.expires and work.at < said.valid_until
        keys = work.trust.keys_of_person(said.approver, work.at)
        return said.decision == DENY or (in_time and bool(item.evidence.signers & keys))

    return [item for item in promotion.approvals if counts(item)]


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


def seal_of(work: Work, version: int, name: VersionName) -> Signed:
    """The publisher's seal; raises Conflict."""
    seal = statement_of(work, version, Seal.TYPE)
    if seal is None:
        raise Conflict(f"{name} is not sealed", step="seal it first")
    return seal


def check_bytes(work: Work, version: int, name: VersionName, said: Request) -> None:
    """Refuse what is not verified, and the bytes that security stopped, under whatever name of the project."""
    held = sa.select(_versions).where(_versions.c.id == version).with_for_update(read=True)
    row = work.connection.execute(held).one()
    if VersionState(row.state) not in (_IN_NEED if said.break_glass else _PROMOTABLE):
        raise Conflict(f"{name} is {row.state}, not verified", step=f"assay registry show {name}")
    other = stopped(work, name.model.project, row.digest)
    if other is not None:
        raise Conflict(
            f"the bytes of {name} are {other.state} as {other.title}", step=f"assay registry show {other.title}"
        )
    holding.require_free(work, row, name)


def stopped(work: Work, project: str, digest: str) -> Any:
    """A version of the project with these bytes that is quarantined or revoked, or None."""
    title = (_models.c.project + "/" + _models.c.name + "@" + _versions.c.name).label("title")
    wanted = (
        sa.select(_versions.c.state, title)
        .join(_models, _models.c.id == _versions.c.model)
        .where(_versions.c.digest == digest, _models.c.project == project, _versions.c.state.in_(_STOPPED))
    )
    return work.connection.execute(wanted.limit(1)).first()
