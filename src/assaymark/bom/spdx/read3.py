"""Any SPDX 3.0 document (JSON-LD) as a BOM. What no fact says is kept, so that writing it gives the document back."""

from dataclasses import replace
from typing import Any

from assaymark.bom.document import Bom, Component
from assaymark.bom.spdx import notes
from assaymark.bom.spdx.bound import text
from assaymark.bom.spdx.elements import Elements, elements, type_of
from assaymark.bom.spdx.facts import facts, kind_of
from assaymark.bom.spdx.layout import NATIVE, rest, taken_apart
from assaymark.bom.spdx.relations import ends, gaps, licenses, relations
from assaymark.core.graph import NodeKind


def read(document: dict[str, Any]) -> Bom:
    """The BOM; raises Malformed where the document is none of SPDX 3, or beyond bounds."""
    found = elements(document)
    noted, whole, _ = notes.notes(found)
    base = text(whole, "namespace")
    kinds = _kinds(found, noted, f"{base}#" if base else "")
    refs = _refs(kinds, noted)
    said = licenses(found)
    components = {}
    for name, ref in refs.items():
        note = noted.get(name, {})
        stated = notes.noted_facts(note, facts(found.get(name), found, said.get(name, [])))
        components[name] = Component(ref, kinds[name], dict(sorted(stated.items())), notes.native(note))
    related = relations(found, refs, kinds)
    for name, ref in refs.items():
        notes.noted_relations(noted.get(name, {}), ref, related)
    at, author, tools = _creation(found)
    bom = Bom(
        _subject(found, refs, kinds),
        tuple(sorted(components.values(), key=lambda component: component.ref)),
        tuple(related[key] for key in sorted(related)),
        tuple(gaps(found, refs)),
        at,
        author,
        tools,
    )
    if whole:
        bom = _noted(bom, whole)
        if base and _ours(bom, found):
            return bom
    return _foreign(bom, found, refs, components)


def _kinds(found: Elements, noted: dict[str, dict[str, Any]], ours: str) -> dict[str, NodeKind]:
    """Elements that are components. Agents and tools are where something comes from them, and not where they wrote the document."""
    wanted = ends(found)
    made: dict[str, NodeKind] = {}
    for name, element in found.by_id.items():
        kind = kind_of(element)
        if kind is None or (ours and name.startswith(ours) and name not in noted):
            continue
        aside = kind is NodeKind.PARTY or type_of(element) == "Tool"
        if aside and name not in wanted and name not in noted:
            continue
        made[name] = notes.noted_kind(noted.get(name, {}), kind)
    return made


def _refs(kinds: dict[str, NodeKind], noted: dict[str, dict[str, Any]]) -> dict[str, str]:
    """Id -> ref: the one that is noted unless another has it, else the id."""
    made: dict[str, str] = {}
    used: set[str] = set()
    for name in kinds:
        ref = text(noted.get(name, {}), "ref") or name
        if ref in used or (ref != name and ref in kinds):
            ref = name
        if ref not in used:
            used.add(ref)
            made[name] = ref
    return made


def _creation(found: Elements) -> tuple[str, str, tuple[tuple[str, str], ...]]:
    """When, by whom and with what the document was made."""
    document = next(found.of("SpdxDocument"), None)
    info = found.creation(document) if document else next(found.of("CreationInfo"), {})
    names = [found.name(one) for one in found.ids(info.get("createdBy"))]
    tools = [found.name(one) for one in found.ids(info.get("createdUsing"))]
    return text(info, "created"), ", ".join(filter(None, names)), tuple((tool, "") for tool in tools if tool)


def _subject(found: Elements, refs: dict[str, str], kinds: dict[str, NodeKind]) -> str:
    """What the document is about: its root, or the root of the collection that is its root; else the first model, or what there is."""
    for document in [*found.of("SpdxDocument"), *found.of("Bom")]:
        names = found.ids(document.get("rootElement"))
        for name in [*names, *(one for root in names for one in found.ids(found.get(root).get("rootElement")))]:
            if name in refs:
                return refs[name]
    for name, ref in refs.items():
        if kinds[name] is NodeKind.MODEL:
            return ref
    return next(iter(refs.values()), "")


def _noted(bom: Bom, whole: dict[str, Any]) -> Bom:
    subject = text(whole, "subject")
    return replace(
        bom,
        subject=subject if any(component.ref == subject for component in bom.components) else bom.subject,
        gaps=notes.noted_gaps(whole),
        at=text(whole, "at"),
        author=text(whole, "author"),
        tools=notes.noted_tools(whole),
        native=notes.native(whole),
    )


def _ours(bom: Bom, found: Elements) -> bool:
    """Whether the document is, element for element, what we write of this BOM."""
    from assaymark.bom.spdx.write import whole

    if found.single or set(found.document) != {"@context", "@graph"} or NATIVE in bom.native:
        return False
    made = whole(bom)
    return made["@context"] == found.document["@context"] and _sorted(made) == _sorted(found.document)


def _sorted(document: dict[str, Any]) -> list[str]:
    return sorted(map(notes.canonical, document["@graph"]))


def _foreign(bom: Bom, found: Elements, refs: dict[str, str], components: dict[str, Component]) -> Bom:
    """The same with all that is not in facts."""
    marks = {id(found.get(name)): ref for name, ref in refs.items()}
    made = []
    for name, component in components.items():
        left = rest(component, component.ref, found.get(name), marks)
        made.append(replace(component, native={**component.native, NATIVE: left}) if left else component)
    layout = {"document": taken_apart(found.document, marks)}
    return replace(
        bom,
        components=tuple(sorted(made, key=lambda component: component.ref)),
        native={**bom.native, NATIVE: layout},
    )
