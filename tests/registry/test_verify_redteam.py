"""A red team against verify before load: single parties, and coalitions just below what the policy asks, who sign what they like."""

import json
from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from assaymark.core.clock import timestamp
from assaymark.core.envelope import Envelope
from assaymark.core.evidence import PAYLOAD_TYPE, Statement, read_statement
from assaymark.core.statements import Request, Seal, evidence_set
from assaymark.core.subject import Subject
from assaymark.core.trust import TrustRoot, pinned
from assaymark.registry.verify import NotVerified
from assaymark.storage.keys import public_of
from tests.registry.makers import (
    NOW,
    World,
    at,
    bom,
    key,
    policy,
    policy_digest,
    public,
    scan,
    sign,
    sign_root,
)
from tests.registry.test_verify import judged, refused

WORLD = World()
TWO = ("root1", "root2")


def trusting(document: Mapping[str, Any]) -> tuple[TrustRoot, tuple[Envelope]]:
    """A root of that document, pinned, and as the bundle carries it."""
    envelope = sign_root(document, TWO)
    return pinned(envelope, public_of), (envelope,)


def cosigned(envelope: Envelope, *by: str) -> Envelope:
    """The same payload with the signatures of others beside it."""
    more = Envelope.sign(envelope.payload_type, envelope.payload, [key(name) for name in by])
    return replace(envelope, signatures=(*envelope.signatures, *more.signatures))


# Coalitions below what the policy asks


def old_approval(by: str, **changes: Any) -> Envelope:
    """What an approver once signed about these bytes for another channel."""
    asked = WORLD.bundle().request
    bound = {
        "channel": "staging",
        "counter": 1,
        "policy": policy_digest(policy("staging")),
        "evidence": evidence_set([]),
        "nonce": "s" * 20,
    }
    return WORLD.approval(asked, bound, {"approver": by, "at": at(days=2), **changes})


def test_an_old_approval_passed_as_evidence_is_no_approval() -> None:
    """Server, requester and one approver: the second approval was given for staging, and stands among the evidence."""
    evidence = [scan(WORLD.subject), old_approval("cid")]
    refused(4, "approval stands among the evidence", WORLD.bundle(evidence=evidence, approvals=[{"approver": "bea"}]))
    expired = [scan(WORLD.subject), old_approval("cid", expires=at(days=1), valid_until=at(days=1))]
    refused(4, "approval stands among the evidence", WORLD.bundle(evidence=expired, approvals=[{"approver": "bea"}]))


def test_anothers_seal_passed_as_evidence_is_no_seal() -> None:
    """One who may not publish seals; the seal of one who may stands among the evidence, and he approves himself."""
    document = WORLD.document()
    document["people"]["ann"]["roles"].append("approver")
    root, roots = trusting(document)
    named = {"project": "fraud", "model": "scorer", "version": "7", "publisher": "ann", "at": at(days=1)}
    evidence = [scan(WORLD.subject), WORLD.say(Seal, "publisher", named, None)]
    made = WORLD.bundle(
        seal={"publisher": "eve"}, request={"publisher": "eve"}, evidence=evidence, roots=roots,
        approvals=[{"approver": "bea"}, {"approver": "ann"}],
    )  # fmt: skip
    refused(4, "seal stands among the evidence", made, root=root)


def test_a_cosignature_on_an_approval_is_no_second_approval() -> None:
    """One approver, and a stolen key of another that was taken back before the activation, both under one approval."""
    document = WORLD.document()
    document["people"]["cid"]["keys"][0]["until"] = at(hours=2, minutes=30)
    root, roots = trusting(document)
    plain = WORLD.bundle(approvals=[{"approver": "bea"}], roots=roots)
    refused(5, "of these: bea", plain, root=root)
    both = cosigned(plain.approvals[0], "cid")
    refused(5, "of these: bea", replace(plain, approvals=(both,)), root=root)


def test_a_cosignature_on_a_seal_makes_nobody_a_publisher() -> None:
    """The seal names one who may not publish; who may cosigned it, and is not excluded from approving."""
    document = WORLD.document()
    document["people"]["ann"]["roles"].append("approver")
    root, roots = trusting(document)
    made = WORLD.bundle(
        seal={"publisher": "eve"}, request={"publisher": "eve"}, roots=roots,
        approvals=[{"approver": "bea"}, {"approver": "ann"}],
    )  # fmt: skip
    refused(5, "urn:assaymark:seal", replace(made, seal=cosigned(made.seal, "ann")), root=root)


def both_roles() -> dict[str, Any]:
    """A policy that asks for an approver and for someone of security."""
    document = policy()
    need = document["actions"]["promote"][-1] | {"threshold": 1}
    document["actions"]["promote"][-1:] = [need, need | {"role": "security"}]
    return document


def test_one_person_with_two_roles_is_not_two_people() -> None:
    asks = both_roles()
    document = WORLD.document(policies={"production": policy_digest(asks)})
    document["people"]["bea"]["roles"] = ["approver", "security"]
    root, roots = trusting(document)
    usual: dict[str, Any] = {"policy_document": asks, "roots": roots}
    refused(5, "distinct people", WORLD.bundle(approvals=[{"approver": "bea"}], **usual), root=root)
    judged(WORLD.bundle(approvals=[{"approver": "bea"}, {"approver": "eve"}], **usual), root=root)
    judged(WORLD.bundle(approvals=[{"approver": "bea"}, {"approver": "cid"}], **usual), root=root)


SINGLE = ("server", "log", "witness1", "witness2", "bea", "cid", "ann", "dan", "scanner", "root1", "eve")
PARTS = ("seal", "request", "activation", "timestamp", "approvals", "evidence")


def mutations(predicate: Mapping[str, Any]) -> list[tuple[str, Any]]:
    """Another value for each field of a predicate, of the same kind."""
    changed: dict[type, Any] = {str: "other", int: 4, bool: True, list: [], type(None): at(days=-1)}
    found = [(name, changed[type(value)]) for name, value in predicate.items() if not isinstance(value, dict)]
    later = [(name, timestamp(NOW + timedelta(days=3000))) for name, value in predicate.items() if name in
             {"at", "expires", "valid_until"}]  # fmt: skip
    return [*found, *later, ("project", "loans"), ("counter", 2), ("version", "8")]


def re_signed(envelope: Envelope, name: str, value: Any, by: str) -> Envelope:
    statement = read_statement(envelope)
    return sign(Statement(statement.subjects, statement.predicate_type, {**statement.predicate, name: value}), by)


@pytest.mark.parametrize("part", PARTS)
def test_no_field_can_be_changed_by_one_party(part: str) -> None:
    """Each field of each statement, signed anew by each single party that holds a key of the root, the rest as it was."""
    good = WORLD.bundle()
    first = getattr(good, part)
    old = first if isinstance(first, Envelope) else first[0]
    for name, value in mutations(read_statement(old).predicate):
        for by in SINGLE:
            new = re_signed(old, name, value, by)
            if new.payload == old.payload:
                continue
            put: Any = new if isinstance(first, Envelope) else (new, *first[1:])
            tried = replace(good, **{part: put})
            if part == "timestamp" and by == "server" and name == "expires":
                judged(replace(good, timestamp=re_signed(old, "expires", at(days=-6), by)))
                if value != at(days=-6):
                    refused(2, ".", tried)
                continue
            if part == "timestamp" and by == "server" and name == "at" and value == "other":
                continue
            with pytest.raises(NotVerified):
                judged(tried)


@pytest.mark.parametrize(
    "field", ["counter", "channel", "version", "model", "project", "policy", "evidence", "request", "seal"]
)
def test_the_server_alone_signs_a_whole_other_activation(field: str) -> None:
    """Server and log and both witnesses: activation, timestamp, event and proof follow; the people's signatures do not."""
    other = {"counter": 4, "channel": "staging", "version": "8", "model": "other", "project": "loans"}
    value = other.get(field, "sha256:" + "1" * 64)
    changes = {field: value}
    made = WORLD.bundle(
        activation=changes, timestamp=changes if field in other else None,
        event={field: value} if field in other else None, cosigned={"witness1": at(hours=2), "witness2": at(hours=2)},
    )  # fmt: skip
    place = {"project": "fraud", "model": "scorer", "channel": "production", **changes}
    with pytest.raises(NotVerified):
        judged(made, channel=f"{place['project']}/{place['model']}:{place['channel']}")


# Time


def test_a_scan_by_a_key_that_was_taken_back_before_the_activation() -> None:
    """A scanner's key that was stolen, and taken back, dates a clean scan back into the days that the policy takes."""
    document = WORLD.document()
    document["people"]["scanner"]["keys"][0]["until"] = at(hours=3)
    root, roots = trusting(document)
    refused(5, "test-result", WORLD.bundle(roots=roots), root=root)
    document["people"]["scanner"]["keys"][0]["until"] = at(hours=1)
    root, roots = trusting(document)
    judged(WORLD.bundle(roots=roots), root=root)


def test_a_seal_by_a_key_that_ended_later_stands() -> None:
    document = WORLD.document()
    document["people"]["ann"]["keys"][0]["until"] = at(hours=5)
    root, roots = trusting(document)
    judged(WORLD.bundle(roots=roots, boms=[bom(WORLD.manifest, "scanner")]), root=root)
    refused(5, "bom", WORLD.bundle(roots=roots), root=root)  # nobody vouches for when that was made


@pytest.mark.parametrize(
    ("since", "good"), [(at(hours=3), True), (at(hours=2, minutes=59), False), (at(hours=1), False)]
)
def test_a_key_given_between_approval_and_activation(since: str, good: bool) -> None:
    document = WORLD.document()
    document["people"]["bea"]["keys"][0]["from"] = since
    root, roots = trusting(document)
    made = WORLD.bundle(roots=roots)
    if good:
        judged(made, root=root)
    else:
        refused(4, "not signed by a key that 'bea' had", made, root=root)


def test_a_statement_from_the_future() -> None:
    ahead = at(minutes=-6)
    refused(2, "after now", WORLD.bundle(timestamp={"at": ahead}))
    refused(3, "after now", WORLD.bundle(activation={"at": ahead}))
    refused(4, "later than activation", WORLD.bundle(approvals=[{"approver": "bea", "at": ahead}, {"approver": "cid"}]))
    far = "9999-12-31T23:59:59Z"
    for part in ("seal", "request", "activation", "timestamp"):
        with pytest.raises(NotVerified):
            judged(WORLD.bundle(**{part: {"at": far}}))
    with pytest.raises(NotVerified):
        judged(WORLD.bundle(timestamp={"expires": far}))
    with pytest.raises(NotVerified):
        judged(WORLD.bundle(activation={"break_glass_until": far}, request={"break_glass": True}))


def test_two_roots_of_one_version() -> None:
    one = sign_root(WORLD.document(version=2), TWO)
    two = sign_root(WORLD.document(version=2, server=[]), TWO)
    refused(1, "is another one than this host holds", WORLD.bundle(roots=[WORLD.root(), one, two]))


def test_a_gap_in_the_chain() -> None:
    refused(1, "does not follow 1", WORLD.bundle(roots=[WORLD.root(), WORLD.root(version=3)]))
    two = WORLD.root(version=2)
    refused(1, "does not follow 1", WORLD.bundle(roots=[WORLD.root(version=3), two]))


def test_the_server_activates_break_glass_again_and_again() -> None:
    """What two of security allowed for eight hours does not begin anew with each activation that the server signs of it."""
    usual: dict[str, Any] = {
        "request": {"break_glass": True, "requester": "eve", "at": at(hours=8, minutes=30)}, "evidence": [],
        "seal": {"at": at(hours=9)},
        "activation": {"break_glass_until": at(hours=-6)},
    }  # fmt: skip
    old = {"at": at(hours=8)}
    again = WORLD.bundle(approvals=[{"approver": "eve", **old}, {"approver": "fay", **old}], **usual)
    refused(5, "break-glass ended at .*8:00:00 after it was approved", again)
    soon = {"at": at(hours=7)}
    late = WORLD.bundle(approvals=[{"approver": "eve", **soon}, {"approver": "fay", **old}], **usual)
    assert judged(late).until == at(hours=-1)


# Quarantine


def test_a_lift_dated_before_its_quarantine_lifts_nothing() -> None:
    """One of security, and a stolen key of another that was taken back before the quarantine."""
    document = WORLD.document()
    document["people"]["fay"]["keys"][0]["until"] = at(hours=2)
    root, roots = trusting(document)
    held = WORLD.quarantine()
    lifts = [WORLD.lift(held, "eve"), WORLD.lift(held, "fay", at=at(hours=3))]
    refused(7, "in quarantine", WORLD.bundle(quarantine=[held, *lifts], roots=roots), root=root)


def test_lifts_by_one_person_with_two_keys() -> None:
    document = WORLD.document()
    document["people"]["eve"]["keys"].append({"key": key("eve2").keyid, "from": at(days=9), "until": None})
    document["keys"][key("eve2").keyid] = public("eve2")
    root, roots = trusting(document)
    held = WORLD.quarantine()
    lifts = [WORLD.lift(held, "eve"), WORLD.lift(held, "eve", key="eve2", reason="again")]
    refused(7, "in quarantine", WORLD.bundle(quarantine=[held, *lifts], roots=roots), root=root)


def test_a_lift_of_another_quarantine_or_of_other_bytes() -> None:
    held, other = WORLD.quarantine(), WORLD.quarantine(reason="another")
    lifts = [WORLD.lift(other, "eve"), WORLD.lift(other, "fay")]
    refused(7, "in quarantine", WORLD.bundle(quarantine=[held, *lifts]))
    elsewhere = Subject("fraud/scorer@7", World(content={"a": b"a"}).manifest.digest)
    crossed = [WORLD.lift(held, by, subject=elsewhere) for by in ("eve", "fay")]
    refused(7, "in quarantine", WORLD.bundle(quarantine=[held, *crossed]))


# Odd documents


def raw(predicate_type: str, predicate: str, subject: str, by: str) -> Envelope:
    head = '{"_type":"https://in-toto.io/Statement/v1","subject":'
    payload = f'{head}{subject},"predicateType":"{predicate_type}","predicate":{predicate}}}'
    return Envelope.sign(PAYLOAD_TYPE, payload.encode(), [key(by)])


def subject_text(*, twice: bool = False, digest: str = "") -> str:
    one = json.dumps(
        {"name": WORLD.subject.name, "digest": {"assaymark-manifest-v1": digest or WORLD.manifest.digest.value}}
    )
    return f"[{one},{one}]" if twice else f"[{one}]"


def test_numbers_and_keys_of_which_there_are_two_readings() -> None:
    good = WORLD.bundle()
    predicate = json.dumps(json.loads(good.request.payload)["predicate"])
    for odd in (
        "3.0",
        "3e0",
        "0x3",
        "03",
        "-3",
        "9007199254740993",
        "1" * 5000,
        '"3"',
        "NaN",
        "true",
        "[3]",
        '3,"counter":2',
    ):
        text = predicate.replace('"counter": 3', f'"counter": {odd}')
        assert text != predicate
        with pytest.raises(NotVerified):
            judged(replace(good, request=raw(Request.TYPE, text, subject_text(), "dan")))
    for text in (
        predicate.replace('"reason"', '"rea\u017fon"'),
        predicate.replace('"better', '"\\ud800'),
        predicate + predicate,
    ):
        with pytest.raises(NotVerified):
            judged(replace(good, request=raw(Request.TYPE, text, subject_text(), "dan")))


def test_subjects_that_say_two_things() -> None:
    good = WORLD.bundle()
    predicate = json.dumps(json.loads(good.seal.payload)["predicate"])
    for subject in (
        subject_text(twice=True), "[]", "{}", '"x"', "[[]]", "[null]", '[{"name":"x","digest":{}}]',
        '[{"digest":{"sha512":"00"}}]', '[{"name":1,"digest":{"sha256":"00"}}]', subject_text(digest=WORLD.manifest.digest.value.upper()),
    ):  # fmt: skip
        refused(4, ".", replace(good, seal=raw(Seal.TYPE, predicate, subject, "ann")))


@pytest.mark.parametrize("threshold", [0, -1])
def test_a_requirement_without_a_threshold(threshold: int) -> None:
    """No channel's policy can take what nobody signed, or ask for less than nothing."""
    asks = policy()
    need = asks["actions"]["promote"][2]
    need["threshold"] = threshold
    refused(5, "not a policy", replace(WORLD.bundle(), policy=asks))
    del need["role"], need["exclude"]
    need["threshold"] = -1
    refused(5, "not a policy", replace(WORLD.bundle(), policy=asks))


def test_a_policy_without_the_action() -> None:
    for actions in ({}, {"promote": []}, {"break-glass": policy()["actions"]["break-glass"]}):
        asks = policy() | {"actions": actions}
        root, roots = trusting(WORLD.document(policies={"production": policy_digest(asks)}))
        refused(5, "policy", WORLD.bundle(policy_document=asks, roots=roots, approvals=[]), root=root)
