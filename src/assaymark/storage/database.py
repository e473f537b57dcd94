"""Records in SQLite (WAL, `synchronous=FULL`) or PostgreSQL, chosen by URL; the same SQLAlchemy Core tables in both.

A new database gets its tables at once and is stamped with the newest migration; an older one is migrated when it is
opened (storage/migrations). SQLite has one writer: `write` takes its lock at the beginning of the transaction, so that
nobody fails half-way because another one was quicker, and threads that wait for it commit together.
"""

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import sqlalchemy as sa

from assaymark.core.errors import Conflict, UsageError
from assaymark.core.ports import StoreFault
from assaymark.storage.group_commit import GroupCommit

HEAD = "0001"
"""The newest migration; a test compares it with storage/migrations."""
_WRITES = {"assay_write": True}
_READS = {"isolation_level": "REPEATABLE READ", "postgresql_readonly": True}
"""In PostgreSQL each statement would see another state otherwise. SQLite's readers see one anyhow."""
_WAIT = 30.0
"""Seconds that a connection waits for SQLite's lock, which another process may hold."""


class Database:
    """Connections to one database. Threads may share it."""

    def __init__(self, engine: sa.Engine) -> None:
        self.engine = engine
        self._writing = engine.execution_options(**_WRITES)
        self._reading = engine if engine.dialect.name == "sqlite" else engine.execution_options(**_READS)
        self._begin = GroupCommit(self._writing).write if engine.dialect.name == "sqlite" else self._writing.begin

    @classmethod
    def open(cls, url: str, tables: Sequence[sa.MetaData]) -> "Database":
        """Connect, and make or migrate the tables; raises UsageError where that cannot be."""
        try:
            database = cls(_engine(url))
            try:
                database._prepare(tables)
            except BaseException:
                database.close()
                raise
        except (sa.exc.OperationalError, sa.exc.ArgumentError, sa.exc.NoSuchModuleError, ModuleNotFoundError) as error:
            step = "sqlite:///PATH or postgresql+psycopg://USER@HOST/NAME (pip install 'assaymark[postgres]')"
            raise UsageError(f"the database cannot be opened: {_brief(error)}", step=step) from error
        return database

    @property
    def is_sqlite(self) -> bool:
        """Whether there is one file and one writer."""
        return self.engine.dialect.name == "sqlite"

    @contextmanager
    def write(self) -> Iterator[sa.Connection]:
        """One transaction that may write: all of it, durably, or nothing. Raises Conflict where another one was quicker."""
        try:
            with self._begin() as connection:
                yield connection
        except sa.exc.DBAPIError as error:
            if _names(error) & _QUICKER:
                raise Conflict("somebody else did the same meanwhile", step="look at it again and repeat") from error
            if _names(error) & _FULL:
                step = "free room where the database is; nothing of this was recorded"
                raise StoreFault("cannot record this: no room", step=step, full=True) from error
            raise

    @contextmanager
    def read(self) -> Iterator[sa.Connection]:
        """One transaction that sees one state of everything."""
        with self._reading.begin() as connection:
            yield connection

    def close(self) -> None:
        """Give all connections back."""
        self.engine.dispose()

    def _prepare(self, tables: Sequence[sa.MetaData]) -> None:
        with self.write() as connection:
            stamp = _stamp(connection)
            if stamp == HEAD:
                _complete(connection, tables)
                return
            if stamp is None:
                for metadata in tables:
                    metadata.create_all(connection)
                connection.execute(sa.text("CREATE TABLE alembic_version (version_num VARCHAR(32) NOT NULL)"))
                connection.execute(sa.text("INSERT INTO alembic_version VALUES (:head)"), {"head": HEAD})
                return
            from assaymark.storage.migrations import upgrade

            upgrade(connection, stamp)


def _stamp(connection: sa.Connection) -> str | None:
    """The migration this database stands at, or None for a new one."""
    if connection.dialect.name != "sqlite":  # nodes that start together: one of them makes the tables
        connection.execute(sa.text("SELECT pg_advisory_xact_lock(:key)"), {"key": 0x6173736179})
    if not sa.inspect(connection).has_table("alembic_version"):
        return None
    found: str = connection.execute(sa.text("SELECT version_num FROM alembic_version")).scalar_one()
    return found


def _complete(connection: sa.Connection, tables: Sequence[sa.MetaData]) -> None:
    """Make the tables that came after a database was stamped: nothing was released yet, so all of them are of one migration."""
    there = set(sa.inspect(connection).get_table_names())
    for metadata in dict.fromkeys(tables):
        if metadata.tables.keys() - there:
            metadata.create_all(connection)


def _engine(url: str) -> sa.Engine:
    parsed = sa.make_url(url)
    if parsed.get_backend_name() != "sqlite":
        return sa.create_engine(parsed, pool_pre_ping=True, pool_size=8, max_overflow=16)
    if parsed.database and parsed.database != ":memory:":
        os.makedirs(os.path.dirname(os.path.abspath(parsed.database)), mode=0o700, exist_ok=True)
    engine = sa.create_engine(parsed, connect_args={"timeout": _WAIT, "check_same_thread": False})
    sa.event.listen(engine, "connect", _configure)
    sa.event.listen(engine, "begin", _begin)
    return engine


def _configure(connection: Any, _record: Any) -> None:
    """The driver's own idea of when a transaction begins is switched off; ours is `_begin`."""
    connection.isolation_level = None
    for pragma in (
        "journal_mode=WAL",
        "synchronous=FULL",
        "foreign_keys=ON",
        "temp_store=MEMORY",
        "cache_size=-32768",  # kB: the graph's indexes are wide, and a BOM touches hundreds of their pages
        "wal_autocheckpoint=8000",  # pages, 32 MB: fewer of the writers pay for what all wrote
        "trusted_schema=OFF",
    ):
        connection.execute(f"PRAGMA {pragma}")


def _begin(connection: sa.Connection) -> None:
    writes = connection.get_execution_options().get("assay_write")
    connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")


_QUICKER = {"23505", "40001", "40P01", "SQLITE_CONSTRAINT_UNIQUE", "SQLITE_CONSTRAINT_PRIMARYKEY"}
"""The key is there already; and of PostgreSQL: the transactions cannot follow each other, a deadlock."""
_FULL = {"53100", "SQLITE_FULL"}


def _names(error: sa.exc.DBAPIError) -> set[str | None]:
    return {getattr(error.orig, "sqlstate", None), getattr(error.orig, "sqlite_errorname", None)}


@contextmanager
def read_copy(path: str) -> Iterator[sa.Connection]:
    """Read an SQLite file that nobody writes to, and leave it as it is, byte for byte."""
    import sqlite3
    from pathlib import Path

    uri = f"{Path(os.path.abspath(path)).as_uri()}?mode=ro&immutable=1"
    engine = sa.create_engine("sqlite://", creator=lambda: sqlite3.connect(uri, uri=True))
    try:
        with engine.connect() as connection:
            yield connection
    finally:
        engine.dispose()


def _brief(error: Exception) -> str:
    """The driver's own words, without SQLAlchemy's frame and without a URL that may hold a password."""
    return str(getattr(error, "orig", None) or error).strip().splitlines()[0]
