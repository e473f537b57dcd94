"""A CycloneDX document, 1.4 to 1.7, as a BOM. Nothing that it says is lost: what no fact says is kept in `native`."""

from typing import Any

from assaymark.bom.cyclonedx import VERSIONS, fields, head, layout, properties
from assaymark.bom.cyclonedx.element import Scene, bare
from assaymark.bom.cyclonedx.fit import restored
from assaymark.bom.cyclonedx.patch import difference
from assaymark.bom.cyclonedx.write import bare_head, serial
from assaymark.bom.document import Bom, Component, Gap, Relation
from assaymark.core.errors import Malformed
from assaymark.core.graph import EdgeKind, NodeKind


def read(document: dict[str, Any]) -> Bom:
    """The BOM of a document; raises Malformed where it is no CycloneDX document of a version that is read."""
    return _reading(document).bom()


def facts(document: dict[str, Any]) -> Bom:
    """The same as facts and relations alone: it is not written again, so what they leave over is not wanted."""
    return _reading(document).plain()


def _reading(document: dict[str, Any]) -> "_Reading":
    if not isinstance(document, dict) or document.get("bomFormat") != "CycloneDX":
        raise Malformed("no CycloneDX document: it has no bomFormat of CycloneDX")
    version = document.get("specVersion")
    if version not in VERSIONS:
        raise Malformed(f"CycloneDX {str(version)[:20]} is not read", step=f"versions that are: {', '.join(VERSIONS)}")
    return _Reading(document, str(version))


class _Reading:
    """One document on its way to a BOM."""

    def __init__(self, document: dict[str, Any], version: str) -> None:
        self.original, self.version = document, version
        self.document = restored(document)
        self.refs = layout.Refs()
        self.layout, self.found = layout.taken(self.document, self.refs)
        self.raw: dict[str, dict[str, Any]] = {ref: element for ref, element, _ in self.found}
        self.components: dict[str, Component] = {}
        self.relations: dict[tuple[str, str, str], Relation] = {}
        self.gaps: dict[tuple[str, str], Gap] = {}
        self.explicit: set[tuple[str, str]] = set()

    def bom(self) -> Bom:
        """Facts first, then what they leave over."""
        plain = self.plain()
        native = {} if self.layout == layout.default(plain) else {"layout": self.layout}
        return self._with_rest(plain.subject, plain, native)

    def plain(self) -> Bom:
        """Facts and relations."""
        for ref, element, _ in self.found:
            self._component(ref, element)
        self._others()
        subject = self._subject()
        self._relations()
        return self._assembled(subject, tuple(self.components[ref] for ref in sorted(self.components)), {})

    def _assembled(self, subject: str, components: tuple[Component, ...], native: dict[str, Any]) -> Bom:
        at, author, tools = head.said_of(self.document)
        listed = list(properties.ours(self.document.get("properties")))
        for name, value in listed:
            if name == "made" and isinstance(value, dict):
                at, author = str(value.get("at", at)), str(value.get("author", author))
                pairs = value.get("tools")
                pairs = pairs if isinstance(pairs, list) else []
                tools = tuple((str(p[0]), str(p[1])) for p in pairs if isinstance(p, list) and len(p) == 2)
        others = {name[7:]: value for name, value in listed if name.startswith("native:")}
        kept = {**others, **({"cyclonedx": native} if native else {})}
        relations = tuple(self.relations[key] for key in sorted(self.relations))
        gaps = tuple(self.gaps[key] for key in sorted(self.gaps))
        return Bom(subject, components, relations, gaps, at, author, tools, kept)

    def _component(self, ref: str, element: dict[str, Any]) -> None:
        """Facts, kind, relations and gaps of a component."""
        said = fields.facts_of(element)
        stated = element.get("type")
        kind = fields.KINDS.get(stated, NodeKind.FILE) if isinstance(stated, str) else NodeKind.FILE
        self._add(ref, kind, said, element.get("properties"))

    def _add(self, ref: str, kind: NodeKind, said: dict[str, Any], listed: Any) -> None:
        native: dict[str, Any] = {}
        for name, value in properties.ours(listed):
            if name == "kind" and value in NodeKind.__members__.values():
                kind = NodeKind(value)
            elif name == "relation":
                self._explicit(ref, value)
            elif name == "gap" and (gap := properties.gap(ref, value)):
                self.gaps.setdefault((gap.ref, gap.what), gap)
            elif name.startswith("native:"):
                native[name[7:]] = value
        self.components[ref] = Component(ref, kind, properties.facts(said, listed), native)

    def _explicit(self, source: str, value: Any) -> None:
        """A relation that a property states: what the structure says of the two is not asked then."""
        stated = properties.relation(source, value)
        target = value.get("target") if isinstance(value, dict) else None
        if isinstance(target, str) and (stated is not None or value.get("kind") == ""):
            self.explicit.add((source, target))
        if stated is not None:
            self.relations[source, stated.kind, stated.target] = stated

    def _others(self) -> None:
        """Runs, deployments and parties of ours, and what stands in properties of the document."""
        flows = [flow for one in _dicts(self.document.get("formulation")) for flow in _dicts(one.get("workflows"))]
        for items, kind, facts in (
            (flows, NodeKind.RUN, fields.run_facts),
            (_dicts(self.document.get("services")), NodeKind.DEPLOYMENT, fields.deployment_facts),
        ):
            for item in items:
                ref = item.get("bom-ref")
                ours = ("kind", kind.value) in [p for p in properties.ours(item.get("properties")) if p[0] == "kind"]
                if ours and isinstance(ref, str) and ref not in self.refs.used:
                    self.refs.used.add(ref)
                    self.raw[ref] = item
                    self._add(ref, kind, facts(item), item.get("properties"))
        for name, value in properties.ours(self.document.get("properties")):
            if name == "component" and (made := properties.component(value)) and made.ref not in self.refs.used:
                self.refs.used.add(made.ref)
                self.components[made.ref] = made
            elif name == "relation" and isinstance(value, dict) and isinstance(value.get("source"), str):
                self._explicit(value["source"], value)
            elif name == "gap" and (gap := properties.gap("", value)):
                self.gaps.setdefault((gap.ref, gap.what), gap)

    def _subject(self) -> str:
        """What the document is about: its metadata say so, or it has one model or one component, or a root is made up."""
        for name, value in properties.ours(self.document.get("properties")):
            if name == "subject" and isinstance(value, str):
                return value
        if self.layout["root"] is not None:
            return str(self.layout["root"][0])
        top = [node[0] for node in self.layout["top"]]
        models = [ref for ref in top if self.components[ref].kind is NodeKind.MODEL]
        for few in (models, top):
            if len(few) == 1:
                return str(few[0])
        ref = self.refs.free({}, "document")
        self.layout["synthetic"] = ref
        self.components[ref] = Component(ref, NodeKind.FILE)
        return ref

    def _relations(self) -> None:
        """What the structure of the document states."""
        for relation in layout.implied(self.layout):
            self._relate(relation)
        for item in _dicts(self.document.get("dependencies")):
            source, targets = item.get("ref"), item.get("dependsOn")
            for target in targets if isinstance(targets, list) else ():
                if isinstance(source, str) and isinstance(target, str) and {source, target} <= self.raw.keys():
                    self._relate(Relation(source, EdgeKind.DEPENDS_ON, target))
        for ref, element, _ in self.found:
            for dataset in _datasets(element):
                target = self.components.get(dataset)
                if target is not None and target.kind is NodeKind.DATA and self.components[ref].kind is NodeKind.MODEL:
                    self._relate(Relation(ref, EdgeKind.TRAINED_ON, dataset))
            for base in _copies(element):
                if base in self.components:
                    self._relate(Relation(ref, EdgeKind.DESCENDANT_OF, base))

    def _relate(self, relation: Relation) -> None:
        if (relation.source, relation.target) not in self.explicit and relation.source != relation.target:
            self.relations.setdefault((relation.source, relation.kind, relation.target), relation)

    def _with_rest(self, subject: str, plain: Bom, native: dict[str, Any]) -> Bom:
        """The same with what facts do not say in `native`."""
        scene = Scene(self._assembled(subject, plain.components, native), self.layout)
        elements: dict[str, dict[str, Any]] = {}
        components: list[Component] = []
        for component in plain.components:
            wanted = self.raw.get(component.ref)
            if wanted is None:
                components.append(component)
                continue
            elements[component.ref] = wanted
            rest = difference(bare(component, scene), wanted)
            kept = {**component.native, **({"cyclonedx": rest} if rest else {})}
            components.append(Component(component.ref, component.kind, component.facts, kept))
        wanted = _headless(self.document)
        numbered, stated = "serialNumber" in wanted, wanted.pop("serialNumber", None)
        rest = difference(bare_head(scene, elements, self.version), wanted)
        if not numbered:
            rest["-serialNumber"] = None
        elif stated != serial({name: value for name, value in self.original.items() if name != "serialNumber"}):
            rest["serialNumber"] = stated
        if rest:
            native["head"] = rest
        if native or any("cyclonedx" in component.native for component in components):
            native["version"] = self.version
        return self._assembled(subject, tuple(components), native)


def _headless(document: dict[str, Any]) -> dict[str, Any]:
    """The document without its components."""
    made = dict(document)
    if isinstance(made.get("components"), list) and made["components"]:
        del made["components"]
    metadata = made.get("metadata")
    if isinstance(metadata, dict) and metadata.get("component") is not None:
        made["metadata"] = {name: value for name, value in metadata.items() if name != "component"}
        if not made["metadata"]:
            del made["metadata"]
    return made


def _datasets(element: dict[str, Any]) -> list[str]:
    card = element.get("modelCard")
    parameters = card.get("modelParameters") if isinstance(card, dict) else None
    datasets = parameters.get("datasets") if isinstance(parameters, dict) else None
    return [one["ref"] for one in _dicts(datasets) if isinstance(one.get("ref"), str)]


def _copies(element: dict[str, Any]) -> list[str]:
    """Refs of ancestors that are copies of components of the document."""
    pedigree = element.get("pedigree")
    ancestors = pedigree.get("ancestors") if isinstance(pedigree, dict) else None
    return [
        value
        for one in _dicts(ancestors)
        for name, value in properties.ours(one.get("properties"))
        if name == "ref" and isinstance(value, str)
    ]


def _dicts(value: Any) -> list[dict[str, Any]]:
    return [one for one in value if isinstance(one, dict)] if isinstance(value, list) else []
