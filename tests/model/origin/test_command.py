"""`assay model origin` as people and pipelines use it."""

import hashlib
import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jsonschema_rs
import pytest
from click.testing import CliRunner, Result

from assaymark import origins
from assaymark.core.clock import parse_timestamp
from assaymark.core.envelope import Envelope
from assaymark.core.evidence import ORIGIN, TEST_RESULT, Evidence, read_statement
from assaymark.core.finding import Severity
from assaymark.core.policy import Policy, Requirement, decide
from assaymark.core.verdict import Outcome
from assaymark.faces.cli import assay, run
from assaymark.report import schemas
from tests.feeds.servers import Data, Hub, Reply, Request, as_json, serving
from tests.model.origin.makers import CARD, llama
from tests.model.origin.test_history import ANSWERS, pickled, snapshot

SCHEMAS = Path(__file__).parents[3] / "docs" / "schemas"
COMMIT = "a" * 40


def schema(name: str) -> jsonschema_rs.Draft202012Validator:
    document = json.loads((SCHEMAS / f"{name}.schema.json").read_text())
    jsonschema_rs.meta.validate(document)
    return jsonschema_rs.Draft202012Validator(document, validate_formats=True)


def assay_run(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, str]:
    code = run(["model", "origin", *arguments])
    return code, capsys.readouterr().out


def test_text_json_markdown_and_the_rest(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    base, net = llama(tmp_path / "base"), llama(tmp_path / "net", noise=0.002)
    code, text = assay_run(capsys, str(net), "--base", str(base), "--no-config")
    assert code == 0
    assert "undeclared base" in text and "finetune of base" in text
    code, text = assay_run(
        capsys, str(net), "--base", str(base), "--no-config", "--format", "json", "-o", f"sarif:{tmp_path / 'o.sarif'}"
    )
    document = json.loads(text)
    assert [str(error) for error in schema("origin-v1").iter_errors(document)] == []
    assert document["schema"] == "assaymark/origin/v1"
    assert document["verdict"]["outcome"] == "allow"
    assert document["scan"]["schema"] == "assaymark/scan-report/v1"
    assert json.loads((tmp_path / "o.sarif").read_text())["version"] == "2.1.0"
    for form in ("markdown", "html", "junit"):
        code, text = assay_run(capsys, str(net), "--no-config", "--format", form)
        assert code == 0 and len(text) > 500
    assert assay_run(capsys, str(net), "--no-config", "--fail-on", "medium", "--base", str(base))[0] == 1


def test_the_published_schema_is_the_package_s() -> None:
    assert schemas.schema("origin-v1") == json.loads((SCHEMAS / "origin-v1.schema.json").read_text())


def test_exit_codes(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    liar = llama(tmp_path / "net", vocab_size=5)
    assert assay_run(capsys, str(liar), "--no-config")[0] == 1
    (tmp_path / "empty").mkdir()
    (tmp_path / "empty" / "a.txt").write_text("x")
    assert assay_run(capsys, str(tmp_path / "empty"), "--no-config")[0] == 3
    assert assay_run(capsys, str(tmp_path / "absent"), "--no-config")[0] == 2
    assert assay_run(capsys, str(liar), "--no-config", "--evidence", "x.json")[0] == 2
    (tmp_path / "odd.json").write_text('{"colour": "red"}')
    assert assay_run(capsys, str(liar), "--no-config", "--claims", str(tmp_path / "odd.json"))[0] == 2


def test_strangers_format_nothing(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    card = CARD.replace("license: apache-2.0", 'license: "x`|<b>\\e[31m\\u202e"')
    _, text = assay_run(capsys, str(llama(tmp_path / "net", card=card)), "--no-config", "--format", "markdown")
    assert "\x1b" not in text and "\u202e" not in text
    _, text = assay_run(capsys, str(tmp_path / "net"), "--no-config")
    assert "\x1b" not in text and "\u202e" not in text


def test_evidence_is_signed_verified_and_required(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ASSAY_HOME", str(tmp_path / "home"))
    net, file = llama(tmp_path / "net"), tmp_path / "e.json"
    assert run(["key", "create", "k"]) == 0
    assert assay_run(capsys, str(net), "--no-config", "--evidence", str(file), "--key", "k")[0] == 0
    assert run(["evidence", "verify", str(file), str(net), "--key", "k", "--require-pass"]) == 0
    statement = read_statement(Envelope.from_json(file.read_bytes()))
    assert statement.predicate_type == ORIGIN
    assert statement.predicate["origin"]["summary"]["contradicted"] == 0
    (net / "README.md").write_text("# Another\n")
    assert run(["evidence", "verify", str(file), str(net), "--key", "k"]) == 1

    now = parse_timestamp(statement.predicate["assaymark"]["at"])
    item = [Evidence.unsigned(statement)]
    asks = {kind: Policy("p", actions={"load": (Requirement(kind),)}) for kind in (ORIGIN, TEST_RESULT)}
    assert decide("load", statement.subjects[0], item, asks[ORIGIN], now).outcome is Outcome.ALLOW
    assert decide("load", statement.subjects[0], item, asks[TEST_RESULT], now).outcome is Outcome.HOLD, "it is no scan"


def test_evidence_of_a_lie_denies_at_the_gate(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ASSAY_HOME", str(tmp_path / "home"))
    file = tmp_path / "e.json"
    run(["key", "create", "k"])
    assert (
        assay_run(
            capsys, str(llama(tmp_path / "net", vocab_size=5)), "--no-config", "--evidence", str(file), "--key", "k"
        )[0]
        == 1
    )
    statement = read_statement(Envelope.from_json(file.read_bytes()))
    now = parse_timestamp(statement.predicate["assaymark"]["at"])
    policy = Policy("p", fail_on=Severity.HIGH, actions={"load": (Requirement(ORIGIN),)})
    assert decide("load", statement.subjects[0], [Evidence.unsigned(statement)], policy, now).outcome is Outcome.DENY


def test_diff(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    old, new = str(tmp_path / "old.json"), str(tmp_path / "new.json")
    origins.write_snapshot(snapshot(), old)
    origins.write_snapshot(snapshot(pickled, at="2026-02-01T00:00:00Z"), new)
    code, text = assay_run(capsys, "diff", old, new)
    assert code == 1
    assert text.splitlines()[1].strip().startswith("high     format: safetensors gave way to pickles")
    code, text = assay_run(capsys, "diff", old, new, "--format", "json")
    assert [str(error) for error in schema("origin-diff-v1").iter_errors(json.loads(text))] == []
    assert assay_run(capsys, "diff", old, old)[0] == 0
    assert assay_run(capsys, "diff", old, new, "--fail-on", "critical")[0] == 0


def test_a_signature_beside_the_files_is_read_and_not_believed(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ASSAY_HOME", str(tmp_path / "home"))
    net = llama(tmp_path / "net")
    run(["key", "create", "k", "--type", "ecdsa-p256"])
    assert run(["model", "sign", str(net), "--key", "k", "--oms", str(tmp_path / "model.sig")]) == 0
    (tmp_path / "model.sig").rename(net / "model.sig")
    capsys.readouterr()
    _, text = assay_run(capsys, str(net), "--no-config", "--format", "json")
    (signed,) = json.loads(text)["signatures"]
    assert signed["kind"] == "OpenSSF model signing"
    assert signed["agrees"] is True and signed["verified"] is False
    (net / "config.json").write_text("{}")
    _, text = assay_run(capsys, str(net), "--no-config", "--format", "json")
    (signed,) = json.loads(text)["signatures"]
    assert signed["agrees"] is False and "config.json" in signed["differs"]


class Api(Hub):
    """The hub with what a snapshot asks for."""

    def __call__(self, request: Request) -> Reply:
        lead = f"/api/models/{self.id}"
        if request.path == f"{lead}/revision/main" and "blobs" in request.query:
            return as_json({**ANSWERS["model"], "id": self.id, "sha": self.commit})
        if request.path == "/api/organizations/acme/overview":
            return Reply(404)
        if request.path == "/api/users/acme/overview":
            return as_json({key: value for key, value in ANSWERS["owner"].items() if key != "type"})
        if request.path == f"{lead}/commits/{self.commit}":
            page = int(request.query["p"])
            return as_json(
                [{"id": f"{page:040x}", "title": "t", "date": "", "authors": [{"user": "ann"}]}]
                * (100 if page < 2 else 3)
            )
        if request.path == f"{lead}/discussions":
            return Reply(403)
        return super().__call__(request)


@pytest.fixture
def hub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Api]:
    for name in list(os.environ):
        if name.upper().startswith(("HF_", "HUGGING_", "ASSAY_")) or name.upper().endswith("_PROXY"):
            monkeypatch.delenv(name)
    net = llama(tmp_path / "net")
    api = Api({path.name: Data(path.read_bytes()) for path in sorted(net.iterdir())})
    with serving(api) as server:
        monkeypatch.setenv("HF_ENDPOINT", server.url)
        yield api


@pytest.mark.allow_hosts(["127.0.0.1", "localhost", "::1"])
def test_a_snapshot_from_a_hub(hub: Api, tmp_path: Path) -> None:
    file = tmp_path / "s.json"
    assert run(["model", "origin", "snapshot", "hf://acme/net", "-o", str(file)]) == 0
    document: Any = json.loads(file.read_text())
    assert document["of"] == "hf://acme/net"
    assert [str(error) for error in schema("hub-snapshot-v1").iter_errors(document)] == []
    assert document["content"]["owner"]["kind"] == "user"
    assert len(document["content"]["commits"]) == 203
    assert document["content"]["discussions"] == {"open": 0, "titles": []}
    assert run(["model", "origin", "diff", str(file), str(file)]) == 0
    assert run(["model", "origin", "snapshot", "hf://datasets/acme/net", "-o", str(file)]) == 2
    assert run(["model", "origin", "snapshot", "hf://acme/net@v9", "-o", str(file)]) == 3


@pytest.mark.allow_hosts(["127.0.0.1", "localhost", "::1"])
def test_a_remote_model_by_its_headers(hub: Api, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code, text = assay_run(capsys, "hf://acme/net", "--no-config", "--format", "json")
    document = json.loads(text)
    assert document["subject"]["name"] == "acme/net" and document["subject"]["revision"] == hub.commit
    assert document["summary"]["contradicted"] == 0
    assert code == 0
    code, text = assay_run(
        capsys, "hf://acme/net", "--no-config", "--full", "--base", str(tmp_path / "net"), "--format", "json"
    )
    document = json.loads(text)
    assert document["base"]["relation"] == "copy"
    assert document["subject"]["digest"].startswith("assaymark-manifest-v1:")


def test_help_names_the_commands() -> None:
    result: Result = CliRunner().invoke(assay, ["model", "origin", "--help"])
    assert result.exit_code == 0
    assert "snapshot" in result.output and "diff" in result.output


def test_a_cache_of_the_hub_client(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    snapshot_folder = tmp_path / "models--acme--net" / "snapshots" / COMMIT
    blobs = tmp_path / "models--acme--net" / "blobs"
    net = llama(tmp_path / "net")
    snapshot_folder.mkdir(parents=True)
    blobs.mkdir()
    for path in net.iterdir():
        digest = hashlib.sha256(path.read_bytes()).hexdigest()
        path.rename(blobs / digest)
        (snapshot_folder / path.name).symlink_to(Path("..") / ".." / "blobs" / digest)
    code, text = assay_run(capsys, str(snapshot_folder), "--no-config", "--follow-links", "--format", "json")
    assert code == 0
    assert json.loads(text)["subject"]["name"] == "acme/net" and json.loads(text)["subject"]["revision"] == COMMIT
    assert json.loads(text)["summary"]["contradicted"] == 0
    assert (
        sum(c["about"].startswith("digest of") and c["result"] == "verified" for c in json.loads(text)["claims"]) == 3
    )
    with (snapshot_folder / "model.safetensors").open("r+b") as file:
        file.seek(-1, 2)
        file.write(b"\x77")
    assert assay_run(capsys, str(snapshot_folder), "--no-config", "--follow-links")[0] == 1


def test_who_a_sigstore_certificate_says_it_is(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    import base64
    from datetime import UTC, datetime, timedelta

    from cryptography import x509
    from cryptography.hazmat.primitives import hashes
    from cryptography.hazmat.primitives.asymmetric import ec
    from cryptography.hazmat.primitives.serialization import Encoding

    key, now = ec.generate_private_key(ec.SECP256R1()), datetime.now(UTC)
    builder = (
        x509.CertificateBuilder().subject_name(x509.Name([])).issuer_name(x509.Name([])).public_key(key.public_key())
    )
    builder = builder.serial_number(1).not_valid_before(now).not_valid_after(now + timedelta(minutes=10))
    builder = builder.add_extension(x509.SubjectAlternativeName([x509.RFC822Name("ann@acme.test")]), critical=True)
    der = builder.sign(key, hashes.SHA256()).public_bytes(Encoding.DER)
    net = llama(tmp_path / "net")
    for raw, identity in ((der, "ann@acme.test"), (b"junk", "a certificate that cannot be read")):
        bundle = {
            "mediaType": "application/vnd.dev.sigstore.bundle.v0.3+json", "verificationMaterial": {"certificate": {"rawBytes": base64.b64encode(raw).decode()}},
            "dsseEnvelope": {"payload": "e30=", "payloadType": "application/vnd.in-toto+json", "signatures": [{"sig": "AAAA"}]},
        }  # fmt: skip
        (net / "model.sig").write_text(json.dumps(bundle))
        _, text = assay_run(capsys, str(net), "--no-config", "--format", "json")
        (signed,) = json.loads(text)["signatures"]
        assert signed["identity"] == identity and signed["verified"] is False
