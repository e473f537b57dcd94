"""The file of arrays is an index: torn, stale, foreign or rolled back, it is made anew and never believed."""

import os
import shutil
import sqlite3
import subprocess
import sys
import threading

import numpy as np
import pytest
import sqlalchemy as sa

from assaymark.bom import graph
from assaymark.core.errors import Malformed
from assaymark.core.graph import EdgeKind, NodeKind
from assaymark.graphs import FILE, Graph
from assaymark.storage.adjacency import Adjacency, _Intervals, decode, settle
from assaymark.storage.edge_file import EdgeFile
from tests.bom.graphs import day, descendants, library, numbers, opened, says, stored


@pytest.fixture
def url(tmp_path):
    return f"sqlite:///{tmp_path}/records.sqlite"


@pytest.fixture
def database(url):
    found = opened(url)
    for number in range(6):
        put(found, number)
    yield found
    found.close()


def put(database, number, at=1):
    edges = [(f"m{number}", f"m{max(number - 1, 0)}"), (f"m{number}", "shared"), (f"x{number}-{at}", f"m{number}")]
    with database.write() as connection:
        graph.add(connection, says(f"{number}-{at}", day(at), edges, f"s{number}"))


def built(database, folder) -> str:
    """The path of a file that was written."""
    reader = Graph(database, str(folder), small=0)
    reader.affected([1])
    reader.close()
    return os.path.join(folder, FILE)


def right(database, folder, **limits) -> Graph:
    """A new reader that answers as networkx does, from arrays."""
    reader = Graph(database, str(folder), **{"small": 0, **limits})
    with database.read() as connection:
        rows, ids = stored(connection), numbers(connection)
    for key in ("model:shared", "model:m0", "model:m3"):
        seeds = [ids[key]]
        assert {int(n) for n in reader.affected(seeds).ids} == descendants(rows, seeds)
        assert {int(n) for n in reader.affected(seeds, ever=True).ids} == descendants(rows, seeds, "ever")
        found = reader.exposure(seeds, sorted(ids.values()))
        assert {n for n, until in zip(sorted(ids.values()), found.until, strict=True) if until} >= descendants(
            rows, seeds
        )
    reader.close()
    return reader


def test_the_file_is_used_when_it_is_good(database, tmp_path, monkeypatch):
    built(database, tmp_path / "g")
    monkeypatch.setattr(Adjacency, "build", lambda *_: pytest.fail("it was built again"))
    right(database, tmp_path / "g")


def test_every_torn_file_is_made_anew(database, tmp_path):
    path = built(database, tmp_path / "g")
    with open(path, "rb") as file:
        good = file.read()
    places = [0, 17, 21, 40, *range(4096, len(good), 4096), len(good) - 1]
    for place in [p for p in places if p < len(good)]:
        for bad in (good[:place], good[:place] + bytes([good[place] ^ 0x41]) + good[place + 1 :]):
            with open(path, "wb") as file:
                file.write(bad)
            right(database, tmp_path / "g")
    with open(path, "wb") as file:
        file.write(b"")
    right(database, tmp_path / "g")


def test_a_stale_file_is_overlaid_and_then_written_anew(database, tmp_path):
    path = built(database, tmp_path / "g")
    before = os.stat(path).st_ino
    put(database, 2, at=2)
    put(database, 7)
    right(database, tmp_path / "g")
    assert os.stat(path).st_ino == before
    right(database, tmp_path / "g", overlay=1)
    assert os.stat(path).st_ino != before
    right(database, tmp_path / "g")


def test_a_foreign_file_is_not_believed(database, tmp_path):
    other = opened(f"sqlite:///{tmp_path}/other.sqlite")
    for number in range(9):
        put(other, number)
    shutil.copy(built(other, tmp_path / "o"), os.path.join(tmp_path, "foreign"))
    other.close()
    path = built(database, tmp_path / "g")
    os.replace(tmp_path / "foreign", path)
    right(database, tmp_path / "g")


def test_a_database_that_was_restored_and_went_another_way(database, url, tmp_path):
    """The file has read further in a history that is no longer: same number of records, other records."""
    copy = tmp_path / "backup.sqlite"
    with sqlite3.connect(tmp_path / "records.sqlite") as connection:
        connection.execute("VACUUM INTO ?", (str(copy),))
    put(database, 7)
    built(database, tmp_path / "g")
    again = opened(f"sqlite:///{copy}")
    right(again, tmp_path / "g")
    put(again, 8)
    right(again, tmp_path / "g")
    again.close()


@pytest.mark.parametrize("rows", [bytes(19), np.array([[1, 2, 0x100, 5, 9]], "<u4").tobytes()])
def test_where_the_log_makes_no_sense_the_edges_answer(database, tmp_path, rows):
    with database.write() as connection:
        connection.execute(sa.text("UPDATE graph_log SET rows = :rows WHERE id = 1"), {"rows": rows})
    reader = Graph(database, str(tmp_path / "g"), small=0)
    with database.read() as connection:
        wanted = descendants(stored(connection), [1])
    assert set(reader.affected([1]).ids) == wanted
    with pytest.raises(Malformed):
        reader.exposure([1], [1])


def test_a_folder_that_cannot_be_written(database, tmp_path):
    (tmp_path / "g").write_text("a file, not a folder")
    right(database, tmp_path / "g")


def test_another_process_that_writes_the_file(database, tmp_path):
    import fcntl

    os.makedirs(tmp_path / "g")
    with open(tmp_path / "g" / f"{FILE}.lock", "wb") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        right(database, tmp_path / "g")
    assert not os.path.exists(tmp_path / "g" / FILE)


def test_a_file_that_is_replaced_while_it_is_mapped(database, tmp_path):
    built(database, tmp_path / "g")
    reader = Graph(database, str(tmp_path / "g"), small=0)
    before = reader.affected([1]).count
    os.unlink(tmp_path / "g" / FILE)
    put(database, 9)
    built(database, tmp_path / "g")
    assert reader.affected([1]).count >= before
    right(database, tmp_path / "g")
    reader.close()


def test_several_processes(database, url, tmp_path):
    code = (
        "import sys; from tests.bom.graphs import opened; from assaymark.graphs import Graph\n"
        "r = Graph(opened(sys.argv[1]), sys.argv[2], small=0, overlay=2)\n"
        "print(r.affected([int(sys.argv[3])]).count); r.close()"
    )
    with database.read() as connection:
        shared, rows = numbers(connection)["model:shared"], stored(connection)
    command = [sys.executable, "-c", code, url, str(tmp_path / "g"), str(shared)]
    running = [subprocess.Popen(command, stdout=subprocess.PIPE) for _ in range(3)]
    assert {int(one.communicate()[0]) for one in running} == {len(descendants(rows, [shared]))}
    right(database, tmp_path / "g")


def test_readers_while_others_write(database, tmp_path):
    reader = Graph(database, str(tmp_path / "g"), small=0, overlay=3)
    wrong = []

    def read():
        try:
            for _ in range(25):
                counts = [reader.affected([2]).count for _ in range(2)]
                if counts[1] < counts[0]:
                    wrong.append(counts)
        except Exception as error:  # noqa: BLE001 - a thread's failure is the test's
            wrong.append(error)

    threads = [threading.Thread(target=read) for _ in range(3)]
    for thread in threads:
        thread.start()
    for number in range(10, 30):
        put(database, number)
    for thread in threads:
        thread.join()
    reader.close()
    assert not wrong
    right(database, tmp_path / "g")


def test_kinds_of_nodes_from_sql_and_from_arrays(database, tmp_path):
    with database.write() as connection:
        graph.add(connection, says("lib", day(1), [("m1", library("numpy", "1"))], "l", EdgeKind.DEPENDS_ON))
    with database.read() as connection:
        ids = sorted(numbers(connection).values())
        lib = numbers(connection)["pkg:pypi/numpy@1"]
    for small in (0, 1000):
        reader = Graph(database, str(tmp_path / "g"), small=small)
        assert [int(n) for n in reader.of_kind(ids, [NodeKind.LIBRARY])] == [lib]
        assert [node.key for node in reader.nodes([lib, 10**6])] == ["pkg:pypi/numpy@1"]
        reader.close()


def test_seeds_that_are_not_there(database, tmp_path):
    reader = Graph(database, str(tmp_path / "g"), small=0)
    found = reader.exposure([1], [10**6])
    assert reader.exposure([10**6], [1]).texts(0) == ("", "")
    assert (int(found.since[0]), int(found.until[0])) == (0xFFFFFFFF, 0)
    assert reader.affected([]).count == 0
    reader.close()


def test_a_log_that_closes_what_it_never_opened():
    with pytest.raises(Malformed, match="never opened"):
        settle(decode(np.array([[1, 2, 0x100, 5, 9]], "<u4").tobytes()))
    with pytest.raises(Malformed, match="beyond"):
        decode(np.array([[1 << 31, 2, 0, 5, 9]], "<u4").tobytes())


def test_intervals_within_others_say_nothing_new():
    kept = _Intervals()
    array = lambda *values: np.array(values, np.uint32)  # noqa: E731 - short
    node, begin, _ = kept.add(np.array([1, 1, 2]), array(3, 1, 3), array(5, 9, 5))
    assert (node.tolist(), begin.tolist()) == ([1, 2], [1, 3])
    assert len(kept.add(np.array([1, 2, 1]), array(1, 4, 2), array(9, 5, 8))[0]) == 0
    assert kept.add(np.array([1]), array(2), array(10))[2].tolist() == [10]


def test_there_is_no_file_yet(tmp_path):
    assert EdgeFile.open(str(tmp_path / "none")) is None
