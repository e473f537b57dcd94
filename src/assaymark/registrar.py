"""The registry, put together: records, store, ledger, the server's own keys, the trust root and the scanner.

The keys that stand here sign what a server may say: that a channel moved, that it still stands, that the log grew, that a
scan was made. None of them can approve: those keys are with people, and hosts check them (registry.verify).
"""

import json
import os
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any, Self

import sqlalchemy as sa

from assaymark.bom import graph_tables
from assaymark.containing import TRACES
from assaymark.core import trust as trusts
from assaymark.core.bundle import Bundle
from assaymark.core.clock import Clock, SystemClock, parse_timestamp
from assaymark.core.digest import sha256
from assaymark.core.envelope import Envelope, Signer
from assaymark.core.errors import AssayError, Conflict, Unreadable, Untrusted, UsageError
from assaymark.core.evidence import PAYLOAD_TYPE, Statement
from assaymark.core.manifest import Manifest
from assaymark.core.policy import Policy
from assaymark.core.ports import ObjectStore, Source
from assaymark.core.strictjson import canonical
from assaymark.core.subject import Subject
from assaymark.core.trust import TrustRoot
from assaymark.filling import Filling
from assaymark.ledgers import open_registry_ledger
from assaymark.registry import (
    access_tables,
    bundles,
    hub_tables,
    mlflow_staging,
    models,
    oci_tables,
    promotions,
    queries,
    quota,
    tables,
    versions,
    webhook_tables,
)
from assaymark.registry.names import ModelName, VersionName
from assaymark.registry.states import VersionState
from assaymark.registry.work import Work
from assaymark.registry_home import (
    DATABASE,
    LOG,
    OBJECTS,
    SCANNER,
    SERVER,
    Keys,
    describe_home,
    key_path,
    make_home,
    read_settings,
    registry_folder,
)
from assaymark.storage import keys, ledger_tables
from assaymark.storage.database import Database
from assaymark.storage.ledger import Ledger, Receipt
from assaymark.storage.objects import ingest, open_store, pieces
from assaymark.storage.sequencer import Sequencer

FRESH = timedelta(hours=24)
"""For which a timestamp counts."""
_QUICK = timedelta(minutes=30)
"""An upload shorter than this is over before any sweep takes what it put."""
_METADATA = (
    access_tables.users.metadata, hub_tables.drafts.metadata, oci_tables.uploads.metadata,
    webhook_tables.webhooks.metadata, ledger_tables.metadata, graph_tables.metadata,
)  # fmt: skip
"""The tables of the registry and of its facades are in one; naming the facades brings theirs in."""


class Registrar:
    """One registry. Threads may share it."""

    def __init__(
        self, folder: str, database: Database, store: ObjectStore, ledger: Ledger, own: Keys, clock: Clock
    ) -> None:
        self.folder = folder
        self.database = database
        self.store = store
        self.ledger = ledger
        self.keys = own
        self.clock = clock
        self._held: tuple[int, TrustRoot | None] = (0, None)
        """The newest trust root that was read, and its version; one value, for threads."""
        self.wake: Callable[[], None] = lambda: None
        """Tells the worker that there is something to do (assaymark.worker)."""
        self.filling = Filling(store)
        """Takes what lands (bom.graph)."""
        self.sequencer: Sequencer | None = None
        """Integrates what was logged, where a server runs; else each integrates what he logged."""

    @classmethod
    def create(cls, home: str | None, origin: str | None = None) -> dict[str, str]:
        """Make the folder and the server's keys; raises UsageError where there is one. Returns what a trust root needs."""
        return make_home(home, origin)

    @classmethod
    def describe(cls, home: str | None) -> dict[str, str]:
        """Origin of the log, and the files of the public keys."""
        return describe_home(home)

    @classmethod
    def open(
        cls,
        home: str | None = None,
        *,
        database: str | None = None,
        store: str | None = None,
        clock: Clock | None = None,
    ) -> Self:
        """Open the registry of a home, with its records and blobs there or where the URLs say; raises UsageError."""
        folder = registry_folder(home)
        settings = read_settings(folder)
        own = Keys(*(keys.load_private(key_path(home, name)) for name in (LOG, SERVER, SCANNER)))
        records = Database.open(database or f"sqlite:///{os.path.join(folder, DATABASE)}", _METADATA)
        blobs = open_store(store or os.path.join(folder, OBJECTS), clock)
        ledger = open_registry_ledger(folder, settings, records, own.log, None)
        registrar = cls(folder, records, blobs, ledger, own, clock or SystemClock())
        with registrar.look():  # the trust root says who has to witness the log
            return registrar

    def close(self) -> None:
        """Let go of records and store."""
        self.store.close()
        self.database.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @contextmanager
    def work(self) -> Iterator[Work]:
        """One transaction that may write."""
        with self.database.write() as connection:
            work = Work(
                connection, self.ledger, self._current(connection), self.clock.now(), graph=TRACES, filling=self.filling
            )
            yield work
        if work.logged and self.sequencer is not None:
            self.sequencer.notify()

    @contextmanager
    def look(self) -> Iterator[Work]:
        """One transaction that reads."""
        with self.database.read() as connection:
            yield Work(connection, self.ledger, self._current(connection), self.clock.now(), graph=TRACES)

    # Trust and policies

    def install_root(self, document: bytes, actor: str = "") -> TrustRoot:
        """Take the first trust root, or the next one, signed as it must be; raises Untrusted."""
        envelope = Envelope.from_json(document)
        with self.work() as work:
            if work.root is None:
                root = trusts.update(trusts.pinned(envelope, keys.public_of), [], work.now)
            else:
                root = trusts.update(work.root, [envelope], work.now)
                if root.version == work.root.version:
                    raise Conflict(f"trust root {root.version} is in force already", step="assay trust rotate")
            self._check_own(root)
            text = json.dumps(envelope.to_json(), sort_keys=True)
            work.connection.execute(tables.roots.insert().values(version=root.version, document=text))
            digest = str(sha256(envelope.payload))
            work.append({
                "schema": "assaymark/event/v1", "type": "trust", "at": work.at, "actor": actor, "envelopes": [digest],
                "to": str(root.version),
            })  # fmt: skip
        return root

    def add_policy(self, document: dict[str, Any]) -> str:
        """Keep a policy, by its digest; it is in force where the trust root names it."""
        policy = Policy.from_json(document)
        text = canonical(policy.to_json()).decode()
        with self.work() as work:
            known = sa.select(tables.policies).where(tables.policies.c.digest == policy.digest)
            if work.connection.execute(known).first() is None:
                work.connection.execute(tables.policies.insert().values(digest=policy.digest, document=text))
        return policy.digest

    # Publishing

    def upload(
        self, name: VersionName, folder: str, publisher: str, progress: Callable[[int], None] | None = None
    ) -> Subject:
        """Store every file of a folder as a draft. What is returned is to be sealed."""
        with self.look() as work:
            models.find_model(work.connection, name.model)
            work.trust  # noqa: B018 - refuse before gigabytes are copied
        begun = self.clock.now()
        manifest = ingest(self.store, folder, progress=progress)
        if self.clock.now() - begun > _QUICK:
            self._keep(manifest, folder)
        with self.work() as work:
            versions.draft(work, name, publisher)
            versions.note_uploads(work, name.model.project, (file.sha256 for file in manifest.files))
            versions.add_files(work, name, manifest.files)
        return Subject(str(name), manifest.digest)

    def put_blob(self, project: str, source: Source, sha256: str) -> int:
        """Store bytes for versions of a project, no more than it may still hold; raises Untrusted, Conflict. Their number."""
        with self.database.read() as connection:
            now = quota.usage_of(connection, project)

        def within() -> Iterator[bytes]:
            sent = 0
            for piece in pieces(source):
                sent += len(piece)
                quota.admit(now, sent)
                yield piece

        _, size = self.store.put(within() if now.quota is not None else source, sha256)
        with self.work() as work:
            versions.note_uploads(work, project, [sha256])
        return size

    def _keep(self, manifest: Manifest, folder: str) -> None:
        """A sweep may have run during a long upload: make what it spared young again, and put again what it took."""
        for file in manifest.files:
            if not self.store.touch(file.sha256):
                self.store.put(os.path.join(folder, *file.path.split("/")), file.sha256)

    def seal(self, name: VersionName, envelope: bytes, bom: bytes | None = None) -> None:
        """Freeze a draft, and take its bill of materials with it; every file of it must be in the store."""
        with self.look() as work:
            manifest = versions.manifest_of(work.connection, models.find_version(work.connection, name).id)
        for file in manifest.files:
            if not self.store.touch(file.sha256) or self.store.size(file.sha256) != file.size:
                raise Conflict(f"{file.path} ({file.sha256}) is not in the store", step="upload it first")
        blob, _ = self.store.put(canonical(manifest.to_json()))
        with self.work() as work:
            versions.seal(work, name, envelope, blob)
            if bom is not None:
                versions.attest(work, name, bom)

    def scan(self, name: VersionName, folder: str | None = None) -> VersionState:
        """Scan a sealed version, sign what was seen, and judge the version by it.

        Raises UsageError where the trust root does not take this server's word: then scanners elsewhere send theirs.
        """
        with self.look() as work:
            if self.keys.scanner.keyid not in work.trust.keys_of("scanner", name.model.project, work.at):
                step = f"scan it where a scanner's key is, then: assay registry attest {name} EVIDENCE"
                raise UsageError(
                    f"the trust root does not list this server's scanner for {name.model.project}", step=step
                )
        if folder is None:
            with self.checkout(name) as copy:
                return self.scan(name, copy)
        from assaymark import sharding
        from assaymark.app import scan

        report = scan(folder, config="", home=os.path.dirname(self.folder), clock=self.clock)
        if report.statement is None:
            raise Untrusted("the scan took no digest", step="see what CHK004 and CHK006 name: assay scan")
        with self.look() as work:
            due = sharding.due(work, name, self.keys.scanner.keyid)
        if due is not None:  # before the scan: a version that is verified has all its evidence
            self.attest(name, sign(sharding.statement(folder, str(name), due, self.clock.now()), self.keys.scanner))
        failed = self._make_bom(name, folder)
        try:
            state = self.attest(name, sign(report.statement, self.keys.scanner))
        except Conflict:  # a job that is tried again within the second says the same of the scan
            if failed is not None:
                raise failed from None
            raise
        with self.work() as work:
            row = models.find_version(work.connection, name)
            done = sa.and_(tables.jobs.c.version == row.id, tables.jobs.c.kind == "scan")
            work.connection.execute(tables.jobs.update().where(done).values(state="done"))
        if failed is not None:  # the scan's own word stands; the job says why there is no bill of materials
            raise failed
        return state

    def _make_bom(self, name: VersionName, folder: str) -> AssayError | None:
        """Sign a bill of materials where nobody who may has signed one. Returns what went wrong."""
        from assaymark import attesting

        try:
            with self.look() as work:
                due = attesting.due(work, name)
            if due is not None:
                made = attesting.build(folder, self.clock.now())
                self.attest(name, sign(attesting.statement(made, str(name), due), self.keys.scanner))
        except AssayError as error:
            return error
        return None

    def ask_scan(self, name: VersionName) -> None:
        """Put the scan of a version among the jobs once more."""
        with self.work() as work:
            row = models.find_version(work.connection, name)
            same = sa.and_(tables.jobs.c.version == row.id, tables.jobs.c.kind == "scan")
            again = {"state": "waiting", "attempts": 0, "lease_until": None}
            if work.connection.execute(tables.jobs.update().where(same).values(**again)).rowcount != 1:
                raise Conflict(f"{name} is not sealed", step="seal it first")

    def attest(self, name: VersionName, document: bytes) -> VersionState:
        """Take evidence; requests that it makes worse are void."""
        with self.work() as work:
            state = versions.attest(work, name, document)
            promotions.void_worse(work, name, "registry")
        return state

    @contextmanager
    def checkout(self, name: VersionName) -> Iterator[str]:
        """A temporary folder with the files of a version, each verified while it is copied."""
        with self.look() as work:
            manifest = versions.manifest_of(work.connection, models.find_version(work.connection, name).id)
        with tempfile.TemporaryDirectory(prefix="assay-") as place:
            folder = os.path.join(place, name.model.model)  # not a random name: a bill of materials has it
            os.mkdir(folder, mode=0o700)
            self.write_files(manifest, folder)
            yield folder

    def write_files(self, manifest: Manifest, folder: str) -> None:
        """Copy the files of a manifest below a folder; raises Untrusted for bytes that are not what they are named for."""
        for file in manifest.files:
            path = os.path.join(folder, *file.path.split("/"))
            os.makedirs(os.path.dirname(path), exist_ok=True)
            with self.store.open(file.sha256) as source, open(path, "xb") as target:
                target.writelines(source)

    # Channels

    def activate(self, nonce: str, actor: str) -> Receipt | None:
        """Move the channel of an approved request, and prove that it was logged.

        None where it was done and no proof can be had yet, as while too few witnesses answer: the bundle waits for them.
        """
        with self.work() as work:
            ticket = promotions.activate(work, nonce, actor, self.keys.server)
        try:
            return (self.sequencer or self.ledger).receipt(ticket)
        except Unreadable:
            return None

    def bundle(self, name: ModelName, channel: str, fresh: timedelta = FRESH) -> Bundle:
        """What a host needs to verify what stands in a channel."""
        with self.look() as work:
            ticket = bundles.standing(work, name, channel).ticket
        receipt = self.ledger.receipt(ticket)
        with self.look() as work:
            return bundles.bundle(work, name, channel, receipt, self.keys.server, fresh)

    def roots_of(self, connection: sa.Connection) -> list[TrustRoot]:
        """Every version of the trust root, the oldest first."""
        found = connection.execute(sa.select(tables.roots.c.document).order_by(tables.roots.c.version)).scalars()
        return [TrustRoot.read(Envelope.from_json(text.encode()).payload, keys.public_of) for text in found]

    def marked(self) -> set[str]:
        """Blobs that no sweep may free."""
        with self.database.read() as connection:
            return queries.marked(connection) | mlflow_staging.marked(connection)

    def _current(self, connection: sa.Connection) -> TrustRoot | None:
        """The newest trust root; what another process installed is seen."""
        newest = connection.execute(sa.select(sa.func.max(tables.roots.c.version))).scalar()
        held, known = self._held
        if newest is None or newest == held:
            return known
        found = connection.execute(sa.select(tables.roots.c.document).order_by(tables.roots.c.version)).scalars().all()
        first, *rest = (Envelope.from_json(text.encode()) for text in found)
        root = trusts.pinned(first, keys.public_of)
        # When it expired it still says who is who; hosts are those that refuse it.
        last = trusts.TrustRoot.read((rest or [first])[-1].payload, keys.public_of)
        before = min(self.clock.now(), parse_timestamp(last.expires) - timedelta(seconds=1))
        current = trusts.update(root, rest, before)
        if newest > held:  # a reader that began earlier sees an older one
            self._held = (newest, current)
            self.ledger = open_registry_ledger(
                self.folder, read_settings(self.folder), self.database, self.keys.log, current
            )
        return current

    def _check_own(self, root: TrustRoot) -> None:
        """A trust root that does not know this server's keys would make everything here worthless to hosts."""
        if self.keys.server.keyid not in root.server:
            raise UsageError("the trust root does not list this server's key", step="assay trust rotate --server KEY")
        if self.keys.log.keyid not in {entry.key for entry in root.log if entry.name == self.ledger.origin}:
            raise UsageError(f"the trust root does not list the log {self.ledger.origin}", step="assay registry info")


def sign(statement: Statement, key: Signer) -> bytes:
    """A statement in a DSSE envelope, as JSON."""
    return canonical(Envelope.sign(PAYLOAD_TYPE, statement.payload(), [key]).to_json())
