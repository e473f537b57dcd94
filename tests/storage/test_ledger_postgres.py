"""The ledger on a real PostgreSQL, which the test starts on a socket of its own; two integrators, tickets out of order."""

import os
import shutil
import subprocess
import tempfile
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
import sqlalchemy as sa

from assaymark.core.errors import Untrusted
from assaymark.storage.sequencer import Sequencer
from tests.storage.ledgers import Place

_INITDB = shutil.which("initdb") or next(map(str, sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"))), "")
pytestmark = pytest.mark.skipif(not _INITDB, reason="no PostgreSQL on this machine")


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    """Folder of the socket. PostgreSQL refuses to run as root: then it runs as `postgres`."""
    user = "postgres" if os.name == "posix" and os.geteuid() == 0 else None
    folder = tempfile.mkdtemp(prefix="assay-pg-", dir="/tmp")
    if user:
        shutil.chown(folder, user)
    binaries, data = Path(_INITDB).resolve().parent, f"{folder}/data"

    def run(*command: str) -> None:
        subprocess.run(command, check=True, user=user, cwd=folder, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL)

    run(_INITDB, "-D", data, "-A", "trust", "-U", "assay", "-N", "-E", "UTF8")
    options = f"-k {folder} -c listen_addresses= -c fsync=off -c max_connections=60"
    run(f"{binaries}/pg_ctl", "-D", data, "-w", "-l", f"{folder}/log", "-o", options, "start")
    try:
        yield folder
    finally:
        run(f"{binaries}/pg_ctl", "-D", data, "-w", "-m", "immediate", "stop")
        shutil.rmtree(folder)


@pytest.fixture
def place(server: str, tmp_path: Path) -> Iterator[Place]:
    base = f"postgresql+psycopg://assay@/{{}}?host={server}"
    name = f"t{abs(hash(tmp_path)):x}"
    engine = sa.create_engine(base.format("postgres"), isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        connection.execute(sa.text(f"CREATE DATABASE {name}"))
    engine.dispose()
    made = Place(tmp_path)
    made.url = base.format(name)
    yield made
    made.close()


def test_it_is_the_same_log(place: Place, tmp_path: Path) -> None:
    log = place.open()
    tickets = log.add(range(600))
    assert log.ledger.integrate().size == 600
    assert log.ledger.receipt(tickets[300]).index == 300
    assert not log.ledger.repair() and not place.audit().problems
    (tmp_path / "other").mkdir()
    other = Place(tmp_path / "other")
    with_sqlite = other.open()
    with_sqlite.add(range(600))
    with_sqlite.ledger.integrate()
    other.close()
    assert (other.folder / "checkpoint").read_bytes() == (place.folder / "checkpoint").read_bytes()


def test_a_ticket_that_commits_late_gets_a_later_place(place: Place) -> None:
    log = place.open()
    with log.database.write() as connection:
        slow = log.ledger.append(connection, {"slow": 1})
        (quick,) = log.add([2])
        assert slow < quick
        assert log.ledger.receipt(quick).index == 0
    assert log.ledger.receipt(slow).index == 1
    assert not place.audit().problems


def test_two_integrators_at_once(place: Place) -> None:
    logs = [place.open() for _ in range(3)]
    errors: list[BaseException] = []

    def work(number: int) -> None:
        try:
            for turn in range(15):
                logs[number].add([number * 100 + turn])
                logs[number].ledger.integrate()
        except Exception as error:  # noqa: BLE001 - of a thread
            errors.append(error)

    threads = [threading.Thread(target=work, args=(n,)) for n in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not errors
    assert logs[0].ledger.integrate().size == 45
    assert not place.audit().problems


def test_a_sequencer(place: Place) -> None:
    log = place.open()
    with Sequencer(log.ledger, delay=0.001) as sequencer:
        (ticket,) = log.add([1])
        assert sequencer.receipt(ticket).index == 0


def test_attack_a_leaf_is_changed_in_the_database(place: Place) -> None:
    log = place.open()
    log.add(range(10))
    log.ledger.integrate()
    with log.database.write() as connection:
        connection.execute(sa.text("UPDATE ledger_leaves SET hash = leaf WHERE ticket = 3"))
    log.add([10])
    with pytest.raises(Untrusted):
        place.open().ledger.integrate()
