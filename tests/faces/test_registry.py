"""`assay registry` as a newcomer uses it: from the first key to a verified copy, in the home and against a server."""

import json
import os
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from assaymark.faces.http.app import create_app
from assaymark.faces.http.server import Listen, Server
from assaymark.faces.http.services import LOOPBACK, Services
from assaymark.registrar import Registrar
from tests.faces.conftest import EVIL, Assay, Ran
from tests.registry.org import a_model

PLACE = "fraud/scorer:production"


def good(ran: Ran) -> Ran:
    assert ran.code == 0, ran.out + ran.err
    return ran


@pytest.fixture
def ready(assay: Assay, folder: Path) -> Path:
    """A registry with its trust root, its people, and a model to publish into; the folder `good` holds one."""
    for name in ("r1", "r2", "ann", "bea", "cid", "dan", "eve", "fay", "ci"):
        good(assay("key", "create", name))
    good(assay("registry", "init", "--origin", "registry.example/log"))
    good(
        assay("trust", "init", "root.json", "--name", "acme", "--root-key", "r1", "--root-key", "r2", "--threshold", 2)
    )
    for person, role, key in (
        ("ann", "publisher", "ann"), ("bea", "approver", "bea"), ("cid", "approver", "cid"), ("dan", "releaser", "dan"),
        ("eve", "security", "eve"), ("fay", "security", "fay"), ("scanner", "scanner", "registry-scanner"),
        ("ci", "scanner", "ci"),
    ):  # fmt: skip
        good(assay("trust", "add", "person", "root.json", person, "--role", role, "--key", key))
    good(assay("trust", "add", "server", "root.json", "--key", "registry-server"))
    good(assay("trust", "add", "log", "root.json", "--origin", "registry.example/log", "--key", "registry-log"))
    good(assay("trust", "policy", "root.json", "production", "production"))
    for key in ("r1", "r2"):
        good(assay("trust", "sign", "root.json", "--key", key))
    good(assay("registry", "trust", "root.json"))
    good(assay("registry", "create", "fraud"))
    good(assay("registry", "create", "fraud/scorer"))
    a_model(folder / "good")
    return folder


def publish(assay: Assay, version: str = "fraud/scorer@1", source: str = "good") -> Ran:
    return assay("registry", "publish", source, version, "--as", "ann", "--key", "ann")


def word(ran: Ran, name: str) -> str:
    return next(line.split()[1] for line in ran.out.splitlines() if line.startswith(name + " "))


def request(assay: Assay, version: str = "fraud/scorer@1") -> str:
    ran = good(assay("registry", "request", version, "--channel", "production", "--as", "dan", "--key", "dan"))
    return word(ran, "request")


def approve(assay: Assay, nonce: str, by: str, *more: object) -> Ran:
    return assay("registry", "approve", nonce, "--as", by, "--key", by, "--root", "root.json", *more)


def promote(assay: Assay, version: str = "fraud/scorer@1") -> str:
    nonce = request(assay, version)
    for by in ("bea", "cid"):
        good(approve(assay, nonce, by))
    good(assay("registry", "promote", nonce))
    return nonce


def verified(assay: Assay, folder: str = "served") -> Ran:
    return assay("verify", folder, "--bundle", "served.bundle", "--root", "root.json", "--channel", PLACE)


def test_from_the_first_key_to_a_tampered_copy(assay: Assay, ready: Path) -> None:
    assert word(good(publish(assay)), "state") == "verified"
    assert "version   1  verified" in good(assay("registry", "show", "fraud/scorer")).out
    nonce = request(assay)
    early = assay("registry", "promote", nonce)
    assert early.code == 2
    assert "a request that is open cannot become active" in early.err
    shown = approve(assay, nonce, "bea", "--version", "fraud/scorer@1")
    assert "fraud/scorer@1 -> production, counter 1" in shown.err
    assert "asked by dan" in shown.err
    assert "verdict   hold" in good(assay("registry", "requests", nonce)).out
    good(approve(assay, nonce, "cid"))
    good(assay("registry", "promote", nonce))
    pulled = good(assay("registry", "pull", "fraud/scorer", "--channel", "production", "--into", "served"))
    assert "assay verify served" in pulled.err
    ran = good(verified(assay))
    assert "approved by  bea, cid" in ran.out
    (ready / "served" / "config.json").write_text("{}")
    tampered = verified(assay)
    assert (tampered.code, "step 8" in tampered.err) == (1, True)


def test_quarantine_and_lift(assay: Assay, ready: Path) -> None:
    good(publish(assay))
    promote(assay)
    good(assay("registry", "quarantine", "fraud/scorer@1", "--as", "eve", "--key", "eve", "--reason", "a backdoor"))
    stopped = assay("registry", "pull", "fraud/scorer", "--channel", "production", "--into", "served")
    assert stopped.code == 2
    assert "quarantined" in stopped.err and "next: promote another version" in stopped.err
    assert not (ready / "served").exists()
    for by, state in (("eve", "quarantined"), ("fay", "verified")):
        ran = good(assay("registry", "lift", "fraud/scorer@1", "--as", by, "--key", by, "--reason", "false alarm"))
        assert word(ran, "state") == state
    good(assay("registry", "pull", "fraud/scorer", "--channel", "production", "--into", "served"))
    good(verified(assay))


def test_a_model_that_runs_code_is_rejected_and_says_what_to_do(assay: Assay, ready: Path) -> None:
    (ready / "bad").mkdir()
    (ready / "bad" / "model.pkl").write_bytes(EVIL)
    ran = publish(assay, source="bad")
    assert (ran.code, word(ran, "state")) == (1, "rejected")
    assert "assay scan bad" in ran.err
    refused = assay("registry", "request", "fraud/scorer@1", "--channel", "production", "--as", "dan", "--key", "dan")
    assert refused.code == 2
    assert "rejected, not verified" in refused.err and "next:" in refused.err


def test_evidence_of_ci_is_handed_in_and_asked_for_by_an_approver(assay: Assay, ready: Path) -> None:
    good(publish(assay))
    before = request(assay)
    good(assay("scan", "good", "--evidence", "ci.json", "--key", "ci", "--fail-on", "low", "--no-progress"))
    refused = approve(assay, before, "bea", "--evidence", "ci.json")
    assert (refused.code, "without your evidence" in refused.err) == (1, True)
    assert word(good(assay("registry", "attest", "fraud/scorer@1", "ci.json")), "state") == "verified"
    good(approve(assay, request(assay), "bea", "--evidence", "ci.json"))


@pytest.mark.parametrize(
    ("arguments", "code", "why", "step"),
    [
        (("show", "fraud/nothing"), 2, "there is no model fraud/nothing", "assay registry list"),
        (("show", "fraud/scorer@9"), 2, "there is no version", "assay registry show"),
        (("show", "fraud"), 2, "is no model", "PROJECT/MODEL"),
        (("create", "Fraud/Scorer"), 2, "no name of a", "a-z"),
        (("create", "fraud/scorer"), 2, "was given before", "never reused"),
        (("promote", "0" * 32), 2, "there is no request", "assay registry requests"),
        (("pull", "fraud/scorer", "--channel", "production", "--into", "x"), 2, "nothing was promoted", "request"),
        (("publish", "good", "fraud/scorer@1", "--as", "ann", "--key", "bea"), 1, "not signed by ann", "trust show"),
        (("publish", "good", "fraud/scorer@1", "--as", "ann", "--key", "nobody"), 2, "nobody", ""),
        (("trust", "root.json"), 2, "is in force already", "assay trust rotate"),
        (("request", "fraud/scorer@1", "--channel", "nowhere", "--as", "dan", "--key", "dan"), 2, "no version", ""),
    ],
)
def test_errors_say_what_why_and_the_next_step(
    assay: Assay, ready: Path, arguments: tuple[str, ...], code: int, why: str, step: str
) -> None:
    assert ready
    ran = assay("registry", *arguments)
    assert (ran.code, ran.out) == (code, "")
    assert why in ran.err and step in ran.err


def test_without_a_registry_or_a_trust_root(assay: Assay, folder: Path) -> None:
    assert "assay registry init" in assay("registry", "list").err
    good(assay("registry", "init"))
    assert "there is a registry" in assay("registry", "init").err
    good(assay("registry", "create", "fraud"))
    good(assay("registry", "create", "fraud/scorer"))
    good(assay("key", "create", "ann"))
    ran = publish(assay, source=os.fspath(folder / "model"))
    assert (ran.code, "assay trust init" in ran.err) == (2, True)


def test_hostile_words_do_not_reach_the_terminal(assay: Assay, ready: Path) -> None:
    """Reasons and names of files are a stranger's."""
    evil = "\x1b]0;owned\x07\u202egnp"
    good(publish(assay))
    ran = assay("registry", "request", "fraud/scorer@1", "--channel", "production", "--as", "dan", "--key", "dan",
                "--reason", evil)  # fmt: skip
    nonce = word(good(ran), "request")
    shown = approve(assay, nonce, "bea", "--reason", evil)
    listed = good(assay("registry", "requests", nonce))
    other = assay("registry", "show", f"fraud/scorer@{evil}")
    assert shown.code == 0
    for text in (shown.out, shown.err, listed.out, listed.err, other.err):
        assert "\x1b" not in text and "\u202e" not in text and "\x07" not in text
    assert ready


# Against a server


@pytest.fixture
def server(ready: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Registrar]:
    """The registry of `ready`, served on loopback; ASSAY_SERVER and Ann's token are set."""
    assert ready
    with Registrar.open(os.environ["ASSAY_HOME"]) as registrar:
        served = Server(create_app(Services(registrar.database, registrar=registrar, hosts=LOOPBACK)), Listen(port=0))
        thread = threading.Thread(target=lambda: served.run(signals=False))
        thread.start()
        while not served.started:
            time.sleep(0.01)
        monkeypatch.setenv("ASSAY_SERVER", f"http://127.0.0.1:{served.address[1]}")
        yield registrar
        served.stop()
        thread.join(30)
        assert not thread.is_alive()


def become(assay: Assay, monkeypatch: pytest.MonkeyPatch, name: str, role: str) -> None:
    """A token of that person's."""
    good(assay("user", "add", name, "--role", role, "--scope", "fraud"))
    ran = good(assay("token", "create", name))
    monkeypatch.setenv("ASSAY_TOKEN", next(line for line in ran.out.splitlines() if line.startswith("assay_pat_")))


@pytest.mark.allow_hosts(["127.0.0.1"])
def test_against_a_server(assay: Assay, server: Registrar, monkeypatch: pytest.MonkeyPatch) -> None:
    become(assay, monkeypatch, "ann", "publisher")
    ran = assay("registry", "publish", "good", "fraud/scorer@1", "--as", "ann", "--key", "ann", "--wait", 0)
    assert (ran.code, word(ran, "state")) == (3, "sealed")  # its worker is not there to scan
    become(assay, monkeypatch, "ci", "attester")
    good(assay("scan", "good", "--evidence", "ci.json", "--key", "ci", "--no-progress"))
    assert word(good(assay("registry", "attest", "fraud/scorer@1", "ci.json")), "state") == "verified"
    become(assay, monkeypatch, "dan", "releaser")
    nonce = request(assay)
    refused = approve(assay, nonce, "bea")
    assert (refused.code, "answers 403" in refused.err) == (4, True)
    become(assay, monkeypatch, "bea", "approver")
    for by in ("bea", "cid"):
        good(approve(assay, nonce, by))
    assert json.loads(good(assay("registry", "requests", "--json")).out)[0]["state"] == "approved"
    become(assay, monkeypatch, "rel", "releaser")
    good(assay("registry", "promote", nonce))
    good(assay("registry", "pull", "fraud/scorer", "--channel", "production", "--into", "served"))
    good(verified(assay))
    assert server.ledger.origin == "registry.example/log"
