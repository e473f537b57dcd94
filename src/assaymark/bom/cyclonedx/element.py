"""One component of a BOM as an element of a CycloneDX document: component, workflow or service."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from assaymark.bom.cyclonedx import fields, layout, properties
from assaymark.bom.cyclonedx.patch import apply
from assaymark.bom.document import Bom, Component, Fact, Gap, Place, Relation, Status
from assaymark.core.graph import EdgeKind, NodeKind

_OCCURRENCES = 100
_IDENTITY = {"name": "name", "version": "version", "purl": "purl", "sha256": "hash"}
"""Facts that identify, and what evidence of CycloneDX calls them."""
_METHODS = {
    Status.DECLARED: ("manifest-analysis", 0.8),
    Status.INFERRED: ("other", 0.5),
    Status.OBSERVED: ("binary-analysis", 1.0),
    Status.VERIFIED: ("hash-comparison", 1.0),
}
_ELSEWHERE = frozenset({NodeKind.RUN, NodeKind.DEPLOYMENT, NodeKind.PARTY})
"""Kinds that `dependencies` cannot name: only components and services stand there, and we name only components."""


@dataclass(slots=True)
class Scene:
    """What an element is made from beside its own facts: relations and gaps of it, and where all components stand."""

    bom: Bom
    arrangement: layout.Layout
    components: dict[str, Component] = field(init=False)
    outgoing: dict[str, list[Relation]] = field(init=False)
    gaps: dict[str, list[Gap]] = field(init=False)
    written: dict[str, list[str]] = field(init=False)
    implied: set[tuple[str, EdgeKind, str]] = field(init=False)
    dependencies: dict[str, list[str]] = field(init=False)
    explicit: dict[str, list[dict[str, Any]]] = field(init=False)
    natural: bool = field(init=False)

    def __post_init__(self) -> None:
        """Sort everything by component once."""
        self.components = self.bom.by_ref
        self.natural = "layout" not in self.bom.native.get("cyclonedx", {})
        self.outgoing, self.gaps, self.written = {}, {}, {}
        for relation in self.bom.relations:
            if relation.kind is EdgeKind.GENERATED_BY:
                self.written.setdefault(relation.target, []).append(relation.source)
            self.outgoing.setdefault(relation.source, []).append(relation)
        for gap in self.bom.gaps:
            self.gaps.setdefault(gap.ref, []).append(gap)
        self.implied = {(one.source, one.kind, one.target) for one in layout.implied(self.arrangement)}
        self.dependencies, self.explicit = {}, {}
        nested: dict[tuple[str, str], list[EdgeKind]] = {}
        for source, kind, target in self.implied:
            nested.setdefault((source, target), []).append(kind)
        for source, relations in self.outgoing.items():
            self._sort(source, relations, nested)
        pairs = {(one.source, one.target) for one in self.bom.relations}
        for source, target in sorted(nested):
            if (source, target) not in pairs:
                self.explicit.setdefault(source, []).append({"kind": "", "target": target})

    def _sort(self, source: str, relations: list[Relation], nested: Mapping[tuple[str, str], list[EdgeKind]]) -> None:
        """Which relations of a component the structure of the document states, and which need a property."""
        pairs: dict[str, list[Relation]] = {}
        for relation in relations:
            pairs.setdefault(relation.target, []).append(relation)
        for target, group in pairs.items():
            stated = set(nested.get((source, target), ()))
            if self.in_card(source, target) and any(one.kind is EdgeKind.TRAINED_ON for one in group):
                stated.add(EdgeKind.TRAINED_ON)
            if self._depends(source, target, group):
                self.dependencies.setdefault(source, []).append(target)
                stated.add(EdgeKind.DEPENDS_ON)
            kinds = [one.kind for one in group]
            if len(kinds) != len(stated) or set(kinds) != stated or not all(map(_usual, group)):
                self.explicit.setdefault(source, []).extend(map(properties.of_relation, group))

    def _depends(self, source: str, target: str, group: list[Relation]) -> bool:
        """Whether the target stands in `dependencies`: all that a thing comes from does, where we lay the document out."""
        ends = (self.components.get(source), self.components.get(target))
        if any(end is None or end.kind in _ELSEWHERE for end in ends):
            return False
        return self.natural or any(one.kind is EdgeKind.DEPENDS_ON for one in group)

    def in_card(self, source: str, target: str) -> bool:
        """Whether the model card of the source can name the target as a dataset."""
        one, other = self.components.get(source), self.components.get(target)
        return one is not None and other is not None and (one.kind, other.kind) == (NodeKind.MODEL, NodeKind.DATA)

    def datasets(self, ref: str) -> list[str]:
        """What the model card names as datasets."""
        return [
            one.target
            for one in self.outgoing.get(ref, ())
            if one.kind is EdgeKind.TRAINED_ON and self.in_card(ref, one.target)
        ]

    def bases(self, ref: str) -> list[Component]:
        """Ancestors that stand elsewhere in the document, to be copied into the pedigree."""
        return [
            self.components[one.target]
            for one in self.outgoing.get(ref, ())
            if one.kind is EdgeKind.DESCENDANT_OF
            and (ref, one.kind, one.target) not in self.implied
            and (one.target, one.kind, ref) not in self.implied
            and one.target in self.components
            and self.components[one.target].kind in fields.TYPES
        ]


def _usual(relation: Relation) -> bool:
    """Whether a relation says no more than that it is there."""
    native = any(name != "cyclonedx" for name in relation.native)
    return not (relation.how or relation.places or native or relation.status is not Status.DECLARED)


def values_of(component: Component) -> dict[str, Any]:
    """Values of the facts that are known."""
    return {name: fact.value for name, fact in component.facts.items() if fact.status is not Status.UNKNOWN}


def element(component: Component, scene: Scene) -> dict[str, Any]:
    """The element, with what the document that it comes from said beyond its facts."""
    return dict(apply(bare(component, scene), component.native.get("cyclonedx", {})))


def bare(component: Component, scene: Scene) -> dict[str, Any]:
    """The element of the facts alone."""
    ref, values = component.ref, values_of(component)
    if component.kind is NodeKind.RUN:
        made = fields.run(ref, values)
        said = fields.run_facts(made)
        _wire(made, ref, scene)
    elif component.kind is NodeKind.DEPLOYMENT:
        made = fields.deployment(ref, values)
        said = fields.deployment_facts(made)
    else:
        made = {"bom-ref": ref, **fields.component(component.kind, values)}
        made.setdefault("name", ref)
        said = fields.facts_of(made)
        _model(made, component, scene)
        if found := _evidence(component.facts):
            made["evidence"] = found
    listed = _properties(component, said, made, scene)
    if listed:
        made["properties"] = listed
    return made


def _properties(
    component: Component, said: Mapping[str, Any], made: Mapping[str, Any], scene: Scene
) -> list[properties.Property]:
    listed = properties.of_facts(component, said)
    if fields.KINDS.get(made.get("type", "")) is not component.kind:
        listed.append(properties.prop("kind", component.kind.value))
    listed += [properties.prop("relation", one) for one in scene.explicit.get(component.ref, ())]
    listed += [properties.of_gap(gap) for gap in scene.gaps.get(component.ref, ())]
    listed += [
        properties.prop(f"native:{name}", value) for name, value in component.native.items() if name != "cyclonedx"
    ]
    return sorted(listed, key=lambda one: (one["name"], one["value"]))


def _model(made: dict[str, Any], component: Component, scene: Scene) -> None:
    """What a component is made from, in the fields that CycloneDX has for it."""
    if datasets := scene.datasets(component.ref):
        card = made.setdefault("modelCard", {})
        card.setdefault("modelParameters", {})["datasets"] = [{"ref": ref} for ref in datasets]
    if bases := scene.bases(component.ref):
        made.setdefault("pedigree", {})["ancestors"] = [_copy(base) for base in bases]


def _copy(base: Component) -> dict[str, Any]:
    """An ancestor as it stands in a pedigree: by what identifies it, with the ref of the component that says more."""
    values = {
        name: value
        for name, value in values_of(base).items()
        if name in ("name", "version", "purl", *fields.ALGORITHMS)
    }
    made = fields.component(base.kind, values)
    made.pop("data", None)
    made.setdefault("name", base.ref)
    return {**made, "properties": [properties.prop("ref", base.ref)]}


def _evidence(facts: Mapping[str, Fact]) -> dict[str, Any]:
    """Where the component was seen, and how what identifies it is known."""
    paths = sorted({place.path for fact in facts.values() for place in fact.places if place.path})
    made: dict[str, Any] = {}
    identity = [
        _identity(theirs, facts[name]) for name, theirs in _IDENTITY.items() if name in facts and facts[name].places
    ]
    identity = [one for one in identity if one]
    if identity:
        made["identity"] = identity
    if paths:
        made["occurrences"] = [{"location": path} for path in paths[:_OCCURRENCES]]
    return made


def _identity(field_name: str, fact: Fact) -> dict[str, Any]:
    if fact.status not in _METHODS or not isinstance(fact.value, str) or not fact.value:
        return {}
    technique, confidence = _METHODS[fact.status]
    place: Place = fact.places[0]
    method = {"technique": technique, "confidence": confidence, "value": " ".join(filter(None, (place.path, place.at)))}
    return {"field": field_name, "confidence": confidence, "concludedValue": fact.value, "methods": [method]}


def _wire(made: dict[str, Any], ref: str, scene: Scene) -> None:
    """What a run read, used and wrote."""
    wire(
        made,
        inputs=_targets(scene.outgoing.get(ref, ()), EdgeKind.HAS_INPUT),
        tools=_targets(scene.outgoing.get(ref, ()), EdgeKind.USES_TOOL),
        outputs=scene.written.get(ref, []),
    )


def wire(made: dict[str, Any], *, inputs: list[str], tools: list[str], outputs: list[str]) -> None:
    """References of a workflow."""
    if inputs:
        made["inputs"] = [{"resource": {"ref": one}} for one in inputs]
    if outputs:
        made["outputs"] = [{"type": "artifact", "resource": {"ref": one}} for one in outputs]
    if tools:
        made["resourceReferences"] = [{"ref": one} for one in tools]


def _targets(relations: Iterable[Relation], kind: EdgeKind) -> list[str]:
    return [one.target for one in relations if one.kind is kind]
