"""The registry's routes on a real server: rights on what was loaded, odd and slow uploads, other people's things."""

import hashlib
import os
import socket
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from assaymark import registering
from assaymark.client import Client
from assaymark.core.errors import AssayError
from assaymark.core.statements import Seal
from assaymark.core.strictjson import canonical
from assaymark.faces.http import uploads
from assaymark.faces.http.app import create_app
from assaymark.faces.http.authentication import Failures
from assaymark.faces.http.server import Listen, Server
from assaymark.faces.http.services import LOOPBACK, Services
from assaymark.registrar import sign
from tests.http.conftest import Stage
from tests.registry.makers import key, scan
from tests.registry.org import Org, a_model

ROLES = {
    "ann": ("publisher on fraud",),
    "abe": ("publisher on fraud",),
    "mal": ("publisher on rivals", "approver on rivals", "releaser on rivals", "security on rivals"),
    "bea": ("approver on fraud",),
    "dan": ("releaser on fraud",),
    "eve": ("security on fraud",),
    "ci": ("attester on fraud",),
    "root": ("admin",),
}


class Site:
    """A server on loopback, with the people of `makers` and their tokens."""

    def __init__(self, org: Org) -> None:
        self.org = org
        services = Services(org.registrar.database, org.clock, registrar=org.registrar, hosts=LOOPBACK)
        self.stage = Stage(org.registrar.database, services, org.clock)
        self.tokens = {name: self.stage.user(name, *roles) for name, roles in ROLES.items()}
        self.server = Server(create_app(services, failures=Failures(most=1_000)), Listen(port=0))
        self.url = f"http://127.0.0.1:{self.server.address[1]}"
        self._thread = threading.Thread(target=lambda: self.server.run(signals=False))
        self._thread.start()
        while not self.server.started:
            time.sleep(0.01)

    def close(self) -> None:
        self.server.stop()
        self._thread.join(30)
        assert not self._thread.is_alive()

    def client(self, name: str) -> Client:
        return Client(self.url, self.tokens[name])

    def ask(self, name: str, method: str, path: str, **options: Any) -> httpx.Response:
        headers = {"Authorization": f"Bearer {self.tokens[name]}", **options.pop("headers", {})}
        return httpx.request(method, f"{self.url}/api/v1{path}", headers=headers, timeout=30, **options)

    def draft(self, folder: Path, version: str = "fraud/scorer@1", by: str = "ann") -> Any:
        with self.client(by) as at:
            return at.upload(version, str(folder), by)


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Site]:
    org = Org(tmp_path / "home")
    monkeypatch.setattr(registering, "SystemClock", lambda: org.clock)
    made = Site(org)
    made.org.registrar.database  # noqa: B018 - it is open
    with org.registrar.work() as work:
        from assaymark.registry import models

        models.create_project(work, "rivals")
    yield made
    made.close()
    org.registrar.close()


@pytest.fixture
def model(tmp_path: Path) -> Path:
    return a_model(tmp_path / "model")


def publish(site: Site, model: Path, version: str = "fraud/scorer@1") -> Any:
    """Published by Ann over HTTP, scanned by a scanner elsewhere, whose evidence CI hands in."""
    with site.client("ann") as at:
        registering.publish(at, version, str(model), "ann", key("ann"))
    subject = registering._subject(version, site.ask("ann", "GET", path_of(version)).json()["digest"])
    with site.client("ci") as at:
        evidence = canonical(scan(subject, made=subject_time(site)).to_json())
        assert registering.attest(at, version, evidence)["state"] == "verified"
    return subject


def subject_time(site: Site) -> str:
    from assaymark.core.clock import timestamp

    return timestamp(site.org.clock.moment)


def path_of(version: str) -> str:
    project, _, rest = version.partition("/")
    model, _, name = rest.partition("@")
    return f"/projects/{project}/models/{model}/versions/{name}"


def test_a_promotion_over_http(site: Site, model: Path) -> None:
    publish(site, model)
    with site.client("dan") as at:
        nonce = registering.request(
            at, "fraud/scorer@1", "production", "dan", key("dan"), reason="", days=7, emergency=False
        )["request"]
    from assaymark.core.envelope import Envelope
    from assaymark.core.trust import pinned
    from assaymark.storage.keys import public_of

    own = registering.Own(pinned(Envelope.from_json(site.org.root()), public_of), version="fraud/scorer@1")
    with site.client("bea") as at:
        for by in ("bea", "cid"):  # any approver's token carries an approval: what counts is its key
            done = registering.decide(at, nonce, by, key(by), own=own, deny=False, reason="", valid_days=30)
    assert done["state"] == "approved"
    with site.client("dan") as at:
        assert at.activate(nonce)["state"] == "active"
        bundle = registering.pull(at, "fraud/scorer", "production", os.fspath(model.parent / "served"))
    assert (model.parent / "served" / "config.json").read_bytes() == (model / "config.json").read_bytes()
    assert len(bundle.approvals) == 2


# Rights on what was loaded


def test_requests_of_another_project_are_not_there(site: Site, model: Path) -> None:
    publish(site, model)
    nonce = site.org.request()
    for method, path, body in (
        ("GET", "", None),
        ("POST", "/activate", None),
        ("POST", "/withdraw", {"reason": ""}),
        ("POST", "/decisions", {"envelope": {}}),
    ):
        mine = site.ask("mal", method, f"/requests/{nonce}{path}", json=body)
        none = site.ask("mal", method, f"/requests/{'0' * 32}{path}", json=body)
        assert (mine.status_code, none.status_code) == (404, 404)
        assert mine.json()["detail"].replace(nonce, "N") == none.json()["detail"].replace("0" * 32, "N")
    assert site.ask("mal", "GET", "/requests").json() == []
    assert [one["request"] for one in site.ask("dan", "GET", "/requests").json()] == [nonce]


def test_lists_do_not_end_at_what_one_may_not_see(site: Site) -> None:
    """More models of others than a page holds come first."""
    from assaymark.registry import models
    from assaymark.registry.names import ModelName

    with site.org.registrar.work() as work:
        for n in range(120):
            models.create_model(work, ModelName("fraud", f"m{n}"), "ann")
        models.create_model(work, ModelName("rivals", "mine"), "mal")
    assert [one["model"] for one in site.ask("mal", "GET", "/models").json()] == ["rivals/mine"]


def test_only_the_requester_or_a_releaser_withdraws(site: Site, model: Path) -> None:
    publish(site, model)
    nonce = site.org.request()
    assert site.ask("ann", "POST", f"/requests/{nonce}/withdraw", json={"reason": "no"}).status_code == 403
    assert site.ask("dan", "POST", f"/requests/{nonce}/withdraw", json={"reason": "no"}).status_code == 200


def test_a_request_that_became_active_is_not_withdrawn_by_who_may_not_promote(site: Site, model: Path) -> None:
    """Between the look at its state and the change of it."""
    from assaymark.core.errors import Conflict
    from assaymark.registry import promotions

    publish(site, model)
    nonce = site.org.promote()
    with pytest.raises(Conflict, match="became active"), site.org.registrar.work() as work:
        promotions.void(work, nonce, "ann", "no", active=False)


def test_files_are_not_put_into_the_draft_of_another(site: Site, model: Path) -> None:
    site.draft(model)
    blob = b"#!/bin/sh\n"
    sha256 = hashlib.sha256(blob).hexdigest()
    assert site.ask("abe", "PUT", f"/projects/fraud/blobs/{sha256}", content=blob).status_code == 200
    body = {"files": [{"path": "run.sh", "size": len(blob), "sha256": sha256}]}
    refused = site.ask("abe", "PUT", path_of("fraud/scorer@1") + "/files", json=body)
    assert (refused.status_code, refused.json()["detail"]) == (409, "fraud/scorer@1 is a draft of ann's")
    assert site.ask("ann", "PUT", path_of("fraud/scorer@1") + "/files", json=body).status_code == 200


def test_publishing_in_the_name_of_another(site: Site, model: Path) -> None:
    """Abe's token, Ann's name: without her key it is no seal. A draft is of whoever holds the token, whatever he says."""
    subject = site.draft(model, by="abe")
    assert site.ask("ann", "GET", path_of("fraud/scorer@1")).json()["publisher"] == "abe"
    said = Seal(project="fraud", model="scorer", version="1", publisher="ann", at=subject_time(site))
    with site.client("abe") as at, pytest.raises(AssayError, match="not signed by ann"):
        at.seal("fraud/scorer@1", sign(said.statement(subject), key("dan")))


def test_a_token_proposes_for_another_but_cannot_request_for_him(site: Site, model: Path) -> None:
    publish(site, model)
    with site.client("ann") as at:
        proposed = at.propose("fraud/scorer@1", "production", "dan")
        assert proposed["request"]["requester"] == "dan"
        said = registering._proposed(registering._subject("fraud/scorer@1", proposed["digest"]), proposed["request"])
        with pytest.raises(AssayError, match="not signed by dan"):
            at.request(
                "fraud/scorer@1",
                sign(said.statement(registering._subject("fraud/scorer@1", proposed["digest"])), key("ann")),
                "production",
            )


def test_a_parent_of_another_project_is_not_named(site: Site, model: Path) -> None:
    publish(site, model)
    site.ask("mal", "POST", "/projects/rivals/models", json={"name": "thief"})
    body = {"name": "1", "parents": [{"version": "fraud/scorer@1", "kind": "fine-tuned-from"}]}
    assert site.ask("mal", "POST", "/projects/rivals/models/thief/versions", json=body).status_code == 404


def test_an_admin_makes_no_model_by_a_projects_name(site: Site) -> None:
    assert site.ask("root", "POST", "/projects", json={"name": "fraud/sneaky"}).status_code == 400


# Odd input


VERSIONS = "/projects/fraud/models/scorer/versions"
FILE = {"path": "a", "size": 1, "sha256": "0" * 64}
ODD: list[tuple[str, str, Any, int]] = [
    ("POST", VERSIONS, {"name": "6", "parents": [{"version": "fraud/scorer@1", "kind": "x"}] * 2}, 201),
    ("POST", VERSIONS, {"name": "7", "parents": [{"version": "fraud/scorer@7", "kind": "x"}]}, 400),
    ("POST", VERSIONS, {"name": "7", "parents": [{"version": "fraud/scorer@1", "kind": "\u202e"}]}, 400),
    ("POST", VERSIONS, {"name": "7", "parents": [{"version": "", "kind": "x"}]}, 400),
    ("POST", VERSIONS, {"name": "7", "parents": [{"version": "a/b@c@d", "kind": "x"}]}, 404),
    ("POST", VERSIONS, {"name": "../7"}, 400),
    ("POST", VERSIONS, {"name": "x" * 65}, 422),
    ("PUT", VERSIONS + "/1/files", {"files": [FILE, FILE]}, 400),
    ("PUT", VERSIONS + "/1/files", {"files": [FILE | {"size": 1 << 70}]}, 400),
    ("PUT", VERSIONS + "/1/files", {"files": [FILE | {"size": (1 << 53) - 1}]}, 409),
    ("PUT", VERSIONS + "/1/files", {"files": [FILE | {"size": -1}]}, 422),
    ("PUT", VERSIONS + "/1/files", {"files": [FILE | {"path": "../a"}]}, 400),
    ("PUT", VERSIONS + "/1/files", {"files": [FILE | {"path": "a\0b"}]}, 400),
    ("GET", VERSIONS + "?before=99999999999999999999", None, 422),
    ("GET", "/models?after=-1", None, 422),
    ("GET", "/models?text=%25_%5C%27", None, 200),
    ("GET", VERSIONS + "/1/files/..%2f..%2fetc%2fpasswd", None, 400),
    ("GET", VERSIONS + "/1/files/%00", None, 400),
    ("POST", VERSIONS + "/1/seal", {"envelope": {"payload": "x"}}, 400),
    ("POST", VERSIONS + "/1/seal", {"envelope": []}, 422),
    ("PUT", "/projects/fraud/blobs/" + "A" * 64, None, 400),
    ("PUT", "/projects/fraud/blobs/..%2fx", None, 400),
    ("POST", "/projects/fraud/blobs", {"sha256": ["x", "\0"]}, 200),
]


def test_odd_input_gets_an_answer_and_no_fault(site: Site, model: Path) -> None:
    site.draft(model)
    wrong = []
    for number, (method, path, body, status) in enumerate(ODD):
        answer = site.ask("ann", method, path, **({} if body is None else {"json": body}))
        if answer.status_code != status or (status >= 400 and not answer.json()["detail"]):
            wrong.append((number, path, answer.status_code, answer.text[:300]))
    assert not wrong


# Uploads


def put(site: Site, blob: bytes, sha256: str = "", project: str = "fraud", by: str = "ann") -> httpx.Response:
    return site.ask(by, "PUT", f"/projects/{project}/blobs/{sha256 or hashlib.sha256(blob).hexdigest()}", content=blob)


def test_an_empty_blob_and_one_that_is_there(site: Site) -> None:
    assert put(site, b"").json()["size"] == 0
    for _ in range(2):
        assert put(site, b"abc").status_code == 200


def test_bytes_that_are_not_what_they_are_named_for(site: Site) -> None:
    wrong = put(site, b"abc", "0" * 64)
    assert (wrong.status_code, wrong.json()["title"]) == (422, "Not trusted") or wrong.status_code == 422
    with site.client("ann") as at:
        assert list(at._known("fraud", ["0" * 64])) == []


def test_a_digest_alone_does_not_bring_what_another_project_holds(site: Site) -> None:
    secret = b"weights of fraud"
    sha256 = hashlib.sha256(secret).hexdigest()
    assert put(site, secret).status_code == 200
    assert put(site, b"", sha256, "rivals", "mal").status_code == 422
    assert site.ask("mal", "POST", "/projects/rivals/blobs", json={"sha256": [sha256]}).json() == []


def open_upload(site: Site, length: int, sent: bytes) -> socket.socket:
    """A PUT whose body has only begun."""
    connection = socket.create_connection(site.server.address, timeout=30)
    head = (
        f"PUT /api/v1/projects/fraud/blobs/{'1' * 64} HTTP/1.1\r\nHost: 127.0.0.1\r\n"
        f"Authorization: Bearer {site.tokens['ann']}\r\nContent-Length: {length}\r\n\r\n"
    )
    connection.sendall(head.encode() + sent)
    return connection


def idle(site: Site) -> Callable[[], bool]:
    """Whether nothing of an upload is left: no thread that reads, no file that is half there."""
    objects = Path(site.org.home) / "registry" / "objects" / "tmp"
    return lambda: not list(objects.iterdir())


def until(condition: Callable[[], bool]) -> None:
    for _ in range(1_000):
        if condition():
            return
        time.sleep(0.02)
    raise AssertionError("it did not come about")


def test_an_upload_that_stops_half_way_leaves_nothing(site: Site) -> None:
    connection = open_upload(site, 1_000_000, b"x" * 100_000)
    until(lambda: not idle(site)())
    connection.close()
    until(idle(site))
    assert put(site, b"next").status_code == 200


def test_a_sender_who_only_keeps_the_connection_is_sent_away(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(uploads, "WAIT", 0.2)
    with open_upload(site, 1_000_000, b"x") as connection:
        assert connection.recv(4096).startswith(b"HTTP/1.1 408")
    until(idle(site))


def test_slow_loris_one_byte_at_a_time(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each byte is in time, but all of them together are too few."""
    monkeypatch.setattr(uploads, "GRACE", 0.3)
    with open_upload(site, 1_000_000, b"x") as connection:
        connection.settimeout(0.02)
        received = b""
        for _ in range(500):
            try:
                connection.sendall(b"x")
                received += connection.recv(4096)
            except TimeoutError:
                continue
            except OSError:
                break
            break
    assert received.startswith(b"HTTP/1.1 408")
    until(idle(site))


def test_slow_uploads_do_not_hold_up_anything_else(site: Site) -> None:
    """More of them than there are threads for uploads."""
    slow = [open_upload(site, 1_000_000, b"x") for _ in range(uploads.AT_ONCE + 20)]
    try:
        assert site.ask("ann", "GET", "/models").status_code == 200
        assert site.ask("ann", "GET", "/projects/fraud/models/scorer").status_code == 200
    finally:
        for connection in slow:
            connection.close()
    until(idle(site))


def test_a_store_that_fails_ends_the_upload(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    from assaymark.core.ports import StoreFault

    def full(_source: Any, _expected: Any = None) -> tuple[str, int]:
        raise StoreFault("no room", full=True)

    monkeypatch.setattr(site.org.registrar.store, "put", full)
    with open_upload(site, 100_000_000, b"x" * 4_000_000) as connection:
        assert b" 50" in connection.recv(4096).partition(b"\r\n")[0]
    monkeypatch.undo()
    assert put(site, b"next").status_code == 200


def test_an_upload_over_the_quota_is_stopped_on_the_way(site: Site) -> None:
    import sqlalchemy as sa

    from assaymark.registry.tables import projects

    with site.org.registrar.work() as work:
        work.connection.execute(sa.update(projects).values(quota=1_000_000))
    with open_upload(site, 1 << 40, b"x" * 3_000_000) as connection:
        assert connection.recv(4096).startswith(b"HTTP/1.1 409")
