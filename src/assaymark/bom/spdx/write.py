"""A BOM as SPDX 3.0.1 (JSON-LD), with the profiles for AI and datasets. The same BOM gives the same document."""

from collections.abc import Iterable
from typing import Any

from assaymark.bom.document import Bom, Component, Relation, Status
from assaymark.bom.spdx import notes
from assaymark.bom.spdx.elements import CONTEXT, elements
from assaymark.bom.spdx.facts import facts, kind_of
from assaymark.bom.spdx.fields import class_of
from assaymark.bom.spdx.fields import title as title_of
from assaymark.bom.spdx.layout import NATIVE, patched
from assaymark.bom.spdx.made import Making, namespace
from assaymark.bom.spdx.relations import licenses, plain
from assaymark.bom.spdx.terms import AI, BUILD, DATASET
from assaymark.core.errors import Malformed
from assaymark.core.graph import EdgeKind, NodeKind

_SEEN = frozenset({Status.INFERRED, Status.OBSERVED, Status.VERIFIED})


def write(bom: Bom) -> dict[str, Any]:
    """The document. One that was read from SPDX 3 is given back as it was, with what has changed since."""
    layout = bom.native.get(NATIVE)
    if isinstance(layout, dict) and isinstance(layout.get("document"), dict):
        return patched(bom, layout["document"])
    return whole(bom)


def whole(bom: Bom) -> dict[str, Any]:
    """A document of our own making."""
    made = Making(namespace(bom))
    kinds = {component.ref: component.kind for component in bom.components}
    for relation in bom.relations:
        if relation.source not in kinds or relation.target not in kinds:
            raise Malformed(f"the BOM relates {relation.source} to {relation.target}, and has not both")
    made.creation(bom)
    made.ids = {ref: f"{made.base}#{_local(made, ref)}" for ref in kinds}
    parties = suppliers(bom)
    for component in bom.components:
        made.component(component, parties.get(component.ref, ""))
    apart = [r for r in bom.relations if not (r.kind is EdgeKind.SUPPLIED_BY and parties.get(r.source) == r.target)]
    made.relations(apart, kinds, bom.gaps)
    _notes(bom, made, kinds)
    _collections(bom, made)
    graph = [made.made[name] for name in sorted(made.made)]
    return {"@context": CONTEXT, "@graph": graph}


def _local(made: Making, ref: str) -> str:
    name = made.add("", f"component:{ref}")
    del made.made[name]
    return name.partition("#")[2]


def suppliers(bom: Bom) -> dict[str, str]:
    """Who supplies what, where that is a property (of artifacts, and one party that is an Agent)."""
    kinds = {component.ref: component.kind for component in bom.components}
    made: dict[str, str] = {}
    for relation in bom.relations:
        ends = kinds.get(relation.source), kinds.get(relation.target)
        if (
            relation.kind is EdgeKind.SUPPLIED_BY
            and ends[1] is NodeKind.PARTY
            and ends[0] not in {NodeKind.RUN, NodeKind.PARTY}
        ):
            made.setdefault(relation.source, relation.target)
    return made


def _notes(bom: Bom, made: Making, kinds: dict[str, NodeKind]) -> None:
    bare = elements({"@context": CONTEXT, "@graph": list(made.made.values())})
    said = licenses(bare)
    outgoing: dict[str, list[tuple[Relation, Relation]]] = {}
    for relation in bom.relations:
        ends = kinds[relation.source], kinds[relation.target]
        outgoing.setdefault(relation.source, []).append((relation, plain(relation, *ends)))
    for component in bom.components:
        name = made.ids[component.ref]
        element = bare.get(name)
        read = name, kind_of(element) or component.kind, facts(element, bare, said.get(name, []))
        note = notes.component_note(component, read, outgoing.get(component.ref, ()), component.native)
        if note:
            made.annotation(name, note)


def _collections(bom: Bom, made: Making) -> None:
    """The Sbom and the document that holds it, and what it takes to make the BOM again."""
    root = [made.ids[bom.subject]] if bom.subject in made.ids else []
    names = [name for name in sorted(made.made) if name.startswith(made.base)]
    title = title_of(bom.root) if root else "components"
    observed = any(fact.status in _SEEN for component in bom.components for fact in component.facts.values())
    about: dict[str, Any] = {"rootElement": root} if root else {}
    sbom = made.add(
        "software_Sbom", "sbom", name=f"{title}: bill of materials", element=names, **about,
        **({"software_sbomType": ["analyzed"]} if observed else {}),
    )  # fmt: skip
    document = made.add(
        "SpdxDocument",
        "document",
        name=title,
        rootElement=[sbom],
        element=[sbom],
        profileConformance=profiles(bom.components),
    )
    made.annotation(document, {
        "schema": notes.DOCUMENT, "namespace": made.base, "subject": bom.subject, "at": bom.at, "author": bom.author,
        "tools": [list(tool) for tool in bom.tools], "gaps": notes.gap_list(bom.gaps), "native": dict(bom.native),
    })  # fmt: skip


def profiles(components: Iterable[Component]) -> list[str]:
    """The profiles whose classes a document has."""
    classes = {class_of(component) for component in components}
    named = {AI: "ai", DATASET: "dataset", BUILD: "build"}
    made = {"core", "software", *(named[one] for one in classes & named.keys())}
    return sorted(made | {"simpleLicensing"} if any("license" in c.facts for c in components) else made)
