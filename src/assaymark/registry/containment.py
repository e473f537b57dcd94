"""Containment: everything that comes from one thing is stopped at once, and held until two security people lift it.

What a security person signs is a quarantine of each version, whose reason names what they are affected by: hosts check those as
they check any other. The server finds what is affected again in the transaction that stops it, so that nothing that came
meanwhile is passed over; what comes later is held (registry.holding).
"""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import sqlalchemy as sa

from assaymark.core.errors import Conflict, NotFound, Untrusted, UsageError
from assaymark.core.statements import Lift, Quarantine, evidence_set
from assaymark.registry import tables
from assaymark.registry.access import Scope
from assaymark.registry.holding import covers
from assaymark.registry.names import ModelName, VersionName
from assaymark.registry.states import VersionState
from assaymark.registry.versions import LIFTS, lifted_by, take_lift, take_quarantine
from assaymark.registry.work import EVENT, Signed, Work

MOST = 20_000
"""Versions in one batch: they are stopped in one transaction, while others wait."""
_LONGEST = 1_000
"""Characters of what is contained: it stands in the reason of each statement."""
_SHOWN = 10
_STOPPABLE = frozenset(VersionState) - {VersionState.DRAFT, VersionState.REVOKED, VersionState.TOMBSTONE}
_versions, _models = tables.versions, tables.models
_containments, _contained = tables.containments, tables.contained


@dataclass(frozen=True, slots=True)
class Asked:
    """What is to be contained. `record`: the advisory that `what` names, as JSON, "" for what is none."""

    what: str
    reason: str = ""
    scope: tuple[str, ...] = ("*",)
    record: str = ""

    def __post_init__(self) -> None:
        if not 0 < len(self.what) <= _LONGEST:
            raise UsageError(f"what is contained is named in at most {_LONGEST:,} characters")
        if not self.scope:
            raise UsageError("a containment is of some projects", step="--project, or leave it out")
        for text in self.scope:
            Scope.parse(text)

    @property
    def signed_reason(self) -> str:
        """The reason that stands in each statement: it binds the statement to what is contained, and where."""
        where = "" if "*" in self.scope else f", in {', '.join(self.scope)}"
        return f"{self.reason} (affected by {self.what}{where})"


@dataclass(frozen=True, slots=True)
class Closure:
    """Versions that are affected. `seeds`: node -> whether it is surely meant; `hits`: row of a version -> node."""

    seeds: Mapping[int, bool]
    hits: Mapping[int, int]
    rows: Mapping[str, Any]
    """By name, those that can be stopped; `title`, `project` and `of` are theirs beside what the table has."""
    passed: Mapping[str, Any]
    """By name, those for which it makes no sense: drafts, and what was revoked or deleted."""


@dataclass(frozen=True, slots=True)
class Contained:
    """What a batch did: the containment's id, and names of versions."""

    id: str
    stopped: tuple[str, ...]
    already: tuple[str, ...]
    """Were in quarantine before; they need this containment's lifts too."""
    held: tuple[str, ...] = field(default=())
    """Not signed for; they are held by the containment alone."""


class Stale(Conflict):
    """The batch is not what is affected now: what it lacks, and what it has beyond."""

    def __init__(self, missing: Sequence[str], beyond: Sequence[str]) -> None:
        said = [f"not signed for: {_some(missing)}"] if missing else []
        said += [f"not affected: {_some(beyond)}"] if beyond else []
        super().__init__(
            f"this batch is not what is affected now; {'; '.join(said)}", step="look again, and sign what stands there"
        )
        self.missing, self.beyond = tuple(missing), tuple(beyond)


def closure(work: Work, asked: Asked) -> Closure:
    """What is affected in the scope, as the transaction sees it; raises NotFound where nothing has that name."""
    if work.graph is None:
        raise UsageError("this registry has no graph to ask")
    if work.connection.dialect.name != "sqlite":  # writers of the graph wait (bom.graph)
        work.connection.execute(sa.text("SELECT pg_advisory_xact_lock(:key)"), {"key": 0x6772617068})
    seeds = work.graph.seeds(work.connection, asked.what, asked.record)
    hits = work.graph.affected(work.connection, seeds)
    rows: dict[str, Any] = {}
    passed: dict[str, Any] = {}
    for row in rows_of(work.connection, hits):
        if covers(asked.scope, name_of(row)):
            (rows if row.state in _STOPPABLE and row.digest else passed)[row.title] = row
    return Closure(seeds, hits, dict(sorted(rows.items())), dict(sorted(passed.items())))


def contain(work: Work, asked: Asked, documents: Sequence[bytes], *, partial: bool = False) -> Contained:
    """Stop all that is affected, by one security person's statement for each version; all of them or none.

    1. Each is a quarantine that one and the same person of security signed, for that reason, of a version that is affected.
    2. None that is affected now is missing, unless `partial`: then what is missing is held alone. Raises Stale.
    3. Each version is stopped, and the containment stands, each with its leaf.
    """
    if not 0 < len(documents) <= MOST:
        step = "name something narrower, as one version, or one project at a time: --project"
        raise UsageError(f"a batch has from 1 to {MOST:,} statements; this one has {len(documents):,}", step=step)
    given, by = _read(work, asked, documents)
    known = closure(work, asked)
    beyond = sorted(given.keys() - known.rows.keys())
    missing = sorted(known.rows.keys() - given.keys())
    if beyond or (missing and not partial):
        raise Stale(missing, beyond)
    made = evidence_set(str(signed.evidence.digest) for signed in given.values()).partition(":")[2][:20]
    if work.connection.execute(sa.select(_containments.c.id).where(_containments.c.id == made)).first():
        raise Conflict(f"the containment {made} was made before", step="sign anew what is to be said again")
    values = {"id": made, "what": asked.what, "record": asked.record, "by": by, "reason": asked.reason, "at": work.at}
    work.connection.execute(_containments.insert().values(**values, scope=json.dumps(list(asked.scope))))
    members = []
    for title, signed in given.items():
        row = known.rows[title]
        take_quarantine(work, row, name_of(row), signed, made)
        members.append({"containment": made, "version": row.id, "quarantine": str(signed.evidence.digest)})
    work.connection.execute(_contained.insert(), members)
    _log(work, "contained", made, by, what=asked.what, reason=asked.reason[:500], scope=list(asked.scope),
         versions=len(members), set=evidence_set(one["quarantine"] for one in members))  # fmt: skip
    already = tuple(title for title in given if known.rows[title].state == VersionState.QUARANTINED)
    stopped = tuple(title for title in given if title not in already)
    return Contained(made, stopped, already, tuple(missing))


def find(work: Work, containment: str) -> Any:
    """The row; raises NotFound."""
    row = work.connection.execute(sa.select(_containments).where(_containments.c.id == containment)).first()
    if row is None:
        raise NotFound(f"there is no containment {containment[:40]!r}", step="assay registry containments")
    return row


def listed(connection: sa.Connection, *, standing: bool = True) -> list[Any]:
    """Containments, the newest first, with the number of their versions."""
    count = sa.select(sa.func.count()).where(_contained.c.containment == _containments.c.id).scalar_subquery()
    wanted = sa.select(_containments, count.label("versions"))
    if standing:
        wanted = wanted.where(_containments.c.lifted_at.is_(None))
    return list(connection.execute(wanted.order_by(_containments.c.at.desc(), _containments.c.id)).all())


def members(connection: sa.Connection, containment: str) -> list[Any]:
    """Versions that a containment stopped, with `quarantine`, by name."""
    wanted = sa.select(_contained.c.version, _contained.c.quarantine).where(_contained.c.containment == containment)
    said = {row.version: row.quarantine for row in connection.execute(wanted)}
    return [(row, said[row.id]) for row in sorted(rows_of(connection, said), key=lambda row: row.title)]


def pending(work: Work, containment: str, by: str = "") -> list[tuple[Any, str]]:
    """Versions whose quarantine by this containment needs more lifts, without those that this person lifted already."""
    found = []
    for row, quarantine in members(work.connection, containment):
        people = lifted_by(work, row.id).get(quarantine, set())
        if len(people) < LIFTS and by not in people:
            found.append((row, quarantine))
    return found


def lift(work: Work, containment: str, documents: Sequence[bytes]) -> tuple[bool, list[str]]:
    """Take one security person's lifts of all that a containment stopped. Returns whether it stands no more, and what is free.

    All or none: a lift for each version that needs one more of his. The second distinct person ends the containment. What
    another quarantine or containment stopped as well stays stopped.
    """
    row = find(work, containment)
    if row.lifted_at is not None:
        raise Conflict(f"containment {containment} was lifted at {row.lifted_at}")
    given: dict[str, Signed] = {}
    people = set()
    for document in documents:
        signed = work.signed(document)
        said = Lift.read(signed.statement)
        people.add(said.by)
        given[signed.statement.subjects[0].name] = signed
    if len(people) != 1 or len(given) != len(documents):
        raise UsageError("a batch is one person's, with one lift for each version", step="sign it anew")
    by = min(people)
    open_ = {one.title: (one, quarantine) for one, quarantine in pending(work, containment, by)}
    if not open_:
        raise Conflict(f"{by} lifted containment {containment} before", step="another security person has to")
    if given.keys() != open_.keys():
        raise Stale(sorted(open_.keys() - given.keys()), sorted(given.keys() - open_.keys()))
    freed = []
    for title, signed in sorted(given.items()):
        one, quarantine = open_[title]
        if Lift.read(signed.statement).quarantine != quarantine:
            raise Untrusted(f"the lift of {title} speaks of another quarantine", step="sign it anew")
        after = take_lift(work, one, name_of(one), signed, containment)
        if after is not VersionState.QUARANTINED and one.state == VersionState.QUARANTINED:
            freed.append(title)
    return settle(work, row, by), freed


def settle(work: Work, row: Any, by: str) -> bool:
    """End a containment whose every quarantine two people lifted. Whether it ended."""
    if pending(work, row.id):
        return False
    ended = _containments.update().where(_containments.c.id == row.id, _containments.c.lifted_at.is_(None))
    if work.connection.execute(ended.values(lifted_at=work.at)).rowcount != 1:
        raise Conflict("somebody else changed this meanwhile", step="look at it again and repeat")
    _log(work, "containment-lifted", row.id, by, what=row.what)
    return True


def settle_version(work: Work, version: int, by: str) -> None:
    """After a lift of one version alone: end the containments of which it was the last."""
    wanted = (
        sa.select(_containments)
        .join(_contained, _contained.c.containment == _containments.c.id)
        .where(_contained.c.version == version, _containments.c.lifted_at.is_(None))
    )
    for row in work.connection.execute(wanted).all():
        settle(work, row, by)


def _read(work: Work, asked: Asked, documents: Sequence[bytes]) -> tuple[dict[str, Signed], str]:
    """Step 1 of `contain`: statements by the name of the version, and who signed them."""
    given: dict[str, Signed] = {}
    people = set()
    for document in documents:
        signed = work.signed(document)
        said = Quarantine.read(signed.statement)
        title = signed.statement.subjects[0].name
        if title in given:
            raise UsageError(f"{title} is in this batch twice", step="sign each version once")
        if said.reason != asked.signed_reason:
            why = f"the statement on {title} gives another reason than {asked.signed_reason!r:.300}"
            raise Untrusted(why, step="sign it for this containment")
        people.add(said.by)
        given[title] = signed
    if len(people) != 1:
        raise UsageError(f"a batch is one person's, not {len(people)}", step="sign it anew")
    return dict(sorted(given.items())), min(people)


def _log(work: Work, kind: str, containment: str, by: str, **more: Any) -> None:
    work.append(
        {"schema": EVENT, "type": kind, "at": work.at, "actor": by, "containment": containment, **more}
    )  # of one containment, and no model: nobody is told of it, but of each version


def rows_of(connection: sa.Connection, versions: Iterable[int]) -> list[Any]:
    """Rows of versions with the names of project (`project`) and model (`of`), and their own (`title`)."""
    title = (_models.c.project + "/" + _models.c.name + "@" + _versions.c.name).label("title")
    wanted = sa.select(_versions, _models.c.project, _models.c.name.label("of"), title).join(
        _models, _models.c.id == _versions.c.model
    )
    found: list[Any] = []
    ordered = sorted(versions)
    for start in range(0, len(ordered), 900):
        found += connection.execute(wanted.where(_versions.c.id.in_(ordered[start : start + 900]))).all()
    return found


def name_of(row: Any) -> VersionName:
    """The name of a version, of a row of `rows_of`."""
    return VersionName(ModelName(row.project, row.of), row.name)


def _some(names: Sequence[str]) -> str:
    more = f" and {len(names) - _SHOWN:,} more" if len(names) > _SHOWN else ""
    return ", ".join(names[:_SHOWN]) + more
