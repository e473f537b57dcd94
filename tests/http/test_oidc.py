"""OIDC tokens over HTTP, and the issuer's keys over the net or from a file."""

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest

from assaymark.core.errors import AssayError, UsageError
from assaymark.feeds import oidc as feed
from assaymark.registry import people
from assaymark.serving import oidc
from tests.http.conftest import NOW, Stage
from tests.registry.test_access_oidc import ISSUER, RULES, SET, Issuer, KeySet, Verifier, token


@pytest.fixture
def known(stage: Stage) -> Stage:
    stage.services.oidc = Verifier([Issuer(ISSUER, "assaymark", KeySet(lambda: SET, lambda: 0.0))], RULES)
    return stage


def test_a_workload_is_who_the_rule_says(known: Stage) -> None:
    me = known.client(token()).get("/api/v1/whoami").json()
    assert me["user"] == "ci-vision" and me["roles"] == ["publisher on vision"]


def test_a_refused_one_learns_nothing_and_the_log_has_why(known: Stage) -> None:
    answer = known.client(token(aud="other")).get("/api/v1/whoami")
    assert answer.status_code == 401 and "somebody" not in answer.text
    assert known.logged[-1]["refused"] == "it is meant for somebody else"


def test_a_known_user_has_his_own_roles_too_and_none_when_disabled(known: Stage) -> None:
    known.user("ci-vision", "reader on speech", kind="service")
    client = known.client(token())
    assert client.get("/api/v1/whoami").json()["roles"] == ["reader on speech", "publisher on vision"]
    with known.database.write() as connection:
        people.disable_user(connection, "ci-vision", NOW)
    assert client.get("/api/v1/whoami").status_code == 401


def test_a_workload_without_an_account_makes_no_token(known: Stage) -> None:
    assert known.client(token()).post("/api/v1/tokens", json={}).status_code == 404


def test_without_issuers_no_jwt_is_taken(stage: Stage) -> None:
    assert stage.client(token()).get("/api/v1/whoami").status_code == 401


# where the keys are


def write(tmp_path: Path, keys: str) -> str:
    path = tmp_path / "oidc.toml"
    path.write_text(
        f'[[issuer]]\nurl = "{ISSUER}"\naudience = "assaymark"\nkeys = "{keys}"\n'
        '[[issuer.rule]]\nprincipal = "ci"\nclaims = {repository = "acme/vision"}\n'
    )
    return str(path)


def test_keys_from_a_file_beside_the_configuration(tmp_path: Path) -> None:
    (tmp_path / "keys.json").write_bytes(SET)
    found = oidc(write(tmp_path, "keys.json"))
    assert found is not None and found.verify(token(), NOW).principal == "ci"


def test_a_file_that_is_not_there_is_told_at_the_start(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="keys"):
        oidc(write(tmp_path, "keys.json"))
    with pytest.raises(UsageError):
        oidc(str(tmp_path / "nothing.toml"))
    (tmp_path / "bad.toml").write_text("[[[")
    with pytest.raises(UsageError, match="TOML"):
        oidc(str(tmp_path / "bad.toml"))


@pytest.fixture
def issuer() -> Iterator[tuple[str, dict[str, bytes]]]:
    answers: dict[str, bytes] = {}

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            body = answers.get(self.path)
            self.send_response(200 if body is not None else 404)
            self.send_header("Content-Length", str(len(body or b"")))
            self.end_headers()
            self.wfile.write(body or b"")

        def log_message(self, *_: object) -> None:
            pass

    server = HTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}", answers
    server.shutdown()
    thread.join()
    server.server_close()


def test_keys_by_discovery(issuer: tuple[str, dict[str, bytes]]) -> None:
    url, answers = issuer
    answers["/.well-known/openid-configuration"] = json.dumps({"issuer": url, "jwks_uri": f"{url}/keys"}).encode()
    answers["/keys"] = SET
    assert feed.fetch_keys(url) == SET
    assert feed.fetch_keys("https://elsewhere.example", f"{url}/keys") == SET


@pytest.mark.parametrize(
    "document",
    [b"", b"[]", b'{"issuer": "https://other"}', b'{"issuer": "%s"}', b'{"issuer": "%s", "jwks_uri": "http://169.254.169.254/x"}', b'{"issuer": "%s", "jwks_uri": "file:///etc/passwd"}', b"x" * 70_000],
)  # fmt: skip
def test_a_discovery_document_that_leads_astray(issuer: tuple[str, dict[str, bytes]], document: bytes) -> None:
    url, answers = issuer
    answers["/.well-known/openid-configuration"] = document.replace(b"%s", url.encode())
    with pytest.raises(AssayError):
        feed.fetch_keys(url)


def test_a_key_set_that_is_too_long(issuer: tuple[str, dict[str, bytes]]) -> None:
    url, answers = issuer
    answers["/keys"] = b" " * (300 << 10)
    with pytest.raises(AssayError, match="more than"):
        feed.fetch_keys(url, f"{url}/keys")
