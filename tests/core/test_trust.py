"""The trust root's document, and the chain of its versions (TUF 5.3)."""

import contextlib
import copy
import json
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from assaymark.core.envelope import Envelope
from assaymark.core.errors import Malformed, Untrusted
from assaymark.core.strictjson import canonical
from assaymark.core.trust import PAYLOAD_TYPE, TrustRoot, pinned, update
from assaymark.storage.keys import public_of
from tests.registry.makers import NOW, World, at, key, public, sign_root

WORLD = World()


def read(document: dict[str, Any]) -> TrustRoot:
    return TrustRoot.read(canonical(document), public_of)


def test_who_has_which_key() -> None:
    root = WORLD.trust()
    assert root.keys_of("approver", "any", at(days=1)) == {key("bea").keyid: "bea", key("cid").keyid: "cid"}
    assert root.keys_of("approver", "any", at(days=401)) == {}
    assert root.keys_of_person("bea", at(days=1)) == {key("bea").keyid}
    assert root.keys_of_person("nobody", at(days=1)) == frozenset()
    assert root.person_of(key("eve").keyid) == "eve"
    assert root.person_of(key("server").keyid) is None


def test_a_key_counts_from_and_until() -> None:
    document = WORLD.document()
    document["people"]["bea"] = {
        "roles": ["approver"], "projects": ["fraud"],
        "keys": [{"key": key("bea").keyid, "from": at(days=9), "until": at(days=5)}],
    }  # fmt: skip
    root = read(document)
    counted = [bool(root.keys_of("approver", "fraud", moment).get(key("bea").keyid)) for moment in
               (at(days=9, seconds=1), at(days=9), at(days=5, seconds=1), at(days=5))]  # fmt: skip
    assert counted == [False, True, True, False]
    assert key("bea").keyid not in root.keys_of("approver", "other", at(days=7))
    assert key("bea").keyid not in root.keys_of("security", "fraud", at(days=7))


def _set(*path: Any, to: Any) -> Callable[[dict[str, Any]], None]:
    def act(document: dict[str, Any]) -> None:
        here: Any = document
        for name in path[:-1]:
            here = here[name]
        here[path[-1]] = to

    return act


EVIL = key("evil").keyid
GRANT = {"key": key("bea").keyid, "from": at(days=2), "until": None}
BROKEN: dict[str, tuple[Callable[[dict[str, Any]], object], str]] = {
    "unknown field": (_set("more", to=1), "beyond its fields"),
    "missing field": (lambda d: d.pop("log"), "lacks"),
    "other schema": (_set("schema", to="assaymark/trust-root/v2"), "schema is"),
    "version 0": (_set("version", to=0), "version is 0"),
    "version true": (_set("version", to=True), "version is True"),
    "no expiry": (_set("expires", to=None), "expires is None"),
    "threshold 0": (_set("root", "threshold", to=0), "threshold is 0"),
    "threshold out of reach": (_set("root", "threshold", to=4), "can never be had"),
    "threshold reached by one key twice": (lambda d: d["root"].update(keys=[key("root1").keyid] * 2), "root.keys is"),
    "no root keys": (_set("root", "keys", to=[]), "root.keys is"),
    "quorum out of reach": (_set("witnesses", "quorum", to=3), "can never be had"),
    "key is not the hash of its bytes": (lambda d: d["keys"].update({EVIL: public("bea")}), "not the hash"),
    "key of another kind": (lambda d: d["keys"][key("bea").keyid].update(kind="ecdsa-p256"), "no key of kind"),
    "key is no key": (lambda d: d["keys"][key("bea").keyid].update(public="AAAA"), "no public key"),
    "key is no base64": (lambda d: d["keys"][key("bea").keyid].update(public="AAAB="), "public"),
    "key with loose bits": (lambda d: d["keys"][key("bea").keyid].update(public="AAB="), "public"),
    "named key is not there": (lambda d: d["keys"].pop(key("bea").keyid), "not among the keys"),
    "key of two people": (lambda d: d["people"]["cid"]["keys"].append(GRANT), "belongs to"),
    "key twice for one": (lambda d: d["people"]["bea"]["keys"].append(GRANT), "cannot be"),
    "person with the server's key": (lambda d: d["server"].append(key("bea").keyid), "people and machines"),
    "person with the log's key": (lambda d: d["log"].append({"origin": "x", "key": key("bea").keyid}), "people and machines"),
    "witness with the log's key": (lambda d: d["witnesses"]["keys"].append({"name": "x", "key": key("log").keyid}), "log and its witness"),
    "two witnesses of one name": (lambda d: d["witnesses"]["keys"][1].update(name="witness1"), "one name"),
    "root key of the server": (lambda d: d["server"].append(key("root1").keyid), "people and machines"),
    "until before from": (lambda d: d["people"]["bea"]["keys"][0].update(until=at(days=900)), "until before"),
    "person without roles": (lambda d: d["people"]["bea"].update(roles=[]), "cannot be"),
    "odd person": (lambda d: d["people"].update({"Bea": d["people"].pop("bea")}), "cannot be"),
    "odd channel": (lambda d: d["policies"].update({"A/b": "sha256:" + "0" * 64}), "cannot be"),
    "odd policy": (lambda d: d["policies"].update({"x": "md5:0"}), "cannot be"),
    "origin with a space": (lambda d: d["log"][0].update(origin="a b"), "cannot be|origin"),
    "log is an object": (_set("log", to={}), "log is"),
    "people are a list": (_set("people", to=[]), "people is"),
}  # fmt: skip


@pytest.mark.parametrize("what", BROKEN)
def test_a_document_that_cannot_be(what: str) -> None:
    act, saying = BROKEN[what]
    document = copy.deepcopy(WORLD.document())
    read(document)
    act(document)
    with pytest.raises(Malformed, match=saying):
        read(document)


PLACES = st.lists(st.integers(0, 9), min_size=1, max_size=5)


@given(
    PLACES,
    st.none()
    | st.booleans()
    | st.integers()
    | st.text(max_size=5)
    | st.lists(st.text(max_size=2), max_size=2)
    | st.just({}),
)
@settings(max_examples=150, deadline=None)
def test_any_value_anywhere_is_read_or_malformed(path: list[int], value: Any) -> None:
    document: Any = json.loads(canonical(WORLD.document()))
    here = document
    for step in path:
        names = sorted(here) if isinstance(here, dict) else list(range(len(here)))
        if not names:
            break
        name = names[step % len(names)]
        if not isinstance(here[name], dict | list) or step == path[-1]:
            here[name] = value
            break
        here = here[name]
    with contextlib.suppress(Malformed):
        TrustRoot.read(json.dumps(document).encode(), public_of)


def test_what_is_pinned_was_signed_by_its_own_threshold() -> None:
    assert pinned(WORLD.root(), public_of).version == 1
    for by in ((), ("root1",), ("root1", "root1"), ("root1", "bea")):
        with pytest.raises(Untrusted, match=r"signed by \d of the 2 root keys"):
            pinned(WORLD.root(by=by), public_of)
    other = WORLD.root()
    with pytest.raises(Malformed, match="payload type"):
        pinned(Envelope("application/json", other.payload, other.signatures), public_of)


def test_the_chain_is_followed_one_by_one() -> None:
    roots = [WORLD.root(version=number, expires=at(days=-number)) for number in range(1, 6)]
    root = pinned(roots[0], public_of)
    assert update(root, [], NOW).version == 1
    assert update(root, roots, NOW).version == 5
    assert update(root, roots[1:3], NOW).version == 3
    third = update(root, roots[:3], NOW)
    assert update(third, roots, NOW).version == 5
    with pytest.raises(Untrusted, match="does not follow"):
        update(root, [roots[0], roots[2]], NOW)
    with pytest.raises(Untrusted, match="rollback"):
        update(root, roots, NOW, at_least=6)
    assert update(root, roots, NOW, at_least=5).version == 5


def test_only_the_newest_has_to_be_in_force() -> None:
    roots = [
        WORLD.root(version=1, expires=at(days=3)),
        WORLD.root(version=2, expires=at(days=2)),
        WORLD.root(version=3),
    ]
    root = pinned(roots[0], public_of)
    assert update(root, roots, NOW).version == 3
    with pytest.raises(Untrusted, match="expired"):
        update(root, roots[:2], NOW)
    with pytest.raises(Untrusted, match="expired"):
        update(root, roots, NOW + timedelta(days=4_000))


def test_the_same_version_twice_is_the_same_root() -> None:
    root = WORLD.trust()
    other = WORLD.root(policies={})
    with pytest.raises(Untrusted, match="another one than this host holds"):
        update(root, [other], NOW)
    newer = [WORLD.root(version=2), WORLD.root(version=2, policies={})]
    with pytest.raises(Untrusted, match="another one"):
        update(root, newer, NOW)


def test_root_keys_change_hands() -> None:
    """Version 2 has new keys: old and new ones sign it; version 3 needs only the new."""
    new = {"root": {"keys": [key("new1").keyid, key("new2").keyid], "threshold": 2}}
    keys = {**WORLD.document()["keys"], **{key(n).keyid: public(n) for n in ("new1", "new2")}}
    second = WORLD.document(version=2, keys=keys, **new)
    root = WORLD.trust()
    both = sign_root(second, ("root1", "root3", "new1", "new2"))
    third = sign_root({**second, "version": 3}, ("new1", "new2"))
    assert update(root, [both, third], NOW).version == 3
    for by in (("root1", "new1", "new2"), ("root1", "root2", "new1"), ("new1", "new2"), ("root1", "root2")):
        with pytest.raises(Untrusted, match="root keys that it takes"):
            update(root, [sign_root(second, by)], NOW)
    with pytest.raises(Untrusted, match="by the keys of version 2"):
        update(root, [both, sign_root({**second, "version": 3}, ("root1", "root2"))], NOW)


def test_the_payload_type_of_evidence_is_no_root() -> None:
    assert PAYLOAD_TYPE != "application/vnd.in-toto+json"
