"""Whether a bundle proves that a version may be loaded from a channel, judged offline from a pinned trust root.

Pure. What has to hold against someone who has the server, its database and its own keys: without the signatures of people whose
keys the server does not hold, no step 4 and 5 pass. What the caller still owes is steps 8 and 9: that the folder's bytes are the
manifest's, and only then to keep the new state (`assaymark.verifying`).
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta

from assaymark.core.bundle import Bundle
from assaymark.core.clock import parse_timestamp, timestamp
from assaymark.core.digest import Digest, sha256
from assaymark.core.envelope import Envelope
from assaymark.core.errors import Malformed, Untrusted, UsageError
from assaymark.core.evidence import Evidence, read_statement
from assaymark.core.manifest import Manifest
from assaymark.core.policy import BREAK_GLASS, PROMOTE, Parties, Policy, decide
from assaymark.core.statements import (
    APPROVE,
    PREDICATES,
    Activation,
    Approval,
    Predicate,
    Request,
    Seal,
    Timestamp,
    evidence_set,
    is_name,
    version_name,
)
from assaymark.core.subject import Subject
from assaymark.core.trust import TrustRoot, update
from assaymark.core.verdict import Outcome
from assaymark.registry.listed import require_named
from assaymark.registry.logged import require_logged
from assaymark.registry.quarantined import require_free

SKEW = timedelta(minutes=5)
"""How far a server's clock may be ahead of ours."""
FRESH = timedelta(days=7)
"""Longest life of a timestamp, whatever it claims (a stolen server key: freeze)."""
SOON = timedelta(days=30)
_FETCH = "fetch a current bundle from the registry"


class NotVerified(Untrusted):
    """Nothing may be loaded. `number` is the step that failed."""

    number = 0


@dataclass(frozen=True, slots=True)
class Channel:
    """Where a version is loaded from: `project/model:channel`."""

    project: str
    model: str
    name: str

    def __str__(self) -> str:
        return f"{self.project}/{self.model}:{self.name}"

    @classmethod
    def parse(cls, text: str, model: str = "") -> "Channel":
        """Read `project/model:channel`, or a channel's name beside `project/model`; raises UsageError."""
        whole, colon, name = text.rpartition(":")
        whole = whole if colon else model
        project, _, short = whole.partition("/")
        if not all(map(is_name, (project, short, name))) or (model and whole != model):
            step = "name all three, as in fraud/scorer:production; a bundle must not choose the model itself"
            raise UsageError(f"{text!r:.200} is no channel of a model", step=step)
        return cls(project, short, name)


@dataclass(frozen=True, slots=True)
class State:
    """What this host has seen: the newest root, and of each channel the highest counter and its activation's digest."""

    root: int = 1
    channels: Mapping[str, tuple[int, str]] = field(default_factory=dict)

    def seen(self, channel: Channel) -> tuple[int, str]:
        """Highest counter of a channel, and the activation that had it; (0, "") before the first."""
        return self.channels.get(str(channel), (0, ""))


@dataclass(frozen=True, slots=True)
class Verified:
    """What was proven. `state` is what to keep once the bytes are those of `manifest`; `until` is how long it holds."""

    manifest: Manifest
    subject: Subject
    channel: Channel
    root: TrustRoot
    counter: int
    people: tuple[str, ...]
    """Who approved."""
    until: str
    warnings: tuple[str, ...]
    activation: str
    """Digest of the activation's payload."""
    state: State
    path: str = ""
    """Where the verified bytes are, once they were."""
    evidence: tuple[Evidence, ...] = field(default=(), repr=False)
    """Every statement about the version that was approved, as it was bound."""


@dataclass(frozen=True, slots=True)
class _Signed:
    """An envelope that was read: its statement's digest, its subject, and the keys of the root that signed it."""

    evidence: Evidence
    digest: str
    subject: Subject


def verify(bundle: Bundle, pinned: TrustRoot, channel: Channel, state: State, now: datetime) -> Verified:
    """Steps 1 to 7; raises NotVerified that says which of them failed and what to do."""
    now = now.astimezone(UTC)
    with _step(1, "trust root"):
        root = update(pinned, bundle.roots, now, at_least=state.root)
    with _step(2, "freshness"):
        fresh = _fresh(bundle, root, channel, state, now)
    with _step(3, "activation"):
        activation, digest = _active(bundle, root, fresh, now)
        seen = state.seen(channel)
        if seen[0] == fresh.counter and seen[1] != digest:
            raise Untrusted(
                f"another activation has the counter {fresh.counter}", step="tell whoever runs the registry"
            )
    with _step(4, "people"):
        request, seal, approvals, evidence = _people(bundle, root, activation, now)
    with _step(5, "policy"):
        _allowed(bundle, root, request, activation, evidence)
        limit = _end_of_break_glass(bundle, activation, approvals, now)
    with _step(5, "bill of materials"):
        require_named(evidence, root, activation.project, activation.at, bundle.manifest)
    with _step(6, "log"):
        require_logged(bundle.leaf, bundle.proof, root, activation, digest, bundle.manifest.digest)
    with _step(7, "quarantine"):
        require_free(bundle.quarantine, root, channel.project, bundle.manifest.digest)
    return Verified(
        manifest=bundle.manifest,
        subject=Subject(version_name(seal.project, seal.model, seal.version), bundle.manifest.digest),
        channel=channel,
        root=root,
        counter=fresh.counter,
        people=tuple(sorted({approval.approver for approval in approvals})),
        until=min(filter(None, [fresh.expires, root.expires, limit, *(one.valid_until for one in approvals)])),
        activation=digest,
        evidence=tuple(evidence),
        warnings=tuple(_warnings(root, activation, request, approvals, now, limit)),
        state=replace(state, root=root.version, channels={**state.channels, str(channel): (fresh.counter, digest)}),
    )


@contextmanager
def _step(number: int, name: str) -> Iterator[None]:
    """Say which step refused."""
    try:
        yield
    except (Untrusted, Malformed) as error:
        refused = NotVerified(f"not verified, step {number} ({name}): {error.message}", step=error.step or _FETCH)
        refused.number = number
        raise refused from error


def _fresh(bundle: Bundle, root: TrustRoot, channel: Channel, state: State, now: datetime) -> Timestamp:
    """Step 2: the server says, now, that this is the newest of exactly this channel."""
    signed = _read(bundle, root, bundle.timestamp)
    said = Timestamp.read(signed.evidence.statement)
    _by_server(signed, root, "the timestamp")
    named = Channel(said.project, said.model, said.channel)
    if named != channel:
        raise Untrusted(f"the bundle is of {named}, not of {channel}", step="fetch the bundle of the channel you load")
    at, end = parse_timestamp(said.at), parse_timestamp(said.expires)
    if at > now + SKEW:
        raise Untrusted(
            f"the timestamp was made at {said.at}, after now ({timestamp(now)})", step="set this host's clock"
        )
    if end <= now:
        raise Untrusted(f"the bundle was fresh until {said.expires} (freeze)", step=_FETCH)
    if end - at > FRESH:
        raise Untrusted(f"a timestamp that holds from {said.at} to {said.expires} is no sign of freshness", step=_FETCH)
    seen = state.seen(channel)[0]
    if said.counter < seen:
        raise Untrusted(f"counter {said.counter} is before {seen}, which this host has seen (rollback)", step=_FETCH)
    return said


def _active(bundle: Bundle, root: TrustRoot, fresh: Timestamp, now: datetime) -> tuple[Activation, str]:
    """Step 3: the activation that the timestamp names, of the manifest at hand. Returns it and its digest."""
    signed = _read(bundle, root, bundle.activation)
    if signed.digest != fresh.activation:
        raise Untrusted("the timestamp speaks of another activation (mix-and-match)", step=_FETCH)
    said = Activation.read(signed.evidence.statement)
    _by_server(signed, root, "the activation")
    _same(said, fresh, "activation", "timestamp", ("project", "model", "version", "channel", "counter"))
    if parse_timestamp(said.at) > now + SKEW:
        raise Untrusted(f"it was activated at {said.at}, after now ({timestamp(now)})", step="set this host's clock")
    return said, signed.digest


def _people(
    bundle: Bundle, root: TrustRoot, activation: Activation, now: datetime
) -> tuple[Request, Seal, list[Approval], list[Evidence]]:
    """Step 4: publisher, requester and approvers each signed, in this order, exactly what was activated."""
    sealed, asked = _read(bundle, root, bundle.seal), _read(bundle, root, bundle.request)
    seal, request = Seal.read(sealed.evidence.statement), Request.read(asked.evidence.statement)
    if (sealed.digest, asked.digest) != (activation.seal, activation.request):
        raise Untrusted("the activation names another seal or request (mix-and-match)", step=_FETCH)
    _by_person(sealed, root, seal.publisher, seal.at, activation.project)
    _by_person(asked, root, request.requester, request.at, activation.project)
    if root.people[request.requester].is_service:
        why = "is a scanner, whose key may stand on the server, and requests nothing"
        raise Untrusted(f"{request.requester!r} {why}", step=_FETCH)
    _same(seal, activation, "seal", "activation", ("project", "model", "version"))
    _same(seal, request, "seal", "request", ("publisher",))
    names = ("project", "model", "version", "channel", "counter", "policy", "evidence")
    _same(request, activation, "request", "activation", names)
    others = [_evidence(bundle, root, envelope) for envelope in bundle.evidence]
    digests = [one.digest for one in others]
    if len(set(digests)) != len(digests) or evidence_set(digests) != activation.evidence:
        raise Untrusted("the evidence is not the set that was approved", step=_FETCH)
    _order("seal", seal.at, "request", request.at)
    _order("activation", activation.at, "end of the request", request.expires)
    _broken_glass(request, activation, now)
    given = [_read(bundle, root, envelope) for envelope in bundle.approvals]
    if tuple(sorted(one.digest for one in given)) != activation.approvals:
        raise Untrusted("the activation names other approvals (mix-and-match)", step=_FETCH)
    approvals = [_approval(one, root, request, asked.digest, activation, now) for one in given]
    return request, seal, approvals, [one.evidence for one in (sealed, *others, *given)]


def _evidence(bundle: Bundle, root: TrustRoot, envelope: Envelope) -> _Signed:
    """Never a seal or an approval: the policy would count it, and nothing here has held it against the request."""
    signed = _read(bundle, root, envelope)
    kind = PREDICATES.get(signed.evidence.statement.predicate_type)
    if kind is not None:
        raise Untrusted(f"a statement of the kind {kind.word()} stands among the evidence", step=_FETCH)
    return signed


def _approval(
    signed: _Signed, root: TrustRoot, request: Request, digest: str, activation: Activation, now: datetime
) -> Approval:
    """One approval: of this request and nothing else, in its time, and by a key that was not taken back before it was used."""
    said = Approval.read(signed.evidence.statement)
    who = said.approver
    if said.decision != APPROVE:
        raise Untrusted(f"{who!r} denied it: {said.reason[:200]}", step="ask for a new version, or a new request")
    if wrong := said.unbound(request, digest):
        raise Untrusted(f"the approval of {who!r} is for another {wrong} than the one at hand (replay)", step=_FETCH)
    _by_person(signed, root, who, said.at, activation.project)
    _by_person(signed, root, who, activation.at, activation.project)
    _order("request", request.at, f"approval of {who!r}", said.at)
    _order(f"approval of {who!r}", said.at, "activation", activation.at)
    _order("activation", activation.at, f"end of the approval of {who!r}", said.expires)
    if parse_timestamp(said.valid_until) <= now:
        step = "ask for a new approval: assay registry request"
        raise Untrusted(f"the approval of {who!r} was valid until {said.valid_until}", step=step)
    return said


def _broken_glass(request: Request, activation: Activation, now: datetime) -> None:
    until = activation.break_glass_until
    if request.break_glass != (until is not None):
        raise Untrusted("the request and the activation do not agree on break-glass", step=_FETCH)
    if until is not None and parse_timestamp(until) <= now:
        raise Untrusted(f"break-glass ended at {until}", step="promote a version in the normal way")


def _allowed(
    bundle: Bundle, root: TrustRoot, request: Request, activation: Activation, evidence: list[Evidence]
) -> None:
    """Step 5: the channel's policy, as the root key holders set it, allows it."""
    policy = Policy.from_json(bundle.policy)
    wanted = root.policies.get(request.channel)
    if wanted is None or policy.digest != wanted or activation.policy != wanted:
        step = "ask for a new request under the policy that is in force: assay policy show"
        raise Untrusted(f"it was approved under another policy than that of {request.channel!r}", step=step)
    subject = Subject(version_name(request.project, request.model, request.version), bundle.manifest.digest)
    at = parse_timestamp(activation.at)
    until = activation.break_glass_until
    if until is not None and (policy.break_glass is None or parse_timestamp(until) - at > policy.break_glass):
        raise Untrusted(f"break-glass until {until} is longer than the policy allows", step="promote it the normal way")
    parties = Parties(root, request.project, request.publisher, request.requester)
    action = BREAK_GLASS if until is not None else PROMOTE
    verdict = decide(action, subject, evidence, policy, at, parties=parties)
    if verdict.outcome is not Outcome.ALLOW:
        reasons = "; ".join(f"{reason.code}: {reason.message}" for reason in verdict.reasons[:5])
        raise Untrusted(f"the policy does not allow it: {reasons}", step="see what is missing: assay policy explain")


def _end_of_break_glass(bundle: Bundle, activation: Activation, approvals: list[Approval], now: datetime) -> str | None:
    """Step 5: the policy's time runs from the last approval. A server could activate what was approved again and again."""
    limit = Policy.from_json(bundle.policy).break_glass
    if activation.break_glass_until is None or limit is None:
        return None
    approved = max((parse_timestamp(one.at) for one in approvals), default=parse_timestamp(activation.at))
    end = min(activation.break_glass_until, timestamp(approved + limit))
    if parse_timestamp(end) <= now:
        step = "promote a version in the normal way"
        raise Untrusted(f"break-glass ended at {end}, {limit} after it was approved", step=step)
    return end


def _read(bundle: Bundle, root: TrustRoot, envelope: Envelope) -> _Signed:
    """A statement about the bundle's manifest, signed by a key of the root at least."""
    statement = read_statement(envelope)
    signers = root.signers(envelope)
    if not signers:
        raise Untrusted(f"nobody of the trust root signed the {statement.predicate_type!r:.80}", step=_FETCH)
    mine = [subject for subject in statement.subjects if subject.digest == bundle.manifest.digest]
    if not mine:
        raise Untrusted(f"the {statement.predicate_type!r:.80} is about another model (cross-digest)", step=_FETCH)
    digest: Digest = sha256(envelope.payload)
    return _Signed(Evidence(statement, digest, signers), str(digest), mine[0])


def _by_server(signed: _Signed, root: TrustRoot, what: str) -> None:
    if not signed.evidence.signers & set(root.server):
        raise Untrusted(f"{what} was not signed by a server of the trust root", step=_FETCH)


def _by_person(signed: _Signed, root: TrustRoot, person: str, at: str, project: str) -> None:
    known = root.people.get(person)
    if known is None or not known.is_in(project) or not signed.evidence.signers & root.keys_of_person(person, at):
        step = "see who has which keys: assay trust show"
        word = signed.evidence.statement.predicate_type.split(":")[-2]
        raise Untrusted(f"the {word} was not signed by a key that {person!r} had at {at}", step=step)


def _same(one: Predicate, other: Predicate, word: str, beside: str, names: tuple[str, ...]) -> None:
    for name in names:
        if getattr(one, name) != getattr(other, name):
            raise Untrusted(f"{name} of the {word} is not that of the {beside} (mix-and-match)", step=_FETCH)


def _order(what: str, one: str, then: str, other: str) -> None:
    if one > other:
        raise Untrusted(f"{what} ({one}) is later than {then} ({other})", step=_FETCH)


def _warnings(
    root: TrustRoot,
    activation: Activation,
    request: Request,
    approvals: list[Approval],
    now: datetime,
    limit: str | None,
) -> Iterator[str]:
    if limit is not None:
        yield f"BREAK-GLASS until {limit}: {request.reason}"
    if not root.quorum:
        yield "no witnesses: only the server's word says when it was activated"
    if parse_timestamp(root.expires) - now < SOON:
        yield f"trust root {root.version} expires at {root.expires}"
    first = min((one.valid_until for one in approvals), default=root.expires)
    if parse_timestamp(first) - now < SOON and activation.break_glass_until is None:
        yield f"an approval is valid until {first}: ask for a new one before"
