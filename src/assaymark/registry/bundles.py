"""What a serving host needs to verify a channel's version without asking anybody: the bundle (core.bundle)."""

from datetime import timedelta
from typing import Any, Protocol

import sqlalchemy as sa

from assaymark.core.bundle import Bundle
from assaymark.core.clock import timestamp
from assaymark.core.envelope import Envelope, Signer
from assaymark.core.errors import Conflict, NotFound
from assaymark.core.evidence import PAYLOAD_TYPE
from assaymark.core.statements import ACTIVE, Activation, Lift, Quarantine, Seal, Timestamp
from assaymark.core.subject import Subject
from assaymark.registry import holding, tables
from assaymark.registry.gate import Promotion, bound_evidence, find, policy_of, stopped
from assaymark.registry.models import find_model, find_version
from assaymark.registry.names import ModelName
from assaymark.registry.states import RequestState, VersionState
from assaymark.registry.versions import manifest_of, statement_of
from assaymark.registry.work import Signed, Work

_channels, _envelopes, _versions, _models = tables.channels, tables.envelopes, tables.versions, tables.models
_LOADABLE = {VersionState.VERIFIED, VersionState.DEPRECATED, VersionState.REJECTED, VersionState.SEALED}
"""By the version's own state; whether it may be promoted is another question, and evidence that denies voids the request."""


class Receipt(Protocol):
    """Of the ledger: the leaf and the text of its proof."""

    @property
    def leaf(self) -> bytes: ...  # noqa: D102

    @property
    def proof(self) -> str: ...  # noqa: D102


def standing(work: Work, name: ModelName, channel: str) -> Any:
    """The channel's row; raises NotFound where nothing was ever promoted."""
    model = find_model(work.connection, name)
    wanted = sa.select(_channels).where(_channels.c.model == model.id, _channels.c.name == channel)
    row = work.connection.execute(wanted).first()
    if row is None:
        raise NotFound(f"nothing was promoted to {channel} of {name}", step="assay registry request")
    return row


def bundle(work: Work, name: ModelName, channel: str, receipt: Receipt, server: Signer, fresh: timedelta) -> Bundle:
    """All that a host needs. `receipt`: of the channel's ticket. `fresh`: how long the timestamp counts."""
    row = standing(work, name, channel)
    promotion = find(work, row.request)
    version = promotion.row.version
    policy = policy_of(work, channel)
    if policy.digest != promotion.said.policy:
        step = f"request {promotion.name} anew for {channel}"
        raise Conflict(f"{promotion.name} was approved under another policy than that of {channel} now", step=step)
    activation = _activation(work, row.request)
    named = set(Activation.read(activation.statement).approvals)
    return Bundle(
        manifest=manifest_of(work.connection, version),
        seal=_there(statement_of(work, version, Seal.TYPE)).envelope,
        evidence=tuple(item.envelope for item in bound_evidence(work, promotion)),
        request=promotion.signed.envelope,
        approvals=tuple(item.envelope for item in promotion.approvals if str(item.evidence.digest) in named),
        activation=activation.envelope,
        policy=policy.to_json(),
        leaf=receipt.leaf,
        proof=receipt.proof,
        timestamp=freshness(work, name, channel, server, fresh),
        quarantine=tuple(Envelope.from_json(text.encode()) for text in _stops(work, promotion)),
        roots=tuple(Envelope.from_json(text.encode()) for text in _roots(work)),
    )


def freshness(work: Work, name: ModelName, channel: str, server: Signer, fresh: timedelta) -> Envelope:
    """The server's word that the activation still stands; raises Conflict where it does not.

    A quarantined or revoked version, and a request that was made void, get none: hosts refuse it at the latest when
    the timestamp that they hold runs out.
    """
    row = standing(work, name, channel)
    promotion = find(work, row.request)
    state = work.connection.execute(
        sa.select(_versions.c.state).where(_versions.c.id == promotion.row.version)
    ).scalar_one()
    if promotion.row.state != RequestState.ACTIVE or state not in _LOADABLE:
        why = f"{promotion.name} stands in {channel}, but is {state} and its request {promotion.row.state}"
        raise Conflict(why, step=f"promote another version to {channel}")
    other = stopped(work, name.project, str(promotion.digest))
    if other is not None:
        raise Conflict(
            f"the bytes of {promotion.name} are {other.state} as {other.title}", step=f"promote others to {channel}"
        )
    holding.require_free(work, find_version(work.connection, promotion.name), promotion.name)
    activation = _activation(work, row.request)
    said = Activation.read(activation.statement)
    until = work.now + fresh
    stamp = Timestamp(
        project=said.project, model=said.model, version=said.version, channel=said.channel, counter=said.counter,
        activation=str(activation.evidence.digest), status=ACTIVE, at=work.at, expires=timestamp(until),
    )  # fmt: skip
    payload = stamp.statement(Subject(str(promotion.name), promotion.digest)).payload()
    return Envelope.sign(PAYLOAD_TYPE, payload, [server])


def _activation(work: Work, nonce: str) -> Signed:
    wanted = sa.select(_envelopes.c.document).where(
        _envelopes.c.request == nonce, _envelopes.c.predicate_type == Activation.TYPE
    )
    return work.signed(work.connection.execute(wanted).scalar_one().encode())


def _stops(work: Work, promotion: Promotion) -> list[str]:
    """Quarantines of these bytes in the project, whatever they were called, and their lifts, in the order in which they came."""
    wanted = (
        sa.select(_envelopes.c.document)
        .join(_versions, _versions.c.id == _envelopes.c.version)
        .join(_models, _models.c.id == _versions.c.model)
        .where(_versions.c.digest == str(promotion.digest), _models.c.project == promotion.name.model.project)
        .where(_envelopes.c.predicate_type.in_((Quarantine.TYPE, Lift.TYPE)))
    )
    return list(work.connection.execute(wanted.order_by(_envelopes.c.id)).scalars())


def _roots(work: Work) -> list[str]:
    return [row.document for row in work.connection.execute(sa.select(tables.roots).order_by(tables.roots.c.version))]


def _there(signed: Signed | None) -> Signed:
    if signed is None:
        raise Conflict("a statement is missing from the records", step="restore them from a backup")
    return signed
