"""The webhook as the API server reaches it, what its init container does, and the manifests that install both."""

import json
import os
import re
import signal
import ssl
import subprocess
import sys
import threading
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
import yaml
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from assaymark import verifying
from assaymark.admitting import Snapshot, read_root, sync
from assaymark.app import scan
from assaymark.client import connect
from assaymark.core.clock import timestamp
from assaymark.core.errors import Untrusted, UsageError
from assaymark.core.finding import Severity
from assaymark.core.statements import Quarantine
from assaymark.core.subject import Subject
from assaymark.faces.cli import run
from assaymark.faces.http.app import create_app
from assaymark.faces.http.server import Listen, Server
from assaymark.faces.http.services import LOOPBACK, Services
from assaymark.registrar import sign
from assaymark.registry import people, tokens, versions
from assaymark.registry.access import Binding, Limit, Scope
from tests.registry.makers import NOW, World, key
from tests.registry.org import ONE, Org, a_model

ROOT = Path(__file__).resolve().parents[2]
DEPLOY = ROOT / "deploy" / "kubernetes"
WORLD = World()
NAME = "fraud/scorer:production"
DIGEST = str(WORLD.bundle().manifest.digest)


@pytest.fixture
def now(monkeypatch: pytest.MonkeyPatch) -> None:
    """The moment of the bundles, for commands that ask the clock."""

    class Then(datetime):
        @classmethod
        def now(cls, tz: Any = None) -> Any:
            return NOW.astimezone(tz)

    monkeypatch.setattr(verifying, "datetime", Then)


@pytest.fixture
def given(tmp_path: Path) -> Path:
    """A volume claim's content, and the namespace's trust root."""
    folder = tmp_path / "model"
    folder.mkdir()
    WORLD.write(folder)
    (tmp_path / "model.bundle").write_bytes(WORLD.bundle().to_bytes())
    (tmp_path / "root.json").write_text(json.dumps(WORLD.root().to_json()))
    return tmp_path


def load(place: Path, digest: str = DIGEST) -> int:
    return run([
        "admission", "load", NAME, "--digest", digest, "--root", str(place / "root.json"),
        "--into", str(place / "out"), "--from", str(place / "model"),
    ])  # fmt: skip


@pytest.mark.usefixtures("now")
def test_the_init_container_puts_verified_files_where_everybody_reads_them(given: Path) -> None:
    assert load(given) == 0
    for path, content in WORLD.content.items():
        made = given / "out" / path
        assert made.read_bytes() == content and made.stat().st_mode & 0o777 == 0o444
        assert made.parent.stat().st_mode & 0o777 == 0o755
    (given / "out" / "left").write_text("of a try that was broken off")
    assert load(given) == 0  # it is started again
    assert not (given / "out" / "left").exists()


@pytest.mark.usefixtures("now")
def test_trust_root_of_the_namespace_that_was_swapped(given: Path, capsys: pytest.CaptureFixture[str]) -> None:
    other = World(content={"model.safetensors": b"evil"})
    for path in [*WORLD.content]:
        (given / "model" / path).unlink()
    (given / "model" / "deep").rmdir()
    other.write(given / "model")
    (given / "model.bundle").write_bytes(other.bundle().to_bytes())
    assert load(given) == 1  # approved or not: it is not what was admitted
    assert "by now" in capsys.readouterr().err and not (given / "out").exists()


@pytest.mark.usefixtures("now")
def test_bytes_that_were_changed(given: Path) -> None:
    (given / "model" / "config.json").write_bytes(b"[]")
    assert load(given) == 1
    assert not (given / "out").exists()


def test_a_model_comes_from_one_place() -> None:
    from assaymark.admitting import load as put

    for sources in ({}, {"folder": "a", "server": "b", "scratch": "c"}, {"server": "https://registry.example"}):
        with pytest.raises(UsageError, match="a model comes from a folder"):
            put(NAME, DIGEST, "root.json", "out", **sources)


@pytest.mark.usefixtures("now")
def test_from_a_registry_to_a_pod(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Publish, approve, sync, admit, load; then quarantine, sync, deny."""
    org = Org(tmp_path / "home")
    org.publish(a_model(tmp_path / "model"))
    org.promote()
    with org.registrar.database.write() as connection:
        people.add_user(connection, "cluster", "service", NOW)
        people.grant(connection, "cluster", Binding("reader", Scope("fraud")), "host", NOW)
        token = tokens.create_token(connection, "cluster", tokens.Order(limit=Limit(frozenset({"read"}))), NOW)[1]
    (tmp_path / "root.json").write_bytes(org.root())
    services = Services(org.registrar.database, org.clock, registrar=org.registrar, hosts=LOOPBACK)
    server = Server(create_app(services, []), Listen(port=0))
    thread = threading.Thread(target=lambda: server.run(signals=False))
    thread.start()
    try:
        url = f"http://127.0.0.1:{server.address[1]}"
        snapshot = Snapshot(
            str(tmp_path / "snapshot"), read_root(tmp_path / "root.json"), str(tmp_path / "state"), org.clock
        )
        with connect(url, token) as client:
            assert [one.state for one in sync(client, str(tmp_path / "snapshot"), [NAME], snapshot)] == ["fetched"]
        digest = str(snapshot.resolve(NAME).manifest.digest)
        monkeypatch.setenv("ASSAY_TOKEN", token)
        words = ["admission", "sync", "--server", url, "--into", str(tmp_path / "other"), "--model"]
        assert run([*words, NAME]) == 0
        assert (tmp_path / "other" / "fraud" / "scorer" / "production.bundle").exists()
        assert run([*words, "fraud/scorer@1"]) == 2
        for _ in range(2):  # it may be started again
            assert run([
                "admission", "load", NAME, "--digest", digest, "--root", str(tmp_path / "root.json"),
                "--into", str(tmp_path / "out"), "--server", url, "--scratch", str(tmp_path / "scratch"),
            ]) == 0  # fmt: skip
        assert (tmp_path / "out" / "deep" / "vocab.txt").read_text() == "a\nb\n"
        with org.registrar.work() as work:
            subject = Subject(str(ONE), snapshot.resolve(NAME).manifest.digest)
            said = Quarantine(
                project="fraud", model="scorer", version="1", by="eve", reason="poisoned", at=timestamp(NOW)
            )
            versions.quarantine(work, ONE, sign(said.statement(subject), key("eve")))
        with connect(url, token) as client:
            assert [one.state for one in sync(client, str(tmp_path / "snapshot"), [NAME], snapshot)] == ["stopped"]
        with pytest.raises(Untrusted, match="quarantined"):
            snapshot.resolve(NAME)
    finally:
        server.stop()
        thread.join(20)
        org.registrar.close()


def _certificate(folder: Path) -> ssl.SSLContext:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")])
    today = datetime.now(UTC)
    made = (
        x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key()).serial_number(1)
        .not_valid_before(today - timedelta(days=1)).not_valid_after(today + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )  # fmt: skip
    (folder / "tls.crt").write_bytes(made.public_bytes(serialization.Encoding.PEM))
    pem = serialization.PrivateFormat.PKCS8
    (folder / "tls.key").write_bytes(key.private_bytes(serialization.Encoding.PEM, pem, serialization.NoEncryption()))
    return ssl.create_default_context(cafile=str(folder / "tls.crt"))


def test_the_webhook_over_tls(given: Path) -> None:
    context = _certificate(given)
    command = [
        sys.executable, "-m", "assaymark", "admission", "serve", "--root", str(given / "root.json"),
        "--snapshot", str(given / "snapshot"), "--listen", "127.0.0.1:0", "--tls-cert", str(given / "tls.crt"),
        "--tls-key", str(given / "tls.key"), "--image", "registry.example/assay", "--claim", "models",
    ]  # fmt: skip
    environment = {**os.environ, "ASSAY_HOME": str(given / "home"), "PYTHONUNBUFFERED": "1"}
    asked = json.loads((Path(__file__).parent / "admission" / "create-pod.json").read_text())
    with subprocess.Popen(
        command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as server:
        assert server.stdout is not None and server.stderr is not None
        try:
            found = re.search(r":(\d+)/mutate", server.stdout.readline())
            assert found
            with httpx.Client(verify=context, base_url=f"https://localhost:{found[1]}", timeout=60) as client:
                assert client.get("/readyz").status_code == 200
                response = client.post("/validate", json=asked).json()["response"]
                assert not response["allowed"] and "not in the snapshot" in response["status"]["message"]
                assert client.get("/validate").status_code == 405
                assert client.post("/api/v1/models").status_code == 404
        finally:
            server.send_signal(signal.SIGTERM)
            said = server.stderr.read()
    assert server.returncode == 0 and "Traceback" not in said
    record = json.loads(said.splitlines()[0])
    assert record["allowed"] is False and "scorer-7d9c8b6f5c" not in said


def test_options_that_do_not_fit(given: Path) -> None:
    usual = ["admission", "serve", "--root", str(given / "root.json"), "--snapshot", str(given), "--tls-cert", "c",
             "--tls-key", "k", "--image", "i"]  # fmt: skip
    for more in (
        [], ["--claim", "a", "--pull-from", "https://b.example"], ["--server", "https://b.example"],
        ["--claim", "a", "--protect", "x", "--exempt", "y"], ["--claim", "a", "--tenant", "shop"],
    ):  # fmt: skip
        assert run([*usual, *more]) == 2


# The manifests


def documents() -> list[Any]:
    return [one for path in sorted(DEPLOY.glob("*.yaml")) for one in yaml.safe_load_all(path.read_text())]


def test_our_own_scan_finds_nothing_in_the_manifests() -> None:
    report = scan(str(DEPLOY), config="")
    severe = [finding for finding in report.findings if finding.severity >= Severity.MEDIUM]
    assert not severe and report.verdict.outcome == "allow"


def test_webhooks_fail_closed_and_cannot_be_opted_out_of() -> None:
    hooks = [hook for one in documents() if one["kind"].endswith("WebhookConfiguration") for hook in one["webhooks"]]
    assert [hook["clientConfig"]["service"]["path"] for hook in hooks] == ["/mutate", "/validate"]
    for hook in hooks:
        assert hook["failurePolicy"] == "Fail" and "objectSelector" not in hook and "matchConditions" not in hook
        assert hook["timeoutSeconds"] > 2 and hook["sideEffects"] == "None"
        assert [e["key"] for e in hook["namespaceSelector"]["matchExpressions"]] == ["kubernetes.io/metadata.name"]
        resources = {name for rule in hook["rules"] for name in rule["resources"]}
        assert {"pods", "pods/ephemeralcontainers", "cronjobs", "inferenceservices"} <= resources


def test_the_deployment_is_restricted_and_its_command_is_one() -> None:
    (stateful,) = [one for one in documents() if one["kind"] == "StatefulSet"]
    (container,) = stateful["spec"]["template"]["spec"]["containers"]
    context = container["securityContext"]
    assert context["readOnlyRootFilesystem"] and context["runAsNonRoot"] and not context["allowPrivilegeEscalation"]
    from assaymark.faces.cli.admission import serve

    parser = serve.make_context("serve", list(container["args"]), resilient_parsing=True)
    assert parser.params["refresh"] == 60 and parser.params["image"].count("@sha256:") == 1
    assert "@sha256:" in container["image"]
