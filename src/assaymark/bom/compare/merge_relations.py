"""Relations of two documents as one, and where the two contradict each other."""

from collections import defaultdict
from collections.abc import Iterable, Iterator

from assaymark.bom.compare.diff_record import STRENGTH
from assaymark.bom.compare.merge_facts import Conflict, Said, best, blended, places_of
from assaymark.bom.document import Relation
from assaymark.core.finding import Severity
from assaymark.core.graph import EdgeKind

_Key = tuple[str, EdgeKind, str]
_HOW = "the two documents say that it was derived or used in different ways"
_TURNED = "each of the two is said to be made from the other; both cannot be"
_OTHER_BASE = "the two documents name different bases, and each of them only one"
_USE = "one document says that it was trained on this data, the other that it was only tested on it"


def joined_relations(
    ones: Iterable[Relation], others: Iterable[Relation]
) -> tuple[tuple[Relation, ...], list[Conflict]]:
    """All relations, sorted; one that both state has the places of both."""
    left, right = ({_key(relation): relation for relation in side} for side in (ones, others))
    conflicts = [*_other_bases(left, right), *_uses(left, right), *_uses(right, left)]
    made = {**left, **right}
    for key in sorted(left.keys() & right.keys()):
        made[key], fell = _joined(left[key], right[key])
        if fell:
            stands, falls = fell
            conflicts.append(_conflict(stands, falls, _HOW, f"how: {stands.how}", Severity.MEDIUM))
    for key in sorted(made):
        turned = (key[2], key[1], key[0])
        if (
            key[1] is not EdgeKind.DESCENDANT_OF
            or key not in made
            or turned not in made
            or _one_says_both(key, left, right)
        ):
            continue
        stands, falls = sorted((made[key], made[turned]), key=lambda r: (-STRENGTH[r.status], r.source, r.target))
        del made[_key(falls)]
        conflicts.append(_conflict(stands, falls, _TURNED, _shown(stands), Severity.HIGH))
    return tuple(made[key] for key in sorted(made)), conflicts


def _key(relation: Relation) -> _Key:
    return relation.source, relation.kind, relation.target


def _one_says_both(key: _Key, *sides: dict[_Key, Relation]) -> bool:
    """A circle in one document is that document's fault, for `assay bom validate` to tell."""
    return any(key in side and (key[2], key[1], key[0]) in side for side in sides)


def _joined(one: Relation, other: Relation) -> tuple[Relation, tuple[Relation, Relation] | None]:
    status, places = best(one.status, other.status), places_of(one.places, other.places)
    native = blended(one.native, other.native)
    if one.how == other.how or not one.how or not other.how:
        how = one.how or other.how
        return Relation(one.source, one.kind, one.target, how, status, places, native), None
    stands, falls = sorted((one, other), key=lambda relation: (-STRENGTH[relation.status], relation.how))
    return Relation(one.source, one.kind, one.target, stands.how, stands.status, places, native), (stands, falls)


def _other_bases(left: dict[_Key, Relation], right: dict[_Key, Relation]) -> Iterator[Conflict]:
    bases = []
    for side in (left, right):
        found: dict[str, list[Relation]] = defaultdict(list)
        for key in sorted(side):
            if key[1] is EdgeKind.DESCENDANT_OF:
                found[key[0]].append(side[key])
        bases.append(found)
    for source in sorted(bases[0].keys() & bases[1].keys()):
        one, other = bases[0][source], bases[1][source]
        if len(one) == len(other) == 1 and one[0].target != other[0].target:
            first, second = sorted((one[0], other[0]), key=_key)
            yield _conflict(first, second, _OTHER_BASE, "both", Severity.HIGH)


def _uses(left: dict[_Key, Relation], right: dict[_Key, Relation]) -> Iterator[Conflict]:
    for source, kind, target in sorted(left):
        tested, trained = (source, EdgeKind.TESTED_ON, target), (source, EdgeKind.TRAINED_ON, target)
        apart = tested not in left and trained not in right and tested in right
        if kind is EdgeKind.TRAINED_ON and apart:
            yield _conflict(left[trained], right[tested], _USE, "both", Severity.MEDIUM)


def _conflict(stands: Relation, falls: Relation, why: str, shown: str, severity: Severity) -> Conflict:
    one, other = (Said(_shown(relation), str(relation.status), relation.places) for relation in (stands, falls))
    return Conflict("relation", severity, stands.source, str(stands.kind), one, other, shown, why)


def _shown(relation: Relation) -> str:
    how = f" ({relation.how})" if relation.how else ""
    return f"{relation.source} {relation.kind} {relation.target}{how}"
