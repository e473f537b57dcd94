"""`assay evidence verify`: good evidence, and every way in which it must not verify."""

import base64
import json
import os
import stat
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from assaymark.core.envelope import Envelope
from assaymark.core.evidence import PAYLOAD_TYPE, STATEMENT, TEST_RESULT
from assaymark.storage.keys import load_private
from tests.faces.conftest import EVIL, Assay


@pytest.fixture
def signed(assay: Assay, folder: Path) -> Callable[..., Path]:
    """Scan and sign; `e.json` in the folder."""
    assert assay("key", "create", "release").code == 0

    def sign(*arguments: object) -> Path:
        ran = assay("scan", *arguments, "--evidence", "e.json", "--key", "release")
        assert ran.code in {0, 1, 3}
        return folder / "e.json"

    return sign


def verify(assay: Assay, *arguments: object) -> Any:
    return assay("evidence", "verify", "e.json", "--key", "release", *arguments)


def resign(folder: Path, change: Callable[[dict[str, Any]], object], kind: str = PAYLOAD_TYPE) -> None:
    """Change the statement and sign it again with the same key: a form that is wrong from the start."""
    document = json.loads((folder / "e.json").read_text())
    statement = json.loads(base64.b64decode(document["payload"]))
    change(statement)
    key = load_private(os.path.join(os.environ["ASSAY_HOME"], "keys", "release.key"))
    envelope = Envelope.sign(kind, json.dumps(statement).encode(), [key])
    (folder / "e.json").write_text(json.dumps(envelope.to_json()))


# Good


@pytest.mark.parametrize("path", ["model", "clean.pkl", "evil.pkl", "unknown.pkl"])
def test_what_was_scanned_verifies(assay: Assay, signed: Callable[..., Path], path: str) -> None:
    signed(path)
    ran = verify(assay, path)
    assert (ran.code, ran.err) == (0, "")
    assert "(matches)" in ran.out
    assert "signed by" in ran.out
    bare = verify(assay)
    assert bare.code == 0
    assert "(matches)" not in bare.out


@pytest.mark.parametrize(
    ("path", "code", "word"), [("model", 0, "PASSED"), ("evil.pkl", 1, "FAILED"), ("unknown.pkl", 3, "WARNED")]
)
def test_require_pass(assay: Assay, signed: Callable[..., Path], path: str, code: int, word: str) -> None:
    signed(path)
    ran = verify(assay, path, "--require-pass")
    assert ran.code == code
    assert f"says         {word}, 20" in ran.out


def test_the_statement_says_what_was_found(assay: Assay, signed: Callable[..., Path]) -> None:
    envelope = json.loads(signed("evil.pkl").read_text())
    assert envelope["payloadType"] == "application/vnd.in-toto+json"
    statement = json.loads(base64.b64decode(envelope["payload"]))
    assert (statement["_type"], statement["predicateType"]) == (STATEMENT, TEST_RESULT)
    predicate = statement["predicate"]
    assert (predicate["result"], predicate["failedTests"]) == ("FAILED", ["MDL001"])
    assert "MDL001" not in predicate["passedTests"]
    assert "MDL003" in predicate["passedTests"]
    assert predicate["assaymark"]["findings"][0]["symbol"].endswith("system")


def test_several_subjects(assay: Assay, signed: Callable[..., Path]) -> None:
    signed("model", "clean.pkl")
    assert verify(assay, "model").code == verify(assay, "clean.pkl").code == 0
    assert verify(assay, "evil.pkl").code == 1


def test_the_copy_of_a_folder_verifies_under_another_name(
    assay: Assay, signed: Callable[..., Path], folder: Path
) -> None:
    import shutil

    signed("model")
    shutil.copytree(folder / "model", folder / "copy")
    assert verify(assay, "copy").code == 0


def test_ecdsa_and_a_key_by_path(assay: Assay, folder: Path) -> None:
    assert assay("key", "create", "./p256.key", "--type", "ecdsa-p256").code == 0
    assert assay("scan", "model", "--evidence", "e.json", "--key", "p256.key").code == 0
    assert assay("evidence", "verify", "e.json", "--key", "p256.pub", "model").code == 0
    assert assay("evidence", "verify", "e.json", "--key", "p256.key", "model").code == 0


def test_what_was_excluded_is_told_and_needs_the_same_exclude(assay: Assay, signed: Callable[..., Path]) -> None:
    signed("model", "--exclude", "deep")
    ran = verify(assay, "model", "--exclude", "deep")
    assert ran.code == 0
    assert "not covered  deep (excluded by --exclude)" in ran.out
    assert verify(assay, "model").code == 1


# The subject changed


def assert_untrusted(ran: Any, *parts: str) -> None:
    assert (ran.code, ran.out) == (1, "")
    assert len(ran.err.splitlines()) <= 2
    for part in parts:
        assert part in ran.err


def test_a_changed_file_is_named(assay: Assay, signed: Callable[..., Path], folder: Path) -> None:
    signed("model")
    (folder / "model" / "deep" / "b.pkl").write_bytes(EVIL)
    assert_untrusted(verify(assay, "model"), "model is not what was signed", 'changed "deep/b.pkl"')


def test_added_removed_and_renamed_files_are_named(assay: Assay, signed: Callable[..., Path], folder: Path) -> None:
    signed("model")
    (folder / "model" / "new.txt").write_text("x")
    assert_untrusted(verify(assay, "model"), 'added "new.txt"')
    (folder / "model" / "new.txt").unlink()
    assert verify(assay, "model").code == 0
    (folder / "model" / "a.pkl").rename(folder / "model" / "z.pkl")
    assert_untrusted(verify(assay, "model"), 'removed "a.pkl"', 'added "z.pkl"')


def test_at_most_ten_differences_are_listed(assay: Assay, signed: Callable[..., Path], folder: Path) -> None:
    signed("model")
    for number in range(15):
        (folder / "model" / f"new{number:02}.txt").write_text("x")
    ran = verify(assay, "model")
    assert_untrusted(ran, "and 5 more")
    assert ran.err.count("added") == 10


def test_a_changed_single_file(assay: Assay, signed: Callable[..., Path], folder: Path) -> None:
    signed("clean.pkl")
    (folder / "clean.pkl").write_bytes((folder / "clean.pkl").read_bytes() + b" ")
    assert_untrusted(verify(assay, "clean.pkl"), "clean.pkl is not what was signed")


def test_a_subject_that_cannot_be_identified_holds(assay: Assay, signed: Callable[..., Path], folder: Path) -> None:
    signed("model")
    (folder / "model" / "link").symlink_to("/etc/hostname")
    ran = verify(assay, "model")
    assert (ran.code, ran.out) == (3, "")
    assert "link" in ran.err


def test_a_path_that_is_gone_is_wrong_usage(assay: Assay, signed: Callable[..., Path]) -> None:
    signed("model")
    assert verify(assay, "gone").code == 2


# The evidence changed


@pytest.mark.parametrize("part", ["payload", "sig", "payloadType"])
def test_a_changed_envelope(assay: Assay, signed: Callable[..., Path], folder: Path, part: str) -> None:
    document = json.loads(signed("model").read_text())
    if part == "payloadType":
        document[part] = "text/plain"
    else:
        holder = document if part == "payload" else document["signatures"][0]
        data = bytearray(base64.b64decode(holder[part]))
        data[len(data) // 2] ^= 1
        holder[part] = base64.b64encode(bytes(data)).decode()
    (folder / "e.json").write_text(json.dumps(document))
    assert_untrusted(verify(assay, "model"), "none of the 1 signatures was made by a key you trust", "next: ")


def test_another_result_in_the_same_envelope(assay: Assay, signed: Callable[..., Path], folder: Path) -> None:
    document = json.loads(signed("evil.pkl").read_text())
    payload = base64.b64decode(document["payload"]).replace(b'"FAILED"', b'"PASSED"')
    document["payload"] = base64.b64encode(payload).decode()
    (folder / "e.json").write_text(json.dumps(document))
    assert verify(assay).code == 1


def test_another_key(assay: Assay, signed: Callable[..., Path]) -> None:
    signed("model")
    assay("key", "create", "stranger")
    assert_untrusted(assay("evidence", "verify", "e.json", "--key", "stranger", "model"), "key you trust")
    assert assay("evidence", "verify", "e.json", "--key", "stranger", "--key", "release", "model").code == 0


@pytest.mark.parametrize("text", ["", "not json", "[]", "{}", "null", '{"payload": 5}', "\udcff"])
def test_what_is_no_evidence_holds(assay: Assay, signed: Callable[..., Path], folder: Path, text: str) -> None:
    signed("model")
    (folder / "e.json").write_bytes(text.encode("utf-8", "surrogateescape"))
    ran = verify(assay, "model")
    assert (ran.code, ran.out) == (3, "")
    assert ran.err.startswith("assay: not a DSSE envelope")


@pytest.mark.parametrize(
    "change",
    [
        lambda s: s.update(_type="x"),
        lambda s: s.update(subject=[]) or s["subject"].append({"digest": {}}),
        lambda s: s.update(predicate=[]),
        lambda s: s.update(predicateType="https://example.com/other"),
        lambda s: s["predicate"].pop("result"),
        lambda s: s["predicate"].update(result="FINE"),
        lambda s: s["predicate"]["assaymark"].pop("findings"),
        lambda s: s["predicate"]["assaymark"].update(findings=[{}]),
        lambda s: s["predicate"]["assaymark"].update(coverage=[]),
        lambda s: s["predicate"]["assaymark"].update(manifests=[]),
        lambda s: s["predicate"]["assaymark"].update(schema="assaymark/scan-evidence/v9"),
    ],
)
def test_signed_evidence_of_another_form_holds(
    assay: Assay, signed: Callable[..., Path], folder: Path, change: Callable[[dict[str, Any]], object]
) -> None:
    signed("model")
    resign(folder, change)
    ran = verify(assay, "model")
    assert (ran.code, ran.out) == (3, "")
    assert len(ran.err.splitlines()) <= 2


def test_a_payload_of_another_type_holds(assay: Assay, signed: Callable[..., Path], folder: Path) -> None:
    signed("model")
    resign(folder, lambda _: None, "text/plain")
    assert verify(assay, "model").code == 3


def test_a_manifest_that_does_not_match_its_digest_does_not_hide_a_change(
    assay: Assay, signed: Callable[..., Path], folder: Path
) -> None:
    signed("model")
    resign(folder, lambda s: s["predicate"]["assaymark"]["manifests"]["model"].update(files=[]))
    (folder / "model" / "a.pkl").write_bytes(EVIL)
    assert verify(assay, "model").code == 1


def test_names_in_foreign_evidence_are_escaped(assay: Assay, signed: Callable[..., Path], folder: Path) -> None:
    signed("model")
    resign(folder, lambda s: s["subject"][0].update(name="\x1b[31mred\u202e"))
    ran = verify(assay)
    assert ran.code == 0
    assert "\x1b" not in ran.out
    assert "\u202e" not in ran.out


# Not written where it cannot be bound


@pytest.mark.parametrize("arguments", [["model", "--no-digest"], ["."]])
def test_no_evidence_without_a_digest_of_all(assay: Assay, folder: Path, arguments: list[str]) -> None:
    assay("key", "create", "release")
    (folder / "pipe").symlink_to("nowhere")
    ran = assay("scan", *arguments, "--evidence", "e.json", "--key", "release")
    assert ran.code == 2
    assert "no evidence was written" in ran.err
    assert not (folder / "e.json").exists()


# Keys


def test_a_key_pair_is_made_once(assay: Assay, folder: Path) -> None:
    made = assay("key", "create", "./k.key")
    assert made.code == 0
    before = (folder / "k.key").read_bytes(), (folder / "k.pub").read_bytes()
    again = assay("key", "create", "./k.key")
    assert (again.code, again.out) == (2, "")
    assert "never overwritten" in again.err
    assert ((folder / "k.key").read_bytes(), (folder / "k.pub").read_bytes()) == before


def test_a_public_key_that_is_there_is_not_overwritten(assay: Assay, folder: Path) -> None:
    (folder / "k.pub").write_text("mine")
    assert assay("key", "create", "./k.key").code == 2
    assert (folder / "k.pub").read_text() == "mine"


def test_only_the_owner_reads_the_private_key(assay: Assay, folder: Path) -> None:
    old = os.umask(0)
    try:
        assay("key", "create", "./k.key")
        assay("key", "create", "home")
    finally:
        os.umask(old)
    home = Path(os.environ["ASSAY_HOME"]) / "keys"
    for private in (folder / "k.key", home / "home.key"):
        assert stat.S_IMODE(private.stat().st_mode) == 0o600
    assert stat.S_IMODE(home.stat().st_mode) & 0o077 == 0


def test_a_key_through_a_link_is_not_written(assay: Assay, folder: Path) -> None:
    (folder / "k.key").symlink_to(folder / "target")
    assert assay("key", "create", "./k.key").code == 2
    assert not (folder / "target").exists()


@pytest.mark.parametrize("kind", ["ed25519", "ecdsa-p256"])
def test_show_tells_the_public_half(assay: Assay, kind: str) -> None:
    made = assay("key", "create", "k", "--type", kind)
    shown = assay("key", "show", "k")
    assert shown.code == 0
    assert f"type    {kind}" in shown.out
    assert "BEGIN PUBLIC KEY" in shown.out
    assert "PRIVATE" not in shown.out
    key_id = shown.out.split("key id  ")[1].split("\n")[0]
    assert key_id in made.out


def test_an_encrypted_key_needs_its_password(assay: Assay, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ASSAY_KEY_PASSWORD", "correct horse")
    assay("key", "create", "./k.key")
    assert b"ENCRYPTED PRIVATE KEY" in (folder / "k.key").read_bytes()
    sign = ("scan", "clean.pkl", "--evidence", "e.json", "--key", "k.key")
    assert assay(*sign).code == 0
    for wrong in ("wrong", ""):
        monkeypatch.setenv("ASSAY_KEY_PASSWORD", wrong)
        ran = assay(*sign)
        assert (ran.code, ran.out) == (2, "")
        assert "ASSAY_KEY_PASSWORD" in ran.err
        assert "correct horse" not in ran.err
    assert assay("evidence", "verify", "e.json", "--key", "k.pub", "clean.pkl").code == 0


def test_a_password_for_a_key_without_one_does_not_matter_or_is_said(
    assay: Assay, monkeypatch: pytest.MonkeyPatch
) -> None:
    assay("key", "create", "./k.key")
    monkeypatch.setenv("ASSAY_KEY_PASSWORD", "needless")
    ran = assay("scan", "clean.pkl", "--evidence", "e.json", "--key", "k.key")
    assert ran.code == 0 or "ASSAY_KEY_PASSWORD" in ran.err
    assert "Traceback" not in ran.err


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"text",
        b"-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n",
        bytes(100),
        b"-----BEGIN PUBLIC KEY-----\n",
    ],
)
def test_what_is_no_key_is_refused(assay: Assay, folder: Path, content: bytes) -> None:
    (folder / "k.key").write_bytes(content)
    for arguments in (["scan", "clean.pkl", "--evidence", "e", "--key", "k.key"], ["key", "show", "k.key"]):
        ran = assay(*arguments)
        assert (ran.code, ran.out) == (2, "")
        assert len(ran.err.splitlines()) <= 2


@pytest.mark.parametrize("which", ["rsa", "p384", "ed448"])
def test_keys_of_other_kinds_are_refused(assay: Assay, folder: Path, which: str) -> None:
    from cryptography.hazmat.primitives import serialization
    from cryptography.hazmat.primitives.asymmetric import ec, ed448, rsa

    key: Any = {
        "rsa": lambda: rsa.generate_private_key(65537, 2048),
        "p384": lambda: ec.generate_private_key(ec.SECP384R1()),
        "ed448": ed448.Ed448PrivateKey.generate,
    }[which]()
    plain = (serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    (folder / "k.key").write_bytes(key.private_bytes(*plain))
    public = key.public_key().public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
    (folder / "k.pub").write_bytes(public)
    for name in ("k.key", "k.pub"):
        ran = assay("key", "show", name)
        assert (ran.code, ran.out) == (2, "")
        assert "Ed25519 or ECDSA P-256" in ran.err


def test_a_key_that_is_a_folder_or_gone(assay: Assay, folder: Path) -> None:
    (folder / "d").mkdir()
    assert assay("key", "show", "d").code == assay("key", "show", "gone").code == 2


def test_a_file_in_the_current_folder_is_not_taken_for_a_key_of_the_home(
    assay: Assay, signed: Callable[..., Path], folder: Path
) -> None:
    """Whoever fills the folder may call a file `release`; a name alone means the home where it has that key."""
    signed("clean.pkl")
    assert assay("key", "create", "./stranger.key").code == 0
    (folder / "release").write_bytes((folder / "stranger.pub").read_bytes())
    assert verify(assay, "clean.pkl").code == 0
    assert assay("scan", "clean.pkl", "--evidence", "e.json", "--key", "./stranger.key").code == 0
    assert verify(assay, "clean.pkl").code == 1
    assert assay("evidence", "verify", "e.json", "--key", "./release").code == 0
