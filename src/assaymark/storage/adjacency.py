"""The edges of the graph as arrays: for each node, who comes from it. One file that is mapped, and what came after it.

This is an index and never the truth. The file bears the mark of the log that it was made from (storage.edge_file has its form)
and is thrown away where it is torn, stale beyond repair or of another database. numpy enters the product here.

Rows of one target stand together, those that hold now first: `start[t] : live[t]` hold, `live[t] : start[t + 1]` are over.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from assaymark.core.errors import Malformed, OverBudget
from assaymark.storage import edge_file

FOREVER = 0xFFFFFFFF
CLOSES = 0x100
NOW, EVER = None, -1
_RECORD = 20
_NARROW = 48
"""Up to so many nodes, slices are joined; beyond, all places are computed at once."""
_MOST_STATES = 20_000_000
_NAMES = ("source", "target", "kind", "since", "until")

_TYPES = {"start": "<u4", "live": "<u4", "source": "<i4", "kinds": "u1", "kind": "u1", "since": "<u4", "until": "<u4"}

Array = np.ndarray[Any, Any]


@dataclass(slots=True)
class Rows:
    """Edges as columns."""

    source: Array
    target: Array
    kind: Array
    since: Array
    until: Array

    def __len__(self) -> int:
        return len(self.source)

    @classmethod
    def join(cls, parts: Sequence["Rows"]) -> "Rows":
        """All of them."""
        return cls(*(np.concatenate([getattr(part, name) for part in parts]) for name in _NAMES))

    def take(self, places: Array) -> "Rows":
        """Some of them."""
        return Rows(*(getattr(self, name)[places] for name in _NAMES))


def decode(packed: bytes) -> Rows:
    """Records of the log (bom.graph_log)."""
    if len(packed) % _RECORD:
        raise Malformed("the log of the graph is cut off within a record")
    table = np.frombuffer(packed, dtype="<u4").reshape(-1, 5)
    if len(table) and max(int(table[:, 0].max()), int(table[:, 1].max())) >= 1 << 31:
        raise Malformed("the log of the graph names a node beyond 2^31")
    return Rows(
        table[:, 0].astype(np.int32), table[:, 1].astype(np.int32), table[:, 2].astype(np.uint16),
        table[:, 3].astype(np.uint32), table[:, 4].astype(np.uint32),
    )  # fmt: skip


def settle(rows: Rows) -> Rows:
    """Edges as they are in the end: a record that closes takes away one open record, and stands for it itself."""
    closing = rows.kind >= CLOSES
    if not closing.any():
        return rows
    kind = rows.kind & 0xFF
    order = np.lexsort((closing, rows.until != FOREVER, rows.since, kind, rows.source, rows.target))
    sorted_ = rows.take(order)
    kind, closes = kind[order], closing[order]
    same = np.ones(len(rows), bool)  # where a group begins
    for column in (sorted_.target, sorted_.source, kind, sorted_.since):
        same[1:] &= column[1:] == column[:-1]
    same[0] = False
    group = np.cumsum(~same) - 1
    first = np.flatnonzero(~same)
    closed = np.bincount(group, weights=closes).astype(np.int64)
    rank = np.arange(len(rows)) - first[group]
    opened = sorted_.until == FOREVER
    if (np.bincount(group, weights=opened).astype(np.int64) < closed).any():
        raise Malformed("the log of the graph closes an edge that it never opened")
    kept = ~(opened & (rank < closed[group]))
    return Rows(sorted_.source, sorted_.target, kind, sorted_.since, sorted_.until).take(kept)


@dataclass(slots=True)
class Csr:
    """Edges by target."""

    start: Array
    live: Array
    source: Array
    kind: Array
    since: Array
    until: Array

    @property
    def size(self) -> int:
        """Nodes have smaller ids."""
        return len(self.live)

    @classmethod
    def build(cls, rows: Rows, size: int) -> "Csr":
        """From rows that are settled; they are put in order where they are, which saves a copy."""
        over = rows.until != FOREVER
        key = rows.target.astype(np.uint32) * np.uint32(2)
        key += over
        order = np.argsort(key, kind="stable").astype(np.int32 if len(rows) < 1 << 31 else np.int64)
        counts = np.bincount(key, minlength=2 * size).reshape(size, 2)
        ends = np.cumsum(counts.sum(axis=1))
        start = np.zeros(size + 1, np.uint32)
        start[1:] = ends
        live = (start[:-1] + counts[:, 0]).astype(np.uint32)
        del key
        rows.kind = rows.kind.astype(np.uint8)
        for name in ("source", "kind", "since", "until"):
            setattr(rows, name, getattr(rows, name)[order])
        return cls(start, live, rows.source, rows.kind, rows.since, rows.until)

    def out(self, frontier: Array, mask: Array | None, when: int | None) -> Array:
        """Who comes from these nodes, with repetitions."""
        begin, count = self._ranges(frontier, live=when is NOW)
        if when is NOW and mask is None and len(frontier) <= _NARROW:
            ends = zip(begin.tolist(), (begin + count).tolist(), strict=True)
            return np.concatenate([self.source[a:b] for a, b in ends]) if len(begin) else self.source[:0]
        places = _places(begin, count)
        found: Array = self.source[places]
        keep = self._kept(places, mask, when)
        return found if keep is None else found[keep]

    def expand(self, frontier: Array, mask: Array | None, *, live: bool) -> tuple[Array, Array]:
        """Places of the rows of these nodes, and for each the index of its node in the frontier."""
        begin, count = self._ranges(frontier, live=live)
        places = _places(begin, count)
        owner = np.repeat(
            np.flatnonzero(frontier < self.size) if len(begin) < len(frontier) else np.arange(len(frontier)), count
        )
        keep = self._kept(places, mask, EVER)
        return (places, owner) if keep is None else (places[keep], owner[keep])

    def end(self, source: int, target: int, kind: int, since: int, until: int) -> bool:
        """Close one edge that holds; False where there is none."""
        if target >= self.size:
            return False
        begin, end = int(self.start[target]), int(self.live[target])
        part = slice(begin, end)
        fits = (self.source[part] == source) & (self.kind[part] == kind) & (self.since[part] == since)
        found = np.flatnonzero(fits)
        if not len(found):
            return False
        place, last = begin + int(found[0]), end - 1
        for column in (self.source, self.kind, self.since, self.until):
            column[place] = column[last]
        self.source[last], self.kind[last], self.since[last], self.until[last] = source, kind, since, until
        self.live[target] = last
        return True

    def _ranges(self, frontier: Array, *, live: bool) -> tuple[Array, Array]:
        if len(frontier) and frontier.max() >= self.size:
            frontier = frontier[frontier < self.size]
        begin = self.start[frontier].astype(np.int64)
        end = self.live[frontier] if live else self.start[1:][frontier]
        return begin, end.astype(np.int64) - begin

    def _kept(self, places: Array, mask: Array | None, when: int | None) -> Array | None:
        keep = None if mask is None else mask[self.kind[places]]
        if when is not NOW and when != EVER:
            held = (self.since[places] <= when) & (self.until[places] > when)
            keep = held if keep is None else keep & held
        return keep


def _places(begin: Array, count: Array) -> Array:
    """All numbers of the ranges, one after the other."""
    total = int(count.sum())
    shift = begin - np.cumsum(count) + count
    places = np.repeat(shift, count)
    places += np.arange(total, dtype=np.int64)
    return places


@dataclass(slots=True)
class Adjacency:
    """The whole graph: what the file had, and what came later. Not for several threads at once."""

    base: Csr
    kinds: Array
    """Of nodes, by id; 255 where there is none."""
    later: Csr | None = None
    _rows: Rows | None = None

    @classmethod
    def build(cls, packed: Iterable[bytes], kinds: Iterable[tuple[int, int]]) -> "Adjacency":
        """From the whole log, in some large parts."""
        rows = settle(Rows.join([decode(part) for part in packed]))
        known = _grown(np.zeros(0, np.uint8), kinds)
        return cls(Csr.build(rows, _size(known, rows)), known)

    @classmethod
    def load(cls, file: edge_file.EdgeFile) -> "Adjacency":
        """From a file; its pages are copied when something in them ends."""
        columns = {name: np.frombuffer(file.section(name), dtype=type_) for name, type_ in _TYPES.items()}
        kinds = columns.pop("kinds")
        base = Csr(**columns)
        edges, size = len(base.source), base.size
        if len(base.start) != size + 1 or {len(base.kind), len(base.since), len(base.until)} != {edges}:
            raise Malformed("the arrays of the graph's file do not fit each other")
        return cls(base, kinds)

    def save(self, path: str, last: int, chain: str) -> None:
        """Write the file, all of it or nothing. Only what has nothing to overlay can be saved."""
        columns = {name: getattr(self.base, name) for name in _TYPES if name != "kinds"} | {"kinds": self.kinds}
        if self.later is not None:
            raise ValueError("only what was built whole can be saved")
        parts = {name: np.ascontiguousarray(columns[name], type_).view(np.uint8).data for name, type_ in _TYPES.items()}
        edge_file.write(path, last, chain, parts)

    @property
    def size(self) -> int:
        """Nodes have smaller ids."""
        return max(len(self.kinds), self.later.size if self.later else 0, self.base.size)

    @property
    def overlaid(self) -> int:
        """Edges that came later than the file."""
        return len(self._rows) if self._rows else 0

    def apply(self, packed: bytes, kinds: Iterable[tuple[int, int]]) -> None:
        """Take in what was logged since; raises Malformed where it does not follow from what is here."""
        new = decode(packed)
        self.kinds = _grown(self.kinds, kinds)
        closing = new.kind >= CLOSES
        parts = [part for part in (self._rows, new.take(~closing)) if part is not None and len(part)]
        rows = Rows.join(parts) if parts else new.take(~closing)
        left = []
        ends = new.take(closing)
        for row in zip(*(getattr(ends, name).tolist() for name in _NAMES), strict=True):
            source, target, kind, since, until = row
            if not self.base.end(source, target, kind & 0xFF, since, until):
                left.append(row)
        if left:
            table = np.array(left, dtype="<u4")
            rows = settle(Rows.join([rows, decode(table.tobytes())]))
        self._rows = rows
        whole = rows.take(np.arange(len(rows)))
        self.later = Csr.build(whole, _size(self.kinds, rows)) if len(rows) else None

    def affected(self, seeds: Iterable[int], mask: Iterable[int] | None = None, when: int | None = NOW) -> Array:
        """Ids of all nodes that come from the seeds, those included, ascending."""
        allowed = _mask(mask)
        seen = np.zeros(self.size, bool)
        frontier = self._seeds(seeds)
        seen[frontier] = True
        wide = self.size // 64
        while len(frontier):
            found = np.concatenate([part.out(frontier, allowed, when) for part in self.parts])
            found = found[~seen[found]]
            if len(found) > wide:
                fresh = np.zeros(self.size, bool)
                fresh[found] = True
                frontier = np.flatnonzero(fresh)
            else:
                frontier = np.unique(found)
            seen[frontier] = True
        return np.flatnonzero(seen).astype(np.int32)

    def of_kind(self, ids: Array, numbers: Iterable[int]) -> Array:
        """Those of the ids whose nodes are of these kinds."""
        wanted, found = np.asarray(_mask(numbers)), np.asarray(ids)
        kept: Array = found[wanted[self.kinds[found]]]
        return kept

    def exposure(self, seeds: Iterable[int], ids: Array, mask: Iterable[int] | None = None) -> tuple[Array, Array]:
        """For each id, the earliest moment from which a whole path to a seed holds and the last until which one does.

        (FOREVER, 0) where none ever did. A path holds while all its edges do. First come paths of edges that hold now, of
        which only the beginning matters; then those with an edge that is over, as sets of intervals of which none lies in
        another.
        """
        allowed = _mask(mask)
        since = self._open_since(self._seeds(seeds), allowed)
        until = np.where(since < FOREVER, np.uint32(FOREVER), np.uint32(0))
        for state in self._closed_states(since.copy(), allowed):
            node, begin, end = state
            np.minimum.at(since, node, begin)
            np.maximum.at(until, node, end)
        found = np.asarray(ids, np.int64)
        known = (found >= 0) & (found < self.size)
        places = np.where(known, found, 0)
        return np.where(known, since[places], np.uint32(FOREVER)), np.where(known, until[places], np.uint32(0))

    def _open_since(self, frontier: Array, mask: Array | None) -> Array:
        since = np.full(self.size, FOREVER, np.uint32)
        since[frontier] = 0
        while len(frontier):
            changed = np.zeros(self.size, bool)
            for part in self.parts:
                places, owner = part.expand(frontier, mask, live=True)
                begin = np.maximum(since[frontier][owner], part.since[places])
                node = part.source[places]
                better = begin < since[node]
                node = node[better]
                np.minimum.at(since, node, begin[better])
                changed[node] = True
            frontier = np.flatnonzero(changed)
        return since

    def _closed_states(self, since: Array, mask: Array | None) -> Iterator[tuple[Array, Array, Array]]:
        """Intervals that end, of nodes: (node, begin, end), the longest only."""
        reached = np.flatnonzero(since < FOREVER)
        node, begin, end = self._step(reached, since[reached], np.full(len(reached), FOREVER, np.uint32), mask)
        kept = _Intervals()
        while len(node):
            useful = (end < FOREVER) & (begin < since[node])
            node, begin, end = kept.add(node[useful], begin[useful], end[useful])
            if len(node):
                yield node, begin, end
                node, begin, end = self._step(node, begin, end, mask)

    def _step(self, node: Array, begin: Array, end: Array, mask: Array | None) -> tuple[Array, Array, Array]:
        found = []
        for part in self.parts:
            places, owner = part.expand(node, mask, live=False)
            first = np.maximum(begin[owner], part.since[places])
            last = np.minimum(end[owner], part.until[places])
            holds = (first < last) & (last < FOREVER)
            found.append((part.source[places][holds], first[holds], last[holds]))
        return tuple(np.concatenate(columns) for columns in zip(*found, strict=True))  # type: ignore[return-value] # three

    @property
    def parts(self) -> tuple[Csr, ...]:
        """The file's edges, and those that came later."""
        return (self.base,) if self.later is None else (self.base, self.later)

    def _seeds(self, seeds: Iterable[int]) -> Array:
        found = np.unique(np.fromiter(seeds, np.int64))
        return found[(found >= 0) & (found < self.size)]


class _Intervals:
    """Intervals of nodes, none of which lies in another one of the same node."""

    def __init__(self) -> None:
        self._held: tuple[Array, Array, Array] = (np.zeros(0, np.int64), np.zeros(0, np.uint32), np.zeros(0, np.uint32))

    def add(self, node: Array, begin: Array, end: Array) -> tuple[Array, Array, Array]:
        """Add some; those that say something new."""
        new: tuple[Array, Array, Array] = (node.astype(np.int64), begin, end)
        columns: list[Array] = [np.concatenate([old, more]) for old, more in zip(self._held, new, strict=True)]
        is_new = np.zeros(len(columns[0]), bool)
        is_new[len(self._held[0]) :] = True
        order = np.lexsort((is_new, np.uint32(FOREVER) - columns[2], columns[1], columns[0]))
        columns = [column[order] for column in columns]
        is_new = is_new[order]
        reach = columns[2].astype(np.int64)
        group = np.cumsum(np.concatenate([[0], columns[0][1:] != columns[0][:-1]])) if len(reach) else reach
        reach += group * (1 << 33)
        longest = np.maximum.accumulate(reach) if len(reach) else reach
        kept = np.ones(len(reach), bool)
        kept[1:] = reach[1:] > longest[:-1]
        if int(kept.sum()) > _MOST_STATES:
            raise OverBudget("the histories of these edges have too many intervals to say since when each is exposed")
        self._held = (columns[0][kept], columns[1][kept], columns[2][kept])
        fresh = kept & is_new
        return columns[0][fresh], columns[1][fresh], columns[2][fresh]


def _mask(kinds: Iterable[int] | None) -> Array | None:
    if kinds is None:
        return None
    allowed = np.zeros(256, bool)
    allowed[list(kinds)] = True
    return allowed


def _grown(kinds: Array, more: Iterable[tuple[int, int]]) -> Array:
    table = np.fromiter(more, np.dtype((np.int64, 2)))
    if not len(table):
        return kinds
    grown = np.full(max(len(kinds), int(table[:, 0].max()) + 1), 255, np.uint8)
    grown[: len(kinds)] = kinds
    grown[table[:, 0]] = table[:, 1]
    return grown


def _size(kinds: Array, rows: Rows) -> int:
    """One more than the greatest id."""
    return max(len(kinds), 1, *((int(column.max()) + 1 for column in (rows.source, rows.target)) if len(rows) else ()))
