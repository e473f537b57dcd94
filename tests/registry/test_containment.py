"""Containment: what comes from one thing is stopped at once, by one person, and freed by two."""

import json
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from assaymark.bom import graph
from assaymark.core.clock import timestamp
from assaymark.core.digest import Digest
from assaymark.core.errors import AssayError, Conflict, NotFound, Untrusted, UsageError
from assaymark.core.graph import Claims, Edge, EdgeKind, Node, NodeKind
from assaymark.core.statements import Lift, Quarantine
from assaymark.core.subject import Subject
from assaymark.desk import Desk
from assaymark.registrar import Registrar, sign
from assaymark.registry import check, containment, models
from assaymark.registry.containment import Asked, Stale
from assaymark.registry.names import ModelName, VersionName
from assaymark.verifying import verify_folder
from tests.registry.makers import key
from tests.registry.org import MODEL, ONE, Org, a_model

WHAT = "pkg:pypi/torch@<2.6"
TWO, THREE = VersionName(MODEL, "2"), VersionName(MODEL, "3")


def torch(version: str) -> Node:
    purl = f"pkg:pypi/torch@{version}"
    return Node(purl, NodeKind.LIBRARY, "torch", version, purl)


def learn(org: Org, name: VersionName, *needs: Node, document: str = "") -> None:
    """What a bill of materials of the version says: that it needs these."""
    with org.registrar.work() as work:
        digest = models.find_version(work.connection, name).digest
        node = Node(digest, NodeKind.MODEL, name.model.model, name.version, "", (str(name),))
        edges = tuple(Edge(digest, EdgeKind.DEPENDS_ON, need.key) for need in needs)
        said = Claims(f"sha256:{document or name}", digest, (node, *needs), edges, timestamp(org.clock.moment))
        graph.add(work.connection, said)


def folder(tmp_path: Path, name: str) -> Path:
    made = a_model(tmp_path / name)
    (made / "deep" / "vocab.txt").write_text(f"{name}\n")
    return made


@pytest.fixture
def org(tmp_path: Path) -> Org:
    """Three versions: two of them with torch 2.5, one with 2.6."""
    made = Org(tmp_path / "home")
    for name, needs in ((ONE, "2.5.1"), (TWO, "2.6.0"), (THREE, "2.4.0")):
        made.publish(folder(tmp_path, f"m{name.version}"), name)
        learn(made, name, torch(needs))
    return made


def desk(org: Org) -> Desk:
    return Desk(org.registrar, "eve")


def stop(org: Org, name: str, by: str = "eve", what: str = WHAT, reason: str = "bad torch", **changes: Any) -> bytes:
    version = VersionName.parse(name)
    with org.registrar.look() as work:
        digest = models.find_version(work.connection, version).digest
    said = {
        "project": version.model.project, "model": version.model.model, "version": version.version, "by": by,
        "reason": Asked(what, reason).signed_reason, "at": timestamp(org.clock.moment),
    } | changes  # fmt: skip
    signer = said.pop("key", by)
    return sign(Quarantine(**said).statement(Subject(name, Digest.parse(digest))), key(signer))


def contain(org: Org, *names: str, what: str = WHAT, **options: Any) -> dict[str, Any]:
    return desk(org).contain(what, "bad torch", [stop(org, name, what=what) for name in names], **options)


def lifts(org: Org, number: str, by: str) -> list[bytes]:
    return [
        sign(
            Lift(quarantine=one["quarantine"], by=by, reason="fixed", at=timestamp(org.clock.moment)).statement(
                Subject(one["version"], Digest.parse(one["digest"]))
            ),
            key(by),
        )
        for one in desk(org).containment(number)["versions"]
        if by not in one["lifted_by"]
    ]


def state(org: Org, name: VersionName) -> str:
    return str(desk(org).show(str(name))["state"])


BOTH = (str(ONE), str(THREE))


def test_the_preview_names_what_is_affected_and_how(org: Org) -> None:
    org.promote(ONE)
    seen = desk(org).preview_containment(WHAT)
    assert [one["version"] for one in seen["versions"]] == [*BOTH]
    assert seen["count"] == 2 and seen["models"] == 1
    first = seen["versions"][0]
    assert first["channels"] == ["production"] and not first["possibly"]
    assert first["path"][0] == "pkg:pypi/torch@2.5.1" and first["path"][1] == "dependsOn"


def test_all_of_it_is_stopped_at_once_and_logged(org: Org) -> None:
    done = contain(org, *BOTH)
    assert done["stopped"] == 2
    assert [state(org, name) for name in (ONE, TWO, THREE)] == ["quarantined", "verified", "quarantined"]
    org.registrar.ledger.integrate()
    with org.registrar.database.read() as connection:
        leaves = [json.loads(row.leaf) for row in connection.execute(check._leaves.select())]
        assert list(check.problems(connection, org.registrar.store, org.registrar.roots_of(connection))) == []
    own = [leaf for leaf in leaves if leaf.get("containment") == done["containment"]]
    assert [leaf["type"] for leaf in own] == ["quarantined", "quarantined", "contained"]
    assert own[-1]["what"] == WHAT and own[-1]["versions"] == 2


def test_promotion_and_bundles_are_refused_and_a_host_refuses_too(org: Org) -> None:
    org.promote(ONE)
    contain(org, *BOTH)
    with pytest.raises(Conflict):
        org.registrar.bundle(MODEL, "production")
    with pytest.raises(Conflict):
        org.request(THREE)


def test_a_batch_that_lacks_a_version_is_refused_whole(org: Org) -> None:
    with pytest.raises(Stale) as caught:
        contain(org, str(ONE))
    assert caught.value.missing == (str(THREE),) and "fraud/scorer@3" in caught.value.message
    assert state(org, ONE) == "verified"
    assert desk(org).containments() == []


def test_a_batch_that_is_partial_holds_the_rest(org: Org) -> None:
    done = contain(org, str(ONE), partial=True)
    assert done["held"] == [str(THREE)]
    assert state(org, THREE) == "verified"
    with pytest.raises(Conflict, match="held by containment"):
        org.request(THREE)


def test_a_batch_with_a_version_that_is_not_affected_is_refused_whole(org: Org) -> None:
    with pytest.raises(Stale) as caught:
        contain(org, *BOTH, str(TWO))
    assert caught.value.beyond == (str(TWO),)
    assert state(org, ONE) == state(org, TWO) == "verified"


def test_what_came_between_preview_and_act_is_named(org: Org, tmp_path: Path) -> None:
    signed = [stop(org, name) for name in BOTH]
    four = VersionName(MODEL, "4")
    org.publish(folder(tmp_path, "m4"), four)
    learn(org, four, torch("2.5.1"))
    with pytest.raises(Stale, match="fraud/scorer@4"):
        desk(org).contain(WHAT, "bad torch", signed)


@pytest.mark.parametrize("by", ["ann", "bea", "scanner"])
def test_who_is_not_of_security_stops_nothing(org: Org, by: str) -> None:
    with pytest.raises(Untrusted, match="security"):
        desk(org).contain(WHAT, "bad torch", [stop(org, name, by=by) for name in BOTH])
    assert state(org, ONE) == "verified"


def test_a_statement_of_another_key_than_his_stops_nothing(org: Org) -> None:
    with pytest.raises(Untrusted):
        desk(org).contain(WHAT, "bad torch", [stop(org, name, key="ann") for name in BOTH])


def test_a_batch_is_one_persons(org: Org) -> None:
    with pytest.raises(UsageError, match="one person"):
        desk(org).contain(WHAT, "bad torch", [stop(org, str(ONE)), stop(org, str(THREE), by="fay")])


def test_statements_for_another_cause_are_not_taken(org: Org) -> None:
    signed = [stop(org, name, what="pkg:pypi/numpy") for name in BOTH]
    with pytest.raises(Untrusted, match="another reason"):
        desk(org).contain(WHAT, "bad torch", signed)
    with pytest.raises(Untrusted, match="another reason"):
        desk(org).contain(WHAT, "another", [stop(org, name) for name in BOTH])


def test_a_version_twice_is_refused(org: Org) -> None:
    with pytest.raises(UsageError, match="twice"):
        contain(org, *BOTH, str(ONE))


def test_a_batch_that_is_sent_again_changes_nothing(org: Org) -> None:
    signed = [stop(org, name) for name in BOTH]
    number = desk(org).contain(WHAT, "bad torch", signed)["containment"]
    with pytest.raises(Conflict):
        desk(org).contain(WHAT, "bad torch", signed)
    for by in ("eve", "fay"):
        desk(org).lift_containment(number, lifts(org, number, by))
    assert state(org, ONE) == "verified"
    with pytest.raises(Conflict):  # nor after it was lifted
        desk(org).contain(WHAT, "bad torch", signed)
    assert state(org, ONE) == "verified"


def test_what_nothing_has_is_not_found(org: Org) -> None:
    with pytest.raises(NotFound):
        desk(org).preview_containment("pkg:pypi/left-pad")


@pytest.mark.parametrize("scope", ["a/b/c", "UPPER", ""])
def test_a_scope_that_is_none(org: Org, scope: str) -> None:
    with pytest.raises(AssayError):
        desk(org).preview_containment(WHAT, scope=[scope])


def test_it_holds_in_its_scope_alone(org: Org) -> None:
    with org.registrar.work() as work:
        models.create_project(work, "vision")
    assert desk(org).preview_containment(WHAT, scope=["vision"])["versions"] == []
    assert len(desk(org).preview_containment(WHAT, scope=["fraud/scorer"])["versions"]) == 2


# Lifting


def test_two_people_lift_it_and_one_does_not(org: Org) -> None:
    number = contain(org, *BOTH)["containment"]
    done = desk(org).lift_containment(number, lifts(org, number, "eve"))
    assert done["standing"] and done["free"] == []
    assert state(org, ONE) == "quarantined"
    with pytest.raises(Conflict, match="before"):
        desk(org).lift_containment(number, [*lifts(org, number, "eve")] or [_again(org, number)])
    done = desk(org).lift_containment(number, lifts(org, number, "fay"))
    assert not done["standing"] and done["free"] == [*BOTH]
    assert state(org, ONE) == state(org, THREE) == "verified"
    assert desk(org).containments() == []
    org.promote(ONE)


def _again(org: Org, number: str) -> bytes:
    one = desk(org).containment(number)["versions"][0]
    said = Lift(quarantine=one["quarantine"], by="eve", reason="again", at=timestamp(org.clock.moment))
    return sign(said.statement(Subject(one["version"], Digest.parse(one["digest"]))), key("eve"))


def test_lifts_are_all_or_none(org: Org) -> None:
    number = contain(org, *BOTH)["containment"]
    with pytest.raises(Stale):
        desk(org).lift_containment(number, lifts(org, number, "eve")[:1])
    said = [json.loads(one) for one in lifts(org, number, "eve")]
    said[0]["payload"], said[1]["payload"] = said[1]["payload"], said[0]["payload"]
    with pytest.raises(Untrusted):
        desk(org).lift_containment(number, [json.dumps(one).encode() for one in said])
    assert all(not one["lifted_by"] for one in desk(org).containment(number)["versions"])


def test_of_two_containments_that_overlap_each_has_to_be_lifted(org: Org) -> None:
    first = contain(org, *BOTH)["containment"]
    done = contain(org, str(THREE), what="pkg:pypi/torch@2.4.0")
    assert done["already"] == [str(THREE)] and done["stopped"] == 0
    for by in ("eve", "fay"):
        desk(org).lift_containment(first, lifts(org, first, by))
    assert state(org, ONE) == "verified" and state(org, THREE) == "quarantined"
    with pytest.raises(Conflict):
        org.request(THREE)
    for by in ("eve", "fay"):
        free = desk(org).lift_containment(done["containment"], lifts(org, done["containment"], by))
    assert free == {"containment": done["containment"], "standing": False, "free": [str(THREE)]}
    org.promote(THREE)


def test_a_version_that_is_lifted_alone_is_free_and_the_last_one_ends_it(org: Org) -> None:
    number = contain(org, *BOTH)["containment"]
    for one in desk(org).containment(number)["versions"]:
        assert desk(org).containments()
        for by in ("eve", "fay"):
            said = Lift(quarantine=one["quarantine"], by=by, reason="fixed", at=timestamp(org.clock.moment))
            signed = sign(said.statement(Subject(one["version"], Digest.parse(one["digest"]))), key(by))
            desk(org).lift(one["version"], signed)
        assert desk(org).show(one["version"])["state"] == "verified"
    assert desk(org).containments() == []


def test_what_was_revoked_meanwhile_stays_revoked_and_does_not_hinder(org: Org) -> None:
    number = contain(org, *BOTH)["containment"]
    desk(org).set_state(str(ONE), "revoke")
    for by in ("eve", "fay"):
        done = desk(org).lift_containment(number, lifts(org, number, by))
    assert not done["standing"] and state(org, ONE) == "revoked" and state(org, THREE) == "verified"
    with pytest.raises(Conflict, match="was lifted"):
        desk(org).lift_containment(number, [_again(org, number)])


# What comes later


def test_a_version_that_comes_later_is_held_until_it_is_lifted(org: Org, tmp_path: Path) -> None:
    number = contain(org, *BOTH)["containment"]
    four, five = VersionName(MODEL, "4"), VersionName(MODEL, "5")
    org.publish(folder(tmp_path, "m4"), four)
    learn(org, four, torch("2.3.0"))  # a version that the graph did not know before
    org.publish(folder(tmp_path, "m5"), five)
    learn(org, five, torch("2.6.0"))
    assert state(org, four) == "verified"
    for emergency in (False, True):
        with pytest.raises(Conflict, match=f"held by containment {number}"):
            org.request(four, reason="now", emergency=emergency)
    org.promote(five)
    for by in ("eve", "fay"):
        desk(org).lift_containment(number, lifts(org, number, by))
    org.promote(four)


def test_what_is_learnt_later_of_a_version_that_stands_takes_its_bundle_away(org: Org) -> None:
    org.promote(TWO)
    contain(org, *BOTH)
    org.registrar.bundle(MODEL, "production")
    learn(org, TWO, torch("2.5.1"), document="second")
    with pytest.raises(Conflict, match="held by containment"):
        org.registrar.bundle(MODEL, "production")


def test_a_request_that_was_open_is_neither_approved_nor_activated(org: Org) -> None:
    nonce = org.request(TWO)
    contain(org, *BOTH)
    learn(org, TWO, torch("2.5.1"), document="second")
    with pytest.raises(Conflict, match="held by containment"):
        org.approve(nonce, "bea")


def test_a_base_model_takes_its_fine_tunes_with_it(org: Org, tmp_path: Path) -> None:
    model = ModelName("fraud", "tuned")
    with org.registrar.work() as work:
        models.create_model(work, model, "ann")
    tuned = VersionName(model, "1")
    org.publish(folder(tmp_path, "tuned"), tuned)
    with org.registrar.work() as work:
        base, own = (models.find_version(work.connection, name).digest for name in (ONE, tuned))
        nodes = (Node(own, NodeKind.MODEL, "tuned"), Node(base, NodeKind.MODEL, "scorer"))
        edges = (Edge(own, EdgeKind.DESCENDANT_OF, base),)
        graph.add(work.connection, Claims("sha256:tuned", own, nodes, edges, timestamp(org.clock.moment)))
    seen = desk(org).preview_containment(WHAT)
    assert [one["version"] for one in seen["versions"]] == [*BOTH, str(tuned)]
    assert len(seen["versions"][2]["path"]) == 5


def test_a_host_refuses_what_was_contained_and_loads_it_once_it_was_lifted(org: Org, tmp_path: Path) -> None:
    org.promote(ONE)

    def checked() -> None:
        bundle = org.registrar.bundle(MODEL, "production").to_bytes()
        verify_folder(
            tmp_path / "m1", bundle, org.root(), "production", model="fraud/scorer", state=False, now=org.clock.moment
        )

    checked()
    number = contain(org, *BOTH)["containment"]
    with pytest.raises(Conflict):
        org.registrar.bundle(MODEL, "production")
    org.clock.moment += timedelta(hours=1)
    for by in ("eve", "fay"):
        desk(org).lift_containment(number, lifts(org, number, by))
    assert len(org.registrar.bundle(MODEL, "production").quarantine) == 3
    checked()


def test_a_registry_opened_again_still_holds(org: Org, tmp_path: Path) -> None:
    number = contain(org, *BOTH)["containment"]
    org.registrar.close()
    with Registrar.open(org.home, clock=org.clock) as registrar:
        assert [one["id"] for one in Desk(registrar, "eve").containments()] == [number]
        with registrar.look() as work:
            assert containment.find(work, number).what == WHAT


def test_vex_says_affected_of_what_comes_from_it_and_proves_nothing_without_a_lock(org: Org) -> None:
    said = {one["products"][0]["@id"].split(":")[3]: one for one in desk(org).vex(WHAT)["statements"]}
    assert {name: one["status"] for name, one in said.items()} == {
        "fraud/scorer@1": "affected", "fraud/scorer@2": "under_investigation", "fraud/scorer@3": "affected",
    }  # fmt: skip
    assert desk(org).vex(WHAT) == desk(org).vex(WHAT)
    assert "quarantine" in said["fraud/scorer@1"]["action_statement"]
    assert len(desk(org).vex(WHAT, "cyclonedx")["components"]) == 3
