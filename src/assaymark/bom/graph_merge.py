"""Nodes of a document, merged with those that are here: by key, and nothing is overwritten.

Two that claim one purl stay two nodes with one alias. Where a document calls a node by another kind or name than it has, the
node answers to both, and the disagreement is reported. A name that other documents use for what is here (a base model by its
purl, while its own BOM has its digest) is tied to it by an edge, so that what affects the one affects the other.
"""

import hashlib
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

import sqlalchemy as sa

from assaymark.bom.graph_purls import split
from assaymark.bom.graph_tables import EDGE_NUMBER, NODE_KINDS, NODE_NUMBER, aliases, nodes, packages
from assaymark.core.errors import Malformed
from assaymark.core.graph import EdgeKind, Node, NodeKind

LONGEST = 600
"""Characters of a key or an alias: PostgreSQL's B-trees take 2,704 bytes."""
_CHUNK = 900
_NAMES = EDGE_NUMBER[EdgeKind.NAMES]
_BORNE = {NODE_NUMBER[NodeKind.MODEL], NODE_NUMBER[NodeKind.DATA]}
"""Kinds that documents call by names while others know their bytes. A library's key is its purl already."""
_T = TypeVar("_T")


@dataclass(frozen=True, slots=True)
class Disagreement:
    """A node is called otherwise than before: kind and name that stand here, and those of this document."""

    key: str
    stored: tuple[str, str]
    said: tuple[str, str]


@dataclass(frozen=True, slots=True)
class Merged:
    """Key -> id, of all nodes of the document; edges from names to what bears them; and what did not agree."""

    ids: dict[str, int]
    names: set[tuple[int, int, int]]
    disagreements: tuple[Disagreement, ...]


@dataclass(frozen=True, slots=True)
class _Fresh:
    """A node that is new, or of which something new was said."""

    id: int
    kind: int
    node: Node
    is_new: bool


def chunks(values: Sequence[_T], size: int = _CHUNK) -> Iterator[Sequence[_T]]:
    """Parts of a list that a statement can take."""
    for begin in range(0, len(values), size):
        yield values[begin : begin + size]


def merge(connection: sa.Connection, described: Sequence[Node]) -> Merged:
    """Insert the nodes that are new and what is new of others."""
    by_key = {node.key: node for node in described}
    for node in described:
        if not node.key or not all(map(_is_name, (node.key, node.name, node.version, *node.aliases))):
            raise Malformed(f"not a name for a node: {node.key!r:.80}; at most {LONGEST} characters")
    known = _known(connection, sorted(by_key))
    missing = [node for key, node in sorted(by_key.items()) if key not in known]
    if missing:
        rows = [
            {"key": n.key, "kind": NODE_NUMBER[n.kind], "name": n.name, "version": n.version, "purl": n.purl, "said": _said(n)}
            for n in missing
        ]  # fmt: skip
        connection.execute(nodes.insert(), rows)
    new = _known(connection, [node.key for node in missing])
    ids = {key: row.id for key, row in (*known.items(), *new.items())}
    fresh = [_Fresh(new[node.key].id, NODE_NUMBER[node.kind], node, is_new=True) for node in missing]
    disagreements, more = _changed(connection, known, by_key)
    fresh += more
    calls = {(alias, one.id) for one in fresh for alias in _aliases(one.node)}
    for said in disagreements:
        calls |= {(f"{kind}:{name}"[:LONGEST], ids[said.key]) for kind, name in (said.stored, said.said)}
    _insert(connection, aliases, [{"alias": alias, "node": node} for alias, node in sorted(calls)])
    held = {(*split(text), one.id) for one in fresh for text in _purls(one.node)}
    _insert(connection, packages, [{"package": a, "version": b, "node": c} for a, b, c in sorted(held)])
    return Merged(ids, set(_names(connection, fresh)), tuple(disagreements))


def _said(node: Node) -> int:
    """A mark of everything that a document says of a node, 63 bits."""
    text = "\0".join((node.kind, node.name, node.version, node.purl, *sorted(node.aliases)))
    return int.from_bytes(hashlib.blake2b(text.encode("utf-8", "replace"), digest_size=8).digest(), "big") >> 1


def _known(connection: sa.Connection, keys: Sequence[str]) -> dict[str, Any]:
    """Nodes by key. One parameter for all keys: hundreds of them would take longer to bind than to look up."""
    is_sqlite = connection.dialect.name == "sqlite"
    given = "SELECT value FROM json_each(:keys)" if is_sqlite else "SELECT unnest(CAST(:keys AS text[]))"
    rows = sa.text(f"SELECT id, key, kind, name, said FROM graph_nodes WHERE key IN ({given})")  # noqa: S608 - words of ours
    found = {}
    for some in chunks(keys, 20_000):
        bound = json.dumps(some) if is_sqlite else list(some)
        found.update({row.key: row for row in connection.execute(rows, {"keys": bound}).all()})
    return found


def _is_name(text: str) -> bool:
    """Whether both databases take it."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return len(text) <= LONGEST and "\0" not in text


def _changed(
    connection: sa.Connection, known: dict[str, Any], by_key: dict[str, Node]
) -> tuple[list[Disagreement], list[_Fresh]]:
    """Nodes that were here, and are described otherwise than the last time."""
    disagreements, fresh, updates = [], [], []
    for key, row in known.items():
        node = by_key[key]
        mark = _said(node)
        if mark == row.said:
            continue
        stored = (str(NODE_KINDS[row.kind]), row.name)
        if stored != (node.kind, node.name):
            disagreements.append(Disagreement(key, stored, (str(node.kind), node.name)))
        fresh.append(_Fresh(row.id, row.kind, node, is_new=False))
        updates.append({"b_id": row.id, "said": mark})
    if updates:
        connection.execute(nodes.update().where(nodes.c.id == sa.bindparam("b_id")), updates)
    return disagreements, fresh


def _aliases(node: Node) -> set[str]:
    return ({*node.aliases, node.purl} - {"", node.key}) if len(node.purl) <= LONGEST else {*node.aliases} - {node.key}


def _purls(node: Node) -> set[str]:
    return {text for text in (node.key, node.purl, *node.aliases) if text.startswith("pkg:") and len(text) <= LONGEST}


def _insert(connection: sa.Connection, table: sa.Table, rows: list[dict[str, object]]) -> None:
    """Rows, of which some may be there."""
    if not rows:
        return
    if connection.dialect.name == "sqlite":
        from sqlalchemy.dialects import sqlite

        connection.execute(sqlite.insert(table).on_conflict_do_nothing(), rows)
    else:
        from sqlalchemy.dialects import postgresql  # a server on SQLite need not have it

        connection.execute(postgresql.insert(table).on_conflict_do_nothing(), rows)


def _is_own(name: str) -> bool:
    """Whether a name is that of one thing: `model:org/net` and not `model:net`, as any folder may be called."""
    return not name.startswith(("model:", "data:")) or "/" in name


def _names(connection: sa.Connection, fresh: list[_Fresh]) -> Iterator[tuple[int, int, int]]:
    """Edges from nodes that are only a name to the nodes that bear it, whichever of the two came first."""
    borne = [one for one in fresh if one.kind in _BORNE]
    calls: dict[str, set[int]] = {}
    for one in borne:
        purls = _purls(one.node)
        for text in {*filter(_is_own, _aliases(one.node)), *purls, *(split(purl)[0] for purl in purls)}:
            calls.setdefault(text, set()).add(one.id)
    for some in chunks(sorted(calls)):
        rows = sa.select(nodes.c.id, nodes.c.key).where(nodes.c.key.in_(some), nodes.c.kind.in_(_BORNE))
        for row in connection.execute(rows):
            yield from ((row.id, _NAMES, bearer) for bearer in calls[row.key] if bearer != row.id)
    for part in chunks([one for one in borne if one.is_new]):
        named = {one.node.key: one.id for one in part}
        bare = [key for key in named if key.startswith("pkg:") and not split(key)[1]]
        for table, column, keys in (
            (aliases, aliases.c.alias, [*filter(_is_own, named)]),
            (packages, packages.c.package, bare),
        ):
            rows = sa.select(column.label("name"), table.c.node).join(nodes, nodes.c.id == table.c.node)
            for row in connection.execute(rows.where(column.in_(keys), nodes.c.kind.in_(_BORNE))) if keys else ():
                if named[row.name] != row.node:
                    yield (named[row.name], _NAMES, row.node)
