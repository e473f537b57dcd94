"""One answer in the making: the graph's nodes joined with the registry's rows, in pages.

An answer is counted once and then told in pages: what is held in memory is a few numbers for each hit, whatever its length.
"""

import itertools
import re
from array import array
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from assaymark.bom import graph, graph_tree, graph_walk
from assaymark.bom.graph_tables import FOREVER
from assaymark.bom.graph_walk import Known
from assaymark.core.clock import parse_timestamp
from assaymark.core.errors import OverBudget, UsageError
from assaymark.core.graph import NodeKind
from assaymark.core.impact import Counts, Deployment, Hit, Step, Version
from assaymark.graphs import Exposure, Graph, moment_text
from assaymark.registry import impacted
from assaymark.registry.impacted import Holder

if TYPE_CHECKING:
    import sqlalchemy as sa

    from assaymark.bom.graph_tree import Towards
    from assaymark.bom.selectors import Selection

Sees = Callable[[str, str], bool]
"""Whether the one who asks may read a model: project, model."""
HIDDEN = "not for you to see"
NONE, OUTSIDE = "none", "outside"
"""Stages of a version that stands in no channel, and of what is no version of the registry."""
ROOTS = NodeKind.FILE
"""A folder that is published and holds no model, or several, is one of these."""
_PAGE = 500
_FIRST = ("production", "staging")
_DAY = re.compile(r"\d{4}-\d\d-\d\d")


@dataclass(frozen=True, slots=True)
class Ground:
    """A graph. `registry`: whether the registry's tables are beside it."""

    graph: Graph
    registry: bool = True

    def holders(self, connection: "sa.Connection", nodes: Iterable[Known], as_of: str = "") -> dict[str, list[Holder]]:
        """Versions of the registry, by key of the node."""
        if not self.registry:
            return {}
        return impacted.holders(connection, [node.key for node in nodes], as_of)


class Question:
    """One answer in the making: which nodes, in which order, and each page of them told in full."""

    def __init__(
        self, ground: Ground, chosen: "Selection", when: str, channel: str, kinds: Collection[NodeKind],
        sees: Sees | None,
    ) -> None:  # fmt: skip
        self.ground, self.chosen, self.when, self.channel = ground, chosen, when, channel
        self.kinds, self.sees = kinds, sees
        self.counts = Counts()
        self._order: array[int] = array("q")
        self._sure: Collection[int] = ()
        self._towards: list[Towards] = []
        self._exposure: Exposure | None = None
        self._place: dict[int, int] = {}

    def count(self) -> None:
        """Find all hits; those in production first, then those in other channels, then what is in none."""
        made, as_of = self.ground.graph, self.when or None
        unsure = {one.node for one in self.chosen.unsure}
        sure = [seed for seed in self.chosen.seeds if seed not in unsure]
        reached = made.affected(self.chosen.seeds, as_of=as_of) if self.chosen.seeds else None
        if reached is None:
            return
        self._towards = [made.tree(some, reached.count, as_of) for some in (sure, sorted(unsure)) if some]
        self._has_sure = bool(sure)
        ranked: dict[int, array[int]] = {}
        ids = made.of_kind(reached.ids, {*self.kinds, ROOTS})
        for page in pages(ids):
            with made.database.read() as connection:
                for node, held, live in self._told(connection, page):
                    self._add(node, held, live)
                    rank = _rank(held)
                    ranked.setdefault(rank, array("q")).append(node.id)
        for rank in sorted(ranked):
            self._order.extend(ranked[rank])
        self._place = {number: place for place, number in enumerate(self._order)}
        if self._order:
            try:
                self._exposure = made.exposure(self.chosen.seeds, self._order)
            except OverBudget as error:
                self.chosen.notes.append(error.message)

    def after(self, done: int) -> Iterator[Hit]:
        """The hits behind so many."""
        for page in pages(self._order[done:]):
            with self.ground.graph.database.read() as connection:
                hits = self._hits(connection, page)
            yield from hits

    def _told(
        self, connection: "sa.Connection", page: Sequence[int]
    ) -> Iterator[tuple[Known, list[Holder], list[Deployment]]]:
        """Nodes that are hits, with their versions and deployments, as far as they may be seen."""
        nodes = list(graph_walk.described(connection, page))
        held = self.ground.holders(connection, nodes, self.when)
        served: dict[int, list[Deployment]] = {}
        for row in graph_tree.deployments(connection, [node.id for node in nodes]):
            if (made := self._deployment(row)) is not None:
                served.setdefault(row.target, []).append(made)
        for node in nodes:
            own = held.get(node.key, [])
            seen = own if self.sees is None else [one for one in own if self.sees(one.project, one.model)]
            if not seen and (self.sees is not None or node.kind not in self.kinds):
                continue  # a folder without a model that nobody published is no model
            if self.channel and not any(self.channel in one.channels for one in seen):
                continue
            yield node, seen, served.get(node.id, []) if len(seen) == len(own) else []

    def _deployment(self, row: Any) -> Deployment | None:
        environment, _, name = str(row.key).removeprefix("deployment:").partition("/")
        at = seconds(self.when)
        if at is not None and row.valid_from > at:
            return None
        live = row.valid_to is None or (at is not None and row.valid_to > at)
        until = moment_text(FOREVER if row.valid_to is None else row.valid_to)
        return Deployment(name, environment, since_text(row.valid_from), until, live)

    def _add(self, node: Known, held: list[Holder], live: list[Deployment]) -> None:
        counts = self.counts
        counts.hits += 1
        counts.possibly += self._is_possible(node.id)
        counts.live += sum(one.live for one in live)
        counts.kinds[str(kind(node, held))] = counts.kinds.get(str(kind(node, held)), 0) + 1
        stage = _stage(held)
        counts.stages[stage] = counts.stages.get(stage, 0) + 1

    def _is_possible(self, node: int) -> bool:
        """Whether it comes only from what may be meant and may not."""
        return not (self._has_sure and self._towards[0].get(node) is not None)

    def _hits(self, connection: "sa.Connection", page: Sequence[int]) -> list[Hit]:
        ways = {number: self._way(number) for number in page}
        pairs = {pair for way in ways.values() for pair in itertools.pairwise(way)}
        told = Ways(self.ground, connection, seconds(self.when), self.sees)
        told.prepare((number for way in ways.values() for number in way), pairs)
        hits = []
        for node, held, served in self._told(connection, page):
            since, until = self._exposed(node.id)
            versions = tuple(Version(one.name, one.state, one.channels, one.publisher) for one in held)
            hits.append(Hit(
                node.key, str(kind(node, held)), held[0].name if held else called(node), _stage(held),
                held[0].publisher if held else "", self._is_possible(node.id), versions, tuple(served), since, until,
                told.steps(ways[node.id]),
            ))  # fmt: skip
        return hits

    def _way(self, node: int) -> list[int]:
        for towards in self._towards:
            found = graph_tree.way(towards, node)
            if found:
                return found
        return []

    def _exposed(self, node: int) -> tuple[str, str]:
        if self._exposure is None:
            return "", ""
        place = self._place[node]
        return since_text(int(self._exposure.since[place])), moment_text(int(self._exposure.until[place]))


class Ways:
    """Tells paths; what belongs to others is a step without a name, and so is all that is known by it alone."""

    def __init__(self, ground: Ground, connection: "sa.Connection", when: int | None, sees: Sees | None) -> None:
        self._ground, self._connection, self._when, self._sees = ground, connection, when, sees
        self._nodes: dict[int, Known] = {}
        self._held: dict[str, list[Holder]] = {}
        self._edges: dict[tuple[int, int], graph_walk.Step] = {}

    def prepare(self, ids: Iterable[int], pairs: Iterable[tuple[int, int]]) -> None:
        """Look up all that will be told."""
        self._nodes = {node.id: node for node in graph_walk.described(self._connection, sorted(set(ids)))}
        self._held = self._ground.holders(self._connection, self._nodes.values())
        self._edges = graph_tree.steps(self._connection, pairs, self._when)

    def steps(self, way: Sequence[int]) -> tuple[Step, ...]:
        """From the seed to the hit, of ids from the hit to the seed."""
        if not self._nodes and way:
            self.prepare(way, itertools.pairwise(way))
        told: list[Step] = []
        shut = False
        for place, number in enumerate(way):
            node = self._nodes[number]
            held = self._held.get(node.key, [])
            is_last = place == len(way) - 1
            edge = None if is_last else self._edges.get((number, way[place + 1]))
            shut = shut or is_hidden(held, self._sees)
            if shut:
                told.append(Step("", "", HIDDEN))
                continue
            by, since = (str(edge.kind), since_text(edge.since)) if edge else ("", "")
            seen = [one.name for one in held if self._sees is None or self._sees(one.project, one.model)]
            told.append(Step(node.key, str(kind(node, held)), seen[0] if seen else called(node), by, since))
        return tuple(reversed(told))


def moment(as_of: str) -> str:
    """A moment as it was given, a day as its beginning; raises UsageError."""
    text = f"{as_of}T00:00:00Z" if _DAY.fullmatch(as_of) else as_of
    if text:
        try:
            parse_timestamp(text)
        except ValueError:
            step = "write it as 2026-11-24T10:00:00Z or 2026-11-24"
            raise UsageError(f"{as_of[:60]!r} is no moment", step=step) from None
    return text


def since_text(since: int) -> str:
    """RFC 3339; "" for what always held, and for what a document without a date says."""
    return moment_text(since) if since > 1 else ""


def seconds(when: str) -> int | None:
    """Since 1970; None for now."""
    return graph.moment(when) if when else None


def pages(ids: Sequence[int]) -> Iterator[list[int]]:
    """Some hundred ids at a time."""
    for begin in range(0, len(ids), _PAGE):
        yield [int(number) for number in ids[begin : begin + _PAGE]]


def kind(node: Known, held: Sequence[Holder]) -> NodeKind:
    """What the registry publishes is a model, whatever its BOM calls the folder."""
    return NodeKind.MODEL if held else node.kind


def _stage(held: Sequence[Holder]) -> str:
    channels = {channel for one in held for channel in one.channels}
    first = next((name for name in _FIRST if name in channels), "")
    return first or min(channels, default=NONE if held else OUTSIDE)


def _rank(held: Sequence[Holder]) -> int:
    stage = _stage(held)
    return _FIRST.index(stage) if stage in _FIRST else {NONE: 3, OUTSIDE: 4}.get(stage, 2)


def is_hidden(held: Sequence[Holder], sees: Sees | None) -> bool:
    """Whether it is published, and nothing of it may be read."""
    return sees is not None and bool(held) and not any(sees(one.project, one.model) for one in held)


def called(node: Known) -> str:
    """As people name it."""
    if node.kind is NodeKind.LIBRARY and node.purl:
        return node.purl
    return f"{node.name}@{node.version}" if node.version and node.name else node.name or node.key
