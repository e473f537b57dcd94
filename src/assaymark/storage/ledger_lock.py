"""Only one integrates at a time: a file lock beside SQLite's file, an advisory lock in PostgreSQL."""

import os
from collections.abc import Iterator
from contextlib import contextmanager

import sqlalchemy as sa

from assaymark.storage.database import Database

_KEY = 0x6C6564676572
"""Of pg_advisory_lock: `ledger`."""


@contextmanager
def one_integrator(database: Database) -> Iterator[None]:
    """Hold the lock; the system takes it back from a process that dies."""
    if not database.is_sqlite:
        with database.read() as connection:
            connection.execute(sa.text("SELECT pg_advisory_lock(:key)"), {"key": _KEY})
            try:
                yield
            finally:
                connection.execute(sa.text("SELECT pg_advisory_unlock(:key)"), {"key": _KEY})
        return
    path = database.engine.url.database
    if not path or path == ":memory:":
        yield  # one process, which has a lock of its own
        return
    with file_lock(f"{path}.integrator"):
        yield


@contextmanager
def file_lock(path: str) -> Iterator[None]:
    """Wait for and hold the lock of a file."""
    import fcntl

    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)
