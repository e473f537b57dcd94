"""A version's life, from its first file to its tombstone."""

import hashlib
import json
from collections.abc import Iterable, Sequence
from typing import Any

import sqlalchemy as sa

from assaymark.core import bom
from assaymark.core.digest import Digest
from assaymark.core.errors import Conflict, Malformed, Untrusted, UsageError
from assaymark.core.evidence import TEST_RESULT, Statement
from assaymark.core.manifest import Manifest, ManifestFile, check_path
from assaymark.core.policy import Parties, Policy, Requirement, decide
from assaymark.core.statements import PREDICATES, Lift, Quarantine, Seal, is_moment
from assaymark.core.strictjson import canonical
from assaymark.core.subject import Subject
from assaymark.core.verdict import Outcome
from assaymark.registry import listed, quota, shards, tables
from assaymark.registry.models import find_model, find_version, name_of_version
from assaymark.registry.names import VersionName, check_name
from assaymark.registry.states import VersionState, check_version
from assaymark.registry.work import Signed, Work

_versions, _files, _envelopes = tables.versions, tables.files, tables.envelopes
ADMISSION = Policy("admission", actions={"admit": (Requirement(TEST_RESULT, role="scanner", threshold=1),)})
"""What makes a sealed version `verified`: a scan by a scanner of the trust root, with nothing at high or above."""
LIFTS = 2
_MAX_FILES = 100_000
_MAX_EVIDENCE = 500
"""Of one version: each is verified whenever a request is looked at, and a bundle has room for 1,000."""


def draft(work: Work, name: VersionName, publisher: str, parents: Sequence[tuple[VersionName, str]] = ()) -> int:
    """A version that takes files. `parents`: versions it was made of, and how (`fine-tuned-from`…). Returns its id."""
    model = find_model(work.connection, name.model)
    taken = sa.select(_versions.c.id).where(_versions.c.model == model.id, _versions.c.name == name.version)
    if work.connection.execute(taken).first() is not None:
        raise Conflict(f"the name {name} was given before", step="names are never reused; choose another")
    values = {"model": model.id, "name": name.version, "state": VersionState.DRAFT, "publisher": publisher}
    made = _versions.insert().values(**values, made_at=work.at, since=work.at).returning(_versions.c.id)
    version = int(work.connection.execute(made).scalar_one())
    for parent, kind in sorted(set(parents), key=str):
        row = find_version(work.connection, parent)
        if row.id == version:
            raise UsageError(f"{name} cannot have been made of itself")
        check_name(kind, "kind of lineage")
        work.connection.execute(tables.lineage.insert().values(child=version, parent=row.id, kind=kind))
    return version


def add_files(work: Work, name: VersionName, given: Iterable[ManifestFile]) -> None:
    """Say which blobs a draft holds, by path; a path named again is replaced. Raises Conflict once it is sealed, or over the quota."""
    row = find_version(work.connection, name)
    if row.state != VersionState.DRAFT:
        raise Conflict(f"{name} is {row.state}: its bytes never change", step="publish a new version")
    listed = [{"version": row.id, "path": check_path(f.path), "size": f.size, "sha256": f.sha256} for f in given]
    if not listed:
        return
    if len({file["path"] for file in listed}) < len(listed):
        raise UsageError("a path is named twice", step="name each file once")
    _check_uploaded(work, name.model.project, {file["sha256"] for file in listed})
    paths = [file["path"] for file in listed]
    for start in range(0, len(paths), 500):
        old = sa.and_(_files.c.version == row.id, _files.c.path.in_(paths[start : start + 500]))
        work.connection.execute(_files.delete().where(old))
    work.connection.execute(_files.insert(), listed)
    _check_count(work, row.id)
    size = quota.size_of(work.connection, row.id)
    quota.admit(quota.usage_of(work.connection, name.model.project, without=row.id), size)
    work.move(_versions, row, _versions.c.id == row.id, size=size, since=work.at, freed_at=None)


def check_drafter(work: Work, name: VersionName, person: str) -> None:
    """Raise Conflict unless he began this draft: nobody puts files into what another one is about to seal."""
    row = find_version(work.connection, name)
    if row.state == VersionState.DRAFT and row.publisher != person:
        raise Conflict(f"{name} is a draft of {row.publisher}'s", step="begin a version of your own")


def note_uploads(work: Work, project: str, sha256s: Iterable[str]) -> None:
    """Remember that somebody brought these blobs into the project, content and all."""
    given = set(sha256s)
    new = given - uploaded(work, project, given)
    if new:
        work.connection.execute(
            tables.uploads.insert(), [{"project": project, "sha256": sha256} for sha256 in sorted(new)]
        )


def manifest_of(connection: sa.Connection, version: int) -> Manifest:
    """The manifest of the files that are listed; raises Malformed where they clash."""
    found = connection.execute(sa.select(_files).where(_files.c.version == version)).all()
    return Manifest.of(ManifestFile(file.path, file.size, file.sha256) for file in found)


def seal(work: Work, name: VersionName, document: bytes, store_manifest: str) -> None:
    """Freeze a draft by its publisher's seal. `store_manifest`: the blob that holds the manifest's document.

    1. It is a draft, and holds files.
    2. The seal names this version and exactly these files, which are those that were found in the store.
    3. A key signed it that the trust root gives to the publisher, who may publish in the project.
    4. The project's quota allows it.
    """
    row = find_version(work.connection, name)
    check_version(VersionState(row.state), VersionState.SEALED)
    manifest = manifest_of(work.connection, row.id)
    if not manifest.files:
        raise UsageError(f"{name} holds no file", step="add files first")
    signed = work.signed(document)
    said = Seal.read(signed.statement)
    _same(signed.statement, name, manifest.digest)
    if hashlib.sha256(canonical(manifest.to_json())).hexdigest() != store_manifest:
        raise Conflict(f"files of {name} changed while it was sealed", step="repeat it")
    work.check_time(said.at)
    _person_signed(work, signed, said.publisher, "publisher", name, said.at)
    size = sum(file.size for file in manifest.files)
    quota.admit(quota.usage_of(work.connection, name.model.project, without=row.id), size)
    kept = work.keep(row.id, signed)
    work.move(
        _versions, row, _versions.c.id == row.id, state=VersionState.SEALED, digest=str(manifest.digest),
        manifest=store_manifest, size=size, files=len(manifest.files), publisher=said.publisher, freed_at=None,
    )  # fmt: skip
    work.connection.execute(tables.jobs.insert().values(kind="scan", version=row.id, state="waiting"))
    work.learn("envelope", kept)
    work.log(
        "sealed", name.model, said.publisher, version=name.version, digest=str(manifest.digest),
        envelopes=[str(signed.evidence.digest)], from_=VersionState.DRAFT, to=VersionState.SEALED,
    )  # fmt: skip


def attest(work: Work, name: VersionName, document: bytes) -> VersionState:
    """Take evidence of a trusted key about this version, and judge the version anew. Returns the state it has then."""
    row = find_version(work.connection, name)
    if row.state in {VersionState.DRAFT, VersionState.REVOKED, VersionState.TOMBSTONE}:
        raise Conflict(f"{name} is {row.state} and takes no evidence", step="seal it first")
    signed = work.signed(document)
    kind = signed.statement.predicate_type
    if kind in PREDICATES:
        raise UsageError(f"a statement of type {kind} has its own way into the registry", step="assay registry --help")
    if not any(str(subject.digest) == row.digest for subject in signed.statement.subjects):
        raise Untrusted(f"this evidence is not about {name}", step=f"its digest is {row.digest}")
    made = signed.statement.made_at
    if made is not None:
        if not is_moment(made):
            raise Malformed(
                f"this evidence was made at {made!r:.40}, which is no time", step="write 2026-11-24T10:00:00Z"
            )
        work.check_time(made)
    holders, role = _speakers(work, kind, name.model.project, made or work.at)
    signed.require(holders, f"a {role} of {name.model.project}")
    if kind == shards.TYPE:
        shards.read(signed.statement, manifest_of(work.connection, row.id))
    if kind in bom.TYPES:
        _check_bom(work, row.id, signed, name)
    _check_room(work, row.id, name)
    work.learn("envelope", work.keep(row.id, signed))
    state = VersionState(row.state)
    after = state if state is VersionState.QUARANTINED else judged(work, row)
    if after is not state:
        check_version(state, after)
    work.move(_versions, row, _versions.c.id == row.id, state=after)
    work.log(
        "scanned" if kind == TEST_RESULT else "attested", name.model, holders[min(signed.evidence.signers & holders.keys())],
        version=name.version, digest=row.digest, envelopes=[str(signed.evidence.digest)], from_=state, to=after,
    )  # fmt: skip
    return after


def judged(work: Work, row: Any) -> VersionState:
    """The state that the evidence at hand gives a version; one that was deprecated stays so unless it is rejected."""
    subject = Subject("", Digest.parse(row.digest))
    name = name_of_version(work.connection, row.id)
    evidence = [item.evidence for item in evidence_of(work, row.id)]
    parties = Parties(work.trust, name.model.project, row.publisher, row.publisher)
    verdict = decide("admit", subject, evidence, ADMISSION, work.now, parties=parties)
    if verdict.outcome is Outcome.DENY:
        return VersionState.REJECTED
    if row.state == VersionState.DEPRECATED:
        return VersionState.DEPRECATED
    return VersionState.VERIFIED if verdict.outcome is Outcome.ALLOW else VersionState.SEALED


def evidence_of(work: Work, version: int) -> list[Signed]:
    """The evidence that counts: of each type, each signer's newest."""
    return newest(all_evidence(work, version))


def all_evidence(work: Work, version: int) -> list[Signed]:
    """All evidence by keys that are in the trust root, in the order in which it came. The registry's own statements are none."""
    wanted = sa.select(_envelopes.c.document).where(
        _envelopes.c.version == version, _envelopes.c.predicate_type.not_in(PREDICATES)
    )
    found = work.connection.execute(wanted.order_by(_envelopes.c.id))
    return [item for row in found if (item := work.recognised(row.document.encode())) is not None]


def newest(items: Sequence[Signed]) -> list[Signed]:
    """Of each type, what each signer said last, by the time that he says: an older word that is handed in late changes nothing."""
    ordered = sorted(items, key=lambda item: item.statement.made_at or "")
    return list({(item.statement.predicate_type, item.evidence.signers): item for item in ordered}.values())


def statement_of(work: Work, version: int, kind: str) -> Signed | None:
    """The newest statement of this type about a version."""
    wanted = sa.select(_envelopes.c.document).where(
        _envelopes.c.version == version, _envelopes.c.predicate_type == kind
    )
    found = work.connection.execute(wanted.order_by(_envelopes.c.id.desc())).first()
    return None if found is None else work.signed(found.document.encode())


def quarantine(work: Work, name: VersionName, document: bytes) -> None:
    """Stop a version at once, by the word of one security person. It stands until two have lifted it."""
    row = find_version(work.connection, name)
    signed = work.signed(document)
    Quarantine.read(signed.statement)
    check_version(VersionState(row.state), VersionState.QUARANTINED)
    take_quarantine(work, row, name, signed)


def lift(work: Work, name: VersionName, document: bytes) -> VersionState:
    """Take one security person's lift; the second distinct one ends the quarantine. Returns the state then.

    A version that several containments stopped is free when each of its quarantines was lifted.
    """
    row = find_version(work.connection, name)
    if row.state != VersionState.QUARANTINED:
        raise Conflict(f"{name} is {row.state}, not quarantined")
    return take_lift(work, row, name, work.signed(document))


def take_lift(work: Work, row: Any, name: VersionName, signed: Signed, containment: str | None = None) -> VersionState:
    """The same of a row at hand. What was revoked or deleted meanwhile stays so."""
    said = Lift.read(signed.statement)
    lifters = lifted_by(work, row.id)
    if said.quarantine not in lifters:
        raise Untrusted("this lift speaks of another quarantine", step=f"assay registry show {name}")
    _same(signed.statement, None, Digest.parse(row.digest))
    work.check_time(said.at)
    _person_signed(work, signed, said.by, "security", name, said.at)
    lifters[said.quarantine] |= {said.by}
    work.keep(row.id, signed)
    state = VersionState(row.state)
    is_free = all(len(people) >= LIFTS for people in lifters.values())
    after = judged(work, row) if is_free and state is VersionState.QUARANTINED else state
    work.move(_versions, row, _versions.c.id == row.id, state=after)
    work.log(
        "lifted", name.model, said.by, version=name.version, digest=row.digest,
        envelopes=[str(signed.evidence.digest)], from_=state, to=after, containment=containment,
    )  # fmt: skip
    return after


def lifted_by(work: Work, version: int) -> dict[str, set[str]]:
    """Every quarantine of a version, by the digest of its payload, and who lifted it; in the order in which they came."""
    wanted = sa.select(_envelopes.c.digest).where(
        _envelopes.c.version == version, _envelopes.c.predicate_type == Quarantine.TYPE
    )
    found: dict[str, set[str]] = {
        digest: set() for digest in work.connection.execute(wanted.order_by(_envelopes.c.id)).scalars()
    }
    for other in map(Lift.read, statements_of(work, version, Lift.TYPE)):
        if other.quarantine in found:
            found[other.quarantine].add(other.by)
    return found


def take_quarantine(
    work: Work, row: Any, name: VersionName, signed: Signed, containment: str | None = None
) -> Quarantine:
    """Stop the version of a row at hand; raises Untrusted where the statement is not a security person's about it."""
    said = Quarantine.read(signed.statement)
    _same(signed.statement, name, Digest.parse(row.digest or ""))
    work.check_time(said.at)
    _person_signed(work, signed, said.by, "security", name, said.at)
    work.keep(row.id, signed)
    work.move(_versions, row, _versions.c.id == row.id, state=VersionState.QUARANTINED)
    work.log(
        "quarantined", name.model, said.by, version=name.version, digest=row.digest, containment=containment,
        envelopes=[str(signed.evidence.digest)], from_=row.state, to=VersionState.QUARANTINED,
    )  # fmt: skip
    return said


def statements_of(work: Work, version: int, kind: str) -> list[Statement]:
    """All statements of this type about a version."""
    wanted = sa.select(_envelopes.c.document).where(
        _envelopes.c.version == version, _envelopes.c.predicate_type == kind
    )
    return [work.signed(found.document.encode()).statement for found in work.connection.execute(wanted)]


def set_state(work: Work, name: VersionName, state: VersionState, actor: str, reason: str = "") -> None:
    """Deprecate, revoke or delete. What is active in a channel, or is asked to be, is not deleted."""
    row = find_version(work.connection, name)
    check_version(VersionState(row.state), state)
    if state is VersionState.TOMBSTONE:
        _check_unused(work, row, name)
    work.move(_versions, row, _versions.c.id == row.id, state=state)
    kind = {VersionState.TOMBSTONE: "deleted"}.get(state, str(state))
    work.log(
        kind, name.model, actor, version=name.version, digest=row.digest, from_=row.state, to=state,
        reason=reason[:500] or None,
    )  # fmt: skip


def set_tags(work: Work, name: VersionName, given: dict[str, str]) -> None:
    """Labels for people and for search; they are not signed and no rule reads them."""
    row = find_version(work.connection, name)
    for key, value in given.items():
        if not 0 < len(key) <= 250 or len(value) > 5000:
            raise UsageError(f"tag {json.dumps(key[:60])}: a key has at most 250 characters, a value 5,000")
        old = sa.and_(tables.tags.c.version == row.id, tables.tags.c.key == key)
        work.connection.execute(tables.tags.delete().where(old))
        work.connection.execute(tables.tags.insert().values(version=row.id, key=key, value=value))


def _check_unused(work: Work, row: Any, name: VersionName) -> None:
    requests = tables.requests
    standing = sa.select(requests.c.channel, requests.c.state).where(
        requests.c.version == row.id, requests.c.state.in_(("open", "approved", "active"))
    )
    for used in work.connection.execute(standing):
        if used.state == "active":
            raise Conflict(f"{name} is what channel {used.channel} stands at", step="promote another version first")
        raise Conflict(f"a request for {used.channel} waits for {name}", step="assay registry withdraw")


def _check_count(work: Work, version: int) -> None:
    count = sa.select(sa.func.count()).select_from(_files).where(_files.c.version == version)
    if work.connection.execute(count).scalar_one() > _MAX_FILES:
        raise UsageError(f"a version holds at most {_MAX_FILES:,} files", step="pack small files into shards")


def _check_room(work: Work, version: int, name: VersionName) -> None:
    evidence = sa.and_(_envelopes.c.version == version, _envelopes.c.predicate_type.not_in(PREDICATES))
    count = sa.select(sa.func.count()).select_from(_envelopes).where(evidence)
    if work.connection.execute(count).scalar_one() >= _MAX_EVIDENCE:
        raise Conflict(f"{name} has {_MAX_EVIDENCE:,} pieces of evidence already", step="publish a new version")


def _speakers(work: Work, kind: str, project: str, at: str) -> tuple[dict[str, str], str]:
    """Who may say such a thing, keyid -> person, and what they are called; an attester's bill of materials counts for nothing."""
    role = "scanner" if kind in {TEST_RESULT, shards.TYPE} else "attester"
    holders = dict(work.trust.keys_of(role, project, at))
    if kind in bom.TYPES:
        return holders | listed.signers(work.trust, project, at), f"{' or '.join(bom.ROLES)} or {role}"
    return holders, role


def _check_bom(work: Work, version: int, signed: Signed, name: VersionName) -> None:
    """A bill of materials is of these bytes, and all of them find room in a bundle."""
    size = len(signed.envelope.payload)
    same = (signed.statement.predicate_type, signed.evidence.signers)
    others = sum(
        len(item.envelope.payload)
        for item in evidence_of(work, version)
        if item.statement.predicate_type in bom.TYPES and (item.statement.predicate_type, item.evidence.signers) != same
    )
    if size > bom.LIMIT or others + size > bom.TOGETHER:
        why = f"a bill of materials of {size:,} bytes: at most {bom.LIMIT:,}, and {bom.TOGETHER:,} of all for {name}"
        raise UsageError(why, step="leave out what is not of the model, as the files of large datasets")
    manifest = manifest_of(work.connection, version)
    listed.require_named([signed.evidence], work.trust, name.model.project, work.at, manifest)


def _check_uploaded(work: Work, project: str, sha256s: set[str]) -> None:
    """A digest alone must not open what another project holds: its content has to have come in here."""
    missing = sha256s - uploaded(work, project, sha256s)
    if missing:
        raise Conflict(f"{min(missing)} was not uploaded to {project}", step="upload the content first")


def uploaded(work: Work, project: str, sha256s: set[str]) -> set[str]:
    """Those of these blobs whose content was brought into the project."""
    found: set[str] = set()
    ordered = sorted(sha256s)
    for start in range(0, len(ordered), 500):
        here = tables.uploads.c.sha256.in_(ordered[start : start + 500])
        wanted = sa.select(tables.uploads.c.sha256).where(tables.uploads.c.project == project, here)
        found.update(work.connection.execute(wanted).scalars())
    return found


def _same(statement: Statement, name: VersionName | None, digest: Digest) -> None:
    """The statement's one subject is this version and these bytes."""
    subject = statement.subjects[0]
    if subject.digest != digest:
        raise Untrusted(f"this speaks of {subject.digest}, but the files make {digest}", step="sign what is there")
    if name is not None and subject.name != str(name):
        raise Untrusted(f"this speaks of {subject.name}, not {name}", step="sign with the version's own name")


def _person_signed(work: Work, signed: Signed, person: str, role: str, name: VersionName, at: str) -> None:
    holders = work.trust.keys_of(role, name.model.project, at)
    signed.require(
        {key for key, who in holders.items() if who == person}, f"{person} as a {role} of {name.model.project}"
    )
