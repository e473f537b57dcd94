"""Outgoing webhooks: a real receiver on loopback, retries as stated, and ways to make the server speak to what is inside."""

import base64
import hashlib
import hmac
import json
import os
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import suppress
from datetime import timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from assaymark import notifying
from assaymark.core.clock import FixedClock, timestamp
from assaymark.core.errors import UsageError
from assaymark.faces.cli import run
from assaymark.feeds import webhook as feed
from assaymark.feeds.webhook import Order, post
from assaymark.registrar import Registrar
from assaymark.registry import models, tables, webhooks
from assaymark.registry.names import ModelName
from assaymark.registry.webhook_tables import deliveries
from assaymark.worker import Keeper
from tests.databases import database_url, postgres, postgres_url
from tests.http.conftest import NOW, Stage

__all__ = ["database_url", "postgres", "postgres_url"]


class Receiver:
    """Takes messages, and answers as it is told."""

    def __init__(self) -> None:
        self.taken: list[tuple[dict[str, str], bytes]] = []
        self.answers: list[tuple[int, dict[str, str]]] = []
        self.slow = threading.Event()
        self.slow.set()
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                outer.taken.append(({name.lower(): value for name, value in self.headers.items()}, body))
                outer.slow.wait(20)
                status, headers = outer.answers.pop(0) if outer.answers else (204, {})
                self.send_response(status)
                for name, value in headers.items():
                    self.send_header(name, value)
                self.end_headers()

            def log_message(self, *_: object) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}/hook"
        self._thread = threading.Thread(target=self.server.serve_forever, kwargs={"poll_interval": 0.01})
        self._thread.start()

    def close(self) -> None:
        self.slow.set()
        self.server.shutdown()
        self._thread.join()
        self.server.server_close()

    @property
    def ids(self) -> list[str]:
        return [headers["webhook-id"] for headers, _ in self.taken]


@pytest.fixture
def receiver(monkeypatch: pytest.MonkeyPatch) -> Iterator[Receiver]:
    monkeypatch.setenv("ASSAY_WEBHOOK_HOSTS", "127.0.0.1")
    made = Receiver()
    yield made
    made.close()


class Place:
    """A registry with a project, and a courier without jitter."""

    def __init__(self, home: Path, url: str) -> None:
        self.home, self.url = home, url
        self.clock = FixedClock(NOW)
        Registrar.create(str(home))
        self.registrar = Registrar.open(str(home), database=url, clock=self.clock)
        self.courier = notifying.Courier(self.registrar, jitter=lambda: 0.0)
        with self.registrar.work() as work:
            models.create_project(work, "fraud")
            models.create_project(work, "vision")

    def happen(self, kind: str = "activated", project: str = "fraud") -> None:
        with self.registrar.work() as work:
            work.log(kind, ModelName(project, "scorer"), "dan", version="1", channel="production")

    def hook(self, url: str, *events: str, project: str = "fraud") -> dict[str, Any]:
        return notifying.add(self.registrar, project, url, events, "root")

    def listed(self) -> dict[str, Any]:
        (found,) = notifying.listed(self.registrar, "fraud")
        return found

    def count(self, table: sa.Table) -> int:
        with self.registrar.database.read() as connection:
            return int(connection.execute(sa.select(sa.func.count()).select_from(table)).scalar_one())

    def later(self, **delta: float) -> None:
        self.clock.moment += timedelta(**delta)


@pytest.fixture
def at(tmp_path: Path, database_url: str) -> Iterator[Place]:
    made = Place(tmp_path / "home", database_url)
    yield made
    made.registrar.close()


# What a receiver gets


def test_a_message_is_signed_as_standard_webhooks_says(at: Place, receiver: Receiver) -> None:
    made = at.hook(receiver.url)
    at.happen()
    assert at.courier.deliver() == 1 and at.courier.deliver() == 0
    ((headers, body),) = receiver.taken
    key = base64.b64decode(made["secret"].removeprefix("whsec_"))
    assert len(key) == 32
    signed = f"{headers['webhook-id']}.{headers['webhook-timestamp']}.".encode() + body
    wanted = base64.b64encode(hmac.new(key, signed, hashlib.sha256).digest()).decode()
    assert headers["webhook-signature"] == f"v1,{wanted}"
    assert headers["webhook-timestamp"] == str(int(NOW.timestamp())) and headers["content-type"] == "application/json"
    said = json.loads(body)
    assert said["type"] == "activated" and said["timestamp"] == timestamp(NOW)
    assert said["data"]["project"] == "fraud" and said["data"]["channel"] == "production"
    assert at.listed()["delivered_at"] == timestamp(NOW)
    assert at.count(deliveries) == at.count(tables.outbox) == 0


def test_the_signature_of_the_specifications_example() -> None:
    due = webhooks.Due(
        1,
        "w",
        "u",
        "msg_p5jXN8AQM9LWM0D4loKWxJek",
        b'{"test": 2432232314}',
        "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",
        1,
    )
    from datetime import UTC, datetime

    found = webhooks.signed(due, datetime.fromtimestamp(1614265330, UTC))
    assert found["webhook-signature"] == "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="


def test_events_of_other_types_and_projects_are_not_told(at: Place, receiver: Receiver) -> None:
    at.hook(receiver.url, "quarantined", "activated")
    at.happen("sealed")
    at.happen("activated", "vision")
    at.happen("quarantined")
    at.courier.deliver()
    assert [json.loads(body)["type"] for _, body in receiver.taken] == ["quarantined"]
    assert at.count(tables.outbox) == 0


def test_an_event_that_was_rolled_back_is_not_told(at: Place, receiver: Receiver) -> None:
    at.hook(receiver.url)
    with suppress(ZeroDivisionError), at.registrar.work() as work:
        work.log("activated", ModelName("fraud", "scorer"), "dan")
        raise ZeroDivisionError
    assert at.courier.deliver() == 0 and not receiver.taken


def test_the_keeper_tells(at: Place, receiver: Receiver) -> None:
    at.hook(receiver.url)
    at.happen()
    at.courier.look()
    at.courier.look()
    thread = at.courier._thread
    assert thread is not None
    thread.join(20)
    assert len(receiver.taken) == 1


def test_the_servers_own_thread_tells(at: Place, receiver: Receiver) -> None:
    at.hook(receiver.url)
    keeper = Keeper(at.registrar, str(at.home), at.url, None, lambda said: None)
    keeper.start()
    try:
        at.happen()
        at.registrar.wake()
        until = time.monotonic() + 30
        while at.count(tables.outbox) + at.count(deliveries) and time.monotonic() < until:
            time.sleep(0.02)
    finally:
        keeper.stop()
    assert len(receiver.taken) == 1 and at.listed()["delivered_at"]


# Retries


def test_retries_exactly_as_stated_with_one_id_and_then_dead(at: Place, receiver: Receiver) -> None:
    at.hook(receiver.url)
    at.happen()
    receiver.answers = [(500, {})] * 20
    assert at.courier.deliver() == 1
    for pause in webhooks.RETRIES:
        at.later(seconds=pause.total_seconds() - 1)
        assert at.courier.deliver() == 0
        at.later(seconds=1)
        assert at.courier.deliver() == 1
    assert len(receiver.taken) == 10 and len(set(receiver.ids)) == 1
    at.later(days=7)
    assert at.courier.deliver() == 0
    assert at.listed() | {"dead": 1, "waiting": 0, "why": "it answered 500"} == at.listed()
    at.later(days=31)
    at.courier.deliver()
    assert at.count(deliveries) == 0


def test_jitter_adds_a_tenth_at_most(at: Place, receiver: Receiver) -> None:
    courier = notifying.Courier(at.registrar, jitter=lambda: 1.0)
    at.hook(receiver.url)
    at.happen()
    receiver.answers = [(500, {})] * 2
    courier.deliver()
    at.later(seconds=6)
    courier.deliver()
    at.later(seconds=329)
    assert courier.deliver() == 0
    at.later(seconds=1)
    assert courier.deliver() == 1


def test_retry_after_is_kept_within_a_day(at: Place, receiver: Receiver) -> None:
    at.hook(receiver.url)
    at.happen()
    receiver.answers = [(503, {"Retry-After": "3600"}), (429, {"Retry-After": "9999999"})]
    at.courier.deliver()
    at.later(seconds=3_599)
    assert at.courier.deliver() == 0
    at.later(seconds=1)
    assert at.courier.deliver() == 1
    at.later(days=1)
    assert at.courier.deliver() == 1


def test_gone_ends_the_webhook(at: Place, receiver: Receiver) -> None:
    at.hook(receiver.url)
    at.happen()
    receiver.answers = [(410, {})]
    at.courier.deliver()
    assert at.listed()["disabled_at"]
    at.happen()
    at.later(days=1)
    assert at.courier.deliver() == 0 and len(receiver.taken) == 1


KILLED = """
import os, sys
from datetime import datetime
from assaymark import notifying
from assaymark.core.clock import FixedClock
from assaymark.registrar import Registrar
from assaymark.registry import webhooks
webhooks.finish = lambda *_, **__: os._exit(9)
registrar = Registrar.open(sys.argv[1], database=sys.argv[3], clock=FixedClock(datetime.fromisoformat(sys.argv[2])))
notifying.Courier(registrar).deliver()
"""


def test_killed_between_delivery_and_mark(at: Place, receiver: Receiver) -> None:
    at.hook(receiver.url)
    at.happen()
    command = [sys.executable, "-c", KILLED, str(at.home), NOW.isoformat(), at.url]
    done = subprocess.run(command, env={**os.environ}, capture_output=True, text=True, check=False)
    assert done.returncode == 9, done.stderr
    assert len(receiver.taken) == 1
    assert at.courier.deliver() == 0  # leased: it may still be under way
    at.later(seconds=61)
    assert at.courier.deliver() == 1
    assert len(receiver.taken) == 2 and len(set(receiver.ids)) == 1
    at.later(days=1)
    assert at.courier.deliver() == 0


def test_killed_before_anything_was_sent(at: Place, receiver: Receiver) -> None:
    at.hook(receiver.url)
    at.happen()

    def killed(_orders: Any) -> Any:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        notifying.Courier(at.registrar, send=killed).deliver()
    at.later(seconds=61)
    assert at.courier.deliver() == 1 and len(receiver.taken) == 1


def test_several_servers_tell_each_event_once(at: Place, receiver: Receiver) -> None:
    at.hook(receiver.url)
    for _ in range(40):
        at.happen()
    others = [Registrar.open(str(at.home), database=at.url, clock=at.clock) for _ in range(3)]
    failed: list[Exception] = []

    def tell(registrar: Registrar) -> None:
        courier = notifying.Courier(registrar, jitter=lambda: 0.0)
        try:
            while at.count(tables.outbox) or at.count(deliveries):
                courier.deliver()
        except Exception as error:  # noqa: BLE001 - told below
            failed.append(error)

    threads = [threading.Thread(target=tell, args=(one,)) for one in others]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    for one in others:
        one.close()
    assert not failed
    assert len(receiver.ids) == len(set(receiver.ids)) == 40


def test_a_late_mark_does_not_end_a_newer_attempt(at: Place, receiver: Receiver) -> None:
    at.hook(receiver.url)
    at.happen()
    with at.registrar.database.write() as connection:
        webhooks.spread(connection, NOW)
        (first,) = webhooks.claim(connection, NOW)
        (second,) = webhooks.claim(connection, NOW + timedelta(minutes=2))
        before = connection.execute(sa.select(deliveries.c.next_at)).scalar_one()
        webhooks.finish(connection, first, 500, "late", NOW, lambda: 0.0)
        assert connection.execute(sa.select(deliveries.c.next_at)).scalar_one() == before
        assert (first.message, second.attempt) == (second.message, 2)


def test_a_webhook_with_much_to_tell_takes_no_others_place(at: Place, receiver: Receiver) -> None:
    at.hook(receiver.url)
    at.hook(receiver.url + "/other", "quarantined")
    for _ in range(30):
        at.happen()
    at.happen("quarantined")
    with at.registrar.database.write() as connection:
        webhooks.spread(connection, NOW)
        due = webhooks.claim(connection, NOW)
    assert len(due) == 5 and sum(one.url.endswith("/other") for one in due) == 1


# What must not be reached


@pytest.mark.parametrize(
    "url",
    ["http://hooks.example/x", "https://127.0.0.1/x", "https://localhost/x", "https://[::1]/x", "https://10.0.0.1/x",
     "https://169.254.169.254/latest/meta-data", "https://[::ffff:127.0.0.1]/x", "https://[64:ff9b::7f00:1]/x",
     "https://0.0.0.0/x", "https://user:secret@hooks.example/x", "file:///etc/passwd", "gopher://x/", "https://",
     "https://hooks.example/" + "x" * 2_000],
)  # fmt: skip
def test_urls_that_nothing_is_sent_to(at: Place, url: str) -> None:
    with pytest.raises(UsageError):
        at.hook(url)
    assert post([Order(url, {}, b"")])[0].status == 0


def test_dns_rebinding(receiver: Receiver, monkeypatch: pytest.MonkeyPatch) -> None:
    """A name that was public when it was added, and leads to this machine when the connection is made."""
    monkeypatch.setenv("ASSAY_WEBHOOK_HOSTS", "")
    monkeypatch.setattr(feed, "check_url", lambda _: None)  # plain http, so that only the address stands in the way
    url = receiver.url.replace("127.0.0.1", "rebinding.example")
    monkeypatch.setattr("socket.getaddrinfo", _leads_to("127.0.0.1"))
    (answer,) = post([Order(url, {}, b"{}")])
    assert answer.status == 0 and "not of the internet" in answer.why
    assert not receiver.taken
    monkeypatch.setenv("ASSAY_WEBHOOK_HOSTS", "rebinding.example")
    assert post([Order(url, {}, b"{}")])[0].status == 204


def _leads_to(address: str) -> Any:
    import socket

    def found(_host: Any, port: Any, *_: Any, **__: Any) -> Any:
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, int(port)))]

    return found


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_redirect_to_inside(at: Place, receiver: Receiver, status: int) -> None:
    inside = Receiver()
    try:
        at.hook(receiver.url)
        at.happen()
        receiver.answers = [(status, {"Location": inside.url})]
        at.courier.deliver()
        assert len(receiver.taken) == 1 and not inside.taken
        assert at.listed()["why"] == f"it answered {status}"
    finally:
        inside.close()


def test_a_proxy_of_the_environment_is_not_asked(receiver: Receiver, monkeypatch: pytest.MonkeyPatch) -> None:
    proxy = Receiver()
    try:
        monkeypatch.setenv("HTTP_PROXY", proxy.url)
        monkeypatch.setenv("ALL_PROXY", proxy.url)
        assert post([Order(receiver.url, {}, b"{}")])[0].status == 204
        assert not proxy.taken
    finally:
        proxy.close()


def test_slow_receiver_holds_up_nobody(receiver: Receiver) -> None:
    other = Receiver()
    receiver.slow.clear()
    try:
        begun = time.monotonic()
        late, good = post([Order(receiver.url, {}, b"{}"), Order(other.url, {}, b"{}")], seconds=0.5)
        assert time.monotonic() - begun < 15
        assert late.status == 0 and "longer" in late.why and good.status == 204
    finally:
        other.close()


def test_receiver_that_drips_headers_or_sends_without_end(monkeypatch: pytest.MonkeyPatch) -> None:
    import socket

    monkeypatch.setenv("ASSAY_WEBHOOK_HOSTS", "127.0.0.1")
    stop = threading.Event()

    def serve(listening: socket.socket, head: bytes, piece: bytes) -> None:
        with listening.accept()[0] as peer:
            try:
                peer.sendall(head)
                while not stop.wait(0.02):
                    peer.sendall(piece)
            except OSError:
                pass

    for head, piece, status in (
        (b"HTTP/1.1 200 OK\r\n", b"x: y\r\n", 0), (b"HTTP/1.1 200 OK\r\n\r\n", b"x" * 4_096, 200)
    ):  # fmt: skip
        with socket.create_server(("127.0.0.1", 0)) as listening:
            thread = threading.Thread(target=serve, args=(listening, head, piece))
            thread.start()
            url = f"http://127.0.0.1:{listening.getsockname()[1]}/"
            (answer,) = post([Order(url, {}, b"{}")], seconds=1.0)
            assert answer.status == status
    stop.set()
    thread.join(10)


def test_offline_nothing_is_sent_and_nothing_is_lost(
    at: Place, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    at.hook(receiver.url)
    at.happen()
    monkeypatch.setenv("ASSAY_OFFLINE", "1")
    assert at.courier.deliver() == 0
    monkeypatch.delenv("ASSAY_OFFLINE")
    assert at.courier.deliver() == 1


# Who may, and the commands


def test_over_http_for_admins_of_the_project_alone(stage: Stage, receiver: Receiver) -> None:
    with stage.services.registrar.work() as work:
        models.create_project(work, "fraud")
        models.create_project(work, "vision")
    admin = stage.client(stage.user("root", "admin on fraud"))
    made = admin.post("/api/v1/projects/fraud/webhooks", json={"url": receiver.url, "events": ["activated"]})
    assert made.status_code == 201 and made.json()["secret"].startswith("whsec_")
    listed = admin.get("/api/v1/projects/fraud/webhooks")
    assert made.json()["secret"] not in listed.text and listed.json()[0]["events"] == ["activated"]
    path = f"/api/v1/projects/fraud/webhooks/{made.json()['id']}"
    assert admin.post(path + "/test").json() | {"taken": True, "status": 204} == admin.post(path + "/test").json()
    assert json.loads(receiver.taken[0][1])["type"] == "test"
    other = stage.client(stage.user("eve", "admin on vision"))
    for method, where in (("GET", "/api/v1/projects/fraud/webhooks"), ("DELETE", path), ("POST", path + "/test")):
        assert other.request(method, where).status_code == 404
    assert other.delete(path.replace("fraud", "vision")).status_code == 404  # an id of another project
    reader = stage.client(stage.user("bob", "reader on fraud"))
    assert reader.get("/api/v1/projects/fraud/webhooks").status_code == 403
    assert admin.post("/api/v1/projects/fraud/webhooks", json={"url": "https://10.0.0.1/"}).status_code == 400
    assert admin.delete(path).status_code == 200
    assert admin.get("/api/v1/projects/fraud/webhooks").json() == []


def test_on_the_command_line(at: Place, receiver: Receiver, capsys: pytest.CaptureFixture[str]) -> None:
    def assay(*words: str) -> str:
        assert run(["--home", str(at.home), "registry", "webhook", *words, "--database", at.url]) == 0
        return capsys.readouterr().out

    said = assay("add", "fraud", receiver.url, "--event", "activated")
    made = next(line.split()[1] for line in said.splitlines() if line.startswith("id"))
    assert "whsec_" in said
    listed = assay("list", "fraud")
    assert made in listed and "whsec_" not in listed and "0 waiting" in listed
    assert "204" in assay("test", "fraud", made)
    assay("remove", "fraud", made)
    assert assay("list", "fraud") == ""
    words = ["--home", str(at.home), "registry", "webhook", "add", "fraud", receiver.url, "--database", at.url]
    assert run([*words, "--event", "x"]) == 2


def test_a_project_has_twenty_at_most(at: Place, receiver: Receiver) -> None:
    for _ in range(webhooks.MOST):
        at.hook(receiver.url)
    from assaymark.core.errors import Conflict

    with pytest.raises(Conflict):
        at.hook(receiver.url)
