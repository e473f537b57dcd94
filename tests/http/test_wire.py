"""What is refused before it is read, on a real socket where that matters; headers, log and figures of every answer."""

import json
import socket
from pathlib import Path

import httpx
import pytest

from assaymark.core.errors import UsageError
from assaymark.faces.http.app import create_app
from assaymark.faces.http.routes import KNOWN, PUBLIC, Routes
from assaymark.faces.http.server import Listen, Server
from tests.http.conftest import Stage


def talk(server: Server, *lines: bytes, body: bytes = b"", host: bytes = b"localhost") -> bytes:
    """Send raw bytes, and read until the server hangs up or says no more."""
    with socket.create_connection(server.address, timeout=5) as connection:
        connection.sendall(b"\r\n".join([lines[0], b"Host: " + host, *lines[1:], b"", b""]) + body)
        connection.settimeout(1.0)
        received = b""
        try:
            while piece := connection.recv(65536):
                received += piece
        except TimeoutError:
            pass
        return received


SMUGGLED = b"0\r\n\r\nGET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n"


@pytest.mark.parametrize(
    "lines",
    [
        [b"Content-Length: 5", b"Transfer-Encoding: chunked"],
        [b"Transfer-Encoding: chunked", b"Content-Length: 5"],
        [b"Content-Length: 5", b"Transfer-Encoding: Chunked"],
        [b"Content-Length: 5", b"Content-Length: 6"],
        [b"Content-Length: 5, 6"],
        [b"Content-Length: +5"],
        [b"Content-Length: -1"],
        [b"Transfer-Encoding: chunked", b"Transfer-Encoding: chunked"],
        [b"Transfer-Encoding: chunked, identity"],
        [b"Transfer-Encoding: xchunked"],
        [b"Content-Length : 5"],
        [b"Content-Length: 5", b" folded: 1"],
    ],
    ids=lambda lines: b" | ".join(lines).decode(),
)
def test_request_smuggling_gets_one_answer_and_the_connection_ends(served: Server, lines: list[bytes]) -> None:
    received = talk(served, b"POST /api/v1/users HTTP/1.1", *lines, body=SMUGGLED)
    assert received.count(b"HTTP/1.1 ") == 1
    assert received.startswith((b"HTTP/1.1 400", b"HTTP/1.1 501"))
    assert b'"status":"ok"' not in received


def test_an_honest_connection_is_kept(served: Server) -> None:
    both = talk(
        served, b"GET /healthz HTTP/1.1", body=b"GET /healthz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"
    )
    assert both.count(b"HTTP/1.1 200") == 2


@pytest.mark.parametrize(
    "host", [b"evil.example", b"localhost.evil.example", b"127.0.0.1@evil", b"", b"0.0.0.0", b"[::2]"]
)
def test_dns_rebinding_a_host_that_is_not_ours(served: Server, host: bytes) -> None:
    assert talk(served, b"GET /healthz HTTP/1.1", host=host).startswith(b"HTTP/1.1 421")


@pytest.mark.parametrize("host", [b"localhost", b"127.0.0.1:8470", b"LOCALHOST:1", b"[::1]:8470"])
def test_a_host_that_is_ours(served: Server, host: bytes) -> None:
    assert talk(served, b"GET /healthz HTTP/1.1", b"Connection: close", host=host).startswith(b"HTTP/1.1 200")


@pytest.mark.parametrize(
    "path",
    [
        "/ledger/tile/../../keys/x", "/ledger/tile/%2e%2e/%2e%2e/x", "/ledger/tile/..%2f..%2fx", "/ledger/tile/%252e%252e/x",
        "/ledger/tile/..\\..\\x", "/ledger/tile/%5c..%5cx", "/ledger/tile/x%00", "/./healthz", "/ledger/tile/%c0%ae%c0%ae/x",
        "/ledger/tile/\x01", "/" + "a" * 5_000,
    ],
)  # fmt: skip
def test_path_traversal_in_every_spelling(served: Server, path: str) -> None:
    received = talk(served, f"GET {path} HTTP/1.1".encode("latin-1"), b"Connection: close")
    assert received.startswith((b"HTTP/1.1 400", b"HTTP/1.1 401", b"HTTP/1.1 431")), received[:100]


@pytest.mark.parametrize(
    "path", ["/ledger/tile/0/../0/000", "/ledger/tile//etc/passwd", "/ledger/tile/0/000/", "/ledger/tile/entries/x/y"]
)
def test_only_names_of_tiles_reach_the_folder(stage: Stage, path: str) -> None:
    class Folder:
        def read(self, path: str) -> bytes | None:
            return b"checkpoint" if path == "checkpoint" else b"tile" if path == "tile/0/000" else pytest.fail(path)

    stage.services.ledger_files = Folder()
    client = stage.client(stage.user("w", "auditor"))
    assert client.get("/ledger/checkpoint").content == b"checkpoint"
    assert client.get("/ledger/tile/0/000").content == b"tile"
    assert client.get(path).status_code in {200, 404} if ".." in path else client.get(path).status_code == 404


# bodies

BAD_JSON = {
    "duplicate": b'{"name":"a","name":"b"}', "nested duplicate": b'{"name":"a","kind":{"x":1,"x":2}}', "NaN": b'{"name":NaN}',
    "Infinity": b'{"name":-Infinity}', "UTF-16": '{"name":"a"}'.encode("utf-16"), "UTF-32": '{"name":"a"}'.encode("utf-32"),
    "BOM": b"\xef\xbb\xbf{}", "Latin-1": b'{"name":"\xe9"}', "surrogate": b'{"name":"\\ud800"}', "deep": b"[" * 100_000,
    "deep and closed": b"[" * 1_000 + b"]" * 1_000, "huge integer": b'{"name":' + b"9" * 5_000 + b"}", "cut": b'{"name":',
    "two": b"{}{}", "comment": b'{"name":"a"/**/}', "single quotes": b"{'name':'a'}", "NUL": b'{"name":"a\x00"}',
}  # fmt: skip


@pytest.mark.parametrize("name", BAD_JSON)
def test_json_of_which_there_are_two_readings(stage: Stage, name: str) -> None:
    client = stage.client(stage.user("root", "admin"))
    answer = client.post("/api/v1/users", content=BAD_JSON[name], headers={"Content-Type": "application/json"})
    assert answer.status_code == 400 and answer.headers["content-type"] == "application/problem+json"


@pytest.mark.parametrize(
    "body", [b"[]", b"null", b'"x"', b"1", b"{}", b'{"name":1}', b'{"name":"a","extra":1}', b'{"name":["a"]}', b""]
)
def test_json_of_the_wrong_shape(stage: Stage, body: bytes) -> None:
    client = stage.client(stage.user("root", "admin"))
    assert client.post("/api/v1/users", content=body, headers={"Content-Type": "application/json"}).status_code == 422


@pytest.mark.parametrize(
    "kind",
    [
        "text/plain",
        "application/x-www-form-urlencoded",
        "application/json; charset=utf-16",
        "application/json; x",
        "",
        "application/vnd.x+json",
    ],
)
def test_a_body_of_another_type(stage: Stage, kind: str) -> None:
    client = stage.client(stage.user("root", "admin"))
    assert client.post("/api/v1/users", content=b'{"name":"a"}', headers={"Content-Type": kind}).status_code == 415


def test_a_body_that_is_packed(stage: Stage) -> None:
    headers = {"Content-Type": "application/json", "Content-Encoding": "gzip"}
    assert (
        stage.client(stage.user("root", "admin")).post("/api/v1/users", content=b"{}", headers=headers).status_code
        == 415
    )


def test_a_body_without_end(stage: Stage, served: Server) -> None:
    token = stage.user("root", "admin")
    with httpx.Client(
        base_url=f"http://127.0.0.1:{served.address[1]}", headers={"Authorization": f"Bearer {token}"}
    ) as client:
        endless = (b" " * 65536 for _ in range(64))
        answer = client.post("/api/v1/users", content=endless, headers={"Content-Type": "application/json"})
    assert answer.status_code == 413


# every answer


@pytest.mark.parametrize("path", ["/healthz", "/api/v1/whoami", "/nothing", "/api/v1/users"])
def test_every_answer_has_the_headers(stage: Stage, path: str) -> None:
    answers = [stage.client().get(path), stage.client().get(path, headers={"Host": "evil.example"})]
    for answer in answers:
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert "default-src 'none'" in answer.headers["content-security-policy"]
        assert answer.headers["cache-control"] == "no-store"
        assert len(answer.headers["x-request-id"]) == 16
        if answer.status_code != 200:
            document = answer.json()
            assert document["status"] == answer.status_code and document["request_id"] == answer.headers["x-request-id"]
            assert document["type"].startswith("urn:assaymark:problem:") and document["title"]
    assert "server" not in answers[0].headers


def test_what_is_sent_is_not_sent_back(stage: Stage) -> None:
    client = stage.client(stage.user("root", "admin"))
    script = "<script>alert(1)</script>"
    for answer in (
        client.get(f"/{script}"),
        client.post("/api/v1/users", json={"name": [script]}),
        client.post("/api/v1/users", json={script: 1}),
    ):
        assert (
            script not in answer.text.replace("\\", "") or answer.headers["content-type"] == "application/problem+json"
        )


def test_a_bug_is_told_without_its_words(stage: Stage) -> None:
    token = stage.user("alice")
    broken = Routes()

    @broken.get("/broken", KNOWN)
    def fails() -> str:
        raise ValueError(f"the database said {token}")

    answer = stage.client(token, broken).get("/broken")
    assert answer.status_code == 500 and "database" not in answer.text and token not in answer.text
    (record,) = [record for record in stage.logged if "bug" in record]
    assert (
        record["bug"] == "ValueError"
        and record["id"] == answer.headers["x-request-id"]
        and "test_wire" in str(record["where"])
    )


def test_no_secret_in_the_log(stage: Stage) -> None:
    token = stage.user("root", "admin")
    client = stage.client(token)
    made = client.post("/api/v1/tokens", json={"label": "x"}).json()["token"]
    jwt = "eyJhbGciOiJub25lIn0.eyJzdWIiOiJhIn0."
    for secret in (token, made, jwt, token[:-1] + "0"):
        client.get(f"/api/v1/{secret}")
        client.get("/api/v1/whoami", params={"token": secret})
        client.get("/api/v1/whoami", headers={"Authorization": f"Bearer {secret}"})
        client.get("/api/v1/whoami", auth=("user", secret))
        client.post("/api/v1/users", content=secret, headers={"Content-Type": "application/json"})
        text = json.dumps(stage.logged)
        assert secret not in text and secret.split("_")[-2 if "_" in secret else 0][:43] not in text
    assert all({"at", "id", "method", "path", "status", "ms"} <= record.keys() for record in stage.logged)
    assert any(record.get("user") == "root" for record in stage.logged)


def test_a_line_break_in_a_path_is_no_second_line_of_the_log(stage: Stage, capsys: pytest.CaptureFixture[str]) -> None:
    from assaymark.faces.http.shell import to_stderr

    stage.services.log = to_stderr
    stage.client().get("/x%0a%7b%22forged%22:1%7d")
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == 1 and json.loads(lines[0])["status"] == 400


# figures


def test_metrics_are_for_auditors(stage: Stage) -> None:
    assert stage.client(stage.user("alice", "admin")).get("/metrics").status_code == 403
    auditor = stage.client(stage.user("w", "auditor"))
    auditor.get("/api/v1/no/such/path/4711")
    auditor.request("BREW", "/healthz")
    text = auditor.get("/metrics").text
    assert 'assaymark_http_requests_total{method="GET",route="none",status="404"} 1.0' in text
    assert "4711" not in text and "BREW" not in text


def test_open_metrics_are_for_this_machine_alone(stage: Stage, served: Server) -> None:
    url = f"http://127.0.0.1:{served.address[1]}/metrics"
    assert httpx.get(url).status_code == 401
    stage.services.metrics_open = True
    assert httpx.get(url).status_code == 200
    stage.services.behind_proxy = True
    assert httpx.get(url, headers={"X-Forwarded-For": "127.0.0.1, 203.0.113.9"}).status_code == 401


def test_ready_says_so_when_the_database_answers(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    import sqlalchemy as sa

    client = stage.client()
    assert client.get("/readyz").json() == {"status": "ready"}

    def broken() -> None:
        raise sa.exc.OperationalError("select", {}, Exception("secret path"))

    monkeypatch.setattr(stage.database, "read", broken)
    answer = client.get("/readyz")
    assert answer.status_code == 503 and "secret" not in answer.text


# the server


@pytest.mark.parametrize(
    "text", ["", "localhost", ":80", "localhost:x", "localhost:99999", "localhost:-1", "localhost:٣"]
)
def test_a_place_that_is_none(text: str) -> None:
    with pytest.raises(UsageError):
        Listen.parse(text)


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.0.2.1", "registry.example"])
def test_tokens_do_not_travel_in_the_clear(stage: Stage, host: str) -> None:
    with pytest.raises(UsageError, match="in the clear"):
        Server(create_app(stage.services), Listen(host, 0))
    Listen(host, 0, behind_proxy=True).check()


def test_an_address_that_is_taken(stage: Stage, served: Server) -> None:
    with pytest.raises(UsageError, match="cannot listen"):
        Server(create_app(stage.services), Listen(port=served.address[1]))


def test_a_certificate_that_is_none(stage: Stage) -> None:
    with pytest.raises(UsageError):
        Server(create_app(stage.services), Listen(port=0, certificate="/nowhere", key="/nowhere"))
    with pytest.raises(UsageError):
        Listen(certificate="x").check()


def test_a_request_under_way_is_finished_when_the_server_stops(stage: Stage) -> None:
    import threading
    import time

    begun, go_on = threading.Event(), threading.Event()
    slow = Routes()

    @slow.get("/slow", PUBLIC)
    def wait() -> str:
        begun.set()
        assert go_on.wait(10)
        return "done"

    server = Server(create_app(stage.services, [slow]), Listen(port=0))
    thread = threading.Thread(target=lambda: server.run(signals=False))
    thread.start()
    while not server.started:
        time.sleep(0.01)
    answers: list[str] = []
    asking = threading.Thread(
        target=lambda: answers.append(httpx.get(f"http://127.0.0.1:{server.address[1]}/slow", timeout=20).text)
    )
    asking.start()
    assert begun.wait(10)
    server.stop()
    go_on.set()
    asking.join(20)
    thread.join(20)
    assert answers == ['"done"'] and not thread.is_alive()


def test_answers_do_not_wait_for_more(served: Server) -> None:
    assert served._socket.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY) != 0
    assert served._socket.proto == socket.IPPROTO_TCP


def test_tls_is_spoken_with_a_certificate(stage: Stage, tmp_path: Path) -> None:
    import ssl
    import threading
    import time
    from datetime import UTC, datetime, timedelta
    from ipaddress import ip_address

    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec

    key, name = (
        ec.generate_private_key(ec.SECP256R1()),
        x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "localhost")]),
    )
    now = datetime.now(UTC)
    made = x509.CertificateBuilder(name, name, key.public_key(), 1, now - timedelta(days=1), now + timedelta(days=1))
    names = x509.SubjectAlternativeName([x509.IPAddress(ip_address("127.0.0.1"))])
    certificate = made.add_extension(names, critical=False).sign(key, hashes.SHA256())
    (tmp_path / "cert.pem").write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    form = (serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    (tmp_path / "key.pem").write_bytes(key.private_bytes(*form))
    listen = Listen(port=0, certificate=str(tmp_path / "cert.pem"), key=str(tmp_path / "key.pem"))
    server = Server(create_app(stage.services), listen)
    thread = threading.Thread(target=lambda: server.run(signals=False))
    thread.start()
    while not server.started:
        time.sleep(0.01)
    try:
        trusting = ssl.create_default_context(cafile=str(tmp_path / "cert.pem"))
        answer = httpx.get(f"https://127.0.0.1:{server.address[1]}/healthz", verify=trusting)
        assert answer.json() == {"status": "ok"} and "strict-transport-security" in answer.headers
    finally:
        server.stop()
        thread.join(20)
