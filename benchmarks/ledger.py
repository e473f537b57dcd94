"""Measures the ledger: `python benchmarks/ledger.py [--folder DIR]`. The figures that were seen are in docs/ledger.md.

Rows take turns and the best of three counts. "A write" is one write of 1 KB with fsync, the least that any transition that
survives a power cut costs; pymerkle is a Merkle tree in memory, without disk, signature or files.
"""

import argparse
import os
import tempfile
import threading
import time
from collections.abc import Callable
from pathlib import Path

from pymerkle import InmemoryTree

from assaymark.core.clock import SystemClock
from assaymark.core.merkle import Compact, leaf_hash
from assaymark.storage.database import Database
from assaymark.storage.keys import PrivateKey
from assaymark.storage.ledger import Ledger, metadata
from assaymark.storage.ledger_audit import Auditor
from assaymark.storage.ledger_files import Folder
from assaymark.storage.ledger_tables import leaves
from assaymark.storage.notekeys import note_key, note_signer
from assaymark.storage.sequencer import Sequencer

ORIGIN = "bench.example/ledger"
PRIVATE = PrivateKey.generate("ed25519")
KEY = note_key(ORIGIN, PRIVATE.public)
EVENT = {
    "schema": "assaymark/event/v1", "type": "approved", "at": "2026-11-24T10:00:00Z", "project": "vision", "model": "net",
    "version": "1", "channel": "production", "digest": "assaymark-manifest-v1:" + "a" * 64, "actor": "alice",
    "envelopes": ["sha256:" + "b" * 64], "from": "requested", "to": "approved",
}  # fmt: skip
TRANSITIONS = 2_000
THREADS = 32
LARGE = 100_000


def opened(folder: Path) -> tuple[Ledger, Database]:
    folder.mkdir()
    database = Database.open(f"sqlite:///{folder}/assay.db", [metadata])
    files = Folder(os.fspath(folder / "log"))
    return Ledger(database, files, note_signer(ORIGIN, PRIVATE), KEY, SystemClock()), database


def one_by_one(folder: Path) -> float:
    """Each thread: a transaction with one leaf, then its receipt; a sequencer integrates in the background."""
    ledger, database = opened(folder)

    def work() -> None:
        for number in range(TRANSITIONS // THREADS):
            with database.write() as connection:
                ledger.append(connection, {**EVENT, "n": number})
            sequencer.wait(sequencer.notify())

    with Sequencer(ledger) as sequencer:
        threads = [threading.Thread(target=work) for _ in range(THREADS)]
        begin = time.perf_counter()
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        taken = time.perf_counter() - begin
    database.close()
    return TRANSITIONS / taken


def together(folder: Path) -> float:
    """Transactions of 64 leaves, each then integrated."""
    ledger, database = opened(folder)
    begin = time.perf_counter()
    for _ in range(TRANSITIONS // 64):
        with database.write() as connection:
            for number in range(64):
                ledger.append(connection, {**EVENT, "n": number})
        ledger.integrate()
    taken = time.perf_counter() - begin
    database.close()
    return TRANSITIONS // 64 * 64 / taken


def writes(folder: Path) -> float:
    """The limit of the machine."""
    folder.mkdir()
    descriptor = os.open(folder / "file", os.O_WRONLY | os.O_CREAT)
    begin = time.perf_counter()
    for number in range(500):
        os.pwrite(descriptor, b"x" * 1024, number * 1024)
        os.fsync(descriptor)
    taken = time.perf_counter() - begin
    os.close(descriptor)
    return 500 / taken


def hashing(_folder: Path) -> float:
    """Our tree, in memory."""
    compact = Compact()
    begin = time.perf_counter()
    for number in range(20_000):
        compact.append(leaf_hash(b"x" * 400 + b"%d" % number))
    compact.root()
    return 20_000 / (time.perf_counter() - begin)


def pymerkle(_folder: Path) -> float:
    """Another tree in memory."""
    tree = InmemoryTree(algorithm="sha256")
    begin = time.perf_counter()
    for number in range(20_000):
        tree.append_entry(b"x" * 400 + b"%d" % number)
    tree.get_root()
    return 20_000 / (time.perf_counter() - begin)


ROWS: dict[str, Callable[[Path], float]] = {
    "transitions, one a transaction, integrated": one_by_one,
    "transitions, 64 a transaction, integrated": together,
    "writes of 1 KB, each with fsync (the limit)": writes,
    "hashes appended, in memory": hashing,
    "the same, by pymerkle": pymerkle,
}


def large(folder: Path) -> None:
    """Integrate, audit and prove in a log of 100,000."""
    import rfc8785

    ledger, database = opened(folder)
    entries = [rfc8785.dumps({**EVENT, "n": number}) for number in range(LARGE)]
    with database.write() as connection:
        connection.execute(leaves.insert(), [{"leaf": entry, "hash": leaf_hash(entry)} for entry in entries])
    begin = time.perf_counter()
    ledger.integrate()
    print(f"{time.perf_counter() - begin:10.2f} s   to integrate {LARGE:,} leaves")
    begin, cpu = time.perf_counter(), time.process_time()
    audit = Auditor(Folder(os.fspath(folder / "log")), KEY).run()
    assert not audit.problems
    print(f"{time.perf_counter() - begin:10.2f} s   to audit them ({time.process_time() - cpu:.2f} s of CPU)")
    begin = time.perf_counter()
    for ticket in range(1, LARGE, LARGE // 100):
        ledger.receipt(ticket)
    print(f"{(time.perf_counter() - begin) * 10:10.2f} ms  for a receipt, verified")
    database.close()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--folder", help="on the disk that is to be measured")
    with tempfile.TemporaryDirectory(dir=parser.parse_args().folder) as name:
        best = dict.fromkeys(ROWS, 0.0)
        for turn in range(3):
            for number, (row, measure) in enumerate(ROWS.items()):
                best[row] = max(best[row], measure(Path(name) / f"{turn}-{number}"))
        for row, figure in best.items():
            print(f"{figure:10,.0f} /s  {row}")
        large(Path(name) / "large")


if __name__ == "__main__":
    main()
