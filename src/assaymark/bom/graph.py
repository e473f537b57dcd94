"""The graph grows by documents: what each claims is merged with what stands there, and nothing is overwritten.

Writers take turns (SQLite has one writer; in PostgreSQL they hold a lock until they commit), so the log of edges is in the
order of commits and its readers miss nothing.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import sqlalchemy as sa

from assaymark.bom import graph_log, graph_merge
from assaymark.bom.graph_log import Changes
from assaymark.bom.graph_merge import Disagreement, chunks
from assaymark.bom.graph_tables import EDGE_NUMBER, NOBODY, NODE_NUMBER, documents, edges, sources
from assaymark.core.clock import parse_timestamp
from assaymark.core.errors import Malformed, OverBudget
from assaymark.core.graph import Claims, EdgeKind, NodeKind

MOST_EDGES = 5_000_000
"""Of one document. A model with as many inputs has them in a few datasets."""
_LATEST = 0xFFFFFFFE
_LOCK = 0x6772617068  # "graph"

Triple = tuple[int, int, int]
"""Source, kind, target."""


@dataclass(frozen=True, slots=True)
class Added:
    """What an addition did. `is_new` is False for a document that was here; `disagreements` is what people should look at."""

    is_new: bool
    opened: int = 0
    ended: int = 0
    disagreements: tuple[Disagreement, ...] = ()


@dataclass(slots=True)
class _Writing:
    connection: sa.Connection
    changes: Changes = field(default_factory=Changes)
    opened: int = 0
    ended: int = 0

    def insert(self, rows: Iterable[tuple[Triple, int, int, int | None]]) -> None:
        """New edges: triple, origin, from, to."""
        values = []
        for (source, kind, target), origin, since, until in rows:
            self.changes.open(source, target, kind, since, until)
            values.append(
                {"source": source, "origin": origin, "target": target, "kind": kind,
                 "valid_from": since, "valid_to": until}
            )  # fmt: skip
        self.opened += len(values)
        if values:
            self.connection.execute(edges.insert(), values)


def add(connection: sa.Connection, claims: Claims) -> Added:
    """Add what a document claims, in the caller's transaction. The same document again changes nothing.

    An earlier document of the series is ended: edges that this one does not repeat are valid until its `at`, those that both
    have go on. A document that comes late, with an `at` before that of one that is here, adds only to the past.
    Raises Malformed for claims that name nodes which nobody described, OverBudget beyond MOST_EDGES.
    """
    take_turn(connection)
    if len(claims.edges) > MOST_EDGES:
        step = "say what a dataset contains in a document of the dataset"
        raise OverBudget(f"{len(claims.edges)} edges in one document; {MOST_EDGES} are allowed", step=step)
    if connection.execute(sa.select(documents.c.id).where(documents.c.digest == claims.document)).first():
        return Added(is_new=False)
    at = moment(claims.at)
    merged = graph_merge.merge(connection, claims.nodes)
    writing = _Writing(connection)
    said, fixed = _triples(claims, merged.ids, _locked(claims))
    _timeless(writing, fixed | merged.names)
    _document(writing, claims, at, merged.ids[claims.subject], said)
    graph_log.append(connection, writing.changes.packed())
    return Added(is_new=True, opened=writing.opened, ended=writing.ended, disagreements=merged.disagreements)


def take_turn(connection: sa.Connection) -> None:
    """Write to the graph alone until the transaction ends: SQLite has one writer anyhow."""
    if connection.dialect.name != "sqlite":
        connection.execute(sa.text("SELECT pg_advisory_xact_lock(:key)"), {"key": _LOCK})


def moment(at: str) -> int:
    """RFC 3339 -> seconds since 1970; raises Malformed."""
    try:
        return min(max(int(parse_timestamp(at).timestamp()), 1), _LATEST)
    except ValueError as error:
        raise Malformed(f"not a moment: {at!r:.60}", step="write it as 2026-11-24T10:00:00Z") from error


def _locked(claims: Claims) -> set[str]:
    """Environments known by the digest of their lock: what such a lock contains does not depend on who says it, or when."""
    return {node.key for node in claims.nodes if node.kind is NodeKind.ENVIRONMENT and node.key.startswith("sha256:")}


def _triples(claims: Claims, ids: dict[str, int], locked: set[str]) -> tuple[set[Triple], set[Triple]]:
    """Edges as numbers: those of the series, and those of nobody. A node does not come from itself."""
    said: set[Triple] = set()
    fixed: set[Triple] = set()
    if claims.subject not in ids:
        raise Malformed(f"the claims do not describe their subject: {claims.subject!r:.80}")
    try:
        for edge in claims.edges:
            source, target = ids[edge.source], ids[edge.target]
            if source != target:
                (fixed if edge.source in locked else said).add((source, EDGE_NUMBER[edge.kind], target))
    except KeyError as error:
        raise Malformed(f"an edge leads to a node that the claims do not describe: {error}") from error
    return said, fixed


def _timeless(writing: _Writing, triples: set[Triple]) -> None:
    """Edges that hold whoever says them: those that are not here yet."""
    known: set[Triple] = set()
    for some in chunks(sorted({source for source, _, _ in triples})):
        rows = sa.select(edges.c.source, edges.c.kind, edges.c.target)
        rows = rows.where(edges.c.source.in_(some), edges.c.origin == NOBODY)
        known.update((a, b, c) for a, b, c in writing.connection.execute(rows).all())
    writing.insert((triple, NOBODY, 0, None) for triple in sorted(triples - known))


def _document(writing: _Writing, claims: Claims, at: int, subject: int, said: set[Triple]) -> None:
    connection = writing.connection
    row: dict[str, Any] = {"digest": claims.document, "subject": subject, "series": claims.series, "at": at}
    series = _Series.of(connection, claims.series, at)
    found = connection.execute(documents.insert().values(**row, origin=0, ended_at=series.next_at)).inserted_primary_key
    number: int = found[0] if found else 0
    origin = series.origin or number
    connection.execute(documents.update().where(documents.c.id == number).values(origin=origin))
    before = list(_said(connection, origin)) if series.origin else []
    known = {row[0][0] for row in before}
    fresh = sorted({source for source, _, _ in said} - _sources(connection, origin, series.origin) - known)
    if fresh:
        connection.execute(sources.insert(), [{"origin": origin, "source": source} for source in fresh])
    if series.next_at is not None:
        held = {
            triple for triple, since, until in before if since <= at and (until is None or at < until or since == at)
        }
        writing.insert((triple, origin, at, series.next_at) for triple in sorted(said - held))
        return
    live = {triple: since for triple, since, until in before if until is None}
    _end(writing, origin, at, [(triple, since) for triple, since in sorted(live.items()) if triple not in said])
    again = {triple for triple, since, until in before if since == at and until is not None} & said
    _reopen(writing, origin, at, again)
    writing.insert((triple, origin, at, None) for triple in sorted(said - live.keys() - again))
    if series.origin:
        earlier = documents.update().where(documents.c.series == claims.series, documents.c.id != number)
        connection.execute(earlier.where(documents.c.ended_at.is_(None)).values(ended_at=at))


@dataclass(frozen=True, slots=True)
class _Series:
    """The origin of a series (0: its first document comes now), and when the next document of it begins."""

    origin: int
    next_at: int | None

    @classmethod
    def of(cls, connection: sa.Connection, series: str, at: int) -> "_Series":
        if not series:
            return cls(0, None)
        rows = sa.select(documents.c.origin, documents.c.at).where(documents.c.series == series)
        newest = connection.execute(rows.order_by(documents.c.at.desc()).limit(1)).first()
        if newest is None:
            return cls(0, None)
        if newest.at <= at:
            return cls(newest.origin, None)
        after = connection.execute(rows.where(documents.c.at > at).order_by(documents.c.at).limit(1)).one()
        return cls(newest.origin, after.at)


def _sources(connection: sa.Connection, origin: int, is_old: int) -> set[int]:
    if not is_old:
        return set()
    return set(connection.execute(sa.select(sources.c.source).where(sources.c.origin == origin)).scalars())


def _said(connection: sa.Connection, origin: int) -> Iterator[tuple[Triple, int, int | None]]:
    """All that a series has ever said."""
    rows = sa.select(edges.c.source, edges.c.kind, edges.c.target, edges.c.valid_from, edges.c.valid_to)
    rows = rows.join(sources, sa.and_(sources.c.source == edges.c.source, sources.c.origin == edges.c.origin))
    for source, kind, target, since, until in connection.execute(rows.where(sources.c.origin == origin)).all():
        yield (source, kind, target), since, until


def _row() -> sa.ColumnElement[bool]:
    return sa.and_(
        edges.c.source == sa.bindparam("b_source"), edges.c.origin == sa.bindparam("b_origin"),
        edges.c.target == sa.bindparam("b_target"), edges.c.kind == sa.bindparam("b_kind"),
        edges.c.valid_from == sa.bindparam("b_since"),
    )  # fmt: skip


def _end(writing: _Writing, origin: int, at: int, rows: Sequence[tuple[Triple, int]]) -> None:
    values = []
    for (source, kind, target), since in rows:
        writing.changes.close(source, target, kind, since, at)
        values.append({"b_source": source, "b_origin": origin, "b_target": target, "b_kind": kind, "b_since": since})
    writing.ended += len(values)
    if values:
        writing.connection.execute(edges.update().where(_row()).values(valid_to=at), values)


def _reopen(writing: _Writing, origin: int, at: int, triples: set[Triple]) -> None:
    """What one document ended, and another one of the very same second says again."""
    values = []
    for source, kind, target in sorted(triples):
        writing.changes.open(source, target, kind, at)
        values.append({"b_source": source, "b_origin": origin, "b_target": target, "b_kind": kind, "b_since": at})
    if values:
        writing.connection.execute(edges.update().where(_row()).values(valid_to=None), values)


def number_of(kinds: Iterable[NodeKind]) -> list[int]:
    """Kinds of nodes as the tables write them."""
    return sorted(NODE_NUMBER[kind] for kind in kinds)


def mask_of(kinds: Iterable[EdgeKind] | None) -> tuple[int, ...] | None:
    """Kinds of edges as the tables write them, with NAMES, which no question leaves out; None for all."""
    return (
        None if kinds is None else tuple(sorted({EDGE_NUMBER[kind] for kind in kinds} | {EDGE_NUMBER[EdgeKind.NAMES]}))
    )
