"""What the registry shows of a model to OCI clients: tags, manifests, blobs and referrers.

A tag is the name of a version, or of a channel. Names of channels are never tags of versions, so that a publisher cannot
call a version `production` before there is one. Nothing is shown of drafts but to those who may publish; what is
quarantined, revoked or rejected is not given out, for OCI clients verify nothing of what they get but its digest.
"""

from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from assaymark.core.errors import Conflict, NotFound
from assaymark.registry import tables
from assaymark.registry.models import find_model, find_version
from assaymark.registry.names import ModelName, VersionName
from assaymark.registry.oci_documents import (
    EMPTY_DOCUMENT,
    ENVELOPE,
    MANIFEST,
    MODEL,
    annotations_of,
    artifact,
    descriptor,
    referrer,
    sha256_of,
)
from assaymark.registry.oci_tables import artifacts, pushed, referrers
from assaymark.registry.states import VersionState
from assaymark.registry.versions import manifest_of, uploaded
from assaymark.registry.work import Work

_versions, _envelopes, _requests, _channels = tables.versions, tables.envelopes, tables.requests, tables.channels
GIVEN = (VersionState.SEALED, VersionState.VERIFIED, VersionState.DEPRECATED)
"""States of versions that are pulled."""


class Withheld(Conflict):
    """It is there, and is not given out in the state that it is in."""


@dataclass(frozen=True, slots=True)
class Document:
    """A manifest, by the sha256 of its bytes."""

    sha256: str
    content: bytes

    @classmethod
    def of(cls, content: bytes) -> "Document":
        """Of bytes."""
        return cls(sha256_of(content), content)


def channel_names(work: Work, model: int) -> set[str]:
    """Names that are channels: those the trust root has a policy for, and those that stand at something."""
    found = set(work.connection.execute(sa.select(_channels.c.name).where(_channels.c.model == model)).scalars())
    return found | (set(work.root.policies) if work.root else set())


def tagged(work: Work, name: ModelName, tag: str) -> Document:
    """The manifest of a version or of what stands in a channel; raises NotFound, Withheld."""
    model = find_model(work.connection, name)
    if tag in channel_names(work, model.id):
        row = _standing(work.connection, model.id, tag)
    else:
        row = find_version(work.connection, VersionName(name, tag))
    if row is None or row.state in {VersionState.DRAFT, VersionState.TOMBSTONE}:
        raise NotFound(f"{name} has no tag {tag}", step="a draft has one when it is sealed: assay registry seal")
    return _made(work.connection, row)


def by_digest(work: Work, name: ModelName, sha256: str, *, drafts: bool) -> Document | None:
    """The manifest of this digest: of a version, of a signed statement, or as it was pushed; raises Withheld.

    None where the index does not know it; `index` may.
    """
    connection, model = work.connection, find_model(work.connection, name)
    wanted = (
        sa.select(_versions).join(artifacts).where(_versions.c.model == model.id, artifacts.c.digest == sha256)
    )  # fmt: skip
    rows = connection.execute(wanted).all()
    if rows:
        given = [row for row in rows if row.state in GIVEN]
        return _made(connection, (given or rows)[0])
    said = connection.execute(
        sa.select(_envelopes, referrers.c.version)
        .join(referrers, referrers.c.envelope == _envelopes.c.id)
        .join(_versions, _versions.c.id == referrers.c.version)
        .where(_versions.c.model == model.id, referrers.c.digest == sha256)
    ).first()
    if said is not None:
        return Document.of(_statement(_subject(connection, said.version), said))
    wanted = sa.select(_versions, pushed.c.document).join(pushed).where(_versions.c.model == model.id)
    for row in connection.execute(wanted.where(pushed.c.digest == sha256)):
        if row.state != VersionState.DRAFT or drafts:
            _check(row, drafts=drafts)
            return Document(sha256, row.document)
    return None


def unindexed(connection: sa.Connection, model: int) -> bool:
    """Whether there is something that `index` would add."""
    return (
        connection.execute(_without_artifact(model).limit(1)).first() is not None
        or connection.execute(_without_referrer(model).limit(1)).first() is not None
    )


def index(work: Work, name: ModelName) -> None:
    """Note the digests under which sealed versions and signed statements of a model are shown."""
    connection, model = work.connection, find_model(work.connection, name)
    for row in connection.execute(_without_artifact(model.id)).all():
        document = artifact(manifest_of(connection, row.id))
        values = {"version": row.id, "digest": sha256_of(document), "size": len(document)}
        _insert(connection, artifacts, values)
    for row in connection.execute(_without_referrer(model.id)).all():
        document = _statement(_subject(connection, row.version), row)
        values = {"envelope": row.id, "version": row.version, "digest": sha256_of(document), "size": len(document)}
        _insert(connection, referrers, {**values, "blob": sha256_of(row.document.encode())})


def _insert(connection: sa.Connection, table: sa.Table, values: dict[str, Any]) -> None:
    """Insert what always is the same; another process may have been quicker."""
    with suppress(sa.exc.IntegrityError), connection.begin_nested():
        connection.execute(table.insert().values(values))


def referring(connection: sa.Connection, name: ModelName, sha256: str) -> list[dict[str, Any]]:
    """Descriptors of the signed statements about the versions whose manifest has this digest, as they came."""
    model = find_model(connection, name)
    named = sa.union(
        sa.select(artifacts.c.version).where(artifacts.c.digest == sha256),
        sa.select(pushed.c.version).where(pushed.c.digest == sha256),
    )
    wanted = (
        sa.select(referrers.c.digest, referrers.c.size, _envelopes.c.predicate_type, _envelopes.c.at)
        .join(_envelopes, referrers.c.envelope == _envelopes.c.id)
        .join(_versions, _versions.c.id == referrers.c.version)
        .where(_versions.c.model == model.id, _versions.c.id.in_(named))
        .order_by(_envelopes.c.id)
    )
    return [
        descriptor(
            MANIFEST,
            row.digest,
            row.size,
            artifactType=ENVELOPE,
            annotations=annotations_of(row.predicate_type, row.at),
        )
        for row in connection.execute(wanted)
    ]


def blob(work: Work, name: ModelName, sha256: str, *, publisher: bool) -> bytes | str | None:
    """A blob that belongs to a model: its content, or its name in the store; None where it is not the model's.

    That somebody knows a digest opens nothing: the blob has to be of a version that is given out, or a statement about
    one; who may publish also sees what was brought into the project.
    """
    connection, model = work.connection, find_model(work.connection, name)
    own = sa.and_(_versions.c.model == model.id, _versions.c.state.in_(GIVEN))
    files = sa.select(_versions.c.id).join(tables.files).where(own, tables.files.c.sha256 == sha256)
    if connection.execute(files.limit(1)).first() is not None:
        return sha256
    if connection.execute(sa.select(_versions.c.id).where(own, _versions.c.manifest == sha256)).first() is not None:
        return sha256
    kept = _kept(connection, own, model.id, sha256)
    if kept is not None:
        return kept
    if publisher and uploaded(work, name.project, {sha256}):
        return sha256
    return None


def _kept(connection: sa.Connection, own: sa.ColumnElement[bool], model: int, sha256: str) -> bytes | None:
    """What lies in the records: envelopes, the empty config, and configs that were pushed."""
    if sha256 == sha256_of(EMPTY_DOCUMENT):
        return EMPTY_DOCUMENT
    said = (
        sa.select(_envelopes.c.document)
        .join(referrers, referrers.c.envelope == _envelopes.c.id)
        .join(_versions, _versions.c.id == referrers.c.version)
        .where(_versions.c.model == model, referrers.c.blob == sha256)
    )
    if (row := connection.execute(said).first()) is not None:
        return str(row.document).encode()
    config = sa.select(pushed.c.config_document).join(_versions).where(own, pushed.c.config == sha256)
    if (row := connection.execute(config).first()) is not None:
        return bytes(row.config_document)
    return None


def tags(work: Work, name: ModelName) -> list[str]:
    """Versions and channels that can be pulled, in the order of their names."""
    model = find_model(work.connection, name)
    channels = channel_names(work, model.id)
    wanted = sa.select(_versions.c.name).where(_versions.c.model == model.id, _versions.c.state.in_(GIVEN))
    named = set(work.connection.execute(wanted).scalars()) - channels
    for channel in channels:
        row = _standing(work.connection, model.id, channel)
        if row is not None and row.state in GIVEN:
            named.add(channel)
    return sorted(named)


def models_after(connection: sa.Connection, last: str, limit: int) -> list[ModelName]:
    """Models in the order of their whole names, from the first one after `last`."""
    whole = tables.models.c.project + "/" + tables.models.c.name
    wanted = sa.select(tables.models).where(tables.models.c.deleted_at.is_(None), whole > last)
    return [ModelName(row.project, row.name) for row in connection.execute(wanted.order_by(whole).limit(limit))]


def versions_of(connection: sa.Connection, name: ModelName, sha256: str) -> list[VersionName]:
    """Versions that are shown or were pushed under this digest, tombstones left out."""
    model = find_model(connection, name)
    named = sa.union(
        sa.select(artifacts.c.version).where(artifacts.c.digest == sha256),
        sa.select(pushed.c.version).where(pushed.c.digest == sha256),
    )
    living = sa.and_(_versions.c.model == model.id, _versions.c.state != VersionState.TOMBSTONE)
    found = connection.execute(sa.select(_versions.c.name).where(living, _versions.c.id.in_(named)))
    return [VersionName(name, version) for version in sorted(found.scalars())]


def _made(connection: sa.Connection, row: Any) -> Document:
    _check(row)
    return Document.of(artifact(manifest_of(connection, row.id)))


def _check(row: Any, *, drafts: bool = False) -> None:
    if row.state not in GIVEN and not (drafts and row.state == VersionState.DRAFT):
        raise Withheld(f"version {row.name} is {row.state} and is not given out", step="pull another version")


def _standing(connection: sa.Connection, model: int, channel: str) -> Any:
    """The version that a channel stands at, or None."""
    wanted = (
        sa.select(_versions)
        .join(_requests, _requests.c.version == _versions.c.id)
        .join(_channels, _channels.c.request == _requests.c.nonce)
        .where(_channels.c.model == model, _channels.c.name == channel, _requests.c.state == "active")
    )
    return connection.execute(wanted).first()


def _subject(connection: sa.Connection, version: int) -> dict[str, Any]:
    row = connection.execute(sa.select(artifacts).where(artifacts.c.version == version)).one()
    return descriptor(MANIFEST, row.digest, row.size, artifactType=MODEL)


def _statement(subject: dict[str, Any], row: Any) -> bytes:
    return referrer(subject, row.document.encode(), row.predicate_type, row.at)


def _without_artifact(model: int) -> sa.Select[Any]:
    own = sa.and_(_versions.c.model == model, _versions.c.digest.is_not(None))
    return sa.select(_versions).outerjoin(artifacts).where(own, artifacts.c.version.is_(None))


def _without_referrer(model: int) -> sa.Select[Any]:
    own = sa.and_(_versions.c.model == model, _versions.c.digest.is_not(None))
    return (
        sa.select(_envelopes)
        .join(_versions, _versions.c.id == _envelopes.c.version)
        .outerjoin(referrers, referrers.c.envelope == _envelopes.c.id)
        .where(own, referrers.c.envelope.is_(None))
    )


def remember(
    connection: sa.Connection, version: int, document: Document, config: Iterable[bytes], config_sha256: str
) -> None:
    """Keep the manifest that a version was pushed with, so that it is given back as it came."""
    connection.execute(
        pushed.insert().values(
            version=version, digest=document.sha256, document=document.content,
            config=config_sha256, config_document=b"".join(config),
        )
    )  # fmt: skip


def was_pushed(connection: sa.Connection, name: VersionName) -> str | None:
    """The digest of the manifest that a draft was pushed with, or None."""
    row = find_version(connection, name)
    if row.state != VersionState.DRAFT:
        return None
    found = connection.execute(sa.select(pushed.c.digest).where(pushed.c.version == row.id)).scalar()
    return None if found is None else str(found)
