"""What no field of CycloneDX says exactly, as properties under the prefix `assaymark:`, and back.

`assaymark:fact:<name>`   the value of a fact
`assaymark:known`         how facts are known: their names, status, places, note
`assaymark:absent`        facts that a field seems to state and the BOM does not
`assaymark:kind`          the kind of node where the type of the component says less
`assaymark:relation`      a relation to another component
`assaymark:gap`           what is not known, why, and the next step
`assaymark:native:<name>` what a document in another format said beyond all this
`assaymark:component`     a component that CycloneDX has no element for (a party)
`assaymark:ref`           which component an ancestor is
`assaymark:carried`       what this version of CycloneDX has no room for, and where it stood
"""

import json
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from assaymark.bom.cyclonedx.patch import canonical, same
from assaymark.bom.document import Component, Fact, Gap, Place, Relation, Status
from assaymark.core.graph import EdgeKind, NodeKind

PREFIX = "assaymark:"
Property = dict[str, str]


def prop(name: str, value: Any) -> Property:
    """One property; a text stands as it is unless it could be read as JSON."""
    return {"name": PREFIX + name, "value": _encoded(value)}


def ours(properties: Any) -> Iterator[tuple[str, Any]]:
    """(name without prefix, value) of our properties; others are passed over."""
    for item in properties if isinstance(properties, list) else ():
        if not isinstance(item, dict):
            continue
        name, value = item.get("name"), item.get("value")
        if isinstance(name, str) and name.startswith(PREFIX) and isinstance(value, str):
            yield name[len(PREFIX) :], _decoded(value)


def _encoded(value: Any) -> str:
    if isinstance(value, str) and _decoded(value) == value and isinstance(_decoded(value), str):
        return value
    return canonical(value)


def _decoded(text: str) -> Any:
    if text[:1] not in '{["-0123456789tfn':
        return text
    try:
        return json.loads(text, parse_constant=_refused)
    except (ValueError, RecursionError):
        return text


def _refused(text: str) -> Any:
    raise ValueError(text)


def of_facts(component: Component, said: Mapping[str, Any]) -> list[Property]:
    """Properties of the facts of a component of whose fields a reader takes `said`."""
    made: list[Property] = []
    groups: dict[str, tuple[dict[str, Any], list[str]]] = {}
    for name, fact in component.facts.items():
        unknown = fact.status is Status.UNKNOWN and fact.value is None
        stated = fact.status is not Status.UNKNOWN and name in said and same(said[name], fact.value)
        if not (unknown or stated):
            made.append(prop(f"fact:{name}", fact.value))
        if fact.status is not Status.DECLARED or fact.places or fact.note:
            how = knowledge(fact)
            groups.setdefault(canonical(how), (how, []))[1].append(name)
    made += [prop("known", {"facts": sorted(names), **how}) for _, (how, names) in sorted(groups.items())]
    absent = sorted(said.keys() - component.facts.keys())
    return [*made, prop("absent", absent)] if absent else made


def facts(said: Mapping[str, Any], properties: Any) -> dict[str, Fact]:
    """The facts, from what fields say and what properties add; the reverse of `of_facts`."""
    values: dict[str, Any] = dict(said)
    known: dict[str, Fact] = {}
    told: dict[str, Any] = {}
    for name, value in ours(properties):
        if name.startswith("fact:"):
            values[name[5:]] = told[name[5:]] = value
        elif name == "absent" and isinstance(value, list):
            for one in value:
                values.pop(one if isinstance(one, str) else "", None)
        elif name == "known" and isinstance(value, dict) and (how := _how(value)) is not None:
            names = value.get("facts")
            known.update({one: how for one in names if isinstance(one, str)} if isinstance(names, list) else {})
    made = {name: Fact(value, Status.DECLARED) for name, value in values.items()}
    for name, how in known.items():
        if how.status is Status.UNKNOWN:
            made[name] = Fact(told.get(name), how.status, how.places, how.note)
        elif name in values:
            made[name] = Fact(values[name], how.status, how.places, how.note)
    return dict(sorted(made.items()))


def knowledge(fact: Fact) -> dict[str, Any]:
    """Status, places and note of a fact as JSON."""
    made: dict[str, Any] = {"status": fact.status.value}
    if fact.places:
        made["places"] = _places(fact.places)
    if fact.note:
        made["note"] = fact.note
    return made


def _how(value: Mapping[str, Any]) -> Fact | None:
    status, note = value.get("status"), value.get("note", "")
    if status not in Status.__members__.values() or not isinstance(note, str):
        return None
    return Fact(None, Status(str(status)), _read_places(value.get("places")), note)


def _places(places: Iterable[Place]) -> list[list[str]]:
    return [[place.path, place.at] for place in places]


def _read_places(value: Any) -> tuple[Place, ...]:
    pairs = value if isinstance(value, list) else []
    return tuple(
        Place(*pair)
        for pair in pairs
        if isinstance(pair, list) and len(pair) == 2 and all(isinstance(p, str) for p in pair)
    )


def of_relation(relation: Relation) -> dict[str, Any]:
    """A relation without its source, as JSON; what is as usual is left out."""
    made: dict[str, Any] = {"kind": relation.kind.value, "target": relation.target}
    if relation.how:
        made["how"] = relation.how
    if relation.status is not Status.DECLARED:
        made["status"] = relation.status.value
    if relation.places:
        made["places"] = _places(relation.places)
    native = {name: value for name, value in relation.native.items() if name != "cyclonedx"}
    return {**made, "native": native} if native else made


def relation(source: str, value: Any) -> Relation | None:
    """The reverse; None where it is none."""
    if not isinstance(value, dict):
        return None
    kind, target, status = value.get("kind"), value.get("target"), value.get("status", "declared")
    how, native = value.get("how", ""), value.get("native", {})
    if kind not in EdgeKind.__members__.values() or status not in Status.__members__.values():
        return None
    if not isinstance(target, str) or not isinstance(how, str) or not isinstance(native, dict):
        return None
    return Relation(
        source, EdgeKind(str(kind)), target, how, Status(str(status)), _read_places(value.get("places")), native
    )


def of_gap(gap: Gap, *, ref: bool = False) -> Property:
    """A gap as a property of its component, or of the document with the `ref`."""
    made = {"what": gap.what, "why": gap.why, "step": gap.step}
    return prop("gap", {"ref": gap.ref, **made} if ref else made)


def gap(ref: str, value: Any) -> Gap | None:
    """The reverse; None where it is none."""
    if not isinstance(value, dict):
        return None
    parts = [value.get("ref", ref), value.get("what"), value.get("why"), value.get("step", "")]
    return Gap(*parts) if all(isinstance(part, str) for part in parts) else None


def of_component(component: Component) -> Property:
    """A whole component that has no element of its own."""
    facts = {name: {"value": fact.value, **knowledge(fact)} for name, fact in component.facts.items()}
    made: dict[str, Any] = {"ref": component.ref, "kind": component.kind.value, "facts": facts}
    return prop("component", {**made, "native": dict(component.native)} if component.native else made)


def component(value: Any) -> Component | None:
    """The reverse; None where it is none."""
    if not isinstance(value, dict) or value.get("kind") not in NodeKind.__members__.values():
        return None
    ref, stated, native = value.get("ref"), value.get("facts", {}), value.get("native", {})
    if not isinstance(ref, str) or not isinstance(stated, dict) or not isinstance(native, dict):
        return None
    made: dict[str, Fact] = {}
    for name, item in stated.items():
        how = _how(item) if isinstance(item, dict) else None
        if how is not None:
            made[name] = Fact(item.get("value"), how.status, how.places, how.note)
    return Component(ref, NodeKind(value["kind"]), dict(sorted(made.items())), native)
