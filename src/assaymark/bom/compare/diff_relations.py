"""Which relations came and went: another base, other training data, another host."""

from collections.abc import Iterator
from dataclasses import dataclass, field

from assaymark.bom.compare import diff_rules
from assaymark.bom.compare.diff_record import STRENGTH, Change, Side, label
from assaymark.bom.compare.matching import Matching
from assaymark.bom.document import Bom, Component, Relation
from assaymark.core.finding import Severity
from assaymark.core.graph import EdgeKind, NodeKind

_Key = tuple[str, EdgeKind, str]
_WEAKER = "it is known less well than it was"
_LEAK = "it is trained on what it was tested on, so its figures say nothing"


@dataclass(slots=True)
class Told:
    """Refs of components whose coming and going is told by a relation."""

    old: set[str] = field(default_factory=set)
    new: set[str] = field(default_factory=set)


def changes_of_relations(old: Bom, new: Bom, matching: Matching) -> tuple[list[Change], Told]:
    """Changes of relations, and the components that need no further word."""
    comparison = _Relations(old, new, matching)
    return list(comparison.changes()), comparison.told


class _Relations:
    def __init__(self, old: Bom, new: Bom, matching: Matching) -> None:
        self.olds, self.news = old.by_ref, new.by_ref
        self.removed = {component.ref for component in matching.removed}
        self.added = {component.ref for component in matching.added}
        self.told = Told()
        to_new = {pair.old.ref: pair.new.ref for pair in matching.pairs}

        def end(ref: str) -> str:  # in the refs of the new document, where it has the thing
            return to_new.get(ref) or (ref if ref not in self.olds and ref not in self.news else f"\0{ref}")

        def key(relation: Relation) -> _Key:
            return end(relation.source), relation.kind, end(relation.target)

        self.gone = {key(relation): relation for relation in old.relations}
        self.come = {(r.source, r.kind, r.target): r for r in new.relations}

    def changes(self) -> Iterator[Change]:
        """Of those that stay, how and how well known; then one that went and one that came are one change."""
        for key in sorted(self.gone.keys() & self.come.keys()):
            one, other = self.gone[key], self.come[key]
            if one.how != other.how:
                yield self._change("relation-changed", one, other)
            if STRENGTH[other.status] < STRENGTH[one.status]:
                yield self._change("relation-weaker", one, other)
        left: dict[tuple[str, EdgeKind], list[Relation]] = {}
        for key in sorted(self.gone.keys() - self.come.keys()):
            relation = self.gone[key]
            if self._telling(relation, self.removed):
                left.setdefault((key[0], key[1]), []).append(relation)
        for key in sorted(self.come.keys() - self.gone.keys()):
            relation = self.come[key]
            if self._telling(relation, self.added):
                rest = left.get((key[0], key[1]), [])
                lost = rest.pop(0) if rest else None
                yield self._change("changed" if lost else "added", lost, relation)
        for rest in left.values():
            for relation in rest:
                yield self._change("removed", relation, None)

    @staticmethod
    def _telling(relation: Relation, loose: set[str]) -> bool:
        """Dependencies and parts that come or go with their ends are told with these."""
        ends = {relation.source, relation.target}
        return not ends & loose or (relation.kind in diff_rules.TELLING and relation.source not in loose)

    def _change(self, verb: str, old: Relation | None, new: Relation | None) -> Change:
        relation = new or old
        if relation is None:
            raise ValueError("a change has at least one side")
        if old is not None and verb in ("changed", "removed"):
            self.told.old.add(old.target)
        if new is not None and verb in ("changed", "added"):
            self.told.new.add(new.target)
        source = (self.news if new else self.olds).get(relation.source)
        severity, word, why = diff_rules.RELATIONS[relation.kind]
        if verb == "relation-weaker":
            severity, why = Severity.LOW, _WEAKER
        if new and relation.kind is EdgeKind.TRAINED_ON and (new.source, EdgeKind.TESTED_ON, new.target) in self.come:
            severity, why = Severity.HIGH, _LEAK
        layer = (
            "data"
            if word in ("training-data", "test-data")
            else diff_rules.LAYER[source.kind]
            if source
            else "document"
        )
        name = source.name if source else relation.source
        sides = (_end(old, self.olds), _end(new, self.news))
        return Change(f"{word}-{verb}", severity, layer, name, _words(word, verb, source), *sides, why)


def _words(word: str, verb: str, source: Component | None) -> str:
    thing = word.replace("-", " ")
    if word == "base":
        thing = "base model" if source is None or source.kind is NodeKind.MODEL else "origin"
    said = {"relation-changed": "related in another way", "relation-weaker": "known less well"}
    return f"{thing} {said.get(verb, verb)}"


def _end(relation: Relation | None, components: dict[str, Component]) -> Side:
    if relation is None:
        return Side()
    target = components.get(relation.target)
    name = label(target) if target else relation.target
    return Side(
        f"{name} ({relation.how})" if relation.how else name, str(relation.status), relation.places, relation.target
    )
