"""Elements of CycloneDX as members of its JSON, by the JSON schema: what is a list, a number, a member."""

import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from assaymark.bom.cyclonedx.xml import Node
from assaymark.bom.schema import text as schema_text

_HYPHEN = re.compile(r"-([a-z])")
_KEPT = frozenset({"bom-ref", "mime-type", "x-trust-boundary"})
"""Attributes and elements whose name has a hyphen in JSON too."""
_FEW = 100
"""Elements beside one another that are looked at to tell whether one repeats."""
Schema = Mapping[str, Any]


def document(root: Node, version: str, extensions: list[str]) -> dict[str, Any]:
    """The JSON document that says the same; extensions of other namespaces (signatures) are kept as text in properties."""
    schema = schema_text(f"bom-{version}")
    made: dict[str, Any] = {"bomFormat": "CycloneDX", "specVersion": version}
    made.update(_Words(schema, version).object(root, schema))
    if "version" not in root.attributes:
        made["version"] = 1
    if extensions:
        holder = made.setdefault("metadata", {}) if version == "1.4" else made
        kept = [{"name": "assaymark:xml", "value": text} for text in extensions]
        holder["properties"] = [*holder.get("properties", ()), *kept]
    return made


class _Words:
    """One document on its way to JSON."""

    def __init__(self, schema: Schema, version: str) -> None:
        self.root, self.version = schema, version
        self.special: Mapping[str, Callable[[Node, Schema], Any]] = {
            "dependencies": self._dependencies,
            "taskDependencies": self._dependencies,
            "runtimeTopology": self._dependencies,
            "environmentVars": self._variables,
            "affects": self._affects,
            "assemblies": self._refs,
            "subjects": self._refs,
            "versions": self._versions,
        }

    def resolved(self, schema: Schema) -> Schema:
        """Behind references within the file."""
        for _ in range(8):
            where = schema.get("$ref", "")
            if not where.startswith("#/definitions/"):
                break
            schema = self.root["definitions"][where.removeprefix("#/definitions/")]
        return schema

    def value(self, node: Node, schema: Schema) -> Any:
        """An element, as what its schema asks for."""
        schema = self._form(node, self.resolved(schema))
        kind = schema.get("type")
        if kind == "array":
            return self.array(node, schema)
        if kind == "object" or "properties" in schema:
            return self.object(node, schema)
        if not node.text.strip():
            inner = next((child.text for child in node.children if child.name == "ref"), "")
            return _single(node.attributes.get("ref", inner), kind)
        return _single(node.text, kind)

    def _form(self, node: Node, schema: Schema) -> Schema:
        """Of several forms the one whose members the element has."""
        forms = [self.resolved(one) for one in schema.get("oneOf", schema.get("anyOf", ()))]
        forms = [
            one
            for one in forms
            if "type" in one or "properties" in one or "items" in one or "oneOf" in one or "anyOf" in one
        ]
        if not forms or "properties" in schema:
            return schema
        names = {_name(child.name) for child in node.children} | {_name(name) for name in node.attributes}

        def fits(one: Schema) -> tuple[int, bool]:
            inner = self._form(node, one) if "oneOf" in one or "anyOf" in one else one
            if inner.get("type") == "array":
                return (0, bool(node.children))
            return (len(names & inner.get("properties", {}).keys()), names <= {"ref"} and inner.get("type") == "string")

        best = max(forms, key=fits)
        return self._form(node, best) if "oneOf" in best or "anyOf" in best else best

    def object(self, node: Node, schema: Schema) -> dict[str, Any]:
        """Attributes and elements as members."""
        members = schema.get("properties", {})
        made: dict[str, Any] = {}
        for name, stated in node.attributes.items():
            key = _key(_name(name), members)
            if key in members:
                made[key] = _single(stated, self.resolved(members[key]).get("type"))
        for key, child, inner in self._members(node, members):
            if inner is None:
                made.setdefault(key, []).append(child)
            else:
                made[key] = self._joined(made.get(key), inner)
        holder = next(
            (name for name in ("content", "value", "text", "url") if name in members and name not in made), ""
        )
        if node.text.strip() and holder:
            exact = holder in ("content", "value") and "alg" not in members
            made[holder] = node.text if exact else node.text.strip()
        return made

    @staticmethod
    def _joined(old: Any, new: Any) -> Any:
        return old + new if isinstance(old, list) and isinstance(new, list) else new

    def _members(self, node: Node, members: Schema) -> Iterator[tuple[str, Any, Any]]:
        """(member, item, None) of a list without an element of its own, (member, None, value) of all else."""
        for child in node.children:
            key = _key(_name(child.name), members)
            if key not in members:
                continue
            schema = self._form(child, self._of_many(node, child, self.resolved(members[key])))
            if (
                key == "data"
                and child.children
                and {one.name for one in child.children} <= {"classification", "dataflow"}
            ):
                yield key, None, self._flows(child, schema)
            elif key == "asserter" and child.children and child.children[0].name in _PARTIES:
                yield key, None, self.object(child.children[0], self._party(child.children[0].name))
            elif key in self.special and schema.get("type") == "array":
                yield key, None, self.special[key](child, schema)
            elif schema.get("type") == "array" and not self._contains(child, key, schema):
                yield key, self.value(child, schema.get("items", {})), None
            else:
                yield key, None, self.value(child, schema)

    def _of_many(self, node: Node, child: Node, schema: Schema) -> Schema:
        """The list, where a member may be one or a list and the element stands there more than once."""
        if sum(one.name == child.name for one in node.children[:_FEW]) > 1:
            lists = [self.resolved(one) for one in schema.get("oneOf", schema.get("anyOf", ()))]
            return next((one for one in lists if one.get("type") == "array"), schema)
        return schema

    def _contains(self, node: Node, key: str, schema: Schema) -> bool:
        """Whether an element stands around the items of its list, and is not an item itself."""
        if _ALIASES.get(_name(node.name), _name(node.name)) != key:
            return False
        if not node.children:
            return not node.attributes and not node.text.strip()
        names = _ITEMS.get(key) or {f"{key[:-3]}y" if key.endswith("ies") else key.removesuffix("s")}
        if all(_name(child.name) in names for child in node.children):
            return True
        members = self._form(node, self.resolved(_items(schema))).get("properties", {})
        return not any(_key(_name(child.name), members) in members for child in node.children)

    def array(self, node: Node, schema: Schema) -> list[Any]:
        """The items that stand in an element."""
        made: list[Any] = []
        for child in node.children:
            item = self._form(child, self.resolved(_items(schema)))
            choice = self.resolved(_items(schema))
            key = _name(child.name)
            options = [self.resolved(one) for one in choice.get("oneOf", choice.get("anyOf", ()))]
            detailed = next((one for one in options if "expressionDetails" in one.get("properties", {})), None)
            if child.name == "expression-detailed" and detailed is not None:
                made.append(self.object(child, detailed))
                continue
            if key == "expression" and node.name == "licenses":
                made.append(self._wrapped(child, key, schema))
                continue
            wrapping = next(
                (one for one in (choice, *options) if key in one.get("properties", {}) and key in _WRAPPED), None
            )
            if wrapping is not None:
                made.append(self._wrapped(child, key, wrapping))
            else:
                made.append(self.value(child, item))
        return made

    def _wrapped(self, node: Node, key: str, schema: Schema) -> dict[str, Any]:
        """An item that is told by its one member: a licence or an expression."""
        if key == "expression":
            return {"expression": node.text.strip(), **dict(node.attributes)}
        return {key: self.value(node, schema["properties"][key])}

    def _dependencies(self, node: Node, schema: Schema) -> list[Any]:
        """Dependencies by nesting; in compositions they are refs alone."""
        if self.resolved(_items(schema)).get("type") != "object":
            return self._refs(node, schema)
        made: list[dict[str, Any]] = []
        for child in node.children:
            entry: dict[str, Any] = {"ref": child.attributes.get("ref", "")}
            for name, key in (("dependency", "dependsOn"), ("provides", "provides")):
                refs = [one.attributes.get("ref", "") for one in child.children if one.name == name]
                if refs:
                    entry[key] = refs
            made.append(entry)
        return made

    def _party(self, name: str) -> Schema:
        found: Schema = self.root["definitions"][_PARTIES[name]]
        return found

    def _flows(self, node: Node, schema: Schema) -> list[Any]:
        """What a service sends and gets; the classification carries the direction."""
        made: list[dict[str, Any]] = []
        for child in node.children:
            entry = self.object(child, self.resolved(_items(schema))) if child.name == "dataflow" else {}
            for one in [child, *child.children]:
                if one.name == "classification":
                    entry |= {"classification": one.text.strip()}
                    entry |= {"flow": one.attributes["flow"]} if "flow" in one.attributes else {}
            made.append(entry)
        return made

    def _variables(self, node: Node, _schema: Schema) -> list[Any]:
        return [
            {"name": child.attributes.get("name", ""), "value": child.text}
            if child.name == "environmentVar"
            else child.text.strip()
            for child in node.children
        ]

    def _refs(self, node: Node, _schema: Schema) -> list[Any]:
        return [child.attributes.get("ref", child.text.strip()) for child in node.children]

    def _affects(self, node: Node, schema: Schema) -> list[Any]:
        """Targets of a vulnerability."""
        item = self.resolved(_items(schema))
        return [self.object(child, item) for child in node.children]

    def _versions(self, node: Node, schema: Schema) -> list[Any]:
        item = self.resolved(_items(schema))
        return [self.object(child, item) for child in node.children]


_ITEMS: Mapping[str, frozenset[str]] = {
    "externalReferences": frozenset({"reference"}),
    "licenses": frozenset({"license", "expression", "expressionDetailed"}),
    "hashes": frozenset({"hash"}),
    "formulation": frozenset({"formula"}),
    "references": frozenset({"url", "reference"}),
    "data": frozenset({"classification", "dataflow"}),
    "affects": frozenset({"target"}),
    "resolves": frozenset({"issue"}),
    "ancestors": frozenset({"component"}),
    "descendants": frozenset({"component"}),
    "variants": frozenset({"component"}),
    "patches": frozenset({"patch"}),
    "supportingMaterial": frozenset({"attachment"}),
    "collection": frozenset({"graphic"}),
    "copyright": frozenset({"text"}),
    "patentRefs": frozenset({"bom-ref"}),
    "source": frozenset({"url"}),
    "destination": frozenset({"url"}),
    "response": frozenset({"response"}),
}
"""What items are called where it is not the singular of the list."""
_ALIASES = {"responses": "response", "details": "expressionDetails", "reference": "externalReference"}
_PARTIES = {"organization": "organizationalEntity", "individual": "organizationalContact"}
_WRAPPED = frozenset({"license", "expression"})


def _items(schema: Schema) -> Schema:
    items = schema.get("items", {})
    return items if isinstance(items, Mapping) else {}


def _name(name: str) -> str:
    return name if name in _KEPT else _HYPHEN.sub(lambda found: found[1].upper(), name)


def _key(name: str, members: Schema) -> str:
    """The member that an element stands for: by its name, or the plural of it."""
    if name not in members and _ALIASES.get(name, "") in members:
        return _ALIASES[name]
    return name if name in members or f"{name}s" not in members else f"{name}s"


def _single(text: str, kind: Any) -> Any:
    """A text as the type that its schema asks for; as it is where it cannot be that."""
    plain = text.strip()
    if kind == "boolean":
        return {"true": True, "1": True, "false": False, "0": False}.get(plain, plain)
    try:
        if kind == "integer" and len(plain) < 18:
            return int(plain)
        if kind == "number" and len(plain) < 40:
            number = float(plain)
            return int(plain) if plain.removeprefix("-").isdecimal() else number
    except ValueError:
        return plain
    return plain
