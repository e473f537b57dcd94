"""`assay model`: convert, learn, sign; and `assay scan --allow`."""

import base64
import json
import pickle
from datetime import UTC, datetime, timedelta
from pathlib import Path

import joblib
import numpy as np
import pytest
from safetensors.numpy import load_file

from assaymark.core.errors import Malformed
from assaymark.faces.cli import _failed
from tests.faces.conftest import UNKNOWN, Assay

REAL = Path(__file__).parent.parent / "model" / "real" / "convert"


def reviewed(path: Path) -> None:
    text = path.read_text()
    for key, value in (("reviewed_by", '"ann"'), ("reason", '"ours"'), ("expires", "2099-01-01")):
        text = text.replace(f'{key} = ""', f"{key} = {value}")
    path.write_text(text)


@pytest.fixture
def signed(assay: Assay, folder: Path) -> Path:
    """`allow.toml.dsse` for `unknown.pkl`, signed by `release`."""
    assert assay("key", "create", "release").code == 0
    assert assay("model", "learn", "unknown.pkl", "--out", "allow.toml").code == 0
    reviewed(folder / "allow.toml")
    soon = datetime.now(UTC).date() + timedelta(days=300)
    (folder / "allow.toml").write_text((folder / "allow.toml").read_text().replace("2099-01-01", soon.isoformat()))
    assert assay("model", "learn", "--sign", "allow.toml", "--key", "release").code == 0
    return folder / "allow.toml.dsse"


# Convert


def test_convert_says_what_it_did(assay: Assay, folder: Path) -> None:
    ran = assay("model", "convert", REAL / "checkpoint.pt", "out.safetensors", "--report", "r.json")
    assert (ran.code, ran.err) == (0, "")
    assert "14 tensors" in ran.out
    assert "left behind" in ran.out
    report = json.loads((folder / "r.json").read_text())
    assert report["schema"] == "assaymark/convert-report/v1"
    assert {t["name"] for t in report["tensors"]} == set(load_file(folder / "out.safetensors"))


def test_convert_refuses_with_a_step_and_leaves_nothing(assay: Assay, folder: Path) -> None:
    ran = assay("model", "convert", "evil.pkl", "out.safetensors")
    assert ran.code == 3
    assert "MDL001" in ran.err
    assert "next:" in ran.err
    ran = assay("model", "convert", REAL / "same.pt", "out.safetensors")
    assert ran.code == 2
    assert "--tied" in ran.err
    assert not (folder / "out.safetensors").exists()
    assert assay("model", "convert", REAL / "same.pt", "out.safetensors", "--tied", "drop").code == 0
    ran = assay("model", "convert", REAL / "same.pt", "out.safetensors", "--tied", "drop")
    assert (ran.code, "--force" in ran.err) == (2, True)
    assert assay("model", "convert", REAL / "same.pt", "out.safetensors", "--tied", "copy", "--force").code == 0


def test_convert_of_a_joblib_dump(assay: Assay, folder: Path) -> None:
    joblib.dump({"w": np.ones(3)}, folder / "m.joblib", compress=3)
    assert assay("model", "convert", "m.joblib", "out.safetensors").code == 0
    assert np.array_equal(load_file(folder / "out.safetensors")["w"], np.ones(3))


def test_hostile_names_do_not_reach_the_terminal(assay: Assay, folder: Path) -> None:
    (folder / "m.pkl").write_bytes(pickle.dumps({"a\x1b[31m": np.ones(1), "b\x1b]0;x\x07": "y"}))
    ran = assay("model", "convert", "m.pkl", "out.safetensors")
    assert ran.code == 0
    assert "\x1b" not in ran.out


# Learn, sign, allow


def test_learn_writes_what_must_be_reviewed(assay: Assay, folder: Path) -> None:
    ran = assay("model", "learn", "unknown.pkl", "clean.pkl", "--out", "allow.toml")
    assert ran.code == 0
    assert "1 globals" in ran.out
    assert 'module = "nobody.knows", name = "This", uses = ["new"]' in (folder / "allow.toml").read_text()
    ran = assay("model", "learn", "--sign", "allow.toml", "--key", "release")
    assert (ran.code, "reviewed_by" in ran.err) == (2, True)
    ran = assay("model", "learn", "unknown.pkl", "--out", "allow.toml")
    assert (ran.code, "exists" in ran.err) == (2, True)


def test_learn_from_a_dangerous_file_says_that_it_stays_refused(assay: Assay) -> None:
    ran = assay("model", "learn", "evil.pkl", "--out", "allow.toml")
    assert ran.code == 3
    assert "would still be refused: MDL001" in ran.out


@pytest.mark.parametrize("arguments", [[], ["clean.pkl"], ["--out", "x"], ["--sign", "x"], ["missing", "--out", "x"]])
def test_learn_needs_its_arguments(assay: Assay, arguments: list[str]) -> None:
    assert assay("model", "learn", *arguments).code == 2


def test_a_signed_policy_is_honoured_and_recorded(assay: Assay, folder: Path, signed: Path) -> None:
    assert assay("scan", "unknown.pkl").code == 3
    allow = ("--allow", signed, "--allow-key", "release")
    ran = assay("scan", "unknown.pkl", *allow, "--evidence", "e.json", "--key", "release")
    assert ran.code == 0
    statement = json.loads(base64.b64decode(json.loads((folder / "e.json").read_text())["payload"]))
    names = [entry["name"] for entry in statement["predicate"]["configuration"]]
    assert names == ["assaymark-checkset", "policy", "allow"]
    assert assay("evidence", "verify", "e.json", "unknown.pkl", "--key", "release", "--require-pass").code == 0
    assert assay("scan", "evil.pkl", *allow).code == 1


def test_it_reaches_the_workers(assay: Assay, folder: Path, signed: Path) -> None:
    for number in range(3_100):
        (folder / "model" / f"{number}.pkl").write_bytes(UNKNOWN)
    ran = assay("scan", "model", "--allow", signed, "--allow-key", "release", "-j", "2", "-q")
    assert ran.code == 0


def test_the_cache_knows_which_policy_was_in_force(assay: Assay, folder: Path, signed: Path) -> None:
    padding = b"\x80\x04B" + (2 << 20).to_bytes(4, "little") + bytes(2 << 20) + b"0"
    (folder / "big.pkl").write_bytes(padding + UNKNOWN)
    assert assay("scan", "big.pkl", "--allow", signed, "--allow-key", "release").code == 0
    assert assay("scan", "big.pkl").code == 3
    assert assay("scan", "big.pkl", "--allow", signed, "--allow-key", "release").code == 0


def test_a_policy_of_a_stranger_is_not(assay: Assay, folder: Path, signed: Path) -> None:
    assert assay("key", "create", "other").code == 0
    ran = assay("scan", "unknown.pkl", "--allow", signed, "--allow-key", "other")
    assert ran.code == 1
    assert "none of the 1 signatures" in ran.err
    assert assay("scan", "unknown.pkl", "--allow", signed).code == 2
    assert assay("scan", "unknown.pkl", "--allow-key", "release").code == 2
    assert assay("scan", "unknown.pkl", "--allow", "allow.toml", "--allow-key", "release").code != 0
    document = json.loads(signed.read_text())
    payload = base64.b64decode(document["payload"]).replace(b"nobody.knows", b"anyone.knows")
    signed.write_text(json.dumps({**document, "payload": base64.b64encode(payload).decode()}))
    assert assay("scan", "unknown.pkl", "--allow", signed, "--allow-key", "release").code == 1


def test_evidence_is_no_policy(assay: Assay, signed: Path) -> None:
    assert assay("scan", "clean.pkl", "--evidence", "e.json", "--key", "release").code == 0
    ran = assay("scan", "unknown.pkl", "--allow", "e.json", "--allow-key", "release")
    assert (ran.code, "no allow policy" in ran.err) == (2, True)


def test_settings_name_a_policy(assay: Assay, folder: Path, signed: Path) -> None:
    (folder / "assaymark.toml").write_text('[allow]\npolicy = "allow.toml.dsse"\nkeys = ["release"]\n')
    assert assay("scan", "unknown.pkl").code == 0
    assert assay("scan", "unknown.pkl", "--no-config").code == 3
    (folder / "assaymark.toml").write_text('[allow]\npolicy = "allow.toml.dsse"\n')
    assert assay("scan", "unknown.pkl").code == 2


def test_the_guard_takes_the_same_policy(signed: Path, folder: Path) -> None:
    from assaymark import guard

    policy = guard.policy(signed, "release")
    with pytest.raises(ModuleNotFoundError):  # it is allowed; it is not there
        guard.load_pickle(folder / "unknown.pkl", policy)
    with pytest.raises(guard.Refused):
        guard.load_pickle(folder / "evil.pkl", policy)
    with pytest.raises(TypeError):
        guard.load_pickle(folder / "clean.pkl", "allow.toml.dsse")  # type: ignore[arg-type]


def test_errors_do_not_speak_to_the_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    """What a file calls its types, and what a host answers, may stand in the message of an error."""
    for error in (Malformed("a\x1b]0;title\x07\u202e", step="b\x1b[2J"), RuntimeError("c\x1b[2J")):
        _failed(error, debug=False)
    shown = capsys.readouterr().err
    assert "title" in shown
    assert not {c for c in shown if (ord(c) < 32 and c != "\n") or c == "\u202e"}
