"""`assay serve`, `assay user`, `assay token` and the Python client, together as a newcomer uses them."""

import os
import re
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest

from assaymark.client import connect
from assaymark.core.errors import AssayError, Conflict, NotFound, Unauthorized, Unreadable, UsageError
from assaymark.faces.cli import run
from assaymark.faces.http.server import Server
from tests.http.conftest import Stage

IDLE = 120 << 10
"""KiB of memory that a server which has done little may hold."""


def assay(*arguments: str) -> int:
    return run(list(arguments))


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("ASSAY_HOME", str(tmp_path / "home"))
    return tmp_path / "home"


def test_from_one_command_to_the_first_user(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    environment = {**os.environ, "ASSAY_HOME": str(home), "PYTHONUNBUFFERED": "1"}
    command = [sys.executable, "-m", "assaymark", "serve", "--listen", "127.0.0.1:0"]
    with subprocess.Popen(
        command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as server:
        assert server.stdout is not None and server.stderr is not None
        try:
            said = [server.stdout.readline() for _ in range(4)]
            found = re.search(r"http://127\.0\.0\.1:\d+", said[0])
            assert found, said
            for line in said[2:]:
                words = line.split()[1:]
                assert words[0] in {"user", "token"}
                assert assay(*[word.replace("NAME", "root") for word in words]) == 0
            secret = next(line for line in capsys.readouterr().out.splitlines() if line.startswith("assay_pat_"))
            with connect(found[0], secret) as client:
                assert client.whoami()["roles"] == ["admin on *"]
            resident = re.search(r"VmRSS:\s+(\d+) kB", Path(f"/proc/{server.pid}/status").read_text())
            assert resident and int(resident[1]) < IDLE
        finally:
            server.send_signal(signal.SIGTERM)
            rest = server.stderr.read()
    assert server.returncode == 0
    assert secret not in rest and '"path":"/api/v1/whoami"' in rest and "Traceback" not in rest


def test_a_server_imports_no_migrations_and_no_scanner(home: Path) -> None:
    script = (
        "import sys\nfrom assaymark.faces.http.server import Server\n"
        "Server.run = lambda self: self._socket.close()\n"
        "from assaymark.faces.cli import run\ncode = run(['serve', '--listen', '127.0.0.1:0', '-q'])\n"
        "print(code, *sys.modules, file=sys.stderr)"
    )
    environment = {**os.environ, "ASSAY_HOME": str(home)}
    done = subprocess.run([sys.executable, "-c", script], env=environment, capture_output=True, text=True, check=False)
    code, *names = done.stderr.split()
    assert code == "0", done.stderr[-2_000:]
    heavy = {"alembic", "numpy", "jsonschema_rs", "jinja2", "httpx", "jwt", "obstore", "psycopg", "httpcore"}
    assert {name.partition(".")[0] for name in names} & heavy == set()
    unused = (
        "pydantic.v1.",
        "sqlalchemy.dialects.postgresql",
        "assaymark.app",
        "assaymark.model.",
        "assaymark.faces.http.contract",
    )
    assert [name for name in names if name.startswith(unused)] == []


def test_users_and_tokens_on_the_machine_itself(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert assay("user", "add", "alice", "--role", "publisher", "--scope", "vision") == 0
    assert assay("user", "add", "ci", "--service") == 0
    assert assay("user", "grant", "alice", "approver", "--scope", "speech#production") == 0
    assert assay("user", "revoke", "alice", "publisher", "--scope", "vision") == 0
    assert assay("user", "add", "alice.work") == 0
    assert assay("user", "link", "alice", "alice.work") == 0
    capsys.readouterr()
    assert assay("user", "list") == 0
    listed = capsys.readouterr().out
    assert (
        "alice  (person)  approver on speech#production" in listed
        and "is alice" in listed
        and "ci  (service)  no role" in listed
    )
    assert (
        assay(
            "token",
            "create",
            "ci",
            "--verb",
            "read",
            "--project",
            "vision",
            "--days",
            "7",
            "--hub",
            "--label",
            "laptop",
        )
        == 0
    )
    secret, rest = capsys.readouterr()
    assert secret.startswith("hf_assay_") and secret.strip() not in rest
    token_id = re.search(r"id (\w+)", rest)
    assert token_id and assay("token", "list", "ci") == 0
    assert re.search(rf"{token_id[1]}  ci  vision  read  until \S+  never used  laptop", capsys.readouterr().out)
    assert assay("token", "revoke", token_id[1]) == 0
    assert assay("token", "list") == 0
    assert "revoked" in capsys.readouterr().out
    assert assay("user", "disable", "ci") == 0


@pytest.mark.parametrize(
    "arguments",
    [
        ("user", "add", "No Name"), ("user", "add", "bob", "--role", "king"), ("user", "grant", "nobody", "reader"), ("user", "disable", "nobody"),
        ("user", "add", "ci", "--service", "--role", "admin"), ("token", "create", "nobody"), ("token", "revoke", "x"), ("token", "create", "bob", "--days", "366"),
        ("serve", "--listen", "0.0.0.0:0"), ("serve", "--listen", "nonsense"), ("serve", "--oidc", "/nowhere.toml"), ("serve", "--tls-cert", "/nowhere"),
        ("user", "list", "--database", "nonsense://x"),
    ],
    ids=" ".join,
)  # fmt: skip
def test_what_makes_no_sense_is_told(
    home: Path, arguments: tuple[str, ...], capsys: pytest.CaptureFixture[str]
) -> None:
    assert assay(*arguments) == 2
    assert "Traceback" not in capsys.readouterr().err


# the client


def test_the_client_does_what_the_interface_can(stage: Stage, served: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ASSAY_SERVER", f"http://127.0.0.1:{served.address[1]}/")
    monkeypatch.setenv("ASSAY_TOKEN", stage.user("root", "admin"))
    with connect() as client:
        assert client.add_user("alice")["roles"] == []
        assert client.grant("alice", "reader", "vision")["roles"] == [{"role": "reader", "scope": "vision"}]
        made = client.create_token(user="alice", days=1)
        client.revoke_token(made["id"])
        with pytest.raises(Conflict):
            client.add_user("alice")
        with pytest.raises(NotFound):
            client.grant("bob", "reader")
        with pytest.raises(Unauthorized):
            client.grant("root", "security")
        assert b"".join(client.fetch("/healthz")) == b'{"status":"ok"}'
    with connect(token=made["token"]) as client, pytest.raises(Unauthorized, match="not accepted"):
        client.whoami()


def test_a_server_that_is_none(monkeypatch: pytest.MonkeyPatch) -> None:
    for server in (None, "ftp://x", "http://registry.example", "https://user:secret@registry.example", "https://"):
        with pytest.raises(UsageError):
            connect(server, "x")
    with pytest.raises(UsageError, match="header"):
        connect("https://registry.example", "a\r\nb")
    monkeypatch.setenv("ASSAY_OFFLINE", "1")
    with pytest.raises(UsageError, match="OFFLINE"):
        connect("https://registry.example", "x")


@pytest.fixture
def strange() -> Iterator[tuple[str, list[bytes]]]:
    """A server that answers with what it is given."""
    answers: list[bytes] = []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.wfile.write(answers[0])
            self.close_connection = True

        def log_message(self, *_: object) -> None:
            pass

    server = HTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}", answers
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.mark.parametrize(
    ("answer", "kind"),
    [
        (b"HTTP/1.1 302 Found\r\nLocation: http://169.254.169.254/\r\nContent-Length: 0\r\n\r\n", Unreadable),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n[", Unreadable), (b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\n[", Unreadable),
        (b"HTTP/1.1 500 X\r\nContent-Length: 5\r\n\r\n<html", Unreadable), (b"HTTP/1.1 403 X\r\nContent-Length: 2\r\n\r\n[]", Unauthorized),
        (b"nonsense\r\n\r\n", Unreadable), (b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\n\xff\xfe\x00", Unreadable),
        (b"HTTP/1.1 400 X\r\nContent-Length: 70000\r\n\r\n" + b"[" * 70_000, UsageError),
    ],
)  # fmt: skip
def test_a_server_that_lies_is_an_error_of_ours(
    strange: tuple[str, list[bytes]], answer: bytes, kind: type[AssayError]
) -> None:
    url, answers = strange
    answers.append(answer)
    with connect(url, "x") as client, pytest.raises(kind):
        client.whoami()
