"""`assay ledger`: an auditor with static files and a key; proofs; a witness in a process of its own."""

import base64
import json
import os
import signal
import socket
import subprocess
import sys
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx
import pytest

from assaymark.core.envelope import Envelope
from assaymark.core.note import COSIGNATURE, Note
from assaymark.core.tlog import AddCheckpoint, Proof
from assaymark.core.trust import PAYLOAD_TYPE
from assaymark.ledgers import open_ledger
from assaymark.storage.database import Database
from assaymark.storage.keys import PrivateKey, load_private
from assaymark.storage.ledger import metadata
from assaymark.storage.notekeys import note_key, note_signer
from tests.faces.conftest import Assay

ORIGIN = "registry.example/ledger"


@pytest.fixture
def log(assay: Assay, folder: Path) -> Path:
    """A log of 300 entries in `log`, its database in `assay.db`, keys `log`, `eve` and `w1` in the home."""
    for name in ("log", "eve", "w1"):
        assert assay("key", "create", name).code == 0
    grow(folder, 300)
    return folder / "log"


def grow(folder: Path, count: int) -> bytes:
    database = Database.open(f"sqlite:///{folder}/assay.db", [metadata])
    private = load_private(f"{os.environ['ASSAY_HOME']}/keys/log.key")
    ledger = open_ledger(database, f"{folder}/log", private, ORIGIN)
    with database.write() as connection:
        for number in range(count):
            ledger.append(connection, {"n": number})
    ledger.integrate()
    database.close()
    return (folder / "log/checkpoint").read_bytes()


def test_an_auditor_with_files_and_a_key(assay: Assay, log: Path, folder: Path) -> None:
    ran = assay("ledger", "verify", "log", "--key", "log")
    assert ran.code == 0
    assert f"log        {ORIGIN}\nentries    300\n" in ran.out
    assert ran.out.endswith("result     holds\n")
    (folder / "older").write_bytes((log / "checkpoint").read_bytes())
    grow(folder, 5)
    assert assay("ledger", "verify", "log", "--key", "log", "--origin", ORIGIN, "--since", "older").code == 0


def test_what_is_wrong_is_named(assay: Assay, log: Path) -> None:
    tile = log / "tile/0/000"
    tile.write_bytes(tile.read_bytes()[:-1] + b"\0")
    ran = assay("ledger", "verify", "log", "--key", "log")
    assert ran.code == 1
    assert "wrong      tile/0/000: the hash of entry 255 is not that of the signed tree\n" in ran.out
    assert ran.out.endswith("result     does not hold\n")


def test_another_key_is_refused(assay: Assay, log: Path) -> None:
    ran = assay("ledger", "verify", "log", "--key", "eve")
    assert ran.code == 1 and "not signed by" in ran.out
    ran = assay("ledger", "checkpoint", "--folder", "log", "--key", "eve")
    assert ran.code == 1 and ran.out == "" and "not signed by" in ran.err
    assert log.is_dir()


def test_a_witness_is_asked_for(assay: Assay, log: Path) -> None:
    ran = assay("ledger", "verify", "log", "--key", "log", "--witness", "witness.example/w1=w1")
    assert ran.code == 1 and "1 witnesses must have cosigned" in ran.out
    assert (
        assay("ledger", "verify", "log", "--key", "log", "--witness", "witness.example/w1=w1", "--quorum", "0").code
        == 0
    )
    assert log.is_dir()


@pytest.mark.parametrize(
    "arguments",
    [
        ["verify", "log"],
        ["verify", "log", "--key", "log", "--root", "root.json"],
        ["verify", "nowhere", "--key", "log"],
        ["verify", "model", "--key", "log"],
        ["verify", "log", "--key", "nobody"],
        ["verify", "log", "--key", "log", "--witness", "nobody"],
        ["verify", "log", "--root", "nowhere"],
        ["proof", "300", "--folder", "log", "--key", "log"],
        ["witness", "--key", "w1", "--name", "w", "--state", "seen", "--log", "nonsense"],
        ["witness", "--key", "w1", "--name", "w", "--state", "seen", "--log", "a=log", "--listen", "nowhere"],
        ["repair", "--folder", "log", "--database", "nonsense", "--key", "log"],
    ],
    ids=" ".join,
)
@pytest.mark.usefixtures("log")
def test_requests_that_make_no_sense(assay: Assay, arguments: list[str]) -> None:
    ran = assay("ledger", *arguments)
    assert ran.code == 2, ran.err
    assert ran.out == "" and "assay: " in ran.err


def test_a_proof_convinces_whoever_has_the_key(assay: Assay, log: Path) -> None:
    key = note_key(ORIGIN, load_private(f"{os.environ['ASSAY_HOME']}/keys/log.key").public)
    for index in (0, 255, 256, 299):
        entry = assay("ledger", "proof", index, "--folder", "log", "--key", "log", "--entry").out
        text = assay("ledger", "proof", index, "--folder", "log", "--key", str(key.key)).out
        assert Proof.read(text.encode()).verify(entry[:-1].encode(), key).checkpoint.size == 300
        assert json.loads(entry) == {"n": index}
    (log / "tile/entries/000").write_bytes((log / "tile/entries/000").read_bytes().replace(b'{"n":7}', b'{"n":8}'))
    ran = assay("ledger", "proof", 7, "--folder", "log", "--key", "log")
    assert ran.code == 1 and ran.out == ""


def test_the_checkpoint_is_printed_as_it_is(assay: Assay, log: Path) -> None:
    ran = assay("ledger", "checkpoint", "--folder", "log", "--key", "log")
    assert ran.code == 0 and ran.out.encode() == (log / "checkpoint").read_bytes()


def test_files_are_made_again_from_the_database(assay: Assay, log: Path, folder: Path) -> None:
    options = ("--folder", "log", "--database", f"sqlite:///{folder}/assay.db", "--key", "log")
    assert assay("ledger", "repair", *options).out == "every file is as it should be\n"
    (log / "tile/0/000").unlink()
    ran = assay("ledger", "repair", *options)
    assert ran.code == 0
    assert ran.out == "tile/0/000 was missing and is written again\n1 files were written again\n"
    assert assay("ledger", "repair", *options[:-1], "eve").code == 1


def root_of(log: PrivateKey, witness: PrivateKey, signer: PrivateKey, quorum: int) -> str:
    """A trust root with one of each."""
    from cryptography.hazmat.primitives import serialization

    def der(key: PrivateKey) -> str:
        form = serialization.PublicFormat.SubjectPublicKeyInfo
        return base64.b64encode(key.public.key.public_bytes(serialization.Encoding.DER, form)).decode()

    document = {
        "schema": "assaymark/trust-root/v1",
        "name": "example",
        "version": 1,
        "expires": (datetime.now(UTC) + timedelta(days=30)).strftime("%Y-%m-%dT%H:%M:%SZ"),
        "root": {"keys": [signer.keyid], "threshold": 1},
        "keys": {key.keyid: {"kind": "ed25519", "public": der(key)} for key in (log, witness, signer)},
        "log": [{"origin": ORIGIN, "key": log.keyid}],
        "witnesses": {"quorum": quorum, "keys": [{"name": "witness.example/w1", "key": witness.keyid}]},
        "server": [],
        "people": {},
        "policies": {},
    }
    import rfc8785

    return json.dumps(Envelope.sign(PAYLOAD_TYPE, rfc8785.dumps(document), [signer]).to_json())


def test_a_trust_root_names_log_witnesses_and_quorum(assay: Assay, log: Path, folder: Path) -> None:
    home = os.environ["ASSAY_HOME"]
    own, witness = load_private(f"{home}/keys/log.key"), load_private(f"{home}/keys/w1.key")
    signer = load_private(f"{home}/keys/eve.key")
    (folder / "root.json").write_text(root_of(own, witness, signer, 0))
    assert assay("ledger", "verify", "log", "--root", "root.json").code == 0
    (folder / "root.json").write_text(root_of(own, witness, signer, 1))
    assert assay("ledger", "verify", "log", "--root", "root.json").code == 1
    note = (log / "checkpoint").read_bytes()
    text = note[: note.rindex(b"\n\n") + 1].decode()
    cosignature = note_signer("witness.example/w1", witness, COSIGNATURE).sign(text, 1_800_000_000)
    (log / "checkpoint").write_bytes(note + str(cosignature).encode())
    ran = assay("ledger", "verify", "log", "--root", "root.json")
    assert ran.code == 0 and "seen by    witness.example/w1 at 2027-01-15T08:00:00Z\n" in ran.out
    (folder / "root.json").write_text(root_of(witness, own, signer, 0))
    assert assay("ledger", "verify", "log", "--root", "root.json").code == 1


@pytest.mark.allow_hosts(["127.0.0.1"])
def test_a_witness_of_its_own(assay: Assay, log: Path, folder: Path) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [sys.executable, "-m", "assaymark", "ledger", "witness", "--listen", f"127.0.0.1:{port}", "--key", "w1"]
    command += ["--name", "witness.example/w1", "--state", "seen", "--log", f"{ORIGIN}=log"]
    with subprocess.Popen(command, cwd=folder, stderr=subprocess.PIPE, text=True) as process:
        try:
            assert process.stderr is not None
            said = process.stderr.readline()
            assert said.startswith("witness  witness.example/w1+")
            answer = None
            body = bytes(AddCheckpoint(0, (), Note.read((log / "checkpoint").read_bytes())))
            for _ in range(300):
                try:
                    answer = httpx.post(f"http://127.0.0.1:{port}/add-checkpoint", content=body)
                    break
                except httpx.ConnectError:
                    time.sleep(0.05)
            assert answer is not None and answer.status_code == 200
            (log / "checkpoint").write_bytes((log / "checkpoint").read_bytes() + answer.content)
            ran = assay("ledger", "verify", "log", "--key", "log", "--witness", said.split()[1])
            assert ran.code == 0 and "seen by    witness.example/w1 at " in ran.out
        finally:
            process.send_signal(signal.SIGINT)
            process.wait()
