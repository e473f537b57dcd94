"""A foreign SPDX 3 document around its components: taken apart on reading, put together on writing."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any
from urllib.parse import quote

from assaymark.bom.document import Bom, Component, Relation
from assaymark.bom.spdx import notes
from assaymark.bom.spdx.bound import objects, text
from assaymark.bom.spdx.elements import CONTEXT, Elements, elements, value_of
from assaymark.bom.spdx.facts import facts
from assaymark.bom.spdx.fields import TEXTS, fields
from assaymark.bom.spdx.made import Making, namespace
from assaymark.bom.spdx.relations import meaning, relations
from assaymark.bom.spdx.terms import HASHES
from assaymark.core.graph import EdgeKind, NodeKind

NATIVE = "spdx-3"
MARK = "assaymark:component"
RAW = "assaymark:raw"
_LISTS = ("verifiedUsing", "externalIdentifier", "externalRef")
_KEYS: Mapping[str, tuple[str, ...]] = {
    "purl": ("software_packageUrl", "externalIdentifier"),
    "manifest": ("externalIdentifier",),
    "repository": ("externalRef",),
    "architecture": ("ai_typeOfModel",),
    "task": ("ai_domain",),
    "hyperparameters": ("ai_hyperparameter", "build_parameter"),
    "metrics": ("ai_metric",),
    "environmental": ("ai_energyConsumption",),
    "safety": ("ai_safetyRiskAssessment",),
    "personal_data": ("ai_useSensitivePersonalInformation", "dataset_hasSensitivePersonalInformation"),
    "modalities": ("dataset_datasetType",),
    "size": ("dataset_datasetSize",),
    **dict.fromkeys(HASHES.values(), ("verifiedUsing",)),
    **{fact: (key,) for rows in TEXTS.values() for fact, key, _ in rows if fact != "intended_use"},
    "intended_use": ("ai_informationAboutApplication", "dataset_intendedUse"),
}
"""Properties that a fact stands in."""


def taken_apart(value: Any, marks: Mapping[int, str]) -> Any:
    """A copy in which components (by identity) are marks; what looks like a mark is wrapped."""
    if isinstance(value, dict):
        if id(value) in marks:
            return {MARK: marks[id(value)]}
        made = {key: taken_apart(one, marks) for key, one in value.items()}
        return {RAW: made} if MARK in value or RAW in value else made
    return [taken_apart(one, marks) for one in value] if isinstance(value, list) else value


def put_together(value: Any, element: Callable[[str], Any]) -> Any:
    """And back. `element` gives what stands for a component, None where it is gone: then it leaves the list that it was in."""
    if isinstance(value, dict):
        if MARK in value and isinstance(value[MARK], str):
            return element(value[MARK])
        raw = value[RAW] if RAW in value and isinstance(value[RAW], dict) else value
        return {key: put_together(one, element) for key, one in raw.items()}
    if isinstance(value, list):
        made = [put_together(one, element) for one in value]
        return [one for one, was in zip(made, value, strict=True) if one is not None or was is None]
    return value


def rest(component: Component, name: str, element: dict[str, Any], marks: Mapping[int, str]) -> dict[str, Any]:
    """What an element says that `fields` does not: properties as they are, and those that it lacks."""
    written = {"spdxId": name, **fields(component)}
    kept = {
        key: taken_apart(value, marks)
        for key, value in element.items()
        if key not in written or not notes.same(written[key], value)
    }
    lacking = sorted(written.keys() - element.keys())
    return {**({"set": kept} if kept else {}), **({"unset": lacking} if lacking else {})}


def element_of(component: Component, name: str) -> dict[str, Any]:
    """The element of a component that came from SPDX 3; facts that have changed since go before what it said."""
    native = component.native.get(NATIVE)
    kept = native.get("set", {}) if isinstance(native, dict) else {}
    lacking = native.get("unset", []) if isinstance(native, dict) else []
    written = {"spdxId": name, **fields(component)}
    made = {**written, **kept}
    for key in lacking:
        made.pop(key, None)
    probe = Elements({}, single=False, prefixes={})
    kept_says, written_says = facts(made, probe, []), facts(written, probe, [])
    for fact, keys in _KEYS.items():
        said = kept_says.get(fact)
        if not notes.same(said, component.value(fact)) and not notes.same(said, written_says.get(fact)):
            for key in keys:
                _renew(made, key, written, probe)
    return made


def _renew(made: dict[str, Any], key: str, written: Mapping[str, Any], probe: Elements) -> None:
    kept = []
    if key in _LISTS:
        kind = made.get("type")
        kept = [one for one in objects(made.get(key)) if not facts({"type": kind, key: [one]}, probe, [])]
    if key in written:
        made[key] = [*written[key], *kept] if key in _LISTS else written[key]
    elif kept:
        made[key] = kept
    else:
        made.pop(key, None)


def patched(bom: Bom, document: dict[str, Any]) -> dict[str, Any]:
    """The document that was read, with what has changed since."""
    by_ref = bom.by_ref
    placed: dict[str, dict[str, Any]] = {}

    def element(ref: str) -> Any:
        if ref not in by_ref or ref in placed:
            return None
        placed[ref] = {}
        placed[ref] = put_together(element_of(by_ref[ref], ref), element)
        return placed[ref]

    made = put_together(document, element) or {"@context": CONTEXT, "@graph": []}
    found = elements(made)
    making = Making(namespace(bom), {ref: found.id(one) for ref, one in placed.items()})
    added = [component for component in bom.components if component.ref not in placed]
    making.ids |= {one.ref: f"{making.base}#component:{quote(one.ref, safe='/:@+~')}" for one in added}
    for component in added:
        making.component(component)
    _relate(bom, found, making)
    if making.made:
        making.creation(bom)
    _append(made, making)
    _note(bom, made, making)
    return made


def _relate(bom: Bom, found: Elements, making: Making) -> None:
    """Relationships that are new are added, and ends that are gone are taken out."""
    kinds = {component.ref: component.kind for component in bom.components}
    refs = {name: ref for ref, name in making.ids.items() if name in found.by_id}
    by_id = {name: kinds[ref] for name, ref in refs.items()}
    there = relations(found, refs, by_id)
    wanted = {(r.source, r.kind, r.target): r for r in bom.relations}
    gone = there.keys() - wanted.keys()
    if gone:
        ids = making.ids
        _prune(found, {(ids[source], kind, ids[target]) for source, kind, target in gone}, by_id)
    making.relations([wanted[key] for key in sorted(wanted.keys() - there.keys())], kinds)


def _prune(found: Elements, gone: set[tuple[str, EdgeKind, str]], kinds: Mapping[str, NodeKind]) -> None:
    for element in found.of("Relationship"):
        sources, targets = found.ids(element.get("from")), element.get("to")
        if not sources or not isinstance(targets, list):
            continue
        said = value_of(element, "relationshipType"), value_of(element, "scope"), text(element, "description")
        kept = []
        for target in targets:
            name = next(iter(found.ids(target)), "")
            known = meaning(*said, kinds.get(name))
            ends = (name, sources[0]) if known and known.turned else (sources[0], name)
            if not known or (ends[0], known.kind, ends[1]) not in gone:
                kept.append(target)
        if len(kept) < len(targets):
            element["to"] = kept or ["NoneElement"]
    for source, kind, target in gone:
        if kind is EdgeKind.SUPPLIED_BY and target in found.ids(found.get(source).get("suppliedBy")):
            found.get(source).pop("suppliedBy", None)


def _append(made: dict[str, Any], making: Making) -> None:
    if not making.made:
        return
    if "@graph" not in made:
        top = {key: value for key, value in made.items() if key != "@context"}
        context = made.get("@context", CONTEXT)
        made.clear()
        made.update({"@context": context, "@graph": [top]})
    graph = made["@graph"]
    there = {name for one in objects(graph) for name in (one.get("spdxId"), one.get("@id")) if isinstance(name, str)}
    graph += [making.made[name] for name in sorted(making.made.keys() - there)]
    making.made = {}


def _note(bom: Bom, made: dict[str, Any], making: Making) -> None:
    """Notes on what is read otherwise than it is: statuses, places, facts without a property, what other formats said."""
    from assaymark.bom.spdx.read3 import read

    again = read(made)
    if replace(again, native={}) == replace(bom, native={}) and _others(bom) == _others(again):
        return
    found = elements(made)
    _, _, old = notes.notes(found)
    if old:
        made["@graph"] = [one for one in made["@graph"] if not (isinstance(one, dict) and found.id(one) in old)]
        again = read(made)
    ids = making.ids
    read_as = {component.ref: component for component in again.components}
    back = {name: ref for ref, name in ids.items()}
    plain = {
        (back.get(r.source), r.kind, back.get(r.target)): replace(r, source=back[r.source], target=back[r.target])
        for r in again.relations
        if r.source in back and r.target in back
    }
    outgoing: dict[str, list[tuple[Relation, Relation]]] = {}
    for r in bom.relations:
        outgoing.setdefault(r.source, []).append((r, plain.get((r.source, r.kind, r.target), r)))
    for component in bom.components:
        name = ids[component.ref]
        was = read_as.get(name, component)
        said = {fact: one.value for fact, one in was.facts.items()}
        native = {key: value for key, value in component.native.items() if key != NATIVE}
        note = notes.component_note(component, (name, was.kind, said), outgoing.get(component.ref, ()), native)
        if note:
            making.annotation(name, note)
    making.annotation(_document(found), {
        "schema": notes.DOCUMENT, "subject": bom.subject, "at": bom.at, "author": bom.author,
        "tools": [list(tool) for tool in bom.tools], "gaps": notes.gap_list(bom.gaps), "native": _others(bom),
    })  # fmt: skip
    making.creation(bom)
    _append(made, making)


def _others(bom: Bom) -> dict[str, Any]:
    return {key: value for key, value in bom.native.items() if key != NATIVE}


def _document(found: Elements) -> str:
    return next((found.id(one) for one in found.of("SpdxDocument")), "NoAssertionElement")
