"""What migrations make from nothing is what a new database gets, in SQLite and in PostgreSQL."""

import subprocess
import sys
from pathlib import Path
from types import ModuleType

import pytest
import sqlalchemy as sa
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext

from assaymark.core.errors import UsageError
from assaymark.registrar import _METADATA
from assaymark.storage import database as databases
from assaymark.storage import migrations
from assaymark.storage.database import Database

TABLES = list(dict.fromkeys(_METADATA))


def test_the_stamp_of_a_new_database_is_the_newest_migration():
    names = sorted(path.stem for path in Path(migrations.__file__).parent.glob("m[0-9]*.py"))
    assert names == [f"m{revision}" for revision in migrations.ORDER]
    assert migrations.ORDER[-1] == databases.HEAD


def migrated(url: str) -> sa.Engine:
    engine = databases._engine(url)
    try:
        with engine.begin() as connection:
            migrations.upgrade(connection, migrations.NOTHING)
    finally:
        engine.dispose()
    return engine


def difference(connection: sa.Connection) -> list:
    return compare_metadata(MigrationContext.configure(connection, opts={"compare_type": True}), TABLES)


def test_upgrading_from_nothing_gives_todays_tables(database_url):
    engine = migrated(database_url)
    with engine.connect() as connection:
        found = difference(connection)
    engine.dispose()
    assert found == []
    Database.open(database_url, _METADATA).close()  # and it is accepted as such


def described(connection: sa.Connection) -> set[str]:
    """The schema in the database's own words, down to partial indexes and constraints."""
    if connection.dialect.name == "sqlite":
        texts = connection.execute(sa.text("SELECT sql FROM sqlite_master WHERE sql IS NOT NULL")).scalars()
        return {
            " ".join(sorted(text.replace(",", " ").replace("(", " ( ").replace(")", " ) ").split())) for text in texts
        }
    columns = connection.execute(
        sa.text(
            "SELECT table_name, column_name, data_type, character_maximum_length, is_nullable, column_default, is_identity"
            " FROM information_schema.columns WHERE table_schema = 'public'"
        )
    )
    indexes = connection.execute(sa.text("SELECT indexdef FROM pg_indexes WHERE schemaname = 'public'"))
    rules = connection.execute(
        sa.text(
            "SELECT conrelid::regclass, conname, pg_get_constraintdef(oid) FROM pg_constraint"
            " WHERE connamespace = 'public'::regnamespace"
        )
    )
    return {str(tuple(row)) for found in (columns, indexes, rules) for row in found}


@pytest.mark.parametrize("kind", ["sqlite", "postgresql"])
def test_to_the_last_constraint(kind, tmp_path, request):
    from tests.databases import made

    if kind == "sqlite":
        _same(f"sqlite:///{tmp_path}/new.sqlite", f"sqlite:///{tmp_path}/migrated.sqlite")
        return
    server = request.getfixturevalue("postgres")
    with made(server) as new, made(server) as old:
        _same(new, old)


def _same(new: str, old: str) -> None:
    database = Database.open(new, _METADATA)
    with database.read() as connection:
        wanted = described(connection)
    database.close()
    engine = migrated(old)
    with engine.connect() as connection:
        found = described(connection)
    engine.dispose()
    assert found == wanted


def test_a_database_of_a_newer_program_is_refused(database_url):
    Database.open(database_url, _METADATA).close()
    engine = databases._engine(database_url)
    with engine.begin() as connection:
        connection.execute(sa.text("UPDATE alembic_version SET version_num = '9999'"))
    engine.dispose()
    with pytest.raises(UsageError, match="migration '9999', which this program does not know"):
        Database.open(database_url, _METADATA)


def test_an_older_database_is_migrated_when_it_is_opened(database_url, monkeypatch):
    Database.open(database_url, _METADATA).close()
    module = ModuleType("assaymark.storage.migrations.m0002")
    module.upgrade = lambda op: op.add_column("projects", sa.Column("more", sa.Text))
    monkeypatch.setitem(sys.modules, module.__name__, module)
    monkeypatch.setattr(migrations, "ORDER", ("0001", "0002"))
    monkeypatch.setattr(databases, "HEAD", "0002")
    for _ in range(2):
        database = Database.open(database_url, _METADATA)
        with database.read() as connection:
            assert "more" in {column["name"] for column in sa.inspect(connection).get_columns("projects")}
        database.close()


def test_alembic_is_imported_only_to_migrate(tmp_path):
    code = (
        "import sys; from assaymark.registrar import _METADATA; from assaymark.storage.database import Database;"
        f"[Database.open('sqlite:///{tmp_path}/a.sqlite', _METADATA).close() for _ in range(2)];"
        "assert not [name for name in sys.modules if name.startswith('alembic')]"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
