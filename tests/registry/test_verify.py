"""Verify before load, judged from the bundle: what is good passes, and each attack is refused at its step.

The names of TUF's attacks are those of its specification, section 1.5.2.
"""

import base64
import json
import os
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from assaymark.core.bundle import LIMIT, Bundle
from assaymark.core.envelope import Envelope, Signature
from assaymark.core.errors import Malformed, UsageError
from assaymark.core.strictjson import canonical
from assaymark.core.subject import Subject
from assaymark.core.trust import CHAIN
from assaymark.registry.verify import Channel, NotVerified, State, Verified, verify
from tests.registry.makers import (
    FILES,
    NOW,
    World,
    at,
    finding,
    key,
    payload_digest,
    policy,
    policy_digest,
    prove,
    public,
    scan,
    sign,
    sign_root,
)

WORLD = World()
PLACE = Channel.parse(WORLD.place)


def judged(made: Bundle, world: World = WORLD, **options: Any) -> Verified:
    channel = Channel.parse(options.pop("channel", world.place))
    root = options.pop("root", None) or world.trust()
    return verify(made, root, channel, options.pop("state", State()), options.pop("now", NOW))


def refused(step: int, saying: str, made: Bundle, **options: Any) -> None:
    with pytest.raises(NotVerified, match=saying) as caught:
        judged(made, **options)
    assert caught.value.number == step
    assert f"step {step} " in caught.value.message
    assert caught.value.step


def test_what_the_approvers_approved_is_verified() -> None:
    made = WORLD.bundle()
    found = judged(Bundle.read(made.to_bytes()))
    assert found.manifest == WORLD.manifest
    assert found.subject == WORLD.subject
    assert found.people == ("bea", "cid")
    assert found.counter == 3
    assert found.until == at(hours=-23)
    assert found.warnings == ()
    assert found.state.seen(PLACE) == (3, payload_digest(made.activation))
    assert judged(made, state=found.state).state == found.state


def test_counters_of_other_channels_are_kept() -> None:
    before = State(1, {"other/model:production": (9, "x")})
    assert judged(WORLD.bundle(), state=before).state.channels.keys() == {"other/model:production", WORLD.place}


@pytest.mark.parametrize(
    "text", ["production", "fraud:production", "fraud/scorer", "a/b/c:d", "Fraud/scorer:x", "a/b:", ""]
)
def test_a_channel_without_its_model_is_refused(text: str) -> None:
    with pytest.raises(UsageError, match="no channel of a model"):
        Channel.parse(text)
    assert Channel.parse("production", "fraud/scorer") == PLACE
    with pytest.raises(UsageError):
        Channel.parse("fraud/scorer:production", "fraud/other")


# TUF's list


def test_arbitrary_installation() -> None:
    """Everything signed by keys that nobody named: all seven people, the server and the log are the attacker's."""
    root = WORLD.document()
    strangers = {name: f"stranger-{name}" for name in (*root["people"], "server", "log")}
    by = {key(name).keyid: key(other) for name, other in strangers.items()}

    def forged(envelope: Envelope) -> Envelope:
        mine = [by[signature.keyid] for signature in envelope.signatures]
        made = Envelope.sign(envelope.payload_type, envelope.payload, mine)
        return replace(
            made,
            signatures=tuple(
                Signature(o.keyid, s.value) for o, s in zip(envelope.signatures, made.signatures, strict=True)
            ),
        )

    good = WORLD.bundle()
    for name in ("seal", "request", "activation", "timestamp"):
        with pytest.raises(NotVerified):
            judged(replace(good, **{name: forged(getattr(good, name))}))
    with pytest.raises(NotVerified):
        judged(replace(good, approvals=tuple(map(forged, good.approvals))))


def test_rollback() -> None:
    refused(2, "counter 3 is before 4.*rollback", WORLD.bundle(), state=State(1, {WORLD.place: (4, "x")}))


def test_rollback_of_the_trust_root() -> None:
    refused(1, r"older than 2.*rollback", WORLD.bundle(), state=State(2))


def test_rollback_by_another_activation_of_the_same_counter() -> None:
    refused(
        3, "another activation has the counter 3", WORLD.bundle(), state=State(1, {WORLD.place: (3, "sha256:other")})
    )


def test_fast_forward() -> None:
    """A counter near the end would lock the host out of every later version: without approvals of it nothing is kept."""
    top = (1 << 53) - 1
    refused(3, "counter of the activation", WORLD.bundle(timestamp={"counter": top}))
    made = WORLD.bundle(timestamp={"counter": top}, activation={"counter": top})
    refused(4, "counter of the request", made)


def test_fast_forward_of_the_trust_root() -> None:
    far = WORLD.root(version=1 << 40)
    refused(1, "does not follow 1", WORLD.bundle(roots=[WORLD.root(), far]))


def test_indefinite_freeze() -> None:
    refused(2, "fresh until.*freeze", WORLD.bundle(timestamp={"expires": at(seconds=0)}))
    refused(2, "no sign of freshness", WORLD.bundle(timestamp={"expires": at(days=-8)}))


def test_freeze_of_the_trust_root() -> None:
    old = WORLD.trust(expires=at(seconds=0))
    refused(1, "expired at", WORLD.bundle(roots=[]), root=old)


def test_endless_data() -> None:
    with pytest.raises(Malformed, match="at most"):
        Bundle.read(b" " * (LIMIT + 1))
    one = WORLD.root()
    refused(1, f"more than {CHAIN:,}", WORLD.bundle(roots=[one] * (CHAIN + 1)))
    document = json.loads(WORLD.bundle().to_bytes())
    document["approvals"] *= 60
    with pytest.raises(Malformed, match="approvals of the bundle is not a list of at most 100"):
        Bundle.read(canonical(document))
    document = json.loads(WORLD.bundle().to_bytes())
    document["seal"]["signatures"] *= 20
    with pytest.raises(Malformed, match="more than 16 signatures"):
        Bundle.read(canonical(document))


def test_extraneous_dependencies() -> None:
    """Files beside those that were approved: another manifest has another digest."""
    more = World(content={**FILES, "evil.py": b"import os"})
    refused(2, "cross-digest", replace(WORLD.bundle(), manifest=more.manifest))
    others = WORLD.bundle(evidence=[scan(WORLD.subject), scan(more.subject)])
    refused(4, "about another model", others)


def test_mix_and_match() -> None:
    """Parts of two good bundles."""
    one, two = WORLD.bundle(), WORLD.bundle(request={"nonce": "m" * 20})
    refused(3, "mix-and-match", replace(one, timestamp=two.timestamp))
    refused(3, "mix-and-match", replace(one, activation=two.activation))
    refused(4, "mix-and-match", replace(one, request=two.request))
    refused(4, "mix-and-match", replace(one, approvals=two.approvals))
    refused(4, "mix-and-match", replace(one, seal=WORLD.bundle(seal={"at": at(hours=7)}).seal))
    refused(4, "not the set that was approved", replace(one, evidence=(scan(WORLD.subject, made=at(hours=4)),)))
    refused(6, "leaf does not name this activation", replace(one, leaf=two.leaf, proof=two.proof))
    refused(6, "is not number 2", replace(one, proof=two.proof))


def test_wrong_software() -> None:
    """A good bundle of another model, of another channel, or of another project."""
    made = WORLD.bundle()
    for channel in ("fraud/other:production", "fraud/scorer:staging", "loans/scorer:production"):
        refused(2, "the bundle is of fraud/scorer:production", made, channel=channel)


@pytest.mark.parametrize("by", [(), ("root1",), ("root1", "server"), ("server", "log", "bea", "cid")])
def test_key_compromise_below_threshold(by: tuple[str, ...]) -> None:
    """A next root that names the attacker's approvers, signed by fewer root keys than it takes."""
    document = WORLD.document(version=2)
    document["people"]["bea"]["keys"].append({"key": key("evil").keyid, "from": at(days=2), "until": None})
    document["keys"][key("evil").keyid] = public("evil")
    refused(1, "root keys that it takes", WORLD.bundle(roots=[WORLD.root(), sign_root(document, by)]))


def test_a_root_signed_by_its_own_keys_alone() -> None:
    own = {"root": {"keys": [key("evil1").keyid, key("evil2").keyid], "threshold": 2}}
    document = WORLD.document(version=2, **own)
    document["keys"].update({key(name).keyid: public(name) for name in ("evil1", "evil2")})
    refused(1, "by the keys of version 1", WORLD.bundle(roots=[sign_root(document, ("evil1", "evil2"))]))


def test_malicious_mirror() -> None:
    """Half a bundle, another document, nothing."""
    data = WORLD.bundle().to_bytes()
    for sent in (b"", b"{}", b"<html>", data[:-1], data[: len(data) // 2], data + b"\n", b"\xef\xbb\xbf" + data):
        with pytest.raises(Malformed):
            Bundle.read(sent)


# Approvals


def test_approval_replayed_with_an_old_nonce() -> None:
    old = [{"approver": "bea", "nonce": "o" * 20}, {"approver": "cid"}]
    refused(4, "for another nonce.*replay", WORLD.bundle(approvals=old))
    refused(
        4, "for another request.*replay", WORLD.bundle(approvals=[{"approver": "bea", "request": "sha256:" + "0" * 64}])
    )


def test_approval_replayed_at_a_new_counter() -> None:
    refused(4, "for another counter", WORLD.bundle(approvals=[{"approver": "bea", "counter": 2}, {"approver": "cid"}]))


def test_cross_digest_approval() -> None:
    other = World(content={"model.bin": b"other"})
    refused(
        4, "cross-digest", WORLD.bundle(approvals=[{"approver": "bea", "subject": other.subject}, {"approver": "cid"}])
    )


def test_cross_channel_approval() -> None:
    crossed = [{"approver": "bea", "channel": "staging"}, {"approver": "cid"}]
    refused(4, "for another channel", WORLD.bundle(approvals=crossed))


def test_expired_approval() -> None:
    late = [{"approver": "bea", "expires": at(hours=2, minutes=1)}, {"approver": "cid"}]
    refused(4, "later than end of the approval of 'bea'", WORLD.bundle(approvals=late))
    over = [{"approver": "bea", "valid_until": at(seconds=0)}, {"approver": "cid"}]
    refused(4, "was valid until", WORLD.bundle(approvals=over))
    judged(WORLD.bundle(approvals=[{"approver": "bea", "expires": at(hours=2)}, {"approver": "cid"}]))


def test_approval_made_after_the_activation_or_before_the_request() -> None:
    after = [{"approver": "bea", "at": at(hours=1)}, {"approver": "cid"}]
    refused(4, "later than activation", WORLD.bundle(approvals=after))
    before = [{"approver": "bea", "at": at(hours=5)}, {"approver": "cid"}]
    refused(4, "later than approval of 'bea'", WORLD.bundle(approvals=before))


@pytest.mark.parametrize("until", [at(days=1), at(hours=3), at(hours=2, minutes=30), at(hours=2)])
def test_approval_by_a_revoked_key(until: str) -> None:
    """Revoked before it signed, or between signing and use."""
    document = WORLD.document(version=2)
    document["people"]["bea"]["keys"][0]["until"] = until
    made = WORLD.bundle(roots=[WORLD.root(), sign_root(document, ("root1", "root2"))])
    refused(4, "not signed by a key that 'bea' had", made)


def test_what_was_approved_before_a_key_was_revoked_stays_approved() -> None:
    document = WORLD.document(version=2)
    document["people"]["bea"]["keys"][0]["until"] = at(hours=1)
    assert judged(WORLD.bundle(roots=[WORLD.root(), sign_root(document, ("root1", "root2"))])).state.root == 2


def test_a_revoked_key_dated_back() -> None:
    """Stolen keys of approvers, revoked two days ago, and the server: the witnesses' time gives it away."""
    document = WORLD.document()
    for name in ("bea", "cid"):
        document["people"][name]["keys"][0]["until"] = at(days=2)
    then = {"at": at(days=3, minutes=20)}
    made = WORLD.bundle(
        seal={"at": at(days=5)}, evidence=[scan(WORLD.subject, made=at(days=4))], request={"at": at(days=3, hours=1)},
        approvals=[{"approver": "bea", **then}, {"approver": "cid", **then}], activation={"at": at(days=3)},
        roots=[sign_root(document, ("root1", "root2"))],
    )  # fmt: skip
    from assaymark.core.trust import pinned
    from assaymark.storage.keys import public_of

    root = pinned(made.roots[0], public_of)
    refused(6, "0 of the 1 witnesses", made, root=root)


def test_one_person_with_two_keys() -> None:
    document = WORLD.document()
    document["people"]["bea"]["keys"].append({"key": key("bea2").keyid, "from": at(days=9), "until": None})
    document["keys"][key("bea2").keyid] = public("bea2")
    envelope = sign_root(document, ("root1", "root2"))
    from assaymark.core.trust import pinned
    from assaymark.storage.keys import public_of

    twice = [{"approver": "bea"}, {"approver": "bea", "key": "bea2", "reason": "again"}]
    made = WORLD.bundle(approvals=twice, roots=[envelope])
    refused(5, "2 people with the role 'approver'.*of these: bea\\)", made, root=pinned(envelope, public_of))


def test_one_person_with_two_accounts() -> None:
    """One key under two names is no trust root."""
    document = WORLD.document(version=2)
    document["people"]["bea.private"] = {**document["people"]["bea"]}
    made = WORLD.bundle(
        approvals=[{"approver": "bea"}, {"approver": "bea.private", "key": "bea"}],
        roots=[WORLD.root(), sign_root(document, ("root1", "root2"))],
    )
    refused(1, "belongs to 'bea' and to 'bea.private'", made)
    refused(4, "not signed by a key that 'bea.private' had", replace(made, roots=()))


def test_signing_in_the_name_of_another() -> None:
    refused(
        4,
        "not signed by a key that 'cid' had",
        WORLD.bundle(approvals=[{"approver": "bea"}, {"approver": "cid", "key": "bea"}]),
    )


def test_the_same_approval_twice() -> None:
    refused(
        5, "2 people with the role", WORLD.bundle(approvals=[{"approver": "bea"}, {"approver": "bea", "reason": "x"}])
    )
    made = WORLD.bundle()
    refused(4, "names other approvals", replace(made, approvals=(made.approvals[0], made.approvals[0])))


@pytest.mark.parametrize("who", ["ann", "dan"])
def test_publisher_or_requester_approves(who: str) -> None:
    """Even one who has the role of an approver as well."""
    document = WORLD.document()
    document["people"][who]["roles"].append("approver")
    envelope = sign_root(document, ("root1", "root2"))
    from assaymark.core.trust import pinned
    from assaymark.storage.keys import public_of

    made = WORLD.bundle(approvals=[{"approver": "bea"}, {"approver": who}], roots=[envelope])
    refused(5, "other than the publisher and the requester", made, root=pinned(envelope, public_of))


@pytest.mark.parametrize("who", ["eve", "scanner", "ann"])
def test_approval_by_someone_without_the_role(who: str) -> None:
    refused(5, "2 people with the role 'approver'", WORLD.bundle(approvals=[{"approver": "bea"}, {"approver": who}]))


def test_approver_of_another_project() -> None:
    document = WORLD.document()
    document["people"]["cid"]["projects"] = ["loans"]
    envelope = sign_root(document, ("root1", "root2"))
    from assaymark.core.trust import pinned
    from assaymark.storage.keys import public_of

    refused(4, "not signed by a key that 'cid' had", WORLD.bundle(roots=[envelope]), root=pinned(envelope, public_of))


def test_a_denial_is_no_approval() -> None:
    denied = [{"approver": "bea"}, {"approver": "cid", "decision": "deny", "reason": "drifts"}]
    refused(4, "'cid' denied it: drifts", WORLD.bundle(approvals=denied))


@pytest.mark.parametrize("count", [0, 1])
def test_fewer_approvals_than_the_policy_asks(count: int) -> None:
    refused(5, "2 people with the role", WORLD.bundle(approvals=[{"approver": "bea"}][:count]))


def test_old_policy_digest() -> None:
    """The channel's policy was made stricter by a new root after this was approved."""
    stricter = policy() | {"version": 3}
    newer = WORLD.root(version=2, policies={"production": policy_digest(stricter)})
    refused(5, "approved under another policy", WORLD.bundle(roots=[WORLD.root(), newer]))
    refused(5, "approved under another policy", replace(WORLD.bundle(), policy=stricter))


def test_a_weaker_policy_of_the_attackers() -> None:
    weak = policy() | {"actions": {"promote": []}}
    refused(5, "approved under another policy", WORLD.bundle(policy_document=weak, approvals=[]))
    refused(5, "approved under another policy", WORLD.bundle(policy_document=policy("staging")))


def test_worse_evidence() -> None:
    """A later scan with a critical finding, left out of the bundle, or left in it."""
    worse = scan(WORLD.subject, made=at(hours=4, minutes=30), findings=[finding()])
    both = WORLD.bundle(evidence=[scan(WORLD.subject), worse])
    refused(5, "MDL001", both)
    refused(4, "not the set that was approved", replace(both, evidence=both.evidence[:1]))
    broken = replace(worse, signatures=(Signature("0" * 64, b"x" * 64),))
    refused(4, "nobody of the trust root signed", replace(both, evidence=(both.evidence[0], broken)))


@pytest.mark.parametrize(
    "made",
    [
        lambda: scan(WORLD.subject, made=at(days=7, hours=3)),
        lambda: scan(WORLD.subject, made=at(hours=1)),
        lambda: scan(WORLD.subject, by="ann"),
        lambda: scan(WORLD.subject, by="server"),
    ],
    ids=["older than seven days", "after the activation", "by the publisher", "by the server"],
)
def test_scan_evidence_that_does_not_count(made: Callable[[], Envelope]) -> None:
    refused(5, "no evidence of type https://in-toto.io/attestation/test-result", WORLD.bundle(evidence=[made()]))


def test_seal_by_someone_who_may_not_publish() -> None:
    refused(5, "urn:assaymark:seal", WORLD.bundle(seal={"publisher": "eve"}, request={"publisher": "eve"}))
    refused(4, "publisher of the seal is not that of the request", WORLD.bundle(seal={"publisher": "eve"}))
    refused(4, "not signed by a key that 'ann' had", WORLD.bundle(seal={"key": "eve"}))


# The server alone


def test_the_server_alone_forges_everything() -> None:
    """Root on the server, its database, its key and the log's: it says who approved, and cannot sign for them."""
    mine = {"key": "server"}
    made = WORLD.bundle(
        seal=mine, request=mine, evidence=[scan(WORLD.subject, by="server")],
        approvals=[{"approver": "bea", **mine}, {"approver": "cid", **mine}],
    )  # fmt: skip
    refused(4, "seal was not signed by a key that 'ann' had", made)
    refused(4, "request was not signed by a key that 'dan' had", WORLD.bundle(request=mine))
    refused(4, "approval was not signed by a key that 'bea' had", WORLD.bundle(approvals=[{"approver": "bea", **mine}]))
    refused(4, "approval was not signed", WORLD.bundle(approvals=[{"approver": "server", **mine}]))


def test_the_server_moves_the_approvals_to_another_model() -> None:
    """Database edited to ACTIVE: real people's signatures about one model, the server's about another."""
    evil = World(content={"model.bin": b"evil"})
    good = WORLD.bundle()
    theirs = evil.bundle()
    moved = replace(
        theirs, seal=good.seal, request=good.request, approvals=good.approvals,
        activation=evil.bundle(activation={
            "seal": payload_digest(good.seal), "request": payload_digest(good.request),
            "approvals": tuple(sorted(map(payload_digest, good.approvals))),
        }).activation,
    )  # fmt: skip
    moved = replace(moved, timestamp=evil.say_fresh(moved.activation))
    refused(4, "cross-digest", moved)


def test_the_server_names_its_own_key_as_an_approver() -> None:
    document = WORLD.document(version=2)
    document["people"]["bea"]["keys"][0]["key"] = key("server").keyid
    forged = sign_root(document, ("server", "log"))
    refused(1, "people and machines", WORLD.bundle(roots=[WORLD.root(), forged]))


# The log and its witnesses


def test_an_activation_that_is_not_logged() -> None:
    made = WORLD.bundle()
    refused(6, "is not number 2", replace(made, proof=prove(b"another leaf", {"witness1": at(hours=1)})))
    refused(6, "not a log proof", replace(made, proof=""))
    refused(6, "not the event of this activation", WORLD.bundle(event={"type": "deprecated"}))
    refused(6, "not the event of this activation", WORLD.bundle(event={"channel": "staging"}))
    refused(6, "does not name this activation", WORLD.bundle(event={"envelopes": []}))


def test_a_log_of_strangers() -> None:
    refused(6, "not signed by|signature of .* does not fit", WORLD.bundle(log="stranger"))
    made = WORLD.bundle()
    refused(6, "is no log of the trust root", replace(made, proof=prove(made.leaf, {}, "log", "other.example/log")))


@pytest.mark.parametrize(
    "cosigned", [{}, {"stranger": at(hours=1)}, {"log": at(hours=1)}], ids=["none", "stranger", "the log"]
)
def test_a_log_that_no_witness_saw(cosigned: dict[str, str]) -> None:
    refused(6, "0 of the 1 witnesses", WORLD.bundle(cosigned=cosigned))


@pytest.mark.parametrize(
    ("moment", "good"),
    [(at(hours=2), True), (at(hours=-22), True), (at(hours=2, seconds=1), False), (at(hours=-22, seconds=-1), False)],
)
def test_witnesses_saw_it_within_a_day(moment: str, good: bool) -> None:
    made = WORLD.bundle(cosigned={"witness1": moment})
    if good:
        judged(made)
    else:
        refused(6, "0 of the 1 witnesses", made)


def test_one_witness_of_two_dates_back() -> None:
    """Below the quorum it counts for nothing, and does not move the time of the others."""
    world = World(quorum=2)
    made = world.bundle(cosigned={"witness1": at(hours=1), "witness2": at(days=9)})
    refused(6, "1 of the 2 witnesses", made, root=world.trust())
    judged(world.bundle(cosigned={"witness1": at(hours=1), "witness2": at(hours=1)}), world)


def test_without_witnesses_it_says_so() -> None:
    world = World(quorum=0)
    assert "no witnesses" in judged(world.bundle(cosigned={}), world).warnings[0]


# Quarantine


def test_quarantine_by_one_lifted_by_two() -> None:
    held = WORLD.quarantine()
    refused(7, "in quarantine since .*by 'eve': poisoned", WORLD.bundle(quarantine=[held]))
    one, again, two = WORLD.lift(held, "eve"), WORLD.lift(held, "eve", reason="sure"), WORLD.lift(held, "fay")
    refused(7, "in quarantine", WORLD.bundle(quarantine=[held, one]))
    refused(7, "in quarantine", WORLD.bundle(quarantine=[held, one, again]))
    judged(WORLD.bundle(quarantine=[held, one, two]))
    second = WORLD.quarantine("fay", reason="again")
    refused(7, "in quarantine", WORLD.bundle(quarantine=[held, one, two, second]))


def test_a_quarantine_of_other_bytes_does_not_matter() -> None:
    judged(WORLD.bundle(quarantine=[World(content={"a": b"a"}).quarantine()]))


def test_lifts_by_those_who_may_not() -> None:
    held = WORLD.quarantine()
    lifts = [WORLD.lift(held, "bea"), WORLD.lift(held, "fay")]
    refused(7, "not signed by him in the role 'security'", WORLD.bundle(quarantine=[held, *lifts]))
    forged = [WORLD.lift(held, "eve", key="server"), WORLD.lift(held, "fay", key="server")]
    refused(7, "not signed by him", WORLD.bundle(quarantine=[held, *forged]))


def test_a_damaged_quarantine_is_not_passed_over() -> None:
    held = WORLD.quarantine()
    refused(7, "not signed by him", WORLD.bundle(quarantine=[replace(held, signatures=())]))


# Break-glass


def broken_glass(hours: float = -6, **changes: Any) -> Bundle:
    usual: dict[str, Any] = {
        "request": {"break_glass": True, "reason": "fraud wave", "requester": "eve"},
        "approvals": [{"approver": "eve"}, {"approver": "fay"}], "evidence": [], "activation": {"break_glass_until": at(hours=hours)},
    }  # fmt: skip
    return WORLD.bundle(**{**usual, **changes})


def test_break_glass_by_two_of_security_is_loud_and_short() -> None:
    found = judged(broken_glass())
    assert found.warnings[0].startswith("BREAK-GLASS until")
    assert "fraud wave" in found.warnings[0]
    assert found.until == at(hours=-5)  # eight hours after the last approval
    refused(5, "longer than the policy allows", broken_glass(-6.1))
    refused(4, "break-glass ended", broken_glass(), now=NOW + timedelta(hours=6))


def test_break_glass_takes_two_of_security() -> None:
    refused(5, "role 'security'", broken_glass(approvals=[{"approver": "eve"}, {"approver": "bea"}]))
    refused(5, "role 'security'", broken_glass(approvals=[{"approver": "eve"}]))
    refused(4, "do not agree on break-glass", broken_glass(activation={}))
    refused(4, "do not agree on break-glass", WORLD.bundle(activation={"break_glass_until": at(hours=-6)}))


# The clock


@pytest.mark.parametrize(("years", "step"), [(10, 1), (-10, 2), (1, 1), (-1, 2)])
def test_a_clock_that_is_years_off(years: int, step: int) -> None:
    refused(step, "expired|after now", WORLD.bundle(), now=NOW + timedelta(days=365 * years))


def test_a_server_a_few_minutes_ahead_is_borne() -> None:
    judged(WORLD.bundle(), now=NOW - timedelta(hours=1, minutes=5))
    refused(2, "after now", WORLD.bundle(), now=NOW - timedelta(hours=1, minutes=5, seconds=1))


# Every bit


SMALL = World(content={"m": b"x"})
SMALL_TRUST = SMALL.trust()
TEXT = SMALL.bundle(quarantine=[World(content={"o": b"o"}).quarantine()]).to_bytes()


def test_every_bit_of_a_bundle() -> None:
    """Refused, or it says the same. Every third byte, its bits in turn; ASSAY_EVERY_BIT=1 takes all of all (two minutes)."""
    first = judged(Bundle.read(TEXT), SMALL, root=SMALL_TRUST)
    accepted = 0
    every = bool(os.environ.get("ASSAY_EVERY_BIT"))
    bits = [(n // 8, n % 8) for n in range(len(TEXT) * 8)] if every else [(n, n % 8) for n in range(0, len(TEXT), 3)]
    for place, bit in bits:
        flipped = bytearray(TEXT)
        flipped[place] ^= 1 << bit
        try:
            found = judged(Bundle.read(bytes(flipped)), SMALL, root=SMALL_TRUST)
        except (Malformed, NotVerified):
            continue
        accepted += 1
        assert found == first, place
    assert accepted < len(bits) // 20


@given(st.integers(0, len(TEXT) - 1), st.binary(max_size=6), st.integers(0, 6))
@settings(max_examples=200, deadline=None)
def test_any_damage_is_refused_without_a_crash(place: int, put: bytes, drop: int) -> None:
    damaged = TEXT[:place] + put + TEXT[place + drop :]
    try:
        found = judged(Bundle.read(damaged), SMALL, root=SMALL_TRUST)
    except (Malformed, NotVerified):
        return
    assert found == judged(Bundle.read(TEXT), SMALL, root=SMALL_TRUST)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(1 << 53) + 1, (1 << 53) - 1) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=6), inner, max_size=3),
    max_leaves=6,
)


@given(st.data())
@settings(max_examples=150, deadline=None)
def test_any_value_in_place_of_another_is_refused_without_a_crash(data: st.DataObject) -> None:
    """Well-formed JSON with one value replaced anywhere, inside of the signed payloads too (signed anew by nobody)."""
    document = json.loads(TEXT)
    here: Any = document
    path: list[Any] = []
    while True:
        keys = sorted(here) if isinstance(here, dict) else list(range(len(here)))
        name = data.draw(st.sampled_from(keys))
        path.append(name)
        if isinstance(here[name], dict | list) and here[name] and data.draw(st.booleans()):
            here = here[name]
            continue
        break
    if name == "payload":
        inner = json.loads(base64.b64decode(here[name]))
        inner[data.draw(st.sampled_from(sorted(inner)))] = data.draw(JSON)
        here[name] = base64.b64encode(json.dumps(inner).encode()).decode()
    else:
        here[name] = data.draw(JSON)
    sent = json.dumps(document, ensure_ascii=False, sort_keys=True, separators=(",", ":")).encode()
    try:
        judged(Bundle.read(sent), SMALL, root=SMALL_TRUST)
    except (Malformed, NotVerified):
        return
    # What a host holds already needs no signature: the root that it pinned. Nobody is bound by the hint of a key.
    assert document == json.loads(TEXT) or name in {"keyid", "quarantine"} or path[0] == "roots"


def test_signatures_of_the_right_people_over_odd_statements() -> None:
    """What a careless signer may have signed is read as strictly as everything else."""
    from assaymark.core.evidence import Statement

    good = WORLD.bundle()
    for change in ({}, {"extra": 1}, {"counter": True}, {"counter": "3"}, {"nonce": None}, {"at": "2026-11-24"}):
        predicate = json.loads(good.request.payload)["predicate"] | change
        if not change:
            del predicate["reason"]
        odd = sign(
            Statement((Subject(WORLD.subject.name, WORLD.manifest.digest),), "urn:assaymark:request:v1", predicate),
            "dan",
        )
        refused(4, "request", replace(good, request=odd))
