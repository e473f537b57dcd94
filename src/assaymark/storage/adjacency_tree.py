"""One shortest way from each of many nodes, by the arrays; bom.graph_tree has the same in SQL, and the same answers."""

from collections.abc import Iterable

import numpy as np

from assaymark.storage.adjacency import NOW, Adjacency, Array, Csr


def tree(arrays: Adjacency, seeds: Iterable[int], when: int | None = NOW) -> Array:
    """For each id the next one on its way to a seed; a seed leads to itself, and what does not come from one to -1."""
    none = np.int64(1 << 40)
    towards = np.full(arrays.size, none, np.int64)
    frontier = np.unique(np.fromiter(seeds, np.int64))
    frontier = frontier[(frontier >= 0) & (frontier < arrays.size)]
    towards[frontier] = frontier
    while len(frontier):
        seen = towards < none
        fresh = np.zeros(arrays.size, bool)
        for part in arrays.parts:
            source, target = _edges(part, frontier, when)
            new = ~seen[source]
            np.minimum.at(towards, source[new], target[new])
            fresh[source[new]] = True
        frontier = np.flatnonzero(fresh)
    towards[towards == none] = -1
    return towards


def _edges(part: Csr, frontier: Array, when: int | None) -> tuple[Array, Array]:
    places, owner = part.expand(frontier, None, live=when is NOW)
    if when is not NOW:
        holds = (part.since[places] <= when) & (part.until[places] > when)
        places, owner = places[holds], owner[holds]
    return part.source[places], frontier[owner]


class Towards:
    """The same as a mapping."""

    def __init__(self, towards: Array) -> None:
        self._towards = towards

    def get(self, node: int) -> int | None:
        """The next one, or None."""
        found = int(self._towards[node]) if 0 <= node < len(self._towards) else -1
        return found if found >= 0 else None
