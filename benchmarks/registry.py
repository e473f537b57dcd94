"""The registry without a server: `.venv/bin/python -m benchmarks.registry [--megabytes 512] [--versions 100000]`.

Logged transitions a second by eight and by 32 threads, each waiting for its receipt; publishing and sealing 500 files beside the least
that it can cost (store.py); and questions to a registry of many versions. Records are in SQLite, `synchronous=FULL`.
"""

import argparse
import shutil
import tempfile
import threading
import time
from collections.abc import Callable
from pathlib import Path

from benchmarks import store
from tests.registry.makers import key
from tests.registry.org import MODEL, ONE, Org

from assaymark.core.clock import timestamp
from assaymark.core.statements import Seal
from assaymark.registrar import sign
from assaymark.registry import models, queries, tables, versions
from assaymark.registry.names import ModelName, VersionName
from assaymark.registry.states import VersionState
from assaymark.storage.sequencer import Sequencer

THREADS = (8, 32)
ASKED = 300


def transitions(place: Path, count: int, clients: int) -> None:
    """A draft is made and deleted: the deletion is the logged transition, and each thread waits for its receipt."""
    org = Org(place)
    names = [VersionName(MODEL, f"t{n}") for n in range(count)]
    with org.registrar.work() as work:
        for name in names:
            versions.draft(work, name, "ann")
    taken: list[float] = []

    def work_off(own: list[VersionName], sequencer: Sequencer) -> None:
        for name in own:
            begun = time.perf_counter()
            with org.registrar.work() as work:
                versions.set_state(work, name, VersionState.TOMBSTONE, "ann")
            sequencer.wait(sequencer.notify())
            taken.append(time.perf_counter() - begun)

    begun = time.perf_counter()
    with Sequencer(org.registrar.ledger) as sequencer:
        threads = [threading.Thread(target=work_off, args=(names[n::clients], sequencer)) for n in range(clients)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    wall = time.perf_counter() - begun
    org.registrar.close()
    said = f"p50 {at(taken, 0.5):.1f} ms, p99 {at(taken, 0.99):.1f} ms until it is in a signed checkpoint"
    print(f"logged transitions   {count / wall:8,.0f} /s in {clients} threads; {said}")


def sealing(place: Path, files: int, megabytes: int, repeat: int) -> None:
    """Upload and seal, beside read + hash + write + fsync in two threads; both in this process, taking turns."""
    source = place / "source"
    place.mkdir()
    store.make(source, files, megabytes << 20)
    floor, ours = [], []
    for turn in range(repeat):
        shutil.rmtree(place / "copy", ignore_errors=True)
        begun = time.perf_counter()
        store.limit(source, place / "copy", 2)
        floor.append(time.perf_counter() - begun)
        shutil.rmtree(place / "copy")
        org = Org(place / f"home{turn}")
        begun = time.perf_counter()
        subject = org.registrar.upload(ONE, str(source), "ann")
        said = Seal(project="fraud", model="scorer", version="1", publisher="ann", at=timestamp(org.clock.moment))
        org.registrar.seal(ONE, sign(said.statement(subject), key("ann")))
        ours.append(time.perf_counter() - begun)
        org.registrar.close()
        shutil.rmtree(place / f"home{turn}")
    ratio = min(ours) / min(floor)
    print(
        f"publish and seal     {min(ours):8.2f} s for {files} files, {megabytes} MB; {ratio:.2f} x of {min(floor):.2f} s"
    )


def questions(place: Path, count: int) -> None:
    """A tenth as many models as versions, in a hundred projects."""
    org = Org(place)
    fill(org, count)
    number = count // 10
    asked: dict[str, Callable[[int], object]] = {}
    with org.registrar.database.read() as connection:
        asked["models by a word that few have"] = lambda n: queries.search(connection, f"model-{n * 31 % number}")
        asked["models by a word that none has"] = lambda n: queries.search(connection, f"nothing-{n}")
        asked["models of three projects"] = lambda n: queries.search(
            connection, "model", projects=frozenset({f"p{n % 100}", f"p{n % 7}", "p1"})
        )
        asked["a page of all models"] = lambda n: queries.search(connection, after=n * 30 % number)
        asked["a model with its versions"] = lambda n: queries.show_model(connection, model(n * 31 % number))
        asked["a version"] = lambda n: queries.show_version(connection, VersionName(model(n * 31 % number), "v3"))
        for what, ask in asked.items():
            taken = []
            for n in range(ASKED):
                begun = time.perf_counter()
                ask(n)
                taken.append(time.perf_counter() - begun)
            print(f"{what:<32} p50 {at(taken, 0.5):6.2f} ms  p99 {at(taken, 0.99):6.2f} ms, of {count:,} versions")
    org.registrar.close()


def model(number: int) -> ModelName:
    return ModelName(f"p{number % 100}", f"model-{number}")


def fill(org: Org, count: int) -> None:
    """Rows as they would be, without the bytes and signatures."""
    now = timestamp(org.clock.moment)
    with org.registrar.work() as work:
        for n in range(100):
            models.create_project(work, f"p{n}")
        rows = [{"project": model(n).project, "name": model(n).model, "made_at": now} for n in range(count // 10)]
        work.connection.execute(tables.models.insert(), rows)
        first = work.connection.execute(
            tables.models.select().where(tables.models.c.project == "p0").order_by(tables.models.c.id)
        ).first()
        assert first is not None
        work.connection.execute(
            tables.versions.insert(),
            [
                {
                    "model": first.id + n // 10, "name": f"v{n % 10}", "state": "verified", "publisher": "ann", "size": 1,
                    "files": 1, "digest": f"assaymark-manifest-v1:{n:064x}", "made_at": now, "since": now,
                }
                for n in range(count)
            ],
        )  # fmt: skip


def at(taken: list[float], share: float) -> float:
    """Milliseconds that this share of all took at most."""
    return sorted(taken)[min(len(taken) - 1, int(len(taken) * share))] * 1000


def main() -> None:
    """Print a line for each."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--megabytes", type=int, default=512)
    parser.add_argument("--files", type=int, default=500)
    parser.add_argument("--repeat", type=int, default=3)
    parser.add_argument("--transitions", type=int, default=4_000)
    parser.add_argument("--versions", type=int, default=100_000)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="assay-bench-") as name:
        for clients in THREADS:
            transitions(Path(name, f"transitions{clients}"), options.transitions, clients)
        sealing(Path(name, "sealing"), options.files, options.megabytes, options.repeat)
        questions(Path(name, "questions"), options.versions)


if __name__ == "__main__":
    main()
