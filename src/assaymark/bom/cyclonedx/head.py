"""A CycloneDX document without its components: metadata, dependencies, formulation, compositions, citations."""

from collections.abc import Mapping
from typing import Any

from assaymark.bom.cyclonedx import fields, layout, properties
from assaymark.bom.cyclonedx.element import Scene, element, wire
from assaymark.bom.document import Bom, Component, Fact, Status
from assaymark.core.graph import EdgeKind, NodeKind

NO_TIME = "1970-01-01T00:00:00Z"
"""A citation must have a time; a BOM that was made without a clock has the one that reproducible builds use."""
_FACT_FIELDS = {
    "supplier": "supplier/name",
    "author": "authors/0/name",
    "license": "licenses",
    "revision": "pedigree/commits/0/uid",
    "tags": "tags",
    "task": "modelCard/modelParameters/task",
    "family": "modelCard/modelParameters/architectureFamily",
    "architecture": "modelCard/modelParameters/modelArchitecture",
    "approach": "modelCard/modelParameters/approach/type",
    "inputs": "modelCard/modelParameters/inputs",
    "outputs": "modelCard/modelParameters/outputs",
    "metrics": "modelCard/quantitativeAnalysis/performanceMetrics",
    "intended_use": "modelCard/considerations/useCases",
    "limitations": "modelCard/considerations/technicalLimitations",
    "safety": "modelCard/considerations/ethicalConsiderations",
} | {name: name for name in ("name", "version", "purl", "description", "group", "cpe", "copyright")}


def head(scene: Scene, elements: Mapping[str, dict[str, Any]], version: str) -> dict[str, Any]:
    """The document of the facts alone."""
    bom = scene.bom
    made: dict[str, Any] = {
        "$schema": f"http://cyclonedx.org/schema/bom-{version}.schema.json",
        "bomFormat": "CycloneDX",
        "specVersion": version,
        "version": 1,
    }
    if metadata := _metadata(bom):
        made["metadata"] = metadata
    others = {kind: [c for c in bom.components if c.kind is kind] for kind in (NodeKind.RUN, NodeKind.DEPLOYMENT)}
    if services := [elements[component.ref] for component in others[NodeKind.DEPLOYMENT]]:
        made["services"] = services
    if workflows := [elements[component.ref] for component in others[NodeKind.RUN]] + _made_with(scene):
        made["formulation"] = [{"workflows": workflows}]
    if dependencies := _dependencies(scene):
        made["dependencies"] = dependencies
    if compositions := _compositions(scene):
        made["compositions"] = compositions
    if version == "1.7" and (citations := _citations(scene, elements)):
        made["citations"] = citations
    if listed := _properties(scene, elements):
        made["properties"] = listed
    return made


def _metadata(bom: Bom) -> dict[str, Any]:
    made: dict[str, Any] = {}
    if bom.at:
        made["timestamp"] = bom.at
    if bom.author:
        made["authors"] = [{"name": bom.author}]
    if bom.tools:
        made["tools"] = {"components": [_tool(name, version) for name, version in bom.tools]}
        made["lifecycles"] = [{"phase": "post-build"}]
    return made


def _tool(name: str, version: str) -> dict[str, Any]:
    made = {"type": "application", "bom-ref": f"{properties.PREFIX}tool:{name}@{version}", "name": name}
    return {**made, "version": version} if version else made


def said_of(document: Mapping[str, Any]) -> tuple[str, str, tuple[tuple[str, str], ...]]:
    """When, by whom and with what a document was made, as its metadata has it."""
    metadata = document.get("metadata")
    metadata = metadata if isinstance(metadata, dict) else {}
    at = metadata.get("timestamp")
    authors = [one.get("name") for one in metadata.get("authors") or () if isinstance(one, dict)]
    tools = metadata.get("tools")
    listed = tools.get("components") if isinstance(tools, dict) else tools
    pairs = [
        (one.get("name"), one.get("version", ""))
        for one in (listed if isinstance(listed, list) else ())
        if isinstance(one, dict)
    ]
    return (
        at if isinstance(at, str) else "",
        ", ".join(name for name in authors if isinstance(name, str)),
        tuple((name, version) for name, version in pairs if isinstance(name, str) and isinstance(version, str)),
    )


def _made_with(scene: Scene) -> list[dict[str, Any]]:
    """One workflow for each thing that says with which tools it was made, and not in which run."""
    made: list[dict[str, Any]] = []
    for ref, relations in scene.outgoing.items():
        component = scene.components.get(ref)
        tools = [one.target for one in relations if one.kind is EdgeKind.USES_TOOL]
        if component is None or not tools or component.kind not in (NodeKind.MODEL, NodeKind.DATA):
            continue
        if any(one.kind is EdgeKind.GENERATED_BY for one in relations):
            continue
        name = f"{properties.PREFIX}made:{ref}"
        workflow: dict[str, Any] = {"bom-ref": name, "uid": name, "taskTypes": ["build"]}
        inputs = [one.target for one in relations if one.kind in (EdgeKind.TRAINED_ON, EdgeKind.DESCENDANT_OF)]
        wire(workflow, inputs=list(dict.fromkeys(inputs)), tools=[], outputs=[ref])
        workflow["tasks"] = [_task(f"{name}:{tool}", tool, scene.components.get(tool)) for tool in tools]
        made.append(workflow)
    return made


def _task(name: str, tool: str, component: Component | None) -> dict[str, Any]:
    made: dict[str, Any] = {"bom-ref": name, "uid": name, "taskTypes": ["build"], "resourceReferences": [{"ref": tool}]}
    if component is not None:
        made["name"] = component.name
        if command := component.text("command"):
            made["steps"] = [{"commands": [{"executed": command}]}]
    return made


def _dependencies(scene: Scene) -> list[dict[str, Any]]:
    """What each component comes from; a component that comes from nothing is named too, where we lay the document out."""
    named = set(scene.dependencies)
    if scene.natural:
        named |= {component.ref for component in scene.bom.components if component.kind in fields.TYPES}
    made: list[dict[str, Any]] = []
    for ref in sorted(named):
        targets = scene.dependencies.get(ref, [])
        made.append({"ref": ref, "dependsOn": sorted(targets)} if targets else {"ref": ref})
    return made


def _compositions(scene: Scene) -> list[dict[str, Any]]:
    """Components with gaps: what goes into them is unknown where a relation is missing, else they are incomplete."""
    kinds = set(EdgeKind.__members__.values())
    known = {component.ref for component in scene.bom.components if component.kind in fields.TYPES}
    unknown = sorted({gap.ref for gap in scene.bom.gaps if gap.what in kinds} & known)
    incomplete = sorted({gap.ref for gap in scene.bom.gaps if gap.what not in kinds} & known)
    made: list[dict[str, Any]] = []
    if incomplete:
        made.append({"aggregate": "incomplete", "assemblies": incomplete})
    if unknown:
        made.append({"aggregate": "unknown", "dependencies": unknown})
    return made


def _citations(scene: Scene, elements: Mapping[str, dict[str, Any]]) -> list[dict[str, Any]]:
    """Who states what: one citation for all that is known in the same way from the same places."""
    if not scene.bom.tools:
        return []
    teller = _tool(*scene.bom.tools[0])["bom-ref"]
    groups: dict[str, list[str]] = {}
    for ref, pointer, _, _ in layout.walk(scene.arrangement):
        for name, fact in scene.components[ref].facts.items():
            if (fact.places or fact.status is not Status.DECLARED) and (path := _field(name, elements[ref])):
                groups.setdefault(_told(fact), []).append(f"{pointer}/{path}")
    return [
        {
            "bom-ref": f"{properties.PREFIX}citation:{number}",
            "pointers": sorted(pointers),
            "timestamp": scene.bom.at or NO_TIME,
            "attributedTo": teller,
            "note": note,
        }
        for number, (note, pointers) in enumerate(sorted(groups.items()))
    ]


def _told(fact: Fact) -> str:
    """`observed in config.json (architectures)`."""
    places = "; ".join(f"{place.path} ({place.at})" if place.at else place.path for place in fact.places)
    text = f"{fact.status.value} in {places}" if places else fact.status.value
    return f"{text}. {fact.note}" if fact.note else text


def _field(name: str, made: Mapping[str, Any]) -> str:
    """Pointer within an element to where a fact stands; "" where it stands nowhere."""
    theirs = fields.ALGORITHMS.get(name)
    if theirs:
        places = [number for number, one in enumerate(made.get("hashes", ())) if one.get("alg") == theirs]
        return f"hashes/{places[0]}" if places else ""
    link = {"homepage": "website", "download": "distribution", "repository": "vcs"}.get(name)
    if link:
        places = [number for number, one in enumerate(made.get("externalReferences", ())) if one.get("type") == link]
        return f"externalReferences/{places[0]}" if places else ""
    path = _FACT_FIELDS.get(name, "")
    if path and _stands(made, path.split("/")):
        return path
    places = [
        n for n, one in enumerate(made.get("properties", ())) if one.get("name") == f"{properties.PREFIX}fact:{name}"
    ]
    return f"properties/{places[0]}" if places else ""


def _stands(value: Any, path: list[str]) -> bool:
    for step in path:
        if isinstance(value, list) and step.isdecimal() and int(step) < len(value):
            value = value[int(step)]
        elif isinstance(value, dict) and step in value:
            value = value[step]
        else:
            return False
    return True


def _properties(scene: Scene, elements: Mapping[str, dict[str, Any]]) -> list[properties.Property]:
    """What belongs to the document, or to something that has no element in it."""
    bom = scene.bom
    listed = [properties.of_component(component) for component in bom.components if component.ref not in elements]
    for ref, stated in scene.explicit.items():
        if ref not in elements:
            listed += [properties.prop("relation", {"source": ref, **one}) for one in stated]
    listed += [properties.of_gap(gap, ref=True) for gap in bom.gaps if gap.ref not in elements]
    listed += [properties.prop(f"native:{name}", value) for name, value in bom.native.items() if name != "cyclonedx"]
    if scene.arrangement.get("root") is None and not scene.arrangement.get("synthetic") and bom.subject:
        listed.append(properties.prop("subject", bom.subject))
    return sorted(listed, key=lambda one: (one["name"], one["value"]))


def elements_of(scene: Scene) -> dict[str, dict[str, Any]]:
    """The element of every component that has one."""
    skipped = scene.arrangement.get("synthetic", "")
    return {
        component.ref: element(component, scene)
        for component in scene.bom.components
        if component.kind is not NodeKind.PARTY and component.ref != skipped
    }
