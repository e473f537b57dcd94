"""Which models are affected by WHAT, by which way, and what went into a model: of a registry, or of some BOMs."""

import dataclasses
import json
import os
import tempfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Protocol
from weakref import WeakKeyDictionary

from assaymark.bom import graph, graph_near, graph_tables, graph_tree, graph_walk, selectors
from assaymark.core.errors import NotFound, UsageError
from assaymark.core.graph import NodeKind
from assaymark.core.impact import Impact, Json, Seed
from assaymark.graphs import Graph, moment_text
from assaymark.impact_answers import (
    ROOTS,
    Ground,
    Question,
    Sees,
    Ways,
    called,
    is_hidden,
    moment,
    pages,
    seconds,
    since_text,
)  # fmt: skip
from assaymark.registry import impacted

if TYPE_CHECKING:
    import sqlalchemy as sa

    from assaymark.bom.selectors import Advisory, Selection
    from assaymark.registrar import Registrar
    from assaymark.registry.work import Work

ANCESTRY = "assaymark/ancestry/v1"
WHY = "assaymark/impact-path/v1"
_KINDS = (NodeKind.MODEL, NodeKind.DATA)
_SEEDS = 200
"""Of an answer that are named."""
_LARGEST = 4 << 20
"""Bytes of an OSV record."""


class Reader:
    """Questions to one graph."""

    def __init__(self, ground: Ground, advisory: "Advisory | None" = None) -> None:
        self.ground = ground
        self.advisory = advisory

    def impact(
        self, what: "str | Mapping[str, Any]", *, as_of: str = "", channel: str = "",
        kinds: Iterable[NodeKind] | None = None, sees: Sees | None = None,
    ) -> Impact:  # fmt: skip
        """All that comes from WHAT. `sees` is None for whoever may read all; others get versions that they may read, no more.

        Raises NotFound where nothing in the graph has that name: that is not the same as nobody affected.
        """
        when = moment(as_of)
        chosen = self._select(what, limited=sees is not None)
        asked = Question(self.ground, chosen, when, channel, frozenset(kinds or _KINDS), sees)
        asked.count()
        if sees is not None and not asked.counts.hits and not self._is_known(chosen, sees):
            raise _unknown(chosen.what)
        seeds = () if sees is not None else tuple(self._seeds(chosen))
        notes = () if sees is not None else tuple(chosen.notes)
        return Impact(
            chosen.what, when, channel, seeds, len(chosen.seeds) if sees is None else 0, notes, chosen.withdrawn,
            asked.counts, asked.after,
        )  # fmt: skip

    def why(self, model: str, what: "str | Mapping[str, Any]", *, as_of: str = "", sees: Sees | None = None) -> Json:
        """The way from WHAT to a model; its `path` is [] where there is none."""
        when = moment(as_of)
        chosen = self._select(what, limited=sees is not None)
        with self.ground.graph.database.read() as connection:
            own = self._model(connection, model, sees)
            found = (graph_walk.path(connection, chosen.seeds, node, None, seconds(when)) for node in own)
            way = min((path for path in found if path), key=len, default=[])
            nodes = [way[0].source, *(step.target for step in way)] if way else sorted(set(own) & set(chosen.seeds))[:1]
            if sees is not None and not nodes:
                return {"schema": WHY, "model": model, "what": chosen.what, "as_of": when, "path": []}
            path = Ways(self.ground, connection, seconds(when), sees).steps(nodes)
        return {
            "schema": WHY,
            "model": model,
            "what": chosen.what,
            "as_of": when,
            "path": [dataclasses.asdict(step) for step in path],
        }

    def ancestry(self, model: str, *, as_of: str = "", sees: Sees | None = None) -> Json:
        """All that went into a model, each with the way by which it did."""
        when = moment(as_of)
        at = seconds(when)
        with self.ground.graph.database.read() as connection:
            own = self._model(connection, model, sees)
            ids = sorted(graph_walk.ancestry(connection, own, None, at))
            nodes = list(graph_walk.described(connection, ids))
            held = self.ground.holders(connection, nodes, when)
            shut = {n.id for n in nodes if is_hidden(held.get(n.key, ()), sees)}
            edges = list(graph_walk.edges_between(connection, ids, None, at))
        if shut:  # what is behind them is known by them alone, unless there is another way
            seen = graph_tree.open_from(own, edges, shut)
            nodes = [node for node in nodes if node.id in seen]
            edges = [step for step in edges if step.source in seen and step.target in seen]
        keys = {node.id: node.key for node in nodes}
        return {
            "schema": ANCESTRY, "model": model, "as_of": when, "hidden": len(shut),
            "nodes": [
                {"key": n.key, "kind": str(n.kind), "name": n.name, "version": n.version, "purl": n.purl,
                 "versions": [holder.name for holder in held.get(n.key, ()) if sees is None or sees(holder.project, holder.model)]}
                for n in nodes
            ],
            "edges": [
                {"source": keys[s.source], "kind": str(s.kind), "target": keys[s.target],
                 "since": since_text(s.since), "until": moment_text(s.until)}
                for s in sorted(edges, key=lambda one: (one.source, one.target, one.kind, one.since))
            ],
        }  # fmt: skip

    def _select(self, what: "str | Mapping[str, Any]", *, limited: bool) -> "Selection":
        with self.ground.graph.database.read() as connection:
            try:
                return selectors.select(connection, what, self.advisory)
            except NotFound as error:
                if limited or not isinstance(what, str):
                    raise _unknown(str(what)) if limited else error from None
                near = graph_near.near(connection, what)
                raise NotFound(error.message, step=f"did you mean {', '.join(near)}?" if near else error.step) from None
            except UsageError as error:
                if limited and " can mean " in error.message:
                    step = "write what kind it is: model:NAME, dataset:NAME, publisher:NAME, pkg:TYPE/NAME"
                    raise UsageError(f"{what!r:.80} can mean several things", step=step) from None
                raise

    def _seeds(self, chosen: "Selection") -> Iterator[Seed]:
        unsure = {one.node: one.why for one in chosen.unsure}
        for node in self.ground.graph.nodes(chosen.seeds[:_SEEDS]):
            yield Seed(node.key, str(node.kind), called(node), unsure.get(node.id, ""))

    def _model(self, connection: "sa.Connection", name: str, sees: Sees | None) -> list[int]:
        """The nodes that are meant by a model's name; raises NotFound."""
        try:
            found = list(selectors.select(connection, name, None).seeds)
        except NotFound:
            raise NotFound(f"the graph knows no model {name[:200]!r}, or it is not for you to see") from None
        if sees is None:
            return found
        held = self.ground.holders(connection, graph_walk.described(connection, found))
        visible = {key for key, all_ in held.items() if any(sees(one.project, one.model) for one in all_)}
        kept = [node.id for node in graph_walk.described(connection, found) if node.key in visible]
        if not kept:
            raise NotFound(f"the graph knows no model {name[:200]!r}, or it is not for you to see")
        return kept

    def _is_known(self, chosen: "Selection", sees: Sees) -> bool:
        """Whether something that he may read ever came from it: else he learns no more than that it is unknown."""
        ever = self.ground.graph.affected(chosen.seeds, ever=True)
        with self.ground.graph.database.read() as connection:
            for page in pages(self.ground.graph.of_kind(ever.ids, (NodeKind.MODEL, ROOTS))):
                held = self.ground.holders(connection, graph_walk.described(connection, page))
                if any(sees(one.project, one.model) for all_ in held.values() for one in all_):
                    return True
        return False


_READERS: "WeakKeyDictionary[Registrar, Reader]" = WeakKeyDictionary()


def reader_of(registrar: "Registrar") -> Reader:
    """The reader of a registry; its arrays stay warm as long as the registry is open."""
    found = _READERS.get(registrar)
    if found is None:
        home = os.path.dirname(registrar.folder)
        made = Graph(registrar.database, registrar.folder)
        found = _READERS.setdefault(registrar, Reader(Ground(made), lambda name: advisory(home, name)))
    return found


def impact(registrar: "Registrar", what: "str | Mapping[str, Any]", **options: Any) -> Impact:
    """See Reader."""
    return reader_of(registrar).impact(what, **options)


def why(registrar: "Registrar", model: str, what: "str | Mapping[str, Any]", **options: Any) -> Json:
    """See Reader."""
    return reader_of(registrar).why(model, what, **options)


def ancestry(registrar: "Registrar", model: str, **options: Any) -> Json:
    """See Reader."""
    return reader_of(registrar).ancestry(model, **options)


def closure(work: "Work", what: "str | Mapping[str, Any]", known: "Advisory | None" = None) -> list[int]:
    """Ids of all versions of the registry that come from WHAT now, by this transaction's state: the reference, no arrays."""
    chosen = selectors.select(work.connection, what, known)
    found = graph_walk.affected(work.connection, chosen.seeds)
    nodes = graph_walk.described(work.connection, graph_walk.of_kind(work.connection, found, (NodeKind.MODEL, ROOTS)))
    held = impacted.holders(work.connection, [node.key for node in nodes])
    return sorted({one.id for all_ in held.values() for one in all_})


def advisory(home: str, name: str) -> Mapping[str, Any] | None:
    """The OSV record of that id, or of all that have it as an alias together; None where the home's feeds have none."""
    from assaymark.storage.advisories import open_store

    store = open_store(home)
    if store is None:
        return None
    try:
        ids = dict.fromkeys(str(one.head[0]) for one in store.by_id(name))
        records: list[Json] = [json.loads(text) for text in map(store.document, ids) if text]
    finally:
        store.close()
    standing = [record for record in records if not record.get("withdrawn")]
    if len(standing) <= 1:
        return next(iter(standing or records), None)
    return {"id": name, "affected": [entry for record in standing for entry in record.get("affected") or ()]}


def _unknown(what: str) -> NotFound:
    return NotFound(f"nothing that you may see is called {what[:200]!r}, or comes from it")


class Asked(Protocol):
    """Where questions go: a desk, a client, or BOMs."""

    def impact(self, what: Any, *, as_of: str = "", channel: str = "") -> Iterator[Json]:
        """The head, every hit, the end."""

    def why(self, model: str, what: Any, *, as_of: str = "") -> Json:
        """The way."""

    def ancestry(self, model: str, *, as_of: str = "") -> Json:
        """All that went into it."""


class _Boms:
    """Some BOMs, asked as a registry is."""

    def __init__(self, reader: Reader) -> None:
        self._reader = reader

    def impact(self, what: Any, *, as_of: str = "", channel: str = "") -> Iterator[Json]:
        if channel:
            raise UsageError("BOMs know no channels", step="ask a registry: leave out --bom")
        return self._reader.impact(what, as_of=as_of).lines()

    def why(self, model: str, what: Any, *, as_of: str = "") -> Json:
        return self._reader.why(model, what, as_of=as_of)

    def ancestry(self, model: str, *, as_of: str = "") -> Json:
        return self._reader.ancestry(model, as_of=as_of)


@contextmanager
def of_boms(paths: Sequence[str], home: str | None = None) -> Iterator[Asked]:
    """Questions to some BOM documents alone. Each holds from its own date on; one without holds always."""
    from assaymark.bom.claims import claims
    from assaymark.boms import read
    from assaymark.core.digest import sha256
    from assaymark.settings import home as home_folder
    from assaymark.storage.database import Database

    with tempfile.TemporaryDirectory(prefix="assay-") as folder:
        database = Database.open(f"sqlite:///{folder}/graph.sqlite", [graph_tables.metadata])
        try:
            with database.write() as connection:
                for path in paths:
                    bom = read(path)
                    with open(path, "rb") as file:
                        digest = str(sha256(file.read()))
                    graph.add(connection, claims(bom, digest, bom.at or "1970-01-01T00:00:01Z", ""))
            yield _Boms(
                Reader(Ground(Graph(database, folder), registry=False), lambda name: advisory(home_folder(home), name))
            )
        finally:
            database.close()


def given(what: str) -> str | Mapping[str, Any]:
    """WHAT as somebody wrote it on this machine: an OSV record where it names a file, else as it is."""
    if not what.endswith(".json") or not os.path.isfile(what):
        return what
    from assaymark.core.strictjson import loads

    with open(what, "rb") as file:
        record = loads(file.read(_LARGEST + 1), what, limit=_LARGEST, floats=True)
    if not isinstance(record, dict) or not isinstance(record.get("affected"), list):
        raise UsageError(f"{what} is no OSV record", step="a BOM is asked with --bom; a digest is written as it is")
    return record


def rendered(form: str, head: Json, lines: Iterator[Json]) -> Iterator[str]:
    """The answer as text, json, csv or html, in pieces."""
    from assaymark.report import impact, impact_html

    forms = {"text": impact.text, "json": impact.as_json, "csv": impact.as_csv, "html": impact_html.page}
    return forms[form](head, (line for line in lines if "end" not in line))


def told_why(form: str, found: Json) -> Iterator[str]:
    """A way as text or JSON."""
    from assaymark.report.impact import way

    if form == "json":
        yield json.dumps(found, indent=2) + "\n"
    elif form != "text":
        raise UsageError("a way is told as text or json", step="--format text")
    else:
        yield (way(found["path"]) or f"{found['what']} does not reach {found['model']}") + "\n"


def told_ancestry(form: str, found: Json) -> Iterator[str]:
    """Ancestry as text or JSON."""
    from assaymark.report.impact_ancestry import render

    if form == "json":
        yield json.dumps(found, indent=2) + "\n"
    elif form != "text":
        raise UsageError("the ancestry is told as text or json", step="--format text")
    else:
        yield from render(found)


def write(path: str, pieces: Iterable[str]) -> None:
    """Write an answer to a file, whole or not at all."""
    from assaymark.storage import output

    output.write(path, "".join(pieces))
