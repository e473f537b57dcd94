"""Whether rows, blobs, signatures and leaves fit each other. Rows are an index: what is signed and logged is the measure."""

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import sqlalchemy as sa

from assaymark.core.digest import sha256
from assaymark.core.envelope import Envelope
from assaymark.core.errors import AssayError
from assaymark.core.ports import NoSuchBlob, ObjectStore
from assaymark.core.trust import TrustRoot
from assaymark.registry import tables
from assaymark.registry.states import RequestState, VersionState
from assaymark.registry.versions import manifest_of

_versions, _models, _requests, _channels = tables.versions, tables.models, tables.requests, tables.channels
_PAGE = 500
_leaves = sa.table("ledger_leaves", sa.column("ticket"), sa.column("leaf"))
"""The ledger's own table, read by its name alone: this package does not know the adapter."""


def problems(connection: sa.Connection, store: ObjectStore, roots: Sequence[TrustRoot]) -> Iterator[str]:
    """A sentence for each thing that is wrong, in one state of the database.

    1. Every sealed version's blobs are there, with their sizes, and make the digest that was sealed.
    2. Every envelope is what its digest says, and is signed by a key that a trust root lists or listed.
    3. Every version and every request is in the state that its last leaf says, and every leaf has its row.
    4. Each channel stands at its last activation, and its counter is the number of activations.
    """
    yield from _blobs(connection, store)
    yield from _envelopes(connection, roots)
    yield from _states(connection)


def _blobs(connection: sa.Connection, store: ObjectStore) -> Iterator[str]:
    sizes: dict[str, int | None] = {}

    def size_of(blob: str) -> int | None:
        if blob not in sizes:
            try:
                sizes[blob] = store.size(blob)
            except NoSuchBlob:
                sizes[blob] = None
        return sizes[blob]

    for row in _living(connection):
        try:
            manifest = manifest_of(connection, row.id)
        except AssayError as error:
            yield f"{row.title}: its files make no manifest: {error.message}"
            continue
        if str(manifest.digest) != row.digest:
            yield f"{row.title}: its files make {manifest.digest}, not {row.digest}"
        if size_of(row.manifest) is None:
            yield f"{row.title}: its manifest {row.manifest} is not in the store"
        for file in manifest.files:
            found = size_of(file.sha256)
            if found != file.size:
                said = "is not in the store" if found is None else f"has {found:,} bytes there, not {file.size:,}"
                yield f"{row.title}: {file.path} ({file.sha256}) {said}"


def _living(connection: sa.Connection) -> Iterator[Any]:
    title = (_models.c.project + "/" + _models.c.name + "@" + _versions.c.name).label("title")
    wanted = (
        sa.select(_versions, title)
        .join(_models, _models.c.id == _versions.c.model)
        .where(_versions.c.freed_at.is_(None), _versions.c.digest.is_not(None), _versions.c.state != "tombstone")
        .order_by(_versions.c.id)
        .limit(_PAGE)
    )
    yield from _paged(connection, wanted, _versions.c.id)


def _envelopes(connection: sa.Connection, roots: Sequence[TrustRoot]) -> Iterator[str]:
    wanted = sa.select(tables.envelopes).order_by(tables.envelopes.c.id).limit(_PAGE)
    for row in _paged(connection, wanted, tables.envelopes.c.id):
        try:
            envelope = Envelope.from_json(row.document.encode())
        except AssayError as error:
            yield f"envelope {row.digest} cannot be read: {error.message}"
            continue
        if str(sha256(envelope.payload)) != row.digest:
            yield f"envelope {row.digest} holds another statement"
        if not any(root.signers(envelope) for root in reversed(roots)):
            yield f"envelope {row.digest} is signed by no key that a trust root ever listed"


def _states(connection: sa.Connection) -> Iterator[str]:
    logged = _Logged()
    for row in _paged(connection, sa.select(_leaves).order_by(_leaves.c.ticket).limit(_PAGE), _leaves.c.ticket):
        logged.add(row.ticket, json.loads(row.leaf))
    seen: set[tuple[str, str, str]] = set()
    wanted = (
        sa.select(_versions.c.id, _versions.c.name, _versions.c.state, _models.c.project, _models.c.name.label("model"))
        .join(_models, _models.c.id == _versions.c.model)
        .order_by(_versions.c.id)
        .limit(_PAGE)
    )
    for row in _paged(connection, wanted, _versions.c.id):
        key = (row.project, row.model, row.name)
        seen.add(key)
        said = logged.versions.get(key, VersionState.DRAFT)
        if said != row.state:
            yield f"{row.project}/{row.model}@{row.name} is {row.state}; the ledger says {said}"
    for lost in sorted(set(logged.versions) - seen):
        yield f"{lost[0]}/{lost[1]}@{lost[2]} is in the ledger and has no row"
    requests = {row.nonce: row for row in connection.execute(sa.select(_requests))}
    yield from _asked(requests, logged)
    yield from _channels_stand(connection, requests, logged)


def _asked(rows: Mapping[str, Any], logged: "_Logged") -> Iterator[str]:
    for row in rows.values():
        said = logged.requests.get(row.digest)
        if said != row.state:
            yield f"request {row.nonce} is {row.state}; the ledger says {said or 'nothing of it'}"
        if row.state == RequestState.ACTIVE and row.digest not in logged.activated.values():
            yield f"request {row.nonce} is active and no activation was logged"
    for lost in sorted(set(logged.requests) - {row.digest for row in rows.values()}):
        yield f"request {lost} is in the ledger and has no row"


def _channels_stand(connection: sa.Connection, rows: Mapping[str, Any], logged: "_Logged") -> Iterator[str]:
    wanted = sa.select(_channels, _models.c.project, _models.c.name.label("of")).join(
        _models, _models.c.id == _channels.c.model
    )
    stand: set[str] = set()
    for row in connection.execute(wanted):
        title = f"channel {row.name} of {row.project}/{row.of}"
        tickets = logged.tickets.pop((row.project, row.of, row.name), [])
        stand.add(row.request)
        if row.counter != len(tickets):
            yield f"{title} is at counter {row.counter}; {len(tickets)} activations were logged"
        if [row.ticket] != tickets[-1:] or logged.activated.get(row.ticket) != rows[row.request].digest:
            yield f"{title} does not stand at the last activation that was logged"
    for lost_channel in logged.tickets:
        yield f"channel {lost_channel[2]} of {lost_channel[0]}/{lost_channel[1]} is in the ledger and has no row"
    for row in rows.values():
        if row.state == RequestState.ACTIVE and row.nonce not in stand:
            yield f"request {row.nonce} is active, but its channel stands elsewhere"


class _Logged:
    """What the leaves say, replayed in the order of their tickets."""

    def __init__(self) -> None:
        self.versions: dict[tuple[str, str, str], str] = {}
        self.requests: dict[str, str] = {}
        self.activated: dict[int, str] = {}
        self.tickets: dict[tuple[str, str, str], list[int]] = {}

    def add(self, ticket: int, event: Mapping[str, Any]) -> None:
        to, request = event.get("to"), event.get("request")
        if event.get("type") == "activated":
            self.activated[ticket] = str(request)
            self.tickets.setdefault((event["project"], event["model"], event["channel"]), []).append(ticket)
        if to is None:
            return
        if request is not None:
            self.requests[request] = to
        elif "version" in event:
            self.versions[event["project"], event["model"], event["version"]] = to


def _paged(connection: sa.Connection, wanted: sa.Select[Any], key: sa.ColumnElement[int]) -> Iterator[Any]:
    """Rows in the order of a key, a page at a time: memory does not grow with the registry."""
    last = -1
    while page := connection.execute(wanted.where(key > last)).all():
        yield from page
        last = page[-1]._mapping[key]  # noqa: SLF001 - the documented name (SQLAlchemy, Row._mapping)
