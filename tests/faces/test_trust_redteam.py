"""A red team against the trust root's tools and the policy's: slips of the hand that would give away more than was meant."""

import json
from pathlib import Path

import pytest

from assaymark.core.envelope import Envelope
from assaymark.core.errors import Malformed
from assaymark.core.strictjson import canonical
from assaymark.core.trust import PAYLOAD_TYPE, TrustRoot, pinned
from assaymark.storage.keys import load_private, public_of
from tests.faces.conftest import Assay
from tests.faces.test_trust import keys, root_of, signed  # noqa: F401 - a fixture
from tests.registry import makers


def people_of(path: Path) -> dict[str, list[str]]:
    root = TrustRoot.read(root_of(path).payload, public_of)
    return {name: list(person.projects) for name, person in root.people.items()}


def test_a_further_key_does_not_widen_to_all_projects(assay: Assay, folder: Path, signed: Path) -> None:  # noqa: F811 - a fixture
    keys(assay, "cid", "cid2", "cid3")
    draft = ("root2.json",)
    ran = assay("trust", "add", "person", "root.json", "cid", "--role", "approver", "--project", "loans", "--key", "cid",
                "--out", *draft)  # fmt: skip
    assert ran.code == 0, ran.err
    assert assay("trust", "add", "person", *draft, "cid", "--role", "approver", "--key", "cid2").code == 0
    assert people_of(folder / "root2.json")["cid"] == ["loans"]
    assert (
        assay("trust", "add", "person", *draft, "cid", "--role", "approver", "--project", "fraud", "--key", "cid3").code
        == 0
    )
    assert people_of(folder / "root2.json") == {"ann": ["*"], "cid": ["fraud", "loans"]}


def test_a_person_added_twice_with_one_key_is_said(assay: Assay, folder: Path, signed: Path) -> None:  # noqa: F811 - a fixture
    ran = assay(
        "trust", "add", "person", "root.json", "ann", "--role", "security", "--key", "ann", "--out", "root2.json"
    )
    assert ran.code == 2
    assert "'ann' has this key already" in ran.err
    assert not (folder / "root2.json").exists()


@pytest.mark.parametrize("kind", ["log", "witness"])
def test_a_log_or_a_witness_whose_key_no_verifier_takes(assay: Assay, folder: Path, signed: Path, kind: str) -> None:  # noqa: F811 - a fixture
    """Every host would refuse every bundle, after the root was signed by everybody."""
    assert assay("key", "create", "curve", "--type", "ecdsa-p256").code == 0
    name = ("--origin", "other.example/log") if kind == "log" else ("--name", "other")
    ran = assay("trust", "add", kind, "root.json", *name, "--key", "curve", "--out", "root2.json")
    assert ran.code in {2, 3}
    assert "Ed25519" in ran.err
    keys(assay, "edward")
    name = (name[0], "a+b")
    assert assay("trust", "add", kind, "root.json", *name, "--key", "edward", "--out", "root2.json").code in {2, 3}
    assert not (folder / "root2.json").exists()


def test_revoking_a_key_that_is_a_root_key_as_well_says_so(assay: Assay, folder: Path, signed: Path) -> None:  # noqa: F811 - a fixture
    keyid = load_private(str(folder.parent / "home/keys/r1.key")).keyid
    assert (
        assay(
            "trust", "add", "person", "root.json", "rob", "--role", "approver", "--key", "r1", "--out", "root2.json"
        ).code
        == 0
    )
    ran = assay("trust", "revoke", "root2.json", keyid)
    assert ran.code == 0
    assert "is a root key still" in ran.err and "assay trust rotate" in ran.err


def test_revoking_below_the_threshold_or_the_quorum(assay: Assay, folder: Path, signed: Path) -> None:  # noqa: F811 - a fixture
    wit = load_private(str(folder.parent / "home/keys/wit.key")).keyid
    ran = assay("trust", "revoke", "root.json", wit, "--out", "root2.json")
    assert ran.code == 3 and "can never be had" in ran.err
    assert assay("trust", "rotate", "root.json", "--root-key", "r1", "--out", "root2.json").code == 3
    root = load_private(str(folder.parent / "home/keys/r1.key")).keyid
    ran = assay("trust", "revoke", "root.json", root, "--out", "root2.json")
    assert ran.code == 2 and "rotate" in ran.err
    assert not (folder / "root2.json").exists()


def test_a_draft_that_is_edited_by_hand_loses_its_signatures(assay: Assay, folder: Path, signed: Path) -> None:  # noqa: F811 - a fixture
    envelope = root_of(signed)
    document = json.loads(envelope.payload)
    document["people"]["ann"]["roles"] = ["approver", "publisher", "security"]
    forged = Envelope(PAYLOAD_TYPE, canonical(document), envelope.signatures)
    (folder / "forged.json").write_text(json.dumps(forged.to_json()))
    ran = assay("trust", "show", "forged.json")
    assert ran.code == 3
    assert "signed     0 of the 2" in ran.out
    with pytest.raises(Exception, match="signed by 0 of the 2"):
        pinned(forged, public_of)


HOSTILE = "\x1b]0;owned\x07\u202e"


def test_the_terminal_is_not_written_by_a_strangers_policy(assay: Assay, folder: Path) -> None:
    document = makers.policy()
    document["actions"]["promote"][2]["role"] = f"app{HOSTILE}rover"
    document["actions"]["promote"][0]["predicate_type"] = f"urn:{HOSTILE}"
    document["actions"][f"x{HOSTILE}"] = document["actions"]["break-glass"]
    (folder / "policy.json").write_text(json.dumps(document))
    world = makers.World()
    (folder / "root.json").write_text(json.dumps(world.root().to_json()))
    usual = ("--root", "root.json", "--version", "fraud/scorer@7", "--digest", str(world.manifest.digest))
    for arguments in (("show", "policy.json"), ("explain", "policy.json", *usual), ("test", "policy.json", *usual),
                      ("explain", "policy.json", *usual, "--action", "none")):  # fmt: skip
        ran = assay("policy", *arguments)
        assert ran.code in {0, 2, 3}
        for character in "\x1b\x07\u202e":
            assert character not in ran.out + ran.err


def test_the_terminal_is_not_written_by_a_strangers_root(assay: Assay, folder: Path) -> None:
    world = makers.World()
    document = world.document()
    for change in (
        {"name": HOSTILE}, {"log": [{"origin": HOSTILE, "key": document["log"][0]["key"]}]}, {HOSTILE: 1},
        {"people": {HOSTILE: document["people"]["ann"]}}, {"policies": {HOSTILE: "sha256:" + "0" * 64}},
    ):  # fmt: skip
        sent = Envelope(PAYLOAD_TYPE, json.dumps(document | change).encode(), ())
        (folder / "root.json").write_text(json.dumps(sent.to_json()))
        ran = assay("trust", "show", "root.json")
        assert ran.code == 3
        for character in "\x1b\x07\u202e":
            assert character not in ran.out + ran.err


def test_one_key_of_two_people_and_of_person_and_machine() -> None:
    world = makers.World()
    for field in ("server", "log", "witnesses"):
        document = world.document()
        bea = document["people"]["bea"]["keys"][0]["key"]
        document["server"] = [bea] if field == "server" else document["server"]
        if field == "log":
            document["log"][0]["key"] = bea
        if field == "witnesses":
            document["witnesses"]["keys"][0]["key"] = bea
        with pytest.raises(Malformed, match="serves people and machines"):
            TrustRoot.read(canonical(document), public_of)
