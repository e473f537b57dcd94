"""Group commit for SQLite: writers of one process that wait for each other share a transaction, and with it one fsync.

Each has a savepoint of its own, so that one that fails takes nobody along. None of them goes on before the commit. Whoever
finds nobody waiting behind him commits for all: there is no leader, no timer, and nothing to wait for when one is alone.
"""

import threading
from collections.abc import Iterator
from contextlib import contextmanager

import sqlalchemy as sa

_MOST = 64
"""Writers of one transaction: those who came first should not wait for ever."""


class _Batch:
    """One transaction, and what became of it."""

    def __init__(self, engine: sa.Engine) -> None:
        self.connection = engine.connect()
        try:
            self.transaction = self.connection.begin()
        except BaseException:
            self.connection.close()
            raise
        self.members = 0
        self.error: Exception | None = None
        self.over = threading.Event()

    @property
    def is_alive(self) -> bool:
        """Whether the transaction still stands: on some errors (full, I/O) SQLite rolls all of it back by itself."""
        return bool(self.connection.connection.dbapi_connection.in_transaction)  # type: ignore[union-attr] # sqlite3


class GroupCommit:
    """The writing side of one SQLite database in this process."""

    def __init__(self, engine: sa.Engine) -> None:
        self._engine = engine
        self._turn = threading.Lock()
        self._count = threading.Lock()
        self._waiting = 0
        self._batch: _Batch | None = None

    @contextmanager
    def write(self) -> Iterator[sa.Connection]:
        """A transaction as far as the block is concerned: all of it, durably, or nothing."""
        with self._my_turn():
            batch = self._batch = self._batch or _Batch(self._engine)
            batch.members += 1
            try:
                with batch.connection.begin_nested():
                    yield batch.connection
            except Exception as error:
                if not batch.is_alive:
                    batch.error = error
                raise
            finally:
                if batch.error or not self._waiting or batch.members >= _MOST:
                    self._end(batch)
        batch.over.wait()
        if batch.error is not None:
            raise batch.error

    @contextmanager
    def _my_turn(self) -> Iterator[None]:
        with self._count:
            self._waiting += 1
        self._turn.acquire()
        with self._count:
            self._waiting -= 1
        try:
            yield
        finally:
            self._turn.release()

    def _end(self, batch: _Batch) -> None:
        """Commit for all, or tell all that there was no commit."""
        self._batch = None
        try:
            if batch.error is None:
                batch.transaction.commit()
        except Exception as error:  # noqa: BLE001 - whatever it is, every writer of the transaction has to know
            batch.error = error
        finally:
            batch.connection.close()
            batch.over.set()
