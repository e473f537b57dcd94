"""A whole registry behind a real server on loopback, for the clients that people have."""

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from assaymark.core.statements import Quarantine, Seal
from assaymark.core.subject import Subject
from assaymark.faces.http.app import create_app
from assaymark.faces.http.authentication import Failures
from assaymark.faces.http.server import Listen, Server
from assaymark.faces.http.services import LOOPBACK, Services
from assaymark.registrar import sign
from assaymark.registry import models, people, tokens, versions
from assaymark.registry.access import VERBS, Binding, Limit, Scope
from assaymark.registry.names import VersionName
from tests.registry.makers import at, key
from tests.registry.org import Org


@dataclass
class Facade:
    """`url` is the server's; the tokens of people are made by `token`."""

    org: Org
    url: str

    def token(self, name: str, *roles: str, hub: bool = False) -> str:
        """Make a user with roles such as `publisher on fraud`, and a token of his."""
        now = self.org.clock.now()
        with self.org.registrar.database.write() as connection:
            people.add_user(connection, name, "person", now)
            for role in roles:
                word, _, scope = role.partition(" on ")
                people.grant(connection, name, Binding(word, Scope.parse(scope or "*")), "host", now)
            order = tokens.Order(limit=Limit(frozenset(VERBS)), hub=hub)
            return tokens.create_token(connection, name, order, now)[1]

    def draft(self, name: VersionName) -> Subject:
        """What the publisher of a draft has to sign."""
        with self.org.registrar.look() as work:
            row = models.find_version(work.connection, name)
            return Subject(str(name), versions.manifest_of(work.connection, row.id).digest)

    def seal(self, name: VersionName, by: str = "ann") -> str:
        """Seal a draft with its publisher's key, and have it scanned. Returns its state then."""
        project, model = name.model.project, name.model.model
        said = Seal(project=project, model=model, version=name.version, publisher=by, at=at())
        self.org.registrar.seal(name, sign(said.statement(self.draft(name)), key(by)))
        return self.org.registrar.scan(name)

    def quarantine(self, name: VersionName) -> None:
        with self.org.registrar.work() as work:
            row = models.find_version(work.connection, name)
            subject = Subject(str(name), versions.manifest_of(work.connection, row.id).digest)
            said = Quarantine(
                project=name.model.project,
                model=name.model.model,
                version=name.version,
                by="eve",
                reason="bad",
                at=at(),
            )
            versions.quarantine(work, name, sign(said.statement(subject), key("eve")))


@contextmanager
def facade(home: Path) -> Iterator[Facade]:
    """A registry of its own in `home`, served until the block ends."""
    org = Org(home)
    services = Services(org.registrar.database, org.clock, registrar=org.registrar, hosts=LOOPBACK)
    server = Server(create_app(services, failures=Failures(most=1_000)), Listen(port=0))
    thread = threading.Thread(target=lambda: server.run(signals=False))
    thread.start()
    while not server.started:
        time.sleep(0.01)
    try:
        yield Facade(org, f"http://127.0.0.1:{server.address[1]}")
    finally:
        server.stop()
        thread.join(20)
        org.registrar.close()
