"""Write storage/migrations/m0001.py from the tables as they are: `.venv/bin/python scripts/first_migration.py`.

Only until the first release: after it, m0001 never changes and each change of a table is a migration of its own.
"""

from pathlib import Path

import sqlalchemy as sa
from alembic.autogenerate import produce_migrations, render_python_code
from alembic.migration import MigrationContext

from assaymark.registrar import _METADATA
from assaymark.storage import migrations

TABLES = list(dict.fromkeys(_METADATA))
HEAD = '''"""The first tables: of the registry, its people, its facades and its ledger."""

import sqlalchemy as sa
from alembic.operations import Operations


def upgrade(op: Operations) -> None:  # noqa: PLR0915 - a statement for each table
    """From an empty database."""
'''


def main() -> None:
    """Compare nothing with everything, and write down the difference."""
    engine = sa.create_engine("sqlite://")
    with engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"target_metadata": TABLES})
        made = produce_migrations(context, TABLES)  # type: ignore[arg-type] # a list is taken too
    assert made.upgrade_ops is not None  # noqa: S101 - of a comparison that was made
    code = render_python_code(made.upgrade_ops)
    kept = [line for line in code.splitlines() if not line.lstrip().startswith("#")]
    text = HEAD + "\n".join(kept) + "\n"
    where = "sa.text('\"index\" IS NULL')"  # a word of SQL, which alembic leaves bare; tables give PostgreSQL's later
    for quote in "'\"":
        text = text.replace(
            f"sqlite_where=sa.text({quote}index IS NULL{quote})", f"sqlite_where={where}, postgresql_where={where}"
        )
    text = text.replace("sa.Boolean(), server_default=sa.text('0')", "sa.Boolean(), server_default=sa.false()")
    (Path(migrations.__file__).parent / "m0001.py").write_text(text)


if __name__ == "__main__":
    main()
