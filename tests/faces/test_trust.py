"""`assay trust` and `assay policy`: several people, each with a key of his own, draft, sign and read."""

import json
from pathlib import Path

import pytest

from assaymark.core.clock import SystemClock
from assaymark.core.envelope import Envelope
from assaymark.core.errors import Untrusted
from assaymark.core.statements import Seal
from assaymark.core.trust import pinned, update
from assaymark.storage.keys import load_private, public_of
from tests.faces.conftest import Assay
from tests.registry import makers


def keys(assay: Assay, *names: str) -> None:
    for name in names:
        assert assay("key", "create", name).code == 0


@pytest.fixture
def signed(assay: Assay, folder: Path) -> Path:
    """Version 1, with a person and a server, signed by two of three."""
    keys(assay, "r1", "r2", "r3", "ann", "srv", "wit")
    ran = assay("trust", "init", "root.json", "--name", "example", "--root-key", "r1", "--root-key", "r2", "--root-key", "r3",
                "--threshold", 2)  # fmt: skip
    assert ran.code == 0, ran.err
    assert "2 more signatures" in ran.err
    for arguments in (
        ("add", "person", "root.json", "ann", "--role", "publisher", "--role", "approver", "--key", "ann"),
        ("add", "server", "root.json", "--key", "srv"),
        ("add", "log", "root.json", "--origin", "registry.example/log", "--key", "srv"),
        ("add", "witness", "root.json", "--name", "wit", "--quorum", 1, "--key", "wit"),
        ("policy", "root.json", "production", "production"),
    ):
        ran = assay("trust", *arguments)
        assert ran.code == 0, ran.err
    assert assay("trust", "show", "root.json").code == 3
    for name in ("r1", "r3"):
        assert assay("trust", "sign", "root.json", "--key", name).code == 0
    return folder / "root.json"


def root_of(path: Path) -> Envelope:
    return Envelope.from_json(path.read_bytes())


def test_a_root_that_enough_signed_can_be_pinned(assay: Assay, signed: Path) -> None:
    ran = assay("trust", "show", "root.json")
    assert (ran.code, ran.err) == (0, "")
    for line in (
        "person     ann  approver, publisher  in *",
        "quorum     1 of 1 witnesses",
        "registry.example/log",
        "did not sign",
    ):
        assert line in ran.out
    root = pinned(root_of(signed), public_of)
    assert root.people["ann"].roles == ("approver", "publisher")
    assert root.policies.keys() == {"production"}


def test_the_next_version_is_signed_by_both(assay: Assay, folder: Path, signed: Path) -> None:
    ran = assay("trust", "revoke", "root.json", load_private(str(folder.parent / "home/keys/ann.key")).keyid[:12])
    assert ran.code == 2 and "--out FILE" in ran.err
    keyid = load_private(str(folder.parent / "home/keys/ann.key")).keyid
    assert assay("trust", "revoke", "root.json", keyid[:12], "--out", "root2.json").code == 0
    keys(assay, "n1", "n2")
    ran = assay(
        "trust", "rotate", "root2.json", "--root-key", "n1", "--root-key", "n2", "--threshold", 1, "--expires-days", 30
    )
    assert ran.code == 0, ran.err
    assert assay("trust", "sign", "root2.json", "--key", "r1").code == 2
    for name in ("n1", "r1"):
        assert assay("trust", "sign", "root2.json", "--key", name, "--previous", "root.json").code == 0
    now = SystemClock().now()
    first, second = pinned(root_of(signed), public_of), folder / "root2.json"
    assert assay("trust", "show", "root2.json", "--previous", "root.json").code == 3
    with pytest.raises(Untrusted, match="by the keys of version 1"):
        update(first, [root_of(second)], now)
    assert assay("trust", "sign", "root2.json", "--key", "r2", "--previous", "root.json").code == 0
    assert assay("trust", "show", "root2.json", "--previous", "root.json").code == 0
    after = update(first, [root_of(signed), root_of(second)], now)
    assert after.version == 2 and len(after.root_keys) == 2
    assert after.people["ann"].keys[0].until is not None


def test_a_change_of_a_draft_drops_its_signatures(assay: Assay, folder: Path, signed: Path) -> None:
    assert assay("trust", "rotate", "root.json", "--out", "root2.json").code == 0
    assert assay("trust", "sign", "root2.json", "--key", "r1").code == 0
    assert len(root_of(folder / "root2.json").signatures) == 1
    assert assay("trust", "add", "person", "root2.json", "bea", "--role", "approver", "--key", "n9").code == 2
    keys(assay, "bea")
    assert assay("trust", "add", "person", "root2.json", "bea", "--role", "approver", "--key", "bea").code == 0
    assert root_of(folder / "root2.json").signatures == ()
    assert assay("trust", "rotate", "root2.json", "--out", "root3.json").code == 2


@pytest.mark.parametrize(
    ("arguments", "saying"),
    [
        (("trust", "init", "root.json", "--name", "x", "--root-key", "r1", "--threshold", "1"), "is there already"),
        (("trust", "init", "new.json", "--name", "x", "--root-key", "r1", "--threshold", "2"), "can never be had"),
        (("trust", "init", "new.json", "--name", "X y", "--root-key", "r1", "--threshold", "1"), "name is 'X y'"),
        (("trust", "add", "person", "root.json", "bea", "--role", "approver", "--key", "ann", "--out", "n.json"), "belongs to"),
        (("trust", "add", "server", "root.json", "--key", "ann", "--out", "n.json"), "people and machines"),
        (("trust", "revoke", "root.json", "0" * 64, "--out", "n.json"), "no person and no machine"),
        (("trust", "revoke", "root.json", "00", "--out", "n.json"), "is no key id"),
        (("trust", "revoke", "root.json", "0" * 64, "--until", "soon", "--out", "n.json"), "is no time"),
        (("trust", "sign", "root.json", "--key", "ann"), "is no root key"),
        (("trust", "show", "nothing.json"), "No such file"),
        (("trust", "show", "clean.pkl"), "not UTF-8"),
        (("trust", "policy", "root.json", "production", "clean.pkl", "--out", "n.json"), "not UTF-8"),
        (("trust", "policy", "root.json", "Prod", "production", "--out", "n.json"), "cannot be"),
    ],
)  # fmt: skip
def test_what_cannot_be_is_said(assay: Assay, signed: Path, arguments: tuple[str, ...], saying: str) -> None:
    ran = assay(*arguments)
    assert ran.code in {2, 3}
    assert saying in ran.err
    assert not (signed.parent / "n.json").exists()
    assert not (signed.parent / "new.json").exists()


def test_policy_show(assay: Assay) -> None:
    ran = assay("policy", "show", "production")
    assert ran.code == 0
    assert "scan by 1 person with the role scanner, at most 7 days old" in ran.out
    assert "approval by 2 people with the role approver, not the publisher or the requester" in ran.out
    assert "break-glass stands for at most 8:00:00" in ran.out
    assert json.loads(assay("policy", "show", "staging", "--json").out) == makers.policy("staging")
    assert assay("policy", "show", "nowhere").code == 2


def test_policy_explains_what_is_missing_and_how_to_make_it(assay: Assay, folder: Path) -> None:
    world = makers.World()
    (folder / "root.json").write_text(json.dumps(world.root().to_json()))
    digest = str(world.manifest.digest)
    usual = ("--root", "root.json", "--version", "fraud/scorer@7", "--digest", digest)
    ran = assay("policy", "explain", "production", *usual)
    assert ran.code == 3
    assert "assay scan MODEL --evidence scan.json" in ran.out
    assert "assay registry publish MODEL fraud/scorer@7" in ran.out
    assert "assay registry approve" in ran.out
    assert "assay bom sign bom.json --model MODEL --key KEY" in ran.out
    assert "assay registry attest fraud/scorer@7 signed.json" in ran.out
    now = makers.timestamp(SystemClock().now())
    sealed = world.say(
        Seal, "publisher", {"project": "fraud", "model": "scorer", "version": "7", "publisher": "ann", "at": now}, None
    )
    (folder / "seal.json").write_text(json.dumps(sealed.to_json()))
    stranger = makers.sign(makers.Statement((world.subject,), "x", {}), "stranger")
    (folder / "other.json").write_text(json.dumps(stranger.to_json()))
    ran = assay("policy", "explain", "production", "seal.json", "other.json", *usual)
    assert ran.out.count("missing") == 3 and "met      seal by 1 person" in ran.out
    assert "other.json: nobody of the trust root signed it" in ran.err
    bad = makers.scan(world.subject, made=now, findings=[makers.finding()])
    (folder / "scan.json").write_text(json.dumps(bad.to_json()))
    ran = assay("policy", "test", "production", "seal.json", "scan.json", *usual)
    assert ran.code == 1 and "deny  MDL001" in ran.out
    for change in (("--version", "x"), ("--digest", "x"), ("--action", "x")):
        assert assay("policy", "test", "production", *usual, *change).code == 2
