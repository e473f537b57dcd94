"""What the registry knows of bytes: the versions that have them, who published these, and the channels they stand in."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from assaymark.core.statements import Activation
from assaymark.registry import tables
from assaymark.registry.states import RequestState

_versions, _models, _requests = tables.versions, tables.models, tables.requests
_MOST = 900
"""Parameters of a statement."""


@dataclass(frozen=True, slots=True)
class Holder:
    """One version, and the channels it stands in."""

    id: int
    digest: str
    project: str
    model: str
    version: str
    state: str
    publisher: str
    channels: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        """As project/model@version."""
        return f"{self.project}/{self.model}@{self.version}"


def holders(connection: sa.Connection, digests: Iterable[str], as_of: str = "") -> dict[str, list[Holder]]:
    """The versions with these manifest digests, by digest. `as_of`: channels as they had been moved by then (RFC 3339)."""
    found: dict[str, list[Holder]] = {}
    wanted = [digest for digest in digests if digest.startswith("assaymark-manifest")]
    for some in (wanted[begin : begin + _MOST] for begin in range(0, len(wanted), _MOST)):
        rows = connection.execute(
            sa.select(
                _versions.c.id, _versions.c.digest, _versions.c.name, _versions.c.state, _versions.c.publisher,
                _versions.c.model, _models.c.project, _models.c.name.label("called"),
            )
            .join(_models, _models.c.id == _versions.c.model)
            .where(_versions.c.digest.in_(some))
            .order_by(_versions.c.id)
        ).all()  # fmt: skip
        standing = _standing(connection, rows, as_of)
        for row in rows:
            channels = tuple(sorted(standing.get(row.id, ())))
            found.setdefault(row.digest, []).append(
                Holder(row.id, row.digest, row.project, row.called, row.name, row.state, row.publisher, channels)
            )
    return found


def _standing(connection: sa.Connection, rows: Sequence[Any], as_of: str) -> dict[int, set[str]]:
    """Version -> channels."""
    found: dict[int, set[str]] = {}
    models = sorted({row.model for row in rows})
    if not models:
        return found
    channels = tables.channels
    if not as_of:
        now = (
            sa.select(_requests.c.version, channels.c.name)
            .join(channels, channels.c.request == _requests.c.nonce)
            .where(channels.c.model.in_(models), _requests.c.state == RequestState.ACTIVE)
        )
        for version, channel in connection.execute(now):
            found.setdefault(version, set()).add(channel)
        return found
    moved = (
        sa.select(_versions.c.model, _requests.c.channel, _requests.c.version)
        .join(_versions, _versions.c.id == _requests.c.version)
        .join(tables.envelopes, tables.envelopes.c.request == _requests.c.nonce)
        .where(_versions.c.model.in_(models), tables.envelopes.c.predicate_type == Activation.TYPE)
        .where(tables.envelopes.c.at <= as_of)
        .order_by(_requests.c.counter)
    )
    last = {(model, channel): version for model, channel, version in connection.execute(moved)}
    for (_, channel), version in last.items():
        found.setdefault(version, set()).add(channel)
    return found
