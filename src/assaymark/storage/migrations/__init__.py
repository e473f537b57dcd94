"""Migrations of the database, each in a file of its own that imports no table of ours: they say what was true then.

A new database never comes here: it gets the tables of today and the newest stamp. A migration is a module `mNNNN` with
`upgrade(operations)`; they run in order, in the transaction of `upgrade`, which also sets the stamp.
"""

import importlib

import sqlalchemy as sa

from assaymark.core.errors import UsageError

ORDER = ("0001",)
"""All migrations; the last one is storage.database.HEAD."""
NOTHING = ""
"""The stamp of a database without tables."""


def upgrade(connection: sa.Connection, stamp: str) -> None:
    """Bring a database from a stamp to the newest one; raises UsageError for a stamp of a newer program."""
    from alembic.migration import MigrationContext
    from alembic.operations import Operations

    if stamp not in {NOTHING, *ORDER}:
        step = "install the version of assaymark that wrote to it last, or a newer one"
        raise UsageError(f"the database is at migration {stamp!r:.40}, which this program does not know", step=step)
    operations = Operations(MigrationContext.configure(connection))
    for revision in ORDER[ORDER.index(stamp) + 1 if stamp else 0 :]:
        importlib.import_module(f"{__name__}.m{revision}").upgrade(operations)
    if stamp:
        connection.execute(sa.text("UPDATE alembic_version SET version_num = :head"), {"head": ORDER[-1]})
    else:
        connection.execute(sa.text("CREATE TABLE alembic_version (version_num VARCHAR(32) NOT NULL)"))
        connection.execute(sa.text("INSERT INTO alembic_version VALUES (:head)"), {"head": ORDER[-1]})
