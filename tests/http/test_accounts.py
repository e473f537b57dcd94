"""Users, roles and tokens over HTTP: who may give what to whom."""

import pytest
from sqlalchemy.exc import OperationalError

from assaymark.faces.http.authentication import Failures
from assaymark.registry import tokens
from tests.databases import database_url  # noqa: F401 - a fixture: these run on PostgreSQL too
from tests.http.conftest import Stage, TestClient


def grant(client: TestClient, name: str, role: str, scope: str = "*") -> int:
    return client.post(f"/api/v1/users/{name}/roles", json={"role": role, "scope": scope}).status_code


def test_from_nothing_to_a_reader(stage: Stage) -> None:
    admin = stage.client(stage.user("root", "admin"))
    assert admin.post("/api/v1/users", json={"name": "alice"}).status_code == 201
    assert grant(admin, "alice", "reader", "vision") == 200
    made = admin.post("/api/v1/tokens", json={"user": "alice", "days": 1}).json()
    alice = stage.client(made["token"])
    me = alice.get("/api/v1/whoami").json()
    assert me["user"] == "alice" and me["roles"] == ["reader on vision"] and "approve" not in me["verbs"]
    assert [user["name"] for user in admin.get("/api/v1/users").json()] == ["alice", "root"]


def test_nobody_gives_a_role_to_himself_or_to_his_other_account(stage: Stage) -> None:
    admin = stage.client(stage.user("root", "admin"))
    stage.user("root.other")
    assert grant(admin, "root", "security") == 403
    assert admin.post("/api/v1/users/root/link/root.other").status_code == 200
    assert grant(admin, "root.other", "security") == 403


def test_an_admin_of_a_project_gives_roles_there_alone(stage: Stage) -> None:
    admin = stage.client(stage.user("lead", "admin on vision"))
    stage.user("alice")
    assert grant(admin, "alice", "approver", "vision#production") == 200
    assert grant(admin, "alice", "approver", "speech") == 404
    assert grant(admin, "alice", "approver", "*") == 403
    assert admin.get("/api/v1/users").status_code == 403
    assert admin.post("/api/v1/users", json={"name": "bob"}).status_code == 403


def test_admin_and_approver_on_one_scope_is_a_conflict(stage: Stage) -> None:
    admin = stage.client(stage.user("root", "admin"))
    stage.user("alice", "approver on vision")
    assert grant(admin, "alice", "admin", "vision") == 409
    assert grant(admin, "alice", "admin", "speech") == 200


def test_an_admin_makes_no_token_that_approves_for_somebody_else(stage: Stage) -> None:
    admin = stage.client(stage.user("root", "admin"))
    stage.user("alice", "approver")
    assert admin.post("/api/v1/tokens", json={"user": "alice", "verbs": ["approve"]}).status_code == 403
    assert "approve" not in admin.post("/api/v1/tokens", json={"user": "alice"}).json()["verbs"]


def test_a_token_makes_none_that_may_more_or_lasts_longer(stage: Stage) -> None:
    stage.user("alice", "publisher")
    weak = stage.client(stage.token("alice", frozenset({"read"}), "vision", lifetime=tokens.timedelta(days=2)))
    assert weak.post("/api/v1/tokens", json={"verbs": ["publish"], "project": "vision"}).status_code == 403
    assert weak.post("/api/v1/tokens", json={"verbs": ["read"]}).status_code == 403
    made = weak.post("/api/v1/tokens", json={"project": "vision", "days": 365})
    assert (
        made.status_code == 201
        and made.json()["verbs"] == ["read"]
        and made.json()["expires"] == "2026-11-26T10:00:00Z"
    )


def test_tokens_of_others_are_not_there(stage: Stage) -> None:
    alice, bob = stage.client(stage.user("alice")), stage.client(stage.user("bob"))
    mine = alice.get("/api/v1/tokens").json()
    assert [token["user"] for token in mine] == ["alice"]
    assert "token" not in mine[0]
    refused, absent = (bob.post(f"/api/v1/tokens/{it}/revoke") for it in (mine[0]["id"], "0" * 16))
    assert refused.status_code == absent.status_code == 404
    assert refused.json()["detail"].replace(mine[0]["id"], "0" * 16) == absent.json()["detail"]
    assert alice.post(f"/api/v1/tokens/{mine[0]['id']}/revoke").status_code == 200
    assert alice.get("/api/v1/whoami").status_code == 401


def test_a_hub_token_is_taken_as_any_other(stage: Stage) -> None:
    made = stage.client(stage.user("alice")).post("/api/v1/tokens", json={"hub": True}).json()
    assert made["token"].startswith("hf_")
    assert stage.client(made["token"]).get("/api/v1/whoami").json()["user"] == "alice"


def test_basic_carries_a_token_as_its_password(stage: Stage) -> None:
    client = stage.client()
    assert client.get("/api/v1/whoami", auth=("anything", stage.user("alice"))).json()["user"] == "alice"
    assert client.get("/api/v1/whoami", auth=("alice", "password")).status_code == 401


def test_expiry_revocation_and_disabling_work_at_once(stage: Stage) -> None:
    admin, alice = stage.client(stage.user("root", "admin")), stage.client(stage.user("alice"))
    assert alice.get("/api/v1/whoami").status_code == 200
    assert admin.post("/api/v1/users/alice/disable").json()["disabled_at"]
    assert alice.get("/api/v1/whoami").status_code == 401
    stage.later(days=91)
    assert admin.get("/api/v1/whoami").status_code == 401


def test_use_is_noted_by_the_hour(stage: Stage) -> None:
    alice = stage.client(stage.user("alice"))
    stage.later(minutes=30)
    assert alice.get("/api/v1/tokens").json()[0]["last_used"] == "2026-11-24T10:00:00Z"


def test_a_full_disk_keeps_nobody_from_reading(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    alice = stage.client(stage.user("alice"))

    def full() -> None:
        raise OperationalError("update", {}, Exception("database or disk is full"))

    monkeypatch.setattr(stage.database, "write", full)
    assert alice.get("/api/v1/whoami").status_code == 200


def test_an_account_is_shown_to_itself_to_admins_and_to_auditors(stage: Stage) -> None:
    alice = stage.user("alice")
    for token, status in (
        (alice, 200),
        (stage.user("r", "admin"), 200),
        (stage.user("w", "auditor"), 200),
        (stage.user("bob", "reader"), 403),
    ):
        assert stage.client(token).get("/api/v1/users/alice").status_code == status


@pytest.mark.parametrize(
    "headers",
    [[], ["Bearer"], ["Bearer "], ["Digest x"], ["Basic !!"], ["Bearer " + "x" * 30_000], ["Bearer a", "Bearer b"]],
)
def test_what_is_no_credential(stage: Stage, headers: list[str]) -> None:
    answer = stage.client().get("/api/v1/whoami", headers=[("Authorization", value) for value in headers])  # type: ignore[arg-type]
    assert answer.status_code == 401


# too many attempts


def test_an_address_that_fails_too_often_waits(stage: Stage) -> None:
    moment = [0.0]
    client = stage.client(failures=Failures(most=3, window=60, monotonic=lambda: moment[0]))
    good = {"Authorization": f"Bearer {stage.user('alice')}"}
    unused = {"Authorization": f"Bearer {stage.token('alice')}"}
    assert client.get("/api/v1/whoami", headers=good).status_code == 200
    statuses = [client.get("/api/v1/whoami", headers={"Authorization": f"Bearer {n}"}).status_code for n in range(5)]
    assert statuses == [401, 401, 401, 429, 429]
    assert client.get("/api/v1/whoami", headers=good).status_code == 200, "who was good before is not shut out"
    limited = client.get("/api/v1/whoami", headers=unused)
    assert limited.status_code == 429 and 0 < int(limited.headers["retry-after"]) <= 61
    moment[0] = 61
    assert client.get("/api/v1/whoami", headers=unused).status_code == 200


def test_what_is_counted_stays_bounded() -> None:
    failures = Failures(room=10)
    for number in range(1_000):
        failures.failed(str(number))
        failures.succeeded(str(number))
    assert len(failures._failed) == len(failures._good) == 10
