"""The append-only log of edges: what each addition changed, as numbers that a reader takes in without a row of SQL each.

It stands in the database, so it is written with the edges or not at all. `chain` hashes all of it: whoever keeps arrays made
from the log (storage.adjacency) knows by it that they are of this database and of this history.

A record is five unsigned 32-bit numbers, little-endian: source, target, kind, valid from, valid to (FOREVER: open). With
CLOSES in the kind, one open record of the same source, target, kind and beginning ends at the moment given.
"""

import hashlib
import sys
from array import array
from collections.abc import Iterator
from dataclasses import dataclass, field

import sqlalchemy as sa

from assaymark.bom.graph_tables import FOREVER, log

CLOSES = 0x100
_BATCH = 8 << 20
START = "0" * 64
"""The chain of an empty log."""


@dataclass(slots=True)
class Changes:
    """Records of one transaction, in the making."""

    records: "array[int]" = field(default_factory=lambda: array("I"))

    def open(self, source: int, target: int, kind: int, since: int, until: int | None = None) -> None:
        """An edge that is new."""
        self.records.extend((source, target, kind, since, FOREVER if until is None else until))

    def close(self, source: int, target: int, kind: int, since: int, until: int) -> None:
        """An edge that held until now."""
        self.records.extend((source, target, kind | CLOSES, since, until))

    def packed(self) -> bytes:
        """As bytes of the log."""
        if sys.byteorder == "big":
            swapped = array("I", self.records)
            swapped.byteswap()
            return swapped.tobytes()
        return self.records.tobytes()


@dataclass(frozen=True, slots=True)
class Mark:
    """How far a log goes: its last id, and the chain there."""

    last: int = 0
    chain: str = START


def append(connection: sa.Connection, rows: bytes) -> None:
    """Write what a transaction changed. Writers of the graph take turns (bom.graph), so ids are in the order of commits."""
    before = mark(connection)
    chain = hashlib.sha256(bytes.fromhex(before.chain) + rows).hexdigest()
    connection.execute(log.insert().values(id=before.last + 1, rows=rows, chain=chain))


def mark(connection: sa.Connection) -> Mark:
    """How far the log goes now."""
    row = connection.execute(sa.select(log.c.id, log.c.chain).order_by(log.c.id.desc()).limit(1)).first()
    return Mark(row.id, row.chain) if row else Mark()


def holds(connection: sa.Connection, known: Mark) -> bool:
    """Whether the log that somebody read up to there is this one."""
    if not known.last:
        return known == Mark()
    found = connection.execute(sa.select(log.c.chain).where(log.c.id == known.last)).scalar()
    return found == known.chain


def after(connection: sa.Connection, last: int) -> Iterator[bytes]:
    """What was logged after an id, in order: records of many transactions together, at least one (empty) part."""
    rows = sa.select(log.c.rows).where(log.c.id > last).order_by(log.c.id)
    held: list[bytes] = []
    size = 0
    for part in connection.execute(rows.execution_options(yield_per=2_000)).scalars():
        held.append(part)
        size += len(part)
        if size > _BATCH:
            yield b"".join(held)
            held, size = [], 0
    yield b"".join(held)
