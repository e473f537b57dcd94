"""Tests of the server: the real application on a real database; a real uvicorn on loopback where the wire matters."""

import threading
import time
import warnings
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from assaymark.core.clock import FixedClock
from assaymark.faces.http.app import create_app
from assaymark.faces.http.authentication import Failures
from assaymark.faces.http.routes import Routes
from assaymark.faces.http.server import Listen, Server
from assaymark.faces.http.services import LOOPBACK, Services
from assaymark.registrar import Registrar
from assaymark.registry import people, tokens
from assaymark.registry.access import VERBS, Binding, Limit, Scope
from assaymark.storage.database import Database

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # it would have another httpx
    from starlette.testclient import TestClient

HERE = Path(__file__).parent
NOW = datetime(2026, 11, 24, 10, 0, tzinfo=UTC)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if HERE in item.path.parents:
            item.add_marker(pytest.mark.allow_hosts(["127.0.0.1", "localhost", "::1"]))


@dataclass
class Stage:
    """A registry's people and a way to be any of them."""

    database: Database
    services: Services
    clock: FixedClock
    logged: list[Mapping[str, Any]] = field(default_factory=list)

    def user(self, name: str, *roles: str, kind: str = "person") -> str:
        """Make a user with roles such as `reader on vision`; return a token of all verbs."""
        with self.database.write() as connection:
            people.add_user(connection, name, kind, self.clock.now())
            for role in roles:
                word, _, scope = role.partition(" on ")
                binding = Binding(word, Scope.parse(scope or "*"))
                people.grant(connection, name, binding, "host", self.clock.now())
        return self.token(name)

    def token(
        self, name: str, verbs: frozenset[str] = frozenset(VERBS), project: str | None = None, **order: Any
    ) -> str:
        with self.database.write() as connection:
            return tokens.create_token(
                connection, name, tokens.Order(limit=Limit(verbs, project), **order), self.clock.now()
            )[1]

    def client(self, token: str = "", *more: Routes, **options: Any) -> TestClient:
        app = create_app(self.services, more, **options)
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        return TestClient(app, base_url="http://localhost", headers=headers, raise_server_exceptions=False)

    def later(self, **delta: float) -> None:
        self.clock.moment += timedelta(**delta)


@pytest.fixture
def database_url(tmp_path: Path) -> str:
    """SQLite; a module that is to run on PostgreSQL too imports the fixture of tests.databases."""
    return f"sqlite:///{tmp_path}/records.sqlite"


@pytest.fixture
def stage(tmp_path: Path, database_url: str) -> Iterator[Stage]:
    clock = FixedClock(NOW)
    Registrar.create(str(tmp_path / "home"))
    with Registrar.open(str(tmp_path / "home"), database=database_url, clock=clock) as registrar:
        services = Services(registrar.database, clock, registrar=registrar, hosts=LOOPBACK)
        made = Stage(registrar.database, services, clock)
        services.log = made.logged.append
        yield made


@pytest.fixture
def served(stage: Stage) -> Iterator[Server]:
    """A real server on a free port of 127.0.0.1."""
    server = Server(create_app(stage.services, [], failures=Failures(most=1_000)), Listen(port=0))
    thread = threading.Thread(target=lambda: server.run(signals=False))
    thread.start()
    while not server.started:
        time.sleep(0.01)
    yield server
    server.stop()
    thread.join(20)
    assert not thread.is_alive()
