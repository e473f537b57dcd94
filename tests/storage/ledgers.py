"""Ledgers for the tests: a real database, a real folder, a key that is the same each time."""

import os
from collections.abc import Iterable
from datetime import UTC, datetime
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from assaymark.core.clock import FixedClock
from assaymark.core.note import COSIGNATURE
from assaymark.core.witnessing import Watch
from assaymark.storage.database import Database
from assaymark.storage.keys import PrivateKey
from assaymark.storage.ledger import Ledger, Quorum, metadata
from assaymark.storage.ledger_audit import Audit, Auditor
from assaymark.storage.ledger_files import Folder
from assaymark.storage.ledger_witness import Heads
from assaymark.storage.notekeys import note_key, note_signer

ORIGIN = "registry.example/ledger"
PRIVATE = PrivateKey(Ed25519PrivateKey.from_private_bytes(bytes(range(32))))
WITNESS = PrivateKey(Ed25519PrivateKey.from_private_bytes(bytes(range(1, 33))))
KEY = note_key(ORIGIN, PRIVATE.public)
WITNESS_KEY = note_key("witness.example/w1", WITNESS.public, COSIGNATURE)
CLOCK = FixedClock(datetime(2026, 11, 24, 10, tzinfo=UTC))


class Place:
    """A database and the folder of static files beside it; any number of ledgers may be opened on it."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.url = f"sqlite:///{root / 'assay.db'}"
        self.folder = root / "log"
        self.databases: list[Database] = []
        self.said: list[str] = []

    def open(self, *, quorum: Quorum | None = None, private: PrivateKey = PRIVATE) -> "Log":
        database = Database.open(self.url, [metadata])
        self.databases.append(database)
        signer, key = note_signer(ORIGIN, private), note_key(ORIGIN, private.public)
        ledger = Ledger(
            database, Folder(os.fspath(self.folder)), signer, key, CLOCK, quorum=quorum, say=self.said.append
        )
        return Log(ledger, database)

    def audit(self, since: bytes | None = None) -> Audit:
        return Auditor(Folder(os.fspath(self.folder)), KEY).run(since)

    def close(self) -> None:
        for database in self.databases:
            database.close()
        self.databases.clear()


class Log:
    """A ledger and its database."""

    def __init__(self, ledger: Ledger, database: Database) -> None:
        self.ledger = ledger
        self.database = database

    def add(self, numbers: Iterable[int], word: str = "n") -> list[int]:
        """Append events {word: number} in one transaction; the tickets."""
        with self.database.write() as connection:
            return [self.ledger.append(connection, {word: number}) for number in numbers]


def watch(
    state: Path, clock: FixedClock = CLOCK, name: str = "witness.example/w1", private: PrivateKey = WITNESS
) -> Watch:
    return Watch(
        {ORIGIN: [KEY]},
        note_signer(name, private, COSIGNATURE),
        note_key(name, private.public, COSIGNATURE),
        Heads(os.fspath(state)),
        clock,
    )
