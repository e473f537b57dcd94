"""Databases for tests: SQLite, and a real PostgreSQL where there is one.

ASSAY_TEST_POSTGRES names a server (postgresql+psycopg://USER@HOST/NAME) on which databases may be made. Without it, one is
started from the machine's own binaries, on a socket in a folder of its own, as `postgres` where the tests run as root.
"""

import itertools
import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import sqlalchemy as sa

VARIABLE = "ASSAY_TEST_POSTGRES"
_COUNT = itertools.count(1)


def binaries() -> Path | None:
    """The newest PostgreSQL's programs, on the path or where Debian has them."""
    found = shutil.which("initdb")
    if found:
        return Path(found).resolve().parent
    places = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"), key=lambda place: float(place.parts[-3]))
    return places[-1].parent if places else None


@contextmanager
def started(programs: Path) -> Iterator[str]:
    """A server without a port, for this process alone; the URL of its first database."""
    user = "postgres" if os.geteuid() == 0 else None
    folder = tempfile.mkdtemp(prefix="assay-pg-", dir="/tmp")
    if user:
        shutil.chown(folder, user)
    data = f"{folder}/data"

    def run(*command: str) -> None:
        subprocess.run(command, check=True, user=user, cwd=folder, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL)

    run(f"{programs}/initdb", "-D", data, "-A", "trust", "-U", "assay", "-N", "-E", "UTF8")
    options = f"-k {folder} -c listen_addresses= -c fsync=off -c max_connections=90"
    run(f"{programs}/pg_ctl", "-D", data, "-w", "-l", f"{folder}/log", "-o", options, "start")
    try:
        yield f"postgresql+psycopg://assay@/postgres?host={folder}"
    finally:
        run(f"{programs}/pg_ctl", "-D", data, "-w", "-m", "immediate", "stop")
        shutil.rmtree(folder)


@pytest.fixture(scope="session")
def postgres() -> Iterator[str]:
    """URL of a database on a server where others may be made."""
    given = os.environ.get(VARIABLE)
    if given:
        yield given
        return
    programs = binaries()
    if programs is None:
        pytest.skip(f"no PostgreSQL on this machine, and {VARIABLE} names none")
    with started(programs) as url:
        yield url


@contextmanager
def made(server: str) -> Iterator[str]:
    """A new database on that server, dropped in the end; its URL."""
    name = f"assay_{os.getpid()}_{next(_COUNT)}"
    engine = sa.create_engine(server, isolation_level="AUTOCOMMIT")
    try:
        with engine.connect() as connection:
            connection.execute(sa.text(f"CREATE DATABASE {name}"))
        yield sa.make_url(server).set(database=name).render_as_string(hide_password=False)
    finally:
        with engine.connect() as connection:
            connection.execute(sa.text(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)"))
        engine.dispose()


@pytest.fixture
def postgres_url(postgres: str) -> Iterator[str]:
    """An empty database in PostgreSQL."""
    with made(postgres) as url:
        yield url


@pytest.fixture(params=["sqlite", "postgresql"])
def database_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """An empty database of each kind."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'records.sqlite'}"
    return str(request.getfixturevalue("postgres_url"))
