"""Relationships of SPDX 3 as relations, and back; which way they point is said in `terms`."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

from assaymark.bom.document import Gap, Relation
from assaymark.bom.spdx.bound import text
from assaymark.bom.spdx.elements import NONE, Elements, value_of
from assaymark.bom.spdx.model import compact
from assaymark.bom.spdx.terms import DESCRIBED, FROM_BUILD, HOSTS, MEANINGS, SCOPES, WRITTEN, Meaning
from assaymark.core.graph import EdgeKind, NodeKind

_EDGES = {kind.value: kind for kind in EdgeKind}
_HOW = {kind: {scope: how for how, scope in scopes.items()} for kind, scopes in SCOPES.items()}
_NO_ASSERTION = "the document makes no assertion on it"
_INCOMPLETE = "the document says that there is more than it lists"


@dataclass(frozen=True, slots=True, order=True)
class Written:
    """A Relationship, less its ends. `scope` and `description` are "" where there is none."""

    type: str
    scope: str = ""
    description: str = ""
    turned: bool = False


def written(relation: Relation, source: NodeKind) -> Written:
    """How a relation is written; SUPPLIED_BY may be a property instead."""
    kind = relation.kind
    name = WRITTEN.get(kind, "other")
    if source is not NodeKind.RUN:
        name = FROM_BUILD.get(kind, name)
    scope = SCOPES.get(kind, {}).get(relation.how, "")
    turned = name in MEANINGS and MEANINGS[name].turned
    return Written(name, scope, kind.value if name in DESCRIBED else "", turned)


def meaning(name: str, scope: str, description: str, target: NodeKind | None) -> Meaning | None:
    """What a Relationship says in the words of the BOM; None where it says nothing of what consumed what."""
    known = MEANINGS.get(name)
    if name in DESCRIBED and description in _EDGES:
        known = Meaning(_EDGES[description])
    elif name == "hasPrerequisite" and target in HOSTS:
        known = Meaning(EdgeKind.RUNS_ON)
    if known is None:
        return None
    how = _HOW.get(known.kind, {}).get(scope, "")
    return replace(known, how=how) if how else known


def plain(relation: Relation, source: NodeKind, target: NodeKind) -> Relation:
    """The relation that is read where nothing but its Relationship (or property) is there."""
    made = written(relation, source)
    read = meaning(made.type, made.scope, made.description, target)
    how = read.how if read else ""
    return Relation(relation.source, relation.kind, relation.target, how)


def relationships(found: Elements) -> Iterator[tuple[dict[str, Any], str, list[str]]]:
    """Each Relationship, what it leads from and what it leads to."""
    for element in found.of("Relationship"):
        source = found.ids(element.get("from"))
        if source:
            yield element, source[0], found.ids(element.get("to"))


def relations(
    found: Elements, refs: Mapping[str, str], kinds: Mapping[str, NodeKind]
) -> dict[tuple[str, EdgeKind, str], Relation]:
    """Relations of what are components (id -> ref), by source, kind and target; one to itself is none."""
    made: dict[tuple[str, EdgeKind, str], Relation] = {}

    def add(source: str, known: Meaning, target: str) -> None:
        one, other = refs[source], refs[target]
        if known.turned:
            one, other = other, one
        if one != other:
            made.setdefault((one, known.kind, other), Relation(one, known.kind, other, known.how))

    for element, source, targets in relationships(found):
        said = value_of(element, "relationshipType"), value_of(element, "scope"), text(element, "description")
        for target in targets if source in refs else ():
            known = meaning(*said, kinds.get(target)) if target in refs else None
            if known:
                add(source, known, target)
    for one in refs:
        for party in found.ids(found.get(one).get("suppliedBy")):
            if party in refs:
                add(one, Meaning(EdgeKind.SUPPLIED_BY), party)
    return made


def gaps(found: Elements, refs: Mapping[str, str]) -> list[Gap]:
    """What the document itself says to be incomplete."""
    made: dict[tuple[str, str], Gap] = {}
    for element, source, targets in relationships(found):
        known = meaning(value_of(element, "relationshipType"), "", text(element, "description"), None)
        if source not in refs or known is None or known.turned:
            continue
        key = refs[source], known.kind.value
        if any(compact(target) == "NoAssertionElement" for target in targets):
            made.setdefault(key, Gap(*key, _NO_ASSERTION))
        elif value_of(element, "completeness") == "incomplete":
            made.setdefault(key, Gap(*key, _INCOMPLETE))
    return [made[key] for key in sorted(made)]


def licenses(found: Elements) -> dict[str, list[str]]:
    """Expressions of the licences of each element: those declared, else those concluded."""
    declared: dict[str, list[str]] = {}
    concluded: dict[str, list[str]] = {}
    for element, source, targets in relationships(found):
        name = value_of(element, "relationshipType")
        if name in {"hasDeclaredLicense", "hasConcludedLicense"}:
            said = [one for one in map(found.license, targets) if one]
            (declared if name == "hasDeclaredLicense" else concluded).setdefault(source, []).extend(said)
    return {source: said for source, said in (concluded | {k: v for k, v in declared.items() if v}).items() if said}


def ends(found: Elements) -> set[str]:
    """What relationships lead from or to, what supplies, and what documents are about."""
    known: set[str] = set()
    for element, source, targets in relationships(found):
        if value_of(element, "relationshipType") in MEANINGS or text(element, "description") in _EDGES:
            known.update((source, *targets))
    for element in found.all:
        for key in ("suppliedBy", "rootElement"):
            if key in element:
                known.update(found.ids(element[key]))
    return known - NONE


def grouped(relations: Iterable[Relation], kinds: Mapping[str, NodeKind]) -> dict[tuple[str, Written], list[str]]:
    """Relations as Relationships: (from ref, how it is written) -> refs."""
    made: dict[tuple[str, Written], list[str]] = {}
    for relation in relations:
        how = written(relation, kinds[relation.source])
        one, other = (relation.target, relation.source) if how.turned else (relation.source, relation.target)
        made.setdefault((one, how), []).append(other)
    return made
