"""A process that appends and integrates is killed, again and again: `python -m tests.storage.ledger_killed FOLDER SEED CYCLES`.

Run alone, because it forks. Half of the children are killed by a clock, half at the n-th of the moments that matter: before a
file is synced, renamed or deleted, before and after a transaction ends. After each, the static files are audited as they are.
"""

import os
import random
import signal
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from assaymark.storage.database import Database
from assaymark.storage.ledger_tables import Rows
from tests.storage.ledgers import Log, Place

_STEPS = 60


class Fuse:
    """Kills this process at the n-th step."""

    def __init__(self, steps: int) -> None:
        self.left = steps

    def step(self) -> None:
        self.left -= 1
        if self.left == 0:
            os.kill(os.getpid(), signal.SIGKILL)

    def before(self, function: Callable[..., Any]) -> Callable[..., Any]:
        def call(*arguments: Any, **options: Any) -> Any:
            self.step()
            return function(*arguments, **options)

        return call

    def arm(self) -> None:
        for name in ("fsync", "replace", "unlink"):
            setattr(os, name, self.before(getattr(os, name)))
        for name in ("assign", "sign"):
            setattr(Rows, name, self.before(getattr(Rows, name)))
        write = Database.write

        @contextmanager
        def fused(database: Database) -> Iterator[Any]:
            with write(database) as connection:
                yield connection
                self.step()
            self.step()

        Database.write = fused  # type: ignore[method-assign]


def child(root: Path, cycle: int, steps: int, journal: int) -> None:
    log: Log = Place(root).open()
    if steps:
        Fuse(steps).arm()
    for turn in range(200):
        numbers = [cycle * 1_000_000 + turn * 10 + n for n in range(1 + turn % 5)]
        log.add(numbers)
        os.write(journal, "".join(f"{number}\n" for number in numbers).encode())
        if turn % 3 == 2:
            log.ledger.integrate()


def warm(root: Path) -> None:
    """Import everything once, so that children begin at once."""
    root.mkdir()
    place = Place(root)
    log = place.open()
    log.add([1])
    log.ledger.integrate()
    place.audit()
    place.close()


def main(root: Path, seed: int, cycles: int) -> None:
    chance = random.Random(seed)
    warm(root / "warm")
    journal = os.open(root / "journal", os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    place = Place(root)
    before = None
    for cycle in range(cycles):
        steps = chance.randrange(1, _STEPS) if cycle % 2 else 0
        pid = os.fork()
        if pid == 0:
            try:
                child(root, cycle, steps, journal)
            finally:
                os._exit(9)
        if not steps:
            time.sleep(chance.uniform(0.01, 0.12))
            os.kill(pid, signal.SIGKILL)
        _, status = os.waitpid(pid, 0)
        assert os.WIFSIGNALED(status), f"cycle {cycle}: the child ended by itself: {status}"
        if (root / "log/checkpoint").exists():
            audit = place.audit(before)
            assert not audit.problems, (cycle, audit.problems)
            before = (root / "log/checkpoint").read_bytes()


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3]))
