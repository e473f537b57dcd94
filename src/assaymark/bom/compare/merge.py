"""Several bills of materials as one: a supplier's, a scanner's and more. Nothing is overwritten in silence.

Components are matched by what they are (bom.matching), never by their refs. Two that cannot be the same bytes, or that are two
releases of one library, stay two. The order of the documents says nothing: they are joined in the order of their content.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from hashlib import sha256
from typing import Any

from assaymark.bom.compare.diff_record import canonical, label
from assaymark.bom.compare.matching import clashes, digests_of, name_of, paired, purl_base, same_rules, version_of
from assaymark.bom.compare.merge_facts import Conflict, Said, blended, facts_of, notes_of
from assaymark.bom.compare.merge_native import carried
from assaymark.bom.compare.merge_relations import joined_relations
from assaymark.bom.document import Bom, Component, Fact, Gap, Place, Relation
from assaymark.core.errors import UsageError
from assaymark.core.finding import Severity
from assaymark.core.graph import NodeKind

SCHEMA = "assaymark/bom-merge/v1"
_DIGEST = "two documents name different bytes for it: one is about something else, or was changed"
_RIVALS = 3
"""How many things of one name are compared with each other."""
_Group = tuple[Component | None, Component | None]
__all__ = ["SCHEMA", "Conflict", "Merged", "Said", "merge"]


@dataclass(frozen=True, slots=True)
class Merged:
    """One document of all, what they disagree about, and the names of the sources."""

    bom: Bom
    conflicts: tuple[Conflict, ...]
    sources: tuple[str, ...] = ()

    @property
    def digests_disagree(self) -> bool:
        """Whether two documents name different bytes for one thing."""
        return any(conflict.kind == "digest" for conflict in self.conflicts)

    def as_dict(self) -> dict[str, Any]:
        """The conflict report as JSON."""
        return {
            "schema": SCHEMA,
            "sources": list(self.sources),
            "components": len(self.bom.components),
            "relations": len(self.bom.relations),
            "conflicts": [conflict.as_dict() for conflict in self.conflicts],
        }


def merge(boms: Sequence[tuple[str, Bom]]) -> Merged:
    """Join documents, each with the name of its source; "" names none, and its places stay as they are."""
    if not boms:
        raise UsageError("nothing to merge", step="give two or more documents")
    ordered = sorted(boms, key=lambda named: (_content(named[1]), named[0]))
    made, conflicts = _sourced(*ordered[0]), []
    for name, bom in ordered[1:]:
        made, found = _two(made, _sourced(name, bom))
        conflicts += found
    unique = {canonical(conflict.as_dict()): conflict for conflict in conflicts}
    return Merged(made, tuple(sorted(unique.values(), key=lambda c: c.order)), tuple(sorted(name for name, _ in boms)))


def _content(bom: Bom) -> str:
    """A document as text of which there is one, to join in the same order whatever the order of the arguments."""
    digest = sha256(repr((bom.subject, bom.at, bom.author, bom.tools)).encode())
    for component in bom.components:
        facts = {
            name: [fact.value, fact.status, [(p.path, p.at) for p in fact.places], fact.note]
            for name, fact in component.facts.items()
        }
        digest.update(
            f"{component.ref}{component.kind}{canonical(facts)}{canonical(component.native)}".encode(errors="replace")
        )
    for relation in bom.relations:
        digest.update(repr((relation.source, relation.kind, relation.target, relation.how, relation.status)).encode())
    for gap in bom.gaps:
        digest.update(repr(gap).encode(errors="replace"))
    digest.update(canonical(bom.native).encode(errors="replace"))
    return digest.hexdigest()


def _sourced(name: str, bom: Bom) -> Bom:
    """The document with its name in all its places."""

    def places(old: tuple[Place, ...]) -> tuple[Place, ...]:
        return tuple(Place(f"{name}!{place.path}", place.at) for place in old) or (Place(name),)

    if not name:
        return bom
    return replace(
        bom,
        components=tuple(
            Component(
                c.ref,
                c.kind,
                {n: Fact(f.value, f.status, places(f.places), f.note) for n, f in c.facts.items()},
                c.native,
            )
            for c in bom.components
        ),
        relations=tuple(replace(r, places=places(r.places)) for r in bom.relations),
    )


def _may_be(one: Component, other: Component) -> bool:
    """Not when their digests cannot be of the same bytes, nor when they are two releases of one library."""
    if clashes(one, other):
        return False
    if NodeKind.LIBRARY not in (one.kind, other.kind):
        return True
    bases = [purl_base(component.text("purl")) for component in (one, other)]
    versions = [version_of(component) for component in (one, other)]
    return all(pair[0] == pair[1] or not all(pair) for pair in (bases, versions))


def _two(left: Bom, right: Bom) -> tuple[Bom, list[Conflict]]:
    matching = paired(left.components, right.components, same_rules(), _may_be)
    groups: list[_Group] = [(pair.old, pair.new) for pair in matching.pairs]
    groups += [
        *((component, None) for component in matching.removed),
        *((None, component) for component in matching.added),
    ]
    to_left, to_right = _refs(groups)
    components: list[Component] = []
    conflicts: list[Conflict] = []
    for old, new in groups:
        component, found = _component(old, new, to_left[old.ref] if old else to_right[new.ref] if new else "")
        components.append(component)
        conflicts += found
    components.sort(key=lambda component: component.ref)
    conflicts += _stay_two(matching.removed, matching.added, to_left)
    one, other = _mapped(left, to_left), _mapped(right, to_right)
    relations, found = joined_relations(one.relations, other.relations)
    conflicts += found
    subject, found = _subject(one, other, {component.ref: component for component in components}, relations)
    conflicts += found
    native, found = carried((left, to_left), (right, to_right))
    conflicts += found
    tools = left.tools if left.tools == right.tools else tuple(sorted({*left.tools, *right.tools}))
    gaps = _gaps(one, other, components, relations)
    at, author = max(left.at, right.at), notes_of(left.author, right.author)
    return Bom(subject, tuple(components), relations, gaps, at, author, tools, native), conflicts


def _refs(groups: Iterable[_Group]) -> tuple[dict[str, str], dict[str, str]]:
    """New refs for the old ones of each side: the lesser of a group's, with a digest where two groups would have one."""
    wanted: dict[str, list[_Group]] = defaultdict(list)
    for group in groups:
        wanted[min(component.ref for component in group if component)].append(group)
    to_left: dict[str, str] = {}
    to_right: dict[str, str] = {}
    for ref, rivals in wanted.items():
        for group in rivals:
            own = ref if len(rivals) == 1 else f"{ref}~{_identity(group)}"
            for component, refs in zip(group, (to_left, to_right), strict=True):
                if component:
                    refs[component.ref] = own
    return to_left, to_right


def _identity(group: _Group) -> str:
    """What tells the rivals for one ref apart, in eight digits."""
    said = sorted(
        canonical([c.kind, c.name, version_of(c), c.text("purl"), [[k, *sorted(v)] for k, v in digests_of(c).items()]])
        for c in group
        if c
    )
    return sha256(canonical(said).encode(errors="replace")).hexdigest()[:8]


def _component(one: Component | None, other: Component | None, ref: str) -> tuple[Component, list[Conflict]]:
    if one is None or other is None:
        alone = one or other
        if alone is None:
            raise ValueError("a group has at least one component")
        return (alone if alone.ref == ref else replace(alone, ref=ref)), []
    facts, conflicts = facts_of(ref, one, other)
    kind = min(one.kind, other.kind, key=lambda kind: (kind is NodeKind.FILE, kind))
    return Component(ref, kind, facts, blended(one.native, other.native)), conflicts


def _stay_two(
    lefts: Iterable[Component], rights: Iterable[Component], to_left: Mapping[str, str]
) -> Iterator[Conflict]:
    """Things that go by one name in both documents and cannot be one: other bytes, another release, another publisher."""
    by_name: dict[str, list[Component]] = defaultdict(list)
    for component in rights:
        by_name[_name(component)].append(component)
    for one in lefts:
        for other in by_name.get(_name(one), ())[:_RIVALS] if _name(one) else ():
            yield from _rivals(to_left[one.ref], one, other)


def _name(component: Component) -> str:
    purl = purl_base(component.text("purl"))
    return f"{component.kind} {purl or name_of(component)}" if purl or component.text("name") else ""


def _rivals(ref: str, one: Component, other: Component) -> Iterator[Conflict]:
    one, other = sorted((one, other), key=lambda c: (label(c), canonical([f.value for f in c.facts.values()])))
    stands = "both, as two components"
    versions = version_of(one), version_of(other)
    if versions[0] == versions[1] or not all(versions):
        for name in clashes(one, other):
            mine, theirs = (_said(c, name, sorted(digests_of(c)[name])) for c in (one, other))
            yield Conflict("digest", Severity.HIGH, ref, name, mine, theirs, stands, _DIGEST)
        if one.text("supplier") and other.text("supplier") and one.text("supplier") != other.text("supplier"):
            why = f"two publishers claim {one.text('purl') or one.name}: one of them does not own that name"
            mine, theirs = (_said(c, "supplier", c.text("supplier")) for c in (one, other))
            yield Conflict("publisher", Severity.HIGH, ref, "supplier", mine, theirs, stands, why)
    elif one.kind is NodeKind.LIBRARY:
        why = "two releases of one library are named; one of the documents may be older"
        mine, theirs = (_said(c, "version", version_of(c)) for c in (one, other))
        yield Conflict("version", Severity.LOW, ref, "version", mine, theirs, stands, why)


def _said(component: Component, name: str, value: Any) -> Said:
    fact = component.facts.get(name) or component.facts.get("digests") or component.facts.get("purl")
    value = value[0] if isinstance(value, list) and len(value) == 1 else value
    return Said(value, str(fact.status), fact.places) if fact else Said(value, "")


def _mapped(bom: Bom, refs: Mapping[str, str]) -> Bom:
    """The document with other refs in its relations and gaps."""
    return replace(
        bom,
        subject=refs.get(bom.subject, bom.subject),
        relations=tuple(
            replace(r, source=refs.get(r.source, r.source), target=refs.get(r.target, r.target)) for r in bom.relations
        ),
        gaps=tuple(replace(gap, ref=refs.get(gap.ref, gap.ref)) for gap in bom.gaps),
    )


def _subject(
    one: Bom, other: Bom, components: Mapping[str, Component], relations: Iterable[Relation]
) -> tuple[str, list[Conflict]]:
    """The one that both are about; else the one that the other is a part of; else a model before all else."""
    if one.subject == other.subject or not one.subject or not other.subject:
        return one.subject or other.subject, []
    below: dict[str, list[str]] = defaultdict(list)
    for relation in relations:
        below[relation.source].append(relation.target)
    reach = {start: _reached(start, below) for start in (one.subject, other.subject)}
    if (other.subject in reach[one.subject]) != (one.subject in reach[other.subject]):
        return (one.subject if other.subject in reach[one.subject] else other.subject), []

    def rank(ref: str) -> tuple[bool, str]:
        return ref not in components or components[ref].kind is not NodeKind.MODEL, ref

    first, second = sorted((one.subject, other.subject), key=rank)
    mine, theirs = (Said(label(components[ref]) if ref in components else ref, "") for ref in (first, second))
    why = "the documents are about different things, and nothing says how these hang together"
    return first, [Conflict("subject", Severity.MEDIUM, first, "subject", mine, theirs, first, why)]


def _reached(start: str, below: Mapping[str, list[str]]) -> set[str]:
    seen: set[str] = set()
    waiting = [start]
    while waiting:
        for ref in below.get(waiting.pop(), ()):
            if ref not in seen:
                seen.add(ref)
                waiting.append(ref)
    return seen


def _gaps(one: Bom, other: Bom, components: Iterable[Component], relations: Iterable[Relation]) -> tuple[Gap, ...]:
    """The gaps of both that the other document did not close."""
    known = {
        (component.ref, name)
        for component in components
        for name in component.facts
        if component.value(name) is not None
    }
    known |= {(relation.source, str(relation.kind)) for relation in relations}
    left: dict[tuple[str, str], Gap] = {}
    for bom in (one, other):
        own = {(component.ref, name) for component in bom.components for name in component.facts}
        own |= {(relation.source, str(relation.kind)) for relation in bom.relations}
        for gap in bom.gaps:
            key = (gap.ref, gap.what)
            closed = key in known and one.gaps != other.gaps and key not in own
            if not closed and (key not in left or (gap.why, gap.step) < (left[key].why, left[key].step)):
                left[key] = gap
    return one.gaps if one.gaps == other.gaps else tuple(left[key] for key in sorted(left))
