"""A process that works on a registry is killed, again and again: `python -m tests.registry.registry_killed FOLDER SEED CYCLES`.

Run alone, because it forks. Half of the children are killed by a clock, half at the n-th of the moments that matter: before a
file is synced, linked, renamed or deleted, before and after a transaction ends. Each child publishes, seals, approves and
activates until it dies. After each one the registry opens and nothing contradicts anything.
"""

import itertools
import os
import random
import signal
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from assaymark.core.errors import Conflict
from assaymark.core.note import Note
from assaymark.core.tlog import Checkpoint
from assaymark.registry.names import VersionName
from assaymark.storage.database import Database
from assaymark.storage.ledger_files import CHECKPOINT
from assaymark.storage.ledger_tables import Rows, checkpoints
from assaymark.tending import Keeping
from tests.registry.crashing import publish
from tests.registry.org import MODEL, Org
from tests.storage.ledger_killed import Fuse

_STEPS = 150
_FRESH = 20
"""Cycles after which a new registry is begun, so that looking at all of it stays quick."""


class Killer(Fuse):
    """Kills this process at the n-th of the moments that matter."""

    def arm(self) -> None:
        for name in ("fsync", "link", "rename", "replace", "unlink"):
            setattr(os, name, self.before(getattr(os, name)))
        for name in ("append", "assign", "sign"):
            setattr(Rows, name, self.before(getattr(Rows, name)))
        write = Database.write

        @contextmanager
        def fused(database: Database) -> Iterator[Any]:
            with write(database) as connection:
                yield connection
                self.step()
            self.step()

        Database.write = fused  # type: ignore[method-assign]


def child(org: Org, folder: Path, cycle: int, steps: int) -> None:
    """A life: versions are made and promoted, until the end."""
    with org.open() as org.registrar:
        if steps:
            Killer(steps).arm()
        for turn in itertools.count():
            name = VersionName(MODEL, f"{cycle}-{turn}")
            (folder / "config.json").write_text(f'{{"turn": "{name}"}}')
            try:
                publish(org, folder, name)
                org.promote(name, ("production", "staging")[turn % 2])
                Keeping.of(org.registrar).check()
            except Conflict as error:  # what the one before left half-way
                os.write(2, f"{error}\n".encode())


class Heads:
    """Every root that was ever signed, by size: none is signed twice."""

    def __init__(self) -> None:
        self.seen: dict[int, bytes] = {}

    def look(self, org: Org) -> None:
        with org.registrar.database.read() as connection:
            notes = list(connection.execute(sa.select(checkpoints.c.note)).scalars())
        published = Path(org.registrar.folder, "log", CHECKPOINT)
        notes += [published.read_bytes()] if published.exists() else []
        for note in notes:
            head = Checkpoint.read(Note.read(note).text)
            assert self.seen.setdefault(head.size, head.root) == head.root, f"two roots of {head.size} leaves"


def sound(org: Org, heads: Heads, cycle: int) -> None:
    """Opens, says nothing, and goes on."""
    with org.open() as org.registrar:
        heads.look(org)
        found = Keeping.of(org.registrar).check()
        assert not found, (cycle, found)
        org.registrar.ledger.integrate()
        heads.look(org)
        assert not Keeping.of(org.registrar).check(), cycle


def begin(root: Path, cycle: int) -> tuple[Org, Path]:
    org = Org(root / f"home-{cycle}")
    org.registrar.close()
    folder = root / f"model-{cycle}"
    (folder / "deep").mkdir(parents=True)
    (folder / "deep" / "vocab.txt").write_text("a\nb\n")
    return org, folder


def main(root: Path, seed: int, cycles: int) -> None:
    chance = random.Random(seed)
    made = 0
    for cycle in range(cycles):
        if cycle % _FRESH == 0:
            org, folder = begin(root, cycle)
            heads = Heads()
        steps = chance.randrange(1, _STEPS) if cycle % 2 else 0
        pid = os.fork()
        if pid == 0:
            try:
                child(org, folder, cycle, steps)
            finally:
                os._exit(9)
        if not steps:
            time.sleep(chance.uniform(0.02, 0.3))
            os.kill(pid, signal.SIGKILL)
        _, status = os.waitpid(pid, 0)
        assert os.WIFSIGNALED(status), f"cycle {cycle}: the child ended by itself: {status}"
        sound(org, heads, cycle)
        made = max(made, *heads.seen)
    print(f"{cycles} cycles; at most {made} leaves in a registry")


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3]))
