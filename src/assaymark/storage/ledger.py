"""The ledger: an append-only Merkle log (RFC 6962) of every change, its static files (tlog-tiles), its signed checkpoints.

A leaf is appended in the transaction of the change that it tells of, so that there is never one without the other. It has
its index from `integrate`: one integrator at a time takes all that is pending, in the order of the tickets, commits, writes
the files, and only then signs. Killed anywhere in between, the next integration ends what was begun: the database is the
truth, indexes are unique in it, and files are made of it.
"""

import threading
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, Protocol

import sqlalchemy as sa

from assaymark.core.clock import Clock, timestamp
from assaymark.core.errors import AssayError, Malformed, Unreadable, Untrusted, UsageError
from assaymark.core.merkle import leaf_hash
from assaymark.core.note import Note, NoteKey, NoteSignature, NoteSigner
from assaymark.core.tiles import MAX_ENTRY, WIDTH, Frontier, Tile, tiles_of
from assaymark.core.tlog import Checkpoint, Proof, verify_checkpoint
from assaymark.storage.database import Database
from assaymark.storage.ledger_files import CHECKPOINT, StaticFiles
from assaymark.storage.ledger_lock import one_integrator
from assaymark.storage.ledger_tables import Pending, Rows, metadata

__all__ = ["Ledger", "Quorum", "Receipt", "Witness", "metadata"]

_BATCH = 4096
"""Leaves of one transaction."""
_ROLLED_BACK = "sign nothing: restore the newest backup of database and static files, and ask the witnesses for the size that they saw"


class Witness(Protocol):
    """Somebody else who watches that the log only grows; the real one: feeds.witness."""

    @property
    def key(self) -> NoteKey:
        """His key, of type COSIGNATURE."""
        ...

    def cosign(self, note: Note, size: int, consistency: Callable[[int], Sequence[bytes]]) -> tuple[NoteSignature, ...]:
        """His valid cosignatures of a checkpoint; raises Unreadable, or Untrusted where he saw another log than ours."""
        ...


@dataclass(frozen=True, slots=True)
class Quorum:
    """Witnesses, and how many of them must have cosigned what is published."""

    witnesses: tuple[Witness, ...] = ()
    needed: int = 0


@dataclass(frozen=True, slots=True)
class Receipt:
    """A leaf and the proof (tlog-proof text) that it is in the log."""

    index: int
    leaf: bytes
    proof: str


class Ledger:
    """One log. Threads may share it; of processes any number may append, and one at a time integrates."""

    def __init__(
        self,
        database: Database,
        files: StaticFiles,
        signer: NoteSigner,
        key: NoteKey,
        clock: Clock,
        *,
        quorum: Quorum | None = None,
        say: Callable[[str], None] = lambda _: None,
    ) -> None:
        """`key` is the public half of `signer`, whose name is the log's origin. `say` is told of what was mended."""
        self.origin = key.name
        self._database = database
        self._files = files
        self._signer = signer
        self._key = key
        self._clock = clock
        self._quorum = quorum or Quorum()
        self._say = say
        self._lock = threading.RLock()
        self._frontier: Frontier | None = None
        self._read: tuple[bytes, Checkpoint] | None = None
        self._looked = False

    def append(self, connection: sa.Connection, event: Mapping[str, Any]) -> int:
        """Log an event in the caller's transaction: its RFC 8785 bytes are the leaf. Returns its ticket; raises UsageError."""
        import rfc8785

        try:
            leaf = rfc8785.dumps(dict(event))
        except (ValueError, TypeError, RecursionError) as error:
            raise UsageError(f"an event that has no canonical JSON cannot be logged: {error}") from error
        if len(leaf) > MAX_ENTRY:
            step = "log digests, and keep what they name in the store"
            raise UsageError(f"an event of {len(leaf):,} bytes; the ledger takes up to {MAX_ENTRY:,}", step=step)
        return Rows(connection).append(leaf, leaf_hash(leaf))

    def integrate(self) -> Checkpoint:
        """Give every pending leaf its index, write the files, sign; raises Untrusted rather than sign what contradicts.

        1. The last checkpoint, in the database and in the static files, must be one that this tree grew from.
        2. All pending leaves get the next indexes in the order of their tickets: one transaction.
        3. Tiles and entry bundles are written.
        4. The checkpoint is signed and committed, unless another one was meanwhile.
        5. The checkpoint is published.
        """
        with self._lock, one_integrator(self._database):
            while True:
                frontier, last, more = self._assign()
                self._look_once(last)
                if last is None or frontier.size > last.size:
                    self._write_tiles(tiles_of(frontier.size, last.size if last else 0))
                    last = self._sign(frontier, last)
                self._publish()
                if not more:
                    return last

    def receipt(self, ticket: int) -> Receipt:
        """The leaf of a ticket with its proof, integrated and cosigned first where it is not yet; raises AssayError."""
        index, leaf = self._by_ticket(ticket)
        note = None if index is None else self._covering(index)
        if note is None:
            self.integrate()
            index, leaf = self._by_ticket(ticket)
        if index is None:
            raise Unreadable(f"ticket {ticket} was not integrated", step="try again")
        note = self._covering(index)
        if note is None and self._quorum.needed:
            self.cosign()
            note = self._covering(index)
        if note is None:
            raise Unreadable(f"no checkpoint covers leaf {index} yet", step="try again")
        read = Note.read(note)
        with self._database.read() as connection:
            path = Rows(connection).tree(Checkpoint.read(read.text).size).inclusion(index)
        proof = Proof(index, tuple(path), read)
        proof.verify(leaf, self._key)  # never hand out what would be refused
        return Receipt(index, leaf, str(proof))

    def checkpoint(self) -> bytes | None:
        """The newest checkpoint that was signed, as a note; None before the first."""
        with self._database.read() as connection:
            return Rows(connection).checkpoint()

    def inclusion(self, index: int, size: int) -> list[bytes]:
        """The path from a leaf to the root of the tree of that size; raises UsageError."""
        return self._proof(size, lambda rows: rows.tree(size).inclusion(index))

    def consistency(self, old: int, new: int) -> list[bytes]:
        """The proof that the tree of `new` leaves grew from that of `old`; raises UsageError."""
        return self._proof(new, lambda rows: rows.tree(new).consistency(old))

    def waiting(self) -> bool:
        """Whether there is something to integrate, or to sign where one who integrated was killed before he signed."""
        with self._database.read() as connection:
            rows = Rows(connection)
            return bool(rows.pending(1)) or rows.size() > rows.signed()

    def cosign(self, turns: int = 3) -> int:
        """Ask every witness about the newest checkpoint and publish it when enough answered; returns how many did.

        Raises Untrusted when a witness saw a log that ours contradicts and not enough others disagree with him,
        Unreadable when too few answered.
        """
        note = self.checkpoint()
        if note is None or not self._quorum.witnesses:
            return 0
        read = Note.read(note)
        size = Checkpoint.read(read.text).size
        problems: list[AssayError] = []
        for answer in self._ask(read, size):
            if isinstance(answer, AssayError):
                problems.append(answer)
                self._say(answer.message)
            else:
                read = read.with_signatures(answer)
        with self._lock, one_integrator(self._database):
            count = self._merge(size, read)
            self._publish()
        if count >= self._quorum.needed:
            return count
        if turns > 1 and self.checkpoint() != note and any(isinstance(error, Untrusted) for error in problems):
            # The log grew meanwhile, and another thread has shown them the newer checkpoint.
            return self.cosign(turns - 1)
        for problem in problems:
            if isinstance(problem, Untrusted):
                raise problem
        why = "; ".join(problem.message for problem in problems)
        step = "nothing is lost: it is published when they answer"
        raise Unreadable(f"{count} of {self._quorum.needed} witnesses cosigned {size:,} leaves: {why}", step=step)

    def _ask(self, note: Note, size: int) -> list[tuple[NoteSignature, ...] | AssayError]:
        """What each witness answers. All are asked at a time: one that is slow does not keep the others waiting."""

        def ask(witness: Witness) -> tuple[NoteSignature, ...] | AssayError:
            try:
                return witness.cosign(note, size, lambda old: self.consistency(old, size))
            except AssayError as error:
                return error

        with ThreadPoolExecutor(len(self._quorum.witnesses)) as pool:
            return list(pool.map(ask, self._quorum.witnesses))

    def repair(self) -> list[str]:
        """Hold every static file against the database and write again what is missing or different; says which.

        Raises Untrusted where the leaves in the database are not those of the last checkpoint: then nothing is written.
        """
        with self._lock, one_integrator(self._database):
            with self._database.read() as connection:
                rows = Rows(connection)
                size = rows.size()
                rebuilt = rows.rebuilt(size)
                self._agrees(rows, rebuilt, rows.checkpoint(), "the database")
                damaged = self._damaged(rows, rebuilt)
                if rebuilt.root() != rows.tree(size).root():
                    raise Untrusted("the database's hashes do not fit its leaves", step=_ROLLED_BACK)
            if damaged:
                self._files.delete(CHECKPOINT)
            mended = self._write_tiles(tiles_of(size), only_different=True)
            for path in [path for path in self._files.paths() if ".p/" in path]:
                tile = Tile.read(path)
                if (size >> 8 * max(tile.level, 0)) // WIDTH > tile.index:
                    self._files.delete(path)  # the full tile is there
                else:
                    mended += self._write_tiles([tile], only_different=True)
            return mended + self._publish()

    def _damaged(self, rows: Rows, frontier: Frontier) -> bool:
        """Whether the published checkpoint is no signed note of ours; raises Untrusted where it is, and contradicts."""
        data = self._files.read(CHECKPOINT)
        try:
            if data is not None:
                verify_checkpoint(Note.read(data), self._key)
        except (Malformed, Untrusted):
            return True
        self._agrees(rows, frontier, data, "the static files")
        return False

    def _assign(self) -> tuple[Frontier, Checkpoint | None, bool]:
        """Steps 1 and 2. The right edge, the last checkpoint, and whether there is more to do."""
        with self._database.write() as connection:
            rows = Rows(connection)
            size = rows.size()
            kept = self._frontier
            frontier = kept.copy() if kept and kept.size == size else rows.frontier(size)
            last = self._agrees(rows, frontier, rows.checkpoint(), "the database")
            self._published_agrees(rows, frontier)
            pending = rows.pending(_BATCH)
            if pending:
                _number(rows, frontier, pending)
        self._frontier = frontier
        return frontier, last, len(pending) == _BATCH

    def _agrees(self, rows: Rows, frontier: Frontier, note: bytes | None, where: str) -> Checkpoint | None:
        """Refuse a checkpoint that this tree did not grow from."""
        if note is None:
            return None
        if self._read is None or self._read[0] != note:
            head = verify_checkpoint(Note.read(note), self._key)
            self._read = (note, head.checkpoint)
        signed = self._read[1]
        if signed.size > frontier.size:
            raise Untrusted(
                f"the last checkpoint in {where} has {signed.size:,} leaves, the tree only {frontier.size:,}: rolled back",
                step=_ROLLED_BACK,
            )
        root = frontier.root() if signed.size == frontier.size else rows.tree(frontier.size).root(signed.size)
        if root != signed.root:
            raise Untrusted(
                f"the leaves are not those that were signed: the checkpoint of {signed.size:,} leaves in {where} has another root",
                step=_ROLLED_BACK,
            )
        return signed

    def _published_agrees(self, rows: Rows, frontier: Frontier) -> None:
        """The same of what is published, whose file anybody may have damaged."""
        try:
            self._agrees(rows, frontier, self._files.read(CHECKPOINT), "the static files")
        except Malformed as error:
            step = "if nothing but this file is damaged, it is made again by: assay ledger repair"
            raise Untrusted(f"the published checkpoint is damaged: {error.message}", step=step) from error

    def _write_tiles(self, tiles: Iterable[Tile], *, only_different: bool = False) -> list[str]:
        """Step 3."""
        mended = []
        with self._database.read() as connection:
            rows = Rows(connection)
            for tile in tiles:
                data = rows.content(tile)
                found = self._files.read(tile.path) if only_different else None
                if found != data:
                    self._files.write(tile.path, data)
                if only_different and found != data:
                    mended.append(f"{tile.path} was {'missing' if found is None else 'different'} and is written again")
                    self._say(mended[-1])
        return mended

    def _sign(self, frontier: Frontier, last: Checkpoint | None) -> Checkpoint:
        """Step 4."""
        checkpoint = Checkpoint(self.origin, frontier.size, frontier.root())
        note = Note(checkpoint.text, (self._signer.sign(checkpoint.text),))
        with self._database.write() as connection:
            rows = Rows(connection)
            newest = rows.checkpoint()
            if (newest is None) != (last is None) or (
                newest and last and Checkpoint.read(Note.read(newest).text) != last
            ):
                raise Untrusted("another one signed a checkpoint meanwhile", step="let one process integrate")
            rows.sign(checkpoint.size, bytes(note), timestamp(self._clock.now()))
        return checkpoint

    def _publish(self) -> list[str]:
        """Step 5: the newest checkpoint that has its quorum; then partial tiles that are full by now are taken away."""
        with self._database.read() as connection:
            note = Rows(connection).checkpoint(cosigned=self._quorum.needed)
        found = self._files.read(CHECKPOINT)
        if note is None or found == note:
            return []
        self._files.write(CHECKPOINT, note)
        before = Checkpoint.read(Note.read(found).text).size if found else 0
        for tile in tiles_of(Checkpoint.read(Note.read(note).text).size, before):
            if tile.width == WIDTH:
                for width in range(1, WIDTH):
                    self._files.delete(Tile(tile.level, tile.index, width).path)
        return [f"{CHECKPOINT} was {'missing' if found is None else 'another one'} and is written again"]

    def _look_once(self, last: Checkpoint | None) -> None:
        """In the first integration of a process: tidy up, and mend the last tiles, where a killed one was at work."""
        if self._looked:
            return
        self._files.tidy()
        if last is not None:
            edge = (t for t in tiles_of(last.size) if t.width < WIDTH or last.size - WIDTH <= t.start + t.width)
            self._write_tiles(edge, only_different=True)
        self._looked = True

    def _merge(self, size: int, cosigned: Note) -> int:
        """Keep the cosignatures of a checkpoint; returns how many witnesses. The earlier of one witness stays: it says when."""
        keys = [witness.key for witness in self._quorum.witnesses]
        with self._database.write() as connection:
            rows = Rows(connection)
            kept = Note.read(rows.checkpoint_at(size) or bytes(cosigned))
            merged = cosigned.with_signatures(kept.signatures)
            head = verify_checkpoint(merged, self._key, keys)
            count = len({one.key.raw for one in head.cosigned})
            rows.cosign(size, bytes(merged), count)
        return count

    def _by_ticket(self, ticket: int) -> tuple[int | None, bytes]:
        with self._database.read() as connection:
            found = Rows(connection).by_ticket(ticket)
        if found is None:
            raise UsageError(f"the ledger gave no ticket {ticket}")
        return found

    def _covering(self, index: int) -> bytes | None:
        """The first checkpoint with a quorum that covers a leaf: its cosignatures tell when it was logged."""
        with self._database.read() as connection:
            return Rows(connection).checkpoint(index, self._quorum.needed, first=True)

    def _proof(self, size: int, make: Callable[[Rows], list[bytes]]) -> list[bytes]:
        with self._database.read() as connection:
            rows = Rows(connection)
            if not 0 <= size <= rows.size():
                raise UsageError(f"the ledger has {rows.size():,} leaves, not {size:,}")
            try:
                return make(rows)
            except ValueError as error:
                raise UsageError(f"no such proof: {error}") from error


def _number(rows: Rows, frontier: Frontier, pending: Sequence[Pending]) -> None:
    """The next indexes, in the order of the tickets; hashes are taken from the bytes once more."""
    numbered: list[tuple[int, int]] = []
    full: list[tuple[int, int, bytes]] = []
    for one in pending:
        numbered.append((one.ticket, frontier.size))
        full.extend(frontier.append(leaf_hash(one.leaf)))
    rows.assign(numbered, full)
