"""The graph, put together: SQL for small questions, arrays for large ones.

The database is the truth. Arrays are made from its log of edges, kept in a file beside it (each node of a cluster has its
own) and brought up to date before each answer; where the file is missing, torn, of another database or of a history that
was rolled back, it is made anew. Answers never depend on which of the two gave them.
"""

import fcntl
import os
import threading
from collections.abc import Collection, Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import sqlalchemy as sa

from assaymark.bom import graph, graph_log, graph_tree, graph_walk
from assaymark.bom.graph_log import Mark
from assaymark.bom.graph_tables import FOREVER
from assaymark.bom.graph_walk import EVER, Known, Step
from assaymark.core.clock import timestamp
from assaymark.core.errors import Malformed
from assaymark.core.graph import EdgeKind, NodeKind
from assaymark.storage.database import Database

if TYPE_CHECKING:
    from assaymark.bom.graph_tree import Towards
    from assaymark.bom.selectors import Advisory, Selection
    from assaymark.storage.adjacency import Adjacency
    from assaymark.storage.edge_file import EdgeFile

FILE = "edges"
_SMALL = 2_000
"""Edges of an answer that SQL gives as fast as arrays would be mapped."""
_OVERLAY = 200_000
"""Edges that came after the file was written: beyond, it is written anew."""
_PAGES = ("start", "live", "source", "kinds")
_INTERVALS = ("kind", "since", "until")


@dataclass(frozen=True, slots=True)
class Reach:
    """Ids of nodes, ascending, the seeds among them. An array or a list: it can be indexed, iterated and counted."""

    ids: Sequence[int]

    @property
    def count(self) -> int:
        """How many."""
        return len(self.ids)


@dataclass(frozen=True, slots=True)
class Exposure:
    """For each id asked for, in that order: since when and until when, in seconds since 1970.

    `since[i]` is the earliest moment from which a whole path to a seed held, 0 where one always did; `until[i]` the last
    moment until which one held, FOREVER where one holds now. FOREVER and 0 where none ever held. Between the two there may be
    times without any.
    """

    since: Sequence[int]
    until: Sequence[int]

    def texts(self, place: int) -> tuple[str, str]:
        """Since and until as RFC 3339, "" where there is no such end."""
        return moment_text(int(self.since[place])), moment_text(int(self.until[place]))


def moment_text(moment: int) -> str:
    """Seconds since 1970 as RFC 3339; "" for always and for never."""
    return "" if moment in (0, FOREVER) else timestamp(datetime.fromtimestamp(moment, UTC))


class Graph:
    """Questions to one graph. Threads may share it. `folder` is where its arrays are kept."""

    def __init__(self, database: Database, folder: str, *, small: int = _SMALL, overlay: int = _OVERLAY) -> None:
        self.database = database
        self._path = os.path.join(folder, FILE)
        self._small, self._overlay = small, overlay
        self._lock = threading.RLock()
        self._arrays: Adjacency | None = None
        self._file: EdgeFile | None = None
        self._mark = Mark()
        self._rebuilding: threading.Thread | None = None

    def affected(
        self, seeds: Iterable[int], kinds: Iterable[EdgeKind] | None = None, as_of: str | None = None, *,
        ever: bool = False,
    ) -> Reach:  # fmt: skip
        """All that comes from the seeds over edges of these kinds (all), which hold now, held at a moment, or ever did."""
        wanted, mask, when = [*seeds], graph.mask_of(kinds), _when(as_of, ever=ever)
        with self.database.read() as connection:
            if self._arrays is None or not self._is_current(connection):
                found = graph_walk.few(connection, wanted, self._small, mask, when)
                if found is not None:
                    return Reach(found)
            try:
                with self._current(connection, intervals=mask is not None or when is not None) as arrays:
                    return Reach(arrays.affected(wanted, mask, when))  # type: ignore[arg-type] # an array is as good
            except Malformed:  # the log does not make sense; the edges themselves still answer
                return Reach(sorted(graph_walk.affected(connection, wanted, mask, when)))

    def of_kind(self, ids: Sequence[int], kinds: Iterable[NodeKind]) -> Sequence[int]:
        """Those of the ids whose nodes are of these kinds, in their order."""
        wanted = [*kinds]
        with self.database.read() as connection:
            if len(ids) <= self._small:
                kept = set(graph_walk.of_kind(connection, ids, wanted))
                return [number for number in ids if int(number) in kept]
            with self._current(connection) as arrays:
                return arrays.of_kind(ids, graph.number_of(wanted))  # type: ignore[arg-type, return-value] # an array is as good

    def exposure(self, seeds: Iterable[int], ids: Sequence[int], kinds: Iterable[EdgeKind] | None = None) -> Exposure:
        """Since when and until when each of the ids came from a seed, over all that ever held."""
        with self.database.read() as connection, self._current(connection, intervals=True) as arrays:
            since, until = arrays.exposure(seeds, ids, graph.mask_of(kinds))  # type: ignore[arg-type] # a list is as good
            return Exposure(since, until)  # type: ignore[arg-type] # arrays

    def path(
        self, seeds: Collection[int], node: int, kinds: Iterable[EdgeKind] | None = None, as_of: str | None = None, *,
        ever: bool = False,
    ) -> list[Step]:  # fmt: skip
        """One shortest path from a node up to a seed, the same each time; [] where there is none."""
        with self.database.read() as connection:
            return graph_walk.path(connection, seeds, node, graph.mask_of(kinds), _when(as_of, ever=ever))

    def tree(self, seeds: Iterable[int], reached: int, as_of: str | None = None) -> "Towards":
        """One shortest way to a seed from each node that comes from one (bom.graph_tree); `reached`: how many there are."""
        wanted, when = [*seeds], _when(as_of, ever=False)
        with self.database.read() as connection:
            if reached > self._small:
                from assaymark.storage.adjacency_tree import Towards as Fast
                from assaymark.storage.adjacency_tree import tree

                with suppress(Malformed), self._current(connection, intervals=when is not None) as arrays:
                    return Fast(tree(arrays, wanted, when))
            return graph_tree.tree(connection, wanted, when)

    def ancestry(
        self, node: int, kinds: Iterable[EdgeKind] | None = None, as_of: str | None = None, *, ever: bool = False
    ) -> Reach:
        """All that went into a node, itself included."""
        with self.database.read() as connection:
            found = graph_walk.ancestry(connection, [node], graph.mask_of(kinds), _when(as_of, ever=ever))
        return Reach(sorted(found))

    def edges(
        self, ids: Collection[int], kinds: Iterable[EdgeKind] | None = None, as_of: str | None = None, *,
        ever: bool = False,
    ) -> list[Step]:  # fmt: skip
        """All edges among these nodes: what a picture of them shows."""
        with self.database.read() as connection:
            found = graph_walk.edges_between(connection, ids, graph.mask_of(kinds), _when(as_of, ever=ever))
            return sorted(found, key=lambda step: (step.source, step.target, step.kind, step.since))

    def nodes(self, ids: Iterable[int]) -> Iterator[Known]:
        """Nodes in the order of the ids, as they are read."""
        with self.database.read() as connection:
            yield from graph_walk.described(connection, ids)

    def select(self, what: str, advisory: "Advisory | None" = None) -> "Selection":
        """The nodes that WHAT means (bom.selectors)."""
        from assaymark.bom.selectors import select

        with self.database.read() as connection:
            return select(connection, what, advisory)

    def close(self) -> None:
        """Wait for a file that is being written."""
        thread = self._rebuilding
        if thread is not None:
            thread.join()

    def _is_current(self, connection: sa.Connection) -> bool:
        return graph_log.mark(connection) == self._mark

    @contextmanager
    def _current(self, connection: sa.Connection, *, intervals: bool = False) -> Iterator["Adjacency"]:
        """The arrays as the database stands, for this thread alone."""
        with self._lock:
            if self._arrays is None:
                self._load(connection)
            arrays = self._follow(connection, intervals=intervals)
            yield arrays
            if arrays.overlaid > self._overlay:
                self._rebuild_later()

    def _load(self, connection: sa.Connection) -> None:
        from assaymark.storage.adjacency import Adjacency
        from assaymark.storage.edge_file import EdgeFile

        try:
            file = EdgeFile.open(self._path)
            if file is not None and graph_log.holds(connection, Mark(file.last, file.chain)):
                file.check(*_PAGES)
                self._arrays, self._file, self._mark = Adjacency.load(file), file, Mark(file.last, file.chain)
        except (Malformed, OSError):
            self._arrays = None  # an index is never worth an error

    def _follow(self, connection: sa.Connection, *, intervals: bool) -> "Adjacency":
        """Take in what was logged since, or make all anew."""
        now = graph_log.mark(connection)
        try:
            if self._arrays is not None and graph_log.holds(connection, self._mark):
                if self._file is not None and (intervals or now != self._mark):
                    self._file.check(*_INTERVALS)
                if now != self._mark:
                    more = b"".join(graph_log.after(connection, self._mark.last))
                    self._arrays.apply(more, graph_walk.kinds_after(connection, len(self._arrays.kinds) - 1))
                    self._mark = now
                return self._arrays
        except Malformed:
            pass
        self._arrays, self._file = None, None
        arrays, self._mark = _built(connection)
        if self._save(arrays, self._mark):
            self._load(connection)  # pages of a file can be given back, others not
        self._arrays = self._arrays or arrays
        return self._arrays

    def _rebuild_later(self) -> None:
        """Write the file anew in the background, unless that is being done."""
        if self._rebuilding is None or not self._rebuilding.is_alive():
            self._rebuilding = threading.Thread(target=self._rebuild, name="edges")
            self._rebuilding.start()

    def _rebuild(self) -> None:
        done = False
        with suppress(Malformed, sa.exc.DBAPIError, OSError), self._turn():  # what is here goes on answering
            done = self._is_overtaken()
            if not done:
                with self.database.read() as connection:
                    arrays, mark = _built(connection)
                arrays.save(self._path, mark.last, mark.chain)
                done = True
        with self._lock:
            if done:
                self._arrays = None  # the next question maps the file
            else:
                self._overlay *= 2  # not at each question

    def _is_overtaken(self) -> bool:
        """Whether another process has written a file that is newer than what is here."""
        from assaymark.storage.edge_file import EdgeFile

        with suppress(Malformed):
            file = EdgeFile.open(self._path)
            return file is not None and self._file is not None and file.last > self._file.last
        return False

    def _save(self, arrays: "Adjacency", mark: Mark) -> bool:
        """Whether the file was written. Answers do not need it: there may be no room, or another process is at it."""
        with suppress(OSError), self._turn():
            arrays.save(self._path, mark.last, mark.chain)
            return True
        return False

    @contextmanager
    def _turn(self) -> Iterator[None]:
        """Write the file alone; raises BlockingIOError while another process does."""
        os.makedirs(os.path.dirname(self._path), mode=0o700, exist_ok=True)
        with open(f"{self._path}.lock", "wb") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            yield


def _built(connection: sa.Connection) -> tuple["Adjacency", Mark]:
    """The whole log as arrays."""
    from assaymark.storage.adjacency import Adjacency

    mark = graph_log.mark(connection)
    return Adjacency.build(graph_log.after(connection, 0), graph_walk.kinds_after(connection, 0)), mark


def _when(as_of: str | None, *, ever: bool) -> int | None:
    if ever:
        return EVER
    return None if as_of is None else graph.moment(as_of)


__all__ = ["FOREVER", "Exposure", "Graph", "Known", "Mark", "Reach", "Step", "moment_text"]
