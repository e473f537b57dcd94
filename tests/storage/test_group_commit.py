"""Threads that share a transaction: each has what it wrote, durably, when it goes on, and nobody pays for another's error."""

import sqlite3
import threading
from collections.abc import Callable
from pathlib import Path

import pytest
import sqlalchemy as sa

from assaymark.core.errors import Conflict
from assaymark.storage.database import Database

METADATA = sa.MetaData()
TABLE = sa.Table("numbers", METADATA, sa.Column("id", sa.Integer, primary_key=True))


@pytest.fixture
def database(tmp_path: Path):
    made = Database.open(f"sqlite:///{tmp_path}/x.sqlite", [METADATA])
    yield made
    made.close()


def committed(database: Database) -> set[int]:
    """What another process sees."""
    path = database.engine.url.database
    connection = sqlite3.connect(path)
    try:
        return {row[0] for row in connection.execute("SELECT id FROM numbers")}
    finally:
        connection.close()


def in_threads(work: Callable[[int], None], count: int) -> None:
    ready = threading.Barrier(count)

    def one(number: int) -> None:
        ready.wait()
        work(number)

    threads = [threading.Thread(target=one, args=(number,)) for number in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def test_what_was_written_is_durable_when_its_writer_goes_on(database):
    missing: list[int] = []

    def work(number: int) -> None:
        for step in range(20):
            with database.write() as connection:
                connection.execute(TABLE.insert().values(id=number * 100 + step))
            if number * 100 + step not in committed(database):
                missing.append(number * 100 + step)

    in_threads(work, 12)
    assert missing == []
    assert len(committed(database)) == 240


def test_one_that_fails_takes_nobody_along(database):
    def work(number: int) -> None:
        for step in range(10):
            try:
                with database.write() as connection:
                    connection.execute(TABLE.insert().values(id=number * 100 + step))
                    if step % 2:
                        raise RuntimeError  # noqa: TRY301 - what a writer raises in his block
            except RuntimeError:
                pass

    in_threads(work, 8)
    assert committed(database) == {n * 100 + step for n in range(8) for step in range(0, 10, 2)}


def test_of_many_with_one_key_one_has_it(database):
    taken: list[str] = []

    def work(_: int) -> None:
        try:
            with database.write() as connection:
                connection.execute(TABLE.insert().values(id=1))
            taken.append("mine")
        except Conflict:
            taken.append("refused")

    in_threads(work, 16)
    assert sorted(taken) == ["mine", *["refused"] * 15]


def test_a_transaction_that_cannot_be_committed_fails_for_all_of_its_writers(database, monkeypatch):
    """The commit breaks: every writer is told, and nothing of any of them is there."""
    from assaymark.storage import group_commit

    held, go = threading.Event(), threading.Event()
    broken: list[str] = []

    def refuse(_: object) -> None:
        raise OSError("the device is gone")

    def work(number: int) -> None:
        try:
            with database.write() as connection:
                connection.execute(TABLE.insert().values(id=number))
                held.set()
                go.wait(30)
        except OSError as error:
            broken.append(str(error))

    threads = [threading.Thread(target=work, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    held.wait(30)
    monkeypatch.setattr(group_commit.sa.engine.RootTransaction, "commit", refuse)
    go.set()
    for thread in threads:
        thread.join()
    monkeypatch.undo()
    assert broken == ["the device is gone"] * 4
    assert committed(database) == set()
    with database.write() as connection:
        connection.execute(TABLE.insert().values(id=7))
    assert committed(database) == {7}
