"""Any order of asking, approving, withdrawing, new evidence, quarantine, time and activation: what always holds of a registry."""

import contextlib
import shutil
import tempfile
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import sqlalchemy as sa
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    Bundle,
    RuleBasedStateMachine,
    consumes,
    initialize,
    invariant,
    multiple,
    precondition,
    rule,
)

from assaymark.core.clock import timestamp
from assaymark.core.errors import Conflict, Untrusted, UsageError
from assaymark.core.statements import APPROVE, DENY, Lift, Quarantine
from assaymark.registrar import sign
from assaymark.registry import models, promotions, tables, versions
from assaymark.registry.names import VersionName
from assaymark.storage.ledger_tables import leaves
from assaymark.tending import Keeping
from tests.registry.crashing import attest, publish, subject_of
from tests.registry.makers import finding, key
from tests.registry.org import MODEL, Org, a_model

NEEDED = {"staging": 1, "production": 2}
CHANNELS = st.sampled_from(sorted(NEEDED))


class Registry(RuleBasedStateMachine):
    """`leaves` counts the transitions that were made; everything else is asked of the registry."""

    names = Bundle("names")
    requests = Bundle("requests")

    def __init__(self) -> None:
        super().__init__()
        self.root = Path(tempfile.mkdtemp(prefix="assay-state-"))
        self.org = Org(self.root / "home")
        self.folder = a_model(self.root / "model")
        self.count = 0
        self.counters: dict[str, int] = {}
        self.leaves = self.logged()

    def teardown(self) -> None:
        self.org.registrar.close()
        shutil.rmtree(self.root)

    def logged(self) -> int:
        with self.org.registrar.database.read() as connection:
            return connection.execute(sa.select(sa.func.count()).select_from(leaves)).scalar_one()

    def state(self, nonce: str) -> str:
        with self.org.registrar.look() as work:
            return promotions.find(work, nonce).row.state

    @contextlib.contextmanager
    def leaf(self, more: int = 1) -> Iterator[None]:
        """What is done makes so many transitions, or is refused and makes none."""
        try:
            yield
        except (Conflict, Untrusted, UsageError):
            assert self.logged() == self.leaves
        else:
            self.leaves += more
            assert self.logged() == self.leaves

    @initialize(target=names)
    def first(self):
        return self.publish()

    @precondition(lambda self: self.count < 3)
    @rule(target=names)
    def publish(self):
        self.count += 1
        name = VersionName(MODEL, str(self.count))
        (self.folder / "config.json").write_text(str(name))
        publish(self.org, self.folder, name)
        self.leaves += 3  # sealed, attested, scanned
        return name

    @rule(target=requests, name=names, channel=CHANNELS, days=st.integers(1, 3))
    def request(self, name, channel, days):
        with self.leaf():
            return self.org.request(name, channel, days=days)
        return multiple()

    @rule(
        nonce=requests,
        by=st.sampled_from(["bea", "cid", "ann", "eve"]),
        decision=st.sampled_from([APPROVE] * 5 + [DENY]),
    )
    def decide(self, nonce, by, decision):
        with self.leaf():
            self.org.approve(nonce, by, decision=decision)

    @rule(target=requests, name=names, channel=CHANNELS)
    def promote(self, name, channel):
        nonce = self.request(name, channel, 2)
        if not isinstance(nonce, str):
            return multiple()
        self.approve_and_activate(nonce)
        return nonce

    @rule(nonce=requests)
    def approve_and_activate(self, nonce):
        for by in ("bea", "cid"):
            with self.leaf():
                self.org.approve(nonce, by)
        self.activate(nonce)

    @rule(nonce=requests)
    def activate(self, nonce):
        channel = self.channel_of(nonce)
        stands = self.standing(channel)
        try:
            self.org.registrar.activate(nonce, "dan")
        except Conflict:
            assert self.logged() == self.leaves
            return
        self.leaves += 2 if stands else 1
        self.counters[channel] = self.counters.get(channel, 0) + 1
        assert self.logged() == self.leaves

    @rule(nonce=consumes(requests))
    def withdraw(self, nonce):
        with self.leaf(), self.org.registrar.work() as work:
            promotions.void(work, nonce, "dan", "not any more")

    @rule(name=names, bad=st.booleans())
    def evidence(self, name, bad):
        self.org.clock.moment += timedelta(seconds=1)
        before = self.void()
        try:
            attest(self.org, name, [finding()] if bad else [])
        except Conflict:
            assert self.logged() == self.leaves
            return
        self.leaves += 1 + self.void() - before
        assert self.logged() == self.leaves

    @rule(name=names)
    def quarantine(self, name):
        said = Quarantine(project="fraud", model="scorer", version=name.version, by="eve", reason="?", at=self.now())
        with self.leaf(), self.org.registrar.work() as work:
            versions.quarantine(work, name, sign(said.statement(subject_of(self.org, name)), key("eve")))

    @rule(name=names)
    def lift(self, name):
        for by in ("eve", "fay"):
            with self.org.registrar.look() as work:
                standing = versions.statement_of(work, models.find_version(work.connection, name).id, Quarantine.TYPE)
            if standing is None:
                return
            said = Lift(quarantine=str(standing.evidence.digest), by=by, reason="!", at=self.now())
            with self.leaf(), self.org.registrar.work() as work:
                versions.lift(work, name, sign(said.statement(subject_of(self.org, name)), key(by)))

    @rule(hours=st.integers(1, 40))
    def time(self, hours):
        self.org.clock.moment += timedelta(hours=hours)
        with self.org.registrar.work() as work:
            self.leaves += promotions.expire(work)

    @rule()
    def collect(self):
        with self.leaf(len(Keeping.of(self.org.registrar).collect(timedelta(hours=1)).versions)):
            pass

    def now(self) -> str:
        return timestamp(self.org.clock.moment)

    def void(self) -> int:
        with self.org.registrar.database.read() as connection:
            wanted = sa.select(sa.func.count()).where(tables.requests.c.state == "void")
            return connection.execute(wanted.select_from(tables.requests)).scalar_one()

    def channel_of(self, nonce: str) -> str:
        with self.org.registrar.look() as work:
            return promotions.find(work, nonce).said.channel

    def standing(self, channel: str) -> list:
        with self.org.registrar.database.read() as connection:
            wanted = tables.requests.select().where(
                tables.requests.c.channel == channel, tables.requests.c.state == "active"
            )
            return connection.execute(wanted).all()

    @invariant()
    def at_most_one_is_active_in_a_channel_and_it_was_approved_by_enough(self):
        for channel, needed in NEEDED.items():
            active = self.standing(channel)
            assert len(active) <= 1
            for row in active:
                with self.org.registrar.look() as work:
                    said = promotions.find(work, row.nonce).approvals
                people = {one.statement.predicate["approver"] for one in said}
                assert len(people & {"bea", "cid"}) >= needed and not people & {"ann", "dan", "eve"}
                assert all(one.statement.predicate["decision"] == APPROVE for one in said)

    @invariant()
    def counters_grow_by_one(self):
        with self.org.registrar.database.read() as connection:
            rows = connection.execute(tables.channels.select()).all()
        assert {row.name: row.counter for row in rows} == self.counters

    @invariant()
    def nothing_contradicts_anything(self):
        assert Keeping.of(self.org.registrar).check() == []


Registry.TestCase.settings = settings(
    max_examples=30, stateful_step_count=25, deadline=None, suppress_health_check=list(HealthCheck)
)


class TestRegistry(Registry.TestCase):
    """The machine, run."""
