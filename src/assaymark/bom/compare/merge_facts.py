"""How two statements about one thing are joined: the better known one stands, and what the other says is not lost.

Joining is commutative, associative and idempotent where the statements agree: the statuses are a lattice, in which declared
and observed together are verified.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from assaymark.bom.compare.diff_record import STRENGTH, canonical, same
from assaymark.bom.compare.diff_rules import SETS
from assaymark.bom.compare.matching import purl_base
from assaymark.bom.document import Component, Fact, Place, Status
from assaymark.core.finding import Severity

_NOTE_LIMIT = 1000


@dataclass(frozen=True, slots=True)
class Said:
    """What one side says, how it is known, and where; the source document stands in the path of the places."""

    value: Any
    status: str
    places: tuple[Place, ...] = ()


@dataclass(frozen=True, slots=True)
class Conflict:
    """Two documents that cannot both be right.

    `kind`: `digest`, `version`, `publisher`, `value`, `relation`, `subject`. `stands` says what the merged document holds.
    """

    kind: str
    severity: Severity
    ref: str
    what: str
    one: Said
    other: Said
    stands: str
    why: str

    @property
    def order(self) -> tuple[Any, ...]:
        """Digests first, then by severity."""
        return (self.kind != "digest", -self.severity, self.kind, self.ref, self.what, canonical(self.one.value))

    def as_dict(self) -> dict[str, Any]:
        """The conflict as JSON."""
        return {
            "kind": self.kind,
            "severity": self.severity.word,
            "ref": self.ref,
            "what": self.what,
            "said": [_plain(self.one), _plain(self.other)],
            "stands": self.stands,
            "why": self.why,
        }


def _plain(said: Said) -> dict[str, Any]:
    places = [{"path": place.path, "at": place.at} for place in said.places]
    return {"value": said.value, "status": said.status, "places": places}


def best(one: Status, other: Status) -> Status:
    """How well a thing is known that both say: declared and observed makes verified."""
    if {one, other} == {Status.DECLARED, Status.OBSERVED}:
        return Status.VERIFIED
    return max(one, other, key=STRENGTH.__getitem__)


def places_of(one: tuple[Place, ...], other: tuple[Place, ...]) -> tuple[Place, ...]:
    """The places of both, sorted where they differ."""
    return one if one == other else tuple(sorted({*one, *other}))


def notes_of(one: str, other: str) -> str:
    """The notes of both, each once."""
    if one == other or not other:
        return one
    if not one:
        return other
    return "; ".join(sorted({*one.split("; "), *other.split("; ")}))[:_NOTE_LIMIT]


def joined(name: str, one: Fact, other: Fact) -> tuple[Fact, tuple[Fact, Fact] | None]:
    """Two statements of one fact as one, and the two (which stands, which does not) where they disagree."""
    if same(name, one.value, other.value):
        places = places_of(one.places, other.places)
        value = one.value if one.value == other.value else min(one.value, other.value, key=canonical)
        return Fact(value, best(one.status, other.status), places, notes_of(one.note, other.note)), None
    if Status.UNKNOWN in (one.status, other.status):
        return (other if one.status is Status.UNKNOWN else one), None
    if name in SETS and isinstance(one.value, list) and isinstance(other.value, list):
        return _sets(name, one, other)
    stands, falls = sorted((one, other), key=lambda fact: (-STRENGTH[fact.status], canonical(fact.value), fact.places))
    return _noted(stands, falls), (stands, falls)


def _sets(name: str, one: Fact, other: Fact) -> tuple[Fact, tuple[Fact, Fact] | None]:
    """Tags of both; of digests only those that both vouch for, lest a document that is added lets more be installed."""
    mine, theirs = ({canonical(item): item for item in fact.value} for fact in (one, other))
    keys = mine.keys() & theirs.keys() if name == "digests" else mine.keys() | theirs.keys()
    value = [{**mine, **theirs}[key] for key in sorted(keys)]
    status = min(one.status, other.status, key=STRENGTH.__getitem__)
    return Fact(value, status, places_of(one.places, other.places), notes_of(one.note, other.note)), None


def _noted(stands: Fact, falls: Fact) -> Fact:
    where = f" in {falls.places[0].path}" if falls.places else ""
    note = notes_of(stands.note, f"{falls.status}{where}: {canonical(falls.value):.120}")
    return Fact(stands.value, stands.status, stands.places, note)


def facts_of(ref: str, one: Component, other: Component) -> tuple[dict[str, Fact], list[Conflict]]:
    """The facts of both, and what they disagree about."""
    facts: dict[str, Fact] = {}
    conflicts: list[Conflict] = []
    for name in sorted({*one.facts, *other.facts}):
        mine, theirs = one.facts.get(name), other.facts.get(name)
        if mine is None or theirs is None:
            facts[name] = mine or theirs  # type: ignore[assignment]
            continue
        facts[name], fell = joined(name, mine, theirs)
        if fell:
            conflicts += _conflict(ref, one, name, fell)
    return facts, conflicts


_NAMES = frozenset({"name", "path", "description", "homepage", "author", "purl", "size", "files"})


def _conflict(ref: str, component: Component, name: str, fell: tuple[Fact, Fact]) -> Iterator[Conflict]:
    stands, falls = fell
    sides = (Said(stands.value, str(stands.status), stands.places), Said(falls.value, str(falls.status), falls.places))
    shown = f"{canonical(stands.value):.120} ({stands.status})"
    if name == "supplier" and component.text("purl"):
        why = f"two publishers claim {component.text('purl')}: one of them does not own that name"
        yield Conflict("publisher", Severity.HIGH, ref, name, *sides, shown, why)
        return
    if name == "purl" and purl_base(str(stands.value)) != purl_base(str(falls.value)):
        why = "the same thing goes by two names: one may be a copy that somebody else gives out"
        yield Conflict("value", Severity.MEDIUM, ref, name, *sides, shown, why)
        return
    proven = stands.status in (Status.OBSERVED, Status.VERIFIED) and falls.status is Status.DECLARED
    why = "the bytes say otherwise than what was declared" if proven else "two documents state different values"
    severity = Severity.LOW if name in _NAMES else Severity.MEDIUM
    yield Conflict("value", severity, ref, name, *sides, shown, why)


def blended(one: Any, other: Any) -> Any:
    """What formats carry beyond facts, of both: keys of both, lists of both; of two values the lesser in JSON order."""
    if one == other:
        return one
    if isinstance(one, Mapping) and isinstance(other, Mapping):
        keys = sorted({*one, *other})
        return {
            key: blended(one[key], other[key]) if key in one and key in other else one.get(key, other.get(key))
            for key in keys
        }
    if isinstance(one, list | tuple) and isinstance(other, list | tuple):
        items = {canonical(item): item for item in (*one, *other)}
        return [items[key] for key in sorted(items)]
    return min(one, other, key=canonical)
