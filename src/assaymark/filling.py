"""The graph is filled from what stands in the registry: seals, evidence, deployments, and bills of materials of other things.

Each piece is a row, and what it says is read from that row, when it lands as when the graph is made anew: so the graph is
what the stored evidence says. What lands goes to the graph in the transaction in which it lands. What the graph cannot take (a
bill of materials that breaks a limit) is evidence nevertheless; a gap says so.
"""

import json
from collections.abc import Iterator
from contextlib import closing, suppress
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from assaymark.bom import graph, graph_tables
from assaymark.core import bom
from assaymark.core.envelope import Envelope
from assaymark.core.errors import AssayError
from assaymark.core.evidence import SEAL, read_statement
from assaymark.core.graph import Claims
from assaymark.core.ports import ObjectStore
from assaymark.core.trust import TrustRoot
from assaymark.registry import tables
from assaymark.registry.graph_tables import boms, deployments, gaps
from assaymark.registry.models import name_of_version
from assaymark.registry.versions import manifest_of
from assaymark.storage.database import Database
from assaymark.storage.keys import public_of

PROVENANCE = "https://slsa.dev/provenance/v1"
"""bom.claims_provenance.TYPE."""
_TYPES = (SEAL, PROVENANCE, *sorted(bom.TYPES))


@dataclass(frozen=True, slots=True, order=True)
class _Piece:
    """A row that says something, and its place in time."""

    at: str
    kind: str
    number: int


class Filling:
    """Fills the graph of one registry. Threads may share it."""

    def __init__(self, store: ObjectStore) -> None:
        self._store = store
        self._roots: tuple[int, tuple[TrustRoot, ...]] = (0, ())

    def learn(self, connection: sa.Connection, kind: str, number: int) -> None:
        """Take what a row says, in the caller's transaction."""
        self._take(connection, connection, kind, number)

    def rebuild(self, connection: sa.Connection) -> int:
        """Make the graph anew from what is stored; returns how many pieces it was made from."""
        graph.take_turn(connection)
        pieces = self._pieces(connection)
        for table in reversed(graph_tables.metadata.sorted_tables):
            connection.execute(table.delete())
        connection.execute(gaps.delete())
        for piece in pieces:
            self._take(connection, connection, piece.kind, piece.number)
        return len(pieces)

    def problems(self, connection: sa.Connection) -> Iterator[str]:
        """Where the graph is not what the stored evidence says; and what it could not take."""
        for gap in connection.execute(sa.select(gaps).order_by(gaps.c.document)):
            yield f"the graph lacks {gap.document}: {gap.why}"
        with closing(Database.open("sqlite://", [graph_tables.metadata])) as made, made.write() as other:
            for piece in self._pieces(connection):
                self._take(connection, other, piece.kind, piece.number)
            wanted, found = set(_content(other)), set(_content(connection))
        step = "make it anew: assay registry graph rebuild"
        for what, lines in (
            ("lacks what evidence says", wanted - found),
            ("says what no evidence does", found - wanted),
        ):
            if lines:
                yield f"the graph {what}, {len(lines):,} times, as {min(lines)!r:.300}; {step}"

    def _take(self, source: sa.Connection, target: sa.Connection, kind: str, number: int) -> None:
        """Read a row from the one, and add what it says to the graph in the other."""
        document = f"{kind}:{number}"
        version: int | None = None
        try:
            if kind == "envelope":
                row = source.execute(sa.select(tables.envelopes).where(tables.envelopes.c.id == number)).one()
                if row.predicate_type not in _TYPES:
                    return
                document, version = _document(row), row.version
                with target.begin_nested():
                    for said in self._of_envelope(source, row):
                        graph.add(target, said)
            elif kind == "bom":
                row = source.execute(sa.select(boms).where(boms.c.id == number)).one()
                document = f"bom:{row.digest}"
                with target.begin_nested():
                    graph.add(target, self._of_bom(row))
            else:
                graph.add(target, _of_deployment(source, kind, number))
        except AssayError as error:
            if source is target:
                values = {"document": document, "version": version, "why": error.message[:2_000]}
                target.execute(gaps.insert().values(**values))

    def _of_envelope(self, connection: sa.Connection, row: Any) -> Iterator[Claims]:
        from assaymark.bom import claims_registry
        from assaymark.bom.claims_provenance import built
        from assaymark.bom.cyclonedx.read import facts
        from assaymark.bom.formats import of, parse

        version = _version(connection, row.version)
        envelope = Envelope.from_json(row.document.encode())
        said = read_statement(envelope)
        document = _document(row)
        if row.predicate_type == SEAL:
            files = manifest_of(connection, row.version).files
            publisher = str(said.predicate.get("publisher", ""))
            yield claims_registry.sealed(version, publisher, files, document, row.at)
            yield from _lineage(connection, row)
            return
        # Of each type, what each signer said last stands: nobody ends what another one says.
        series = f"{version} {row.predicate_type} {' '.join(sorted(self._signers(connection, envelope)))}"
        if row.predicate_type == PROVENANCE:
            yield built(version, said.predicate, document, row.at, series)
            return
        form, content = parse(json.dumps(said.predicate, ensure_ascii=False).encode(), "the bill of materials")
        made = facts(content) if form.startswith("cyclonedx") else of(form, content)
        yield claims_registry.described(version, made, document, row.at, series)

    def _of_bom(self, row: Any) -> Claims:
        from assaymark.bom.claims import claims

        with self._store.open(row.blob) as reader:
            made = opened(b"".join(reader))
        series = f"bom {row.signers or 'unsigned'} {row.series}" if row.series else ""
        return claims(made, f"bom:{row.digest}", row.at, series)

    def _signers(self, connection: sa.Connection, envelope: Envelope) -> frozenset[str]:
        """The keys of the oldest trust root that knows any of them: what later ones know changes nothing."""
        newest = connection.execute(sa.select(sa.func.max(tables.roots.c.version))).scalar() or 0
        held, roots = self._roots
        if held != newest:
            texts = connection.execute(sa.select(tables.roots.c.document).order_by(tables.roots.c.version)).scalars()
            roots = tuple(TrustRoot.read(Envelope.from_json(text.encode()).payload, public_of) for text in texts)
            self._roots = (newest, roots)
        return next((found for root in roots if (found := root.signers(envelope))), frozenset())

    def _pieces(self, connection: sa.Connection) -> list[_Piece]:
        """All that says something, in the order in which it came as far as the graph knows it, else by time."""
        known = {
            document: number
            for number, document in connection.execute(
                sa.select(graph_tables.documents.c.id, graph_tables.documents.c.digest)
            )
        }
        end = len(known) and max(known.values()) + 1
        found: list[tuple[int, _Piece]] = []
        said = tables.envelopes.c
        rows = sa.select(said.id, said.at, said.digest, said.version).where(said.predicate_type.in_(_TYPES))
        found.extend(
            (known.get(_document(row), end), _Piece(row.at, "envelope", row.id)) for row in connection.execute(rows)
        )
        found.extend(
            (known.get(f"bom:{row.digest}", end), _Piece(row.at, "bom", row.id))
            for row in connection.execute(sa.select(boms.c.id, boms.c.at, boms.c.digest))
        )
        for row in connection.execute(sa.select(deployments).order_by(deployments.c.id)):
            found.append((known.get(f"deployed:{row.id}", end), _Piece(row.since, "deployed", row.id)))
            if row.until is not None:
                found.append((known.get(f"undeployed:{row.id}", end), _Piece(row.until, "undeployed", row.id)))
        # Of two deployments in one second, the end of the first comes before the second one.
        found.sort(
            key=lambda one: (one[0], one[1].at, one[1].kind in {"deployed", "undeployed"}, one[1].number, one[1].kind)
        )
        return [piece for _, piece in found]


def opened(data: bytes) -> Any:
    """The BOM in a document, or in an envelope whose signature was looked at before."""
    from assaymark.bom.formats import read

    with suppress(AssayError):
        said = read_statement(Envelope.from_json(data))
        data = json.dumps(said.predicate, ensure_ascii=False).encode()
    return read(data, "the bill of materials")


def _document(row: Any) -> str:
    """What the graph calls an envelope's document: one piece of evidence may be about the bytes of several versions."""
    return f"{row.digest}#{row.version}"


def _version(connection: sa.Connection, number: int) -> Any:
    from assaymark.bom.claims_registry import Version

    name = name_of_version(connection, number)
    digest = connection.execute(sa.select(tables.versions.c.digest).where(tables.versions.c.id == number)).scalar_one()
    return Version(str(name.model), name.version, digest)


def _lineage(connection: sa.Connection, seal: Any) -> Iterator[Claims]:
    """What this version was made of, and what was made of it: once both are sealed."""
    from assaymark.bom.claims_registry import made_of

    lineage, envelopes = tables.lineage, tables.envelopes
    here = sa.or_(lineage.c.child == seal.version, lineage.c.parent == seal.version)
    for row in connection.execute(sa.select(lineage).where(here).order_by(lineage.c.child, lineage.c.parent)).all():
        other = row.parent if row.child == seal.version else row.child
        sealed = sa.select(envelopes.c.id).where(
            envelopes.c.version == other, envelopes.c.predicate_type == SEAL, envelopes.c.id < seal.id
        )
        if connection.execute(sealed).first() is not None:
            child, parent = _version(connection, row.child), _version(connection, row.parent)
            yield made_of(child, parent, row.kind, f"lineage:{row.child}:{row.parent}:{row.kind}", seal.at)


def _of_deployment(connection: sa.Connection, kind: str, number: int) -> Claims:
    from assaymark.bom import claims_registry

    row = connection.execute(sa.select(deployments).where(deployments.c.id == number)).one()
    document = f"{kind}:{number}"
    if kind == "undeployed":
        return claims_registry.stopped(row.environment, row.name, document, row.until)
    version = _version(connection, row.version)
    return claims_registry.deployed(version, row.environment, row.name, document, row.since)


def _content(connection: sa.Connection) -> Iterator[str]:
    """Every node with its names, and every edge with when it held, as text that does not depend on numbers of rows."""
    nodes, aliases, edges = graph_tables.nodes, graph_tables.aliases, graph_tables.edges
    keys = {row.id: row.key for row in connection.execute(sa.select(nodes.c.id, nodes.c.key))}
    yield from keys.values()
    for row in connection.execute(sa.select(aliases)):
        yield f"{keys.get(row.node)} is called {row.alias}"
    series = {0: ""}
    rows = sa.select(graph_tables.documents.c.id, graph_tables.documents.c.digest, graph_tables.documents.c.series)
    for row in connection.execute(rows):
        series[row.id] = row.series or row.digest
    for row in connection.execute(sa.select(edges)):
        kind = graph_tables.EDGE_KINDS[row.kind]
        yield (
            f"{keys.get(row.source)} {kind} {keys.get(row.target)} from {row.valid_from} to {row.valid_to or ''}"
            f" by {series.get(row.origin)}"
        )


__all__ = ["PROVENANCE", "Filling", "opened"]
