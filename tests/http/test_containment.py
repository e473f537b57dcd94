"""Containment over HTTP: who may, what is answered, and the client that people use."""

import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from assaymark import registering
from assaymark.client import Client
from assaymark.core.clock import SystemClock
from assaymark.core.errors import Conflict, Unauthorized
from assaymark.faces.cli import assay
from assaymark.faces.http.services import LOOPBACK, Services
from assaymark.registry import models
from tests.http.conftest import Stage
from tests.registry.makers import key
from tests.registry.org import Org
from tests.registry.test_containment import BOTH, ONE, WHAT, org, stop

__all__ = ["org"]


@pytest.fixture
def site(org: Org) -> Stage:
    services = Services(org.registrar.database, org.clock, registrar=org.registrar, hosts=LOOPBACK)
    return Stage(org.registrar.database, services, org.clock)


def body(org: Org, *names: str, **more: Any) -> dict[str, Any]:
    signed = [json.loads(stop(org, name)) for name in names]
    return {"what": WHAT, "reason": "bad torch", "envelopes": signed} | more


def test_preview_contain_show_and_lift(org: Org, site: Stage) -> None:
    client = site.client(site.user("eve", "security"))
    seen = client.get("/api/v1/containments/preview", params={"what": WHAT})
    assert seen.status_code == 200 and [one["version"] for one in seen.json()["versions"]] == [*BOTH]
    done = client.post("/api/v1/containments", json=body(org, *BOTH))
    assert done.status_code == 201, done.text
    number = done.json()["containment"]
    assert [one["id"] for one in client.get("/api/v1/containments").json()] == [number]
    assert len(client.get(f"/api/v1/containments/{number}").json()["versions"]) == 2
    again = client.post("/api/v1/containments", json=body(org, *BOTH))
    assert again.status_code == 409


def test_a_stale_batch_is_409_with_the_list(org: Org, site: Stage) -> None:
    client = site.client(site.user("eve", "security"))
    answer = client.post("/api/v1/containments", json=body(org, BOTH[0], "fraud/scorer@2"))
    assert answer.status_code == 409
    assert answer.json()["missing"] == [BOTH[1]] and answer.json()["beyond"] == ["fraud/scorer@2"]


@pytest.mark.parametrize("role", ["reader", "publisher", "attester", "approver", "releaser", "auditor", "admin"])
def test_no_other_role_contains_or_lifts(org: Org, site: Stage, role: str) -> None:
    client = site.client(site.user("mal", role))
    assert client.get("/api/v1/containments/preview", params={"what": WHAT}).status_code == 403
    assert client.post("/api/v1/containments", json=body(org, *BOTH)).status_code == 403
    security = site.client(site.user("eve", "security"))
    number = security.post("/api/v1/containments", json=body(org, *BOTH)).json()["containment"]
    assert client.post(f"/api/v1/containments/{number}/lift", json={"envelopes": [{}]}).status_code == 403


def test_who_is_of_security_elsewhere_sees_nothing_of_it(org: Org, site: Stage) -> None:
    with org.registrar.work() as work:
        models.create_project(work, "vision")
    other = site.client(site.user("oth", "security on vision"))
    seen = other.get("/api/v1/containments/preview", params={"what": WHAT})
    assert seen.json()["scope"] == ["vision"] and seen.json()["versions"] == []
    assert "fraud" not in seen.text
    assert other.get("/api/v1/containments/preview", params={"what": WHAT, "scope": "fraud"}).status_code == 404
    assert other.post("/api/v1/containments", json=body(org, *BOTH, scope=["fraud"])).status_code == 404
    assert other.post("/api/v1/containments", json=body(org, *BOTH)).status_code == 403
    owner = site.client(site.user("eve", "security"))
    scoped = [json.loads(stop(org, name, reason="bad torch")) for name in BOTH]
    number = owner.post("/api/v1/containments", json=body(org, *BOTH, envelopes=scoped)).json()["containment"]
    assert other.get(f"/api/v1/containments/{number}").json()["versions"] == []
    assert other.post(f"/api/v1/containments/{number}/lift", json={"envelopes": [{}]}).status_code == 403


def test_a_token_of_one_project_contains_there_alone(org: Org, site: Stage) -> None:
    site.user("eve", "security")
    client = site.client(site.token("eve", project="fraud"))
    assert client.get("/api/v1/containments/preview", params={"what": WHAT}).json()["scope"] == ["fraud"]
    assert client.post("/api/v1/containments", json=body(org, *BOTH)).status_code in {403, 404}


@pytest.mark.parametrize(
    "wrong", [{"envelopes": []}, {"scope": []}, {"scope": ["a#b"]}, {"scope": ["A"]}, {"what": ""}, {"more": 1}]
)
def test_bodies_that_are_none(org: Org, site: Stage, wrong: dict[str, Any]) -> None:
    client = site.client(site.user("eve", "security"))
    assert client.post("/api/v1/containments", json=body(org, *BOTH) | wrong).status_code in {400, 422}


# The command line, in the home


def run(org: Org, *arguments: str) -> Any:
    return CliRunner().invoke(assay, ["--home", org.home, *arguments], catch_exceptions=True, standalone_mode=False)


@pytest.fixture
def keys(org: Org, tmp_path: Path) -> dict[str, str]:
    found = {}
    for name in ("eve", "fay"):
        key(name).save(str(tmp_path / f"{name}.key"))
        found[name] = str(tmp_path / f"{name}.key")
    return found


def test_the_command_shows_asks_and_stops(org: Org, keys: dict[str, str]) -> None:
    act = [
        "registry",
        "quarantine",
        "--affected-by",
        WHAT,
        "--as",
        "eve",
        "--key",
        keys["eve"],
        "--reason",
        "bad torch",
    ]
    refused = run(org, *act)
    assert type(refused.exception).__name__ == "UsageError" and "2 versions of 1 models" in refused.output
    with org.registrar.look() as work:
        assert models.find_version(work.connection, ONE).state == "verified"
    done = run(org, *act, "--yes")
    assert done.exception is None, done.output
    assert "fraud/scorer@1" in done.output and "<-dependsOn-" in done.output
    number = next(line.split()[1] for line in done.output.splitlines() if line.startswith("containment"))
    for by in ("eve", "fay"):
        lifted = run(
            org, "registry", "lift", "--containment", number, "--as", by, "--key", keys[by], "--reason", "ok", "--yes"
        )
        assert lifted.exception is None, lifted.output
    assert "standing" in lifted.output and "False" in lifted.output
    assert run(org, "registry", "containments").output == ""
    assert number in run(org, "registry", "containments", "--all").output


def test_either_a_version_or_what_affects(org: Org, keys: dict[str, str]) -> None:
    both = run(
        org, "registry", "quarantine", "fraud/scorer@1", "--affected-by", WHAT, "--as", "eve", "--key", keys["eve"],
        "--reason", "x",
    )  # fmt: skip
    assert "give either" in str(both.exception)


def test_the_client_signs_here_and_sends_one_batch(org: Org, served_at: str, site: Stage) -> None:
    org.clock.moment = SystemClock().now()  # who signs uses his own
    with Client(served_at, site.user("eve", "security")) as client:
        done = registering.contain(client, WHAT, "eve", key("eve"), "bad torch")
        assert done["stopped"] == 2
        registering.lift_containment(client, done["containment"], "eve", key("eve"), "ok")
        with pytest.raises(Conflict, match="before"):
            registering.lift_containment(client, done["containment"], "eve", key("eve"), "ok")
    with Client(served_at, site.user("fay", "security")) as client:
        ended = registering.lift_containment(client, done["containment"], "fay", key("fay"), "ok")
        assert not ended["standing"] and ended["free"] == [*BOTH]
    with Client(served_at, site.user("rea", "reader")) as client, pytest.raises(Unauthorized):
        client.preview_containment(WHAT)


@pytest.fixture
def served_at(site: Stage) -> Any:
    import threading
    import time

    from assaymark.faces.http.app import create_app
    from assaymark.faces.http.server import Listen, Server

    server = Server(create_app(site.services, []), Listen(port=0))
    thread = threading.Thread(target=lambda: server.run(signals=False), daemon=True)
    thread.start()
    while not server.started:
        time.sleep(0.01)
    yield f"http://127.0.0.1:{server.address[1]}"
    server.stop()
    thread.join(20)
