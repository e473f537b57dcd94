"""Upkeep of a registry by whoever runs it: scrub, sweep, quota, backup, restore, jobs, and a check of everything.

It works on the registry of the home, beside a server that runs.
"""

import json
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Self

from assaymark.core.errors import Untrusted, UsageError
from assaymark.core.note import Note, NoteKey
from assaymark.core.tlog import Checkpoint
from assaymark.registrar import Registrar
from assaymark.registry import check, keeping, queries, queue, quota
from assaymark.registry.names import VersionName
from assaymark.registry.quota import Usage
from assaymark.registry.retention import Retention
from assaymark.registry_home import DATABASE, LOG, LOG_FILES, SERVER, SETTINGS, registry_folder
from assaymark.settings import home as home_folder
from assaymark.storage import backup as backups
from assaymark.storage import keys, output, upkeep
from assaymark.storage.backup import Backup, Origin
from assaymark.storage.database import read_copy
from assaymark.storage.ledger_check import agreed
from assaymark.storage.ledger_files import Folder
from assaymark.storage.ledger_tables import Rows
from assaymark.storage.notekeys import note_key
from assaymark.storage.restore import Restored
from assaymark.storage.restore import restore as restore_backup
from assaymark.storage.upkeep import Damage, Scrubbed, Swept
from assaymark.worker import drain

HOST = "host"
"""Who lets bytes go, in the ledger."""


@dataclass(frozen=True, slots=True)
class Collected:
    """What a collection did: versions whose bytes were let go, and what the sweep freed."""

    versions: tuple[VersionName, ...]
    swept: Swept


class Keeping:
    """One registry, tended."""

    def __init__(self, registrar: Registrar, log_key: NoteKey) -> None:
        self._registrar = registrar
        self._log_key = log_key

    @classmethod
    def of(cls, registrar: Registrar) -> Self:
        """The one who tends this registry."""
        return cls(registrar, note_key(registrar.ledger.origin, registrar.keys.log.public))

    def scrub(
        self, after: str = "", most_bytes: int | None = None, told: Callable[[int, Damage | None], None] | None = None
    ) -> Scrubbed:
        """Hash what is stored, and put away what is damaged."""
        return upkeep.scrub(self._registrar.store, after=after, most_bytes=most_bytes, progress=told)

    def collect(self, grace: timedelta, rule: Retention | None = None, *, dry_run: bool = False) -> Collected:
        """Let go of the bytes that the rule no longer keeps, and free what nothing refers to.

        1. The moment is taken: what is put or touched from then on is young.
        2. Versions whose time is over let their bytes go: recorded and logged.
        3. The marks are read, and everything else is swept that is older than the grace and under no lease.
        """
        if grace < upkeep.SHORTEST:
            step = f"at least {upkeep.SHORTEST}: uploads are under way"
            raise UsageError(f"a grace of {grace} is too short", step=step)
        now = self._registrar.clock.now()
        names = self._let_go(rule or Retention(), dry_run=dry_run)
        with self._registrar.database.read() as connection:
            marked = queries.marked(connection, keeping.spared(connection))
        swept = upkeep.sweep(self._registrar.store, marked, grace, now, dry_run=dry_run)
        return Collected(tuple(names), swept)

    def _let_go(self, rule: Retention, *, dry_run: bool) -> list[VersionName]:
        if dry_run:
            with self._registrar.look() as work:
                return keeping.due(work.connection, rule, work.now)
        with self._registrar.work() as work:
            return keeping.let_go(work, rule, HOST)

    def quota(self, project: str) -> Usage:
        """What a project holds and may hold."""
        with self._registrar.database.read() as connection:
            return quota.usage_of(connection, project)

    def set_quota(self, project: str, limit: int | None) -> Usage:
        """Change what a project may hold."""
        with self._registrar.database.write() as connection:
            quota.set_quota(connection, project, limit)
        return self.quota(project)

    def backup(self, target: str, dump: str = "") -> Backup:
        """Back the registry up below `target`. `dump`: of the database, made by pg_dump, where that is PostgreSQL."""
        registrar = self._registrar
        registrar.ledger.integrate()
        path = registrar.database.engine.url.database or ""
        if registrar.database.is_sqlite == bool(dump):
            step = "pg_dump --format=custom --serializable-deferrable --file=FILE; then --dump FILE"
            raise UsageError("PostgreSQL is backed up with a dump, SQLite without", step=step)
        log = os.path.join(registrar.folder, LOG_FILES)
        os.makedirs(log, exist_ok=True)
        if dump:  # it cannot be looked into: all blobs belong to it
            return backups.backup(Origin(registrar.store, dump=dump, log=log), target, clock=registrar.clock)
        origin = Origin(registrar.store, database=path, log=log)
        return backups.backup(
            origin, target, clock=registrar.clock, needed=_needed, checkpoint=lambda made: _root(made, self._log_key)
        )

    def jobs(self) -> list[dict[str, Any]]:
        """What waits, runs or failed."""
        with self._registrar.database.read() as connection:
            return queue.unfinished(connection)

    def retry(self, job: int | None = None) -> int:
        """Have a failed job done again, or all of them; returns how many."""
        with self._registrar.work() as work:
            return queue.retry(work, job)

    def check(self) -> list[str]:
        """All that is wrong: between blobs, rows, signatures, leaves and checkpoints. It changes nothing."""
        registrar = self._registrar
        with registrar.database.read() as connection:
            found = list(check.problems(connection, registrar.store, registrar.roots_of(connection)))
            try:
                agreed(connection, Folder(os.path.join(registrar.folder, LOG_FILES)), self._log_key)
            except Untrusted as error:
                found.append(error.message)
            found.extend(registrar.filling.problems(connection))
        return found

    def rebuild_graph(self) -> int:
        """Make the graph anew from what is stored; returns from how many pieces."""
        with self._registrar.work() as work:
            return self._registrar.filling.rebuild(work.connection)


@contextmanager
def tended(home: str | None, database: str | None = None, store: str | None = None) -> Iterator[Keeping]:
    """The registry of a home."""
    with Registrar.open(home, database=database, store=store) as registrar:
        yield Keeping.of(registrar)


def work(home: str | None, database: str | None = None, store: str | None = None) -> int:
    """Do every job that waits, here and now; returns how many."""
    return drain(home, database, store)


def restore(home: str | None, backup: str, expected: str | None = None, origin: str | None = None) -> Restored:
    """Restore a backup as the registry of a home that has none, but has the log's key; raises AssayError.

    What is signed by that key decides whether database and static files are of one log. `origin` is asked for where the
    backup is of a dump of PostgreSQL, which is loaded by its own tools afterwards.
    """
    folder = registry_folder(home)
    place = os.path.join(home_folder(home), "keys")
    try:
        for name in (LOG, SERVER):
            keys.load_private(os.path.join(place, f"{name}.key"))
        public = keys.load_private(os.path.join(place, f"{LOG}.key")).public
    except UsageError as error:
        raise UsageError(error.message, step=f"put the server's keys into {place} first; no backup has them") from error

    def settle(made: str) -> str | None:
        """Look at what was restored, and write the settings, before it gets its name."""
        dumped = not os.path.exists(os.path.join(made, DATABASE))
        said = origin or (None if dumped else _origin(made))
        if said is None:
            raise UsageError("nothing in this backup says the name of the log", step="--origin, as in the trust root")
        output.write(os.path.join(made, SETTINGS), json.dumps({"schema": "assaymark/registry/v1", "origin": said}))
        return None if dumped else _root(made, note_key(said, public))

    return restore_backup(backup, folder, expected=expected, checkpoint=settle)


def _needed(database: str) -> set[str]:
    with read_copy(database) as connection:
        return queries.marked(connection, keeping.spared(connection))


def _root(folder: str, key: NoteKey) -> str:
    """The signed root that a copy's database and static files agree on."""
    with read_copy(os.path.join(folder, DATABASE)) as connection:
        last = agreed(connection, Folder(os.path.join(folder, LOG_FILES)), key)
    if last is None:
        raise UsageError("this registry has logged nothing yet", step="install its trust root first")
    return last.text


def _origin(folder: str) -> str | None:
    with read_copy(os.path.join(folder, DATABASE)) as connection:
        note = Rows(connection).checkpoint()
    return None if note is None else Checkpoint.read(Note.read(note).text).origin
