"""The ledger's rows: leaves, hashes above full tiles, signed checkpoints. The static files are made of these, never the reverse."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import sqlalchemy as sa

from assaymark.core.errors import Malformed, Untrusted
from assaymark.core.merkle import leaf_hash
from assaymark.core.tiles import WIDTH, Frontier, Tile, TileTree, hashes_of, pack

metadata = sa.MetaData(
    naming_convention={
        "pk": "pk_%(table_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "ix": "ix_%(column_0_N_label)s",
    }
)
_Big = sa.BigInteger().with_variant(sa.Integer, "sqlite")

leaves = sa.Table(
    "ledger_leaves",
    metadata,
    sa.Column("ticket", _Big, primary_key=True),
    sa.Column("index", sa.BigInteger, unique=True),  # None: pending
    sa.Column("leaf", sa.LargeBinary, nullable=False),
    sa.Column("hash", sa.LargeBinary, nullable=False),
    sqlite_autoincrement=True,  # a ticket is never given twice
)
_PENDING = leaves.c.index.is_(None)
_WAITING = sa.Index("ix_ledger_leaves_pending", leaves.c.ticket, sqlite_where=_PENDING)


@sa.event.listens_for(leaves, "before_create")
def _partial(_table: sa.Table, connection: sa.Connection, **_: object) -> None:
    """An option of PostgreSQL's brings the whole dialect along: only where it is there anyhow."""
    if connection.dialect.name == "postgresql":
        _WAITING.dialect_options["postgresql"]["where"] = _PENDING


nodes = sa.Table(
    "ledger_nodes",
    metadata,
    sa.Column("level", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("index", sa.BigInteger, primary_key=True, autoincrement=False),
    sa.Column("hash", sa.LargeBinary, nullable=False),
)

checkpoints = sa.Table(
    "ledger_checkpoints",
    metadata,
    sa.Column("size", sa.BigInteger, primary_key=True, autoincrement=False),  # one size is never signed twice
    sa.Column("note", sa.LargeBinary, nullable=False),
    sa.Column("cosigned", sa.Integer, nullable=False, server_default="0"),
    sa.Column("at", sa.String(20), nullable=False),
)

_STEP = "restore the newest backup of the database beside the static files, then run: assay ledger verify"


@dataclass(frozen=True, slots=True)
class Pending:
    """A leaf without an index."""

    ticket: int
    leaf: bytes


class Rows:
    """Queries within the caller's transaction."""

    def __init__(self, connection: sa.Connection) -> None:
        self._connection = connection

    def append(self, leaf: bytes, hash_: bytes) -> int:
        """A new pending leaf; returns its ticket."""
        key = self._connection.execute(leaves.insert().values(leaf=leaf, hash=hash_)).inserted_primary_key
        return int(key[0])  # type: ignore[index] # a table with a key

    def size(self) -> int:
        """Leaves that have an index."""
        last: int | None = self._connection.execute(sa.select(sa.func.max(leaves.c.index))).scalar()
        return 0 if last is None else last + 1

    def signed(self) -> int:
        """Leaves under the newest checkpoint."""
        size: int | None = self._connection.execute(sa.select(sa.func.max(checkpoints.c.size))).scalar()
        return size or 0

    def pending(self, limit: int) -> list[Pending]:
        """The oldest leaves without an index."""
        query = sa.select(leaves.c.ticket, leaves.c.leaf).where(_PENDING).order_by(leaves.c.ticket).limit(limit)
        return [Pending(row.ticket, row.leaf) for row in self._connection.execute(query)]

    def assign(self, numbered: Sequence[tuple[int, int]], full: Iterable[tuple[int, int, bytes]]) -> None:
        """Give (ticket, index) pairs, and keep (level, index, hash) of nodes above full tiles."""
        where = (leaves.c.ticket == sa.bindparam("t")) & _PENDING
        update = leaves.update().where(where).values(index=sa.bindparam("i"))
        self._connection.execute(update, [{"t": ticket, "i": index} for ticket, index in numbered])
        made = [{"level": level, "index": index, "hash": hash_} for level, index, hash_ in full]
        if made:
            self._connection.execute(nodes.insert(), made)

    def hashes(self, level: int, begin: int, end: int) -> list[bytes]:
        """Hashes of the nodes of a level (0: leaves); raises Untrusted where some are missing."""
        table = nodes if level else leaves
        query = sa.select(table.c.hash).where(table.c.index >= begin, table.c.index < end).order_by(table.c.index)
        if level:
            query = query.where(nodes.c.level == level)
        found = list(self._connection.execute(query).scalars())
        if len(found) != end - begin:
            raise Untrusted(f"the database lost hashes {begin} to {end} of level {level} of the ledger", step=_STEP)
        return found

    def entries(self, begin: int, end: int) -> list[bytes]:
        """Leaves by index; raises Untrusted where some are missing, or are not what was hashed."""
        wanted = (leaves.c.index >= begin) & (leaves.c.index < end)
        query = sa.select(leaves.c.leaf, leaves.c.hash).where(wanted).order_by(leaves.c.index)
        found = self._connection.execute(query).all()
        if len(found) != end - begin:
            raise Untrusted(f"the database lost leaves {begin} to {end} of the ledger", step=_STEP)
        for index, row in enumerate(found, begin):
            if leaf_hash(row.leaf) != row.hash:
                raise Untrusted(f"leaf {index} in the database is not the one that was logged", step=_STEP)
        return [row.leaf for row in found]

    def content(self, tile: Tile) -> bytes:
        """What a static file holds."""
        end = tile.start + tile.width
        return (
            pack(self.entries(tile.start, end))
            if tile.level < 0
            else b"".join(self.hashes(tile.level, tile.start, end))
        )

    def tree(self, size: int) -> TileTree:
        """The tree of the first `size` leaves, to be used within the transaction."""
        return TileTree(size, lambda tile: hashes_of(self.content(tile), tile.width))

    def frontier(self, size: int) -> Frontier:
        """The right edge of the tree."""
        try:
            return Frontier.load(size, self.hashes)
        except Malformed as error:
            raise Untrusted(f"the database's ledger is damaged: {error.message}", step=_STEP) from error

    def rebuilt(self, size: int) -> Frontier:
        """The right edge as it follows from the leaves' bytes alone."""
        frontier = Frontier()
        for begin in range(0, size, WIDTH):
            for leaf in self.entries(begin, min(begin + WIDTH, size)):
                for _ in frontier.append(leaf_hash(leaf)):
                    pass
        return frontier

    def checkpoint(self, above: int = -1, cosigned: int = 0, *, first: bool = False) -> bytes | None:
        """The newest checkpoint of a size > `above` with so many cosignatures, or the `first` one."""
        wanted = (checkpoints.c.size > above) & (checkpoints.c.cosigned >= cosigned)
        order = checkpoints.c.size.asc() if first else checkpoints.c.size.desc()
        query = sa.select(checkpoints.c.note).where(wanted).order_by(order).limit(1)
        note: bytes | None = self._connection.execute(query).scalar()
        return note

    def checkpoint_at(self, size: int) -> bytes | None:
        """The checkpoint of exactly that size."""
        note: bytes | None = self._connection.execute(
            sa.select(checkpoints.c.note).where(checkpoints.c.size == size)
        ).scalar()
        return note

    def sign(self, size: int, note: bytes, at: str) -> None:
        """Keep a checkpoint."""
        self._connection.execute(checkpoints.insert().values(size=size, note=note, at=at, cosigned=0))

    def cosign(self, size: int, note: bytes, count: int) -> None:
        """Keep a checkpoint with its cosignatures."""
        update = checkpoints.update().where(checkpoints.c.size == size)
        self._connection.execute(update.values(note=note, cosigned=count))

    def by_ticket(self, ticket: int) -> tuple[int | None, bytes] | None:
        """Index and bytes of a leaf."""
        row = self._connection.execute(
            sa.select(leaves.c.index, leaves.c.leaf).where(leaves.c.ticket == ticket)
        ).one_or_none()
        return None if row is None else (row[0], row[1])  # `index` is a method of rows
