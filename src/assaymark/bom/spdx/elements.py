"""The elements of an SPDX 3 document, however it is laid out: `@graph` or one element, nested or not, prefixed or not."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from assaymark.bom.spdx.bound import document as bounded
from assaymark.bom.spdx.bound import items, objects, text, texts
from assaymark.bom.spdx.model import compact, model
from assaymark.core.errors import Malformed

CONTEXT = "https://spdx.org/rdf/3.0.1/spdx-context.jsonld"
NONE = frozenset({"NoAssertionElement", "NoneElement"})
_LICENSES = ("http://spdx.org/licenses/", "https://spdx.org/licenses/")


@dataclass(slots=True)
class Elements:
    """A document, indexed. `all` is every object with a class, in document order, nested ones after what they stand in."""

    document: dict[str, Any]
    single: bool
    prefixes: dict[str, str]
    all: list[dict[str, Any]] = field(default_factory=list)
    by_id: dict[str, dict[str, Any]] = field(default_factory=dict)
    by_type: dict[str, list[dict[str, Any]]] = field(default_factory=dict)

    def id(self, element: dict[str, Any]) -> str:
        """What an element is known by, in full; "" where it has no name."""
        return self.expand(text(element, "spdxId") or text(element, "@id") or text(element, "id"))

    def expand(self, name: str) -> str:
        """A name with its prefix written out."""
        if self.prefixes and ":" in name:
            prefix, _, rest = name.partition(":")
            if prefix in self.prefixes and not rest.startswith("//"):
                return self.prefixes[prefix] + rest
        return name

    def ids(self, value: Any) -> list[str]:
        """The names of what a property refers to: texts, or objects that stand there."""
        if isinstance(value, str):
            return [self.expand(value)] if value else []
        found: list[str] = []
        for item in value if isinstance(value, list) else [value]:
            if isinstance(item, str):
                found.append(self.expand(item))
            elif isinstance(item, dict):
                found.append(self.id(item))
        return [name for name in found if name]

    def get(self, name: str) -> dict[str, Any]:
        """An element by name; an empty one where the document has none of it."""
        return self.by_id.get(name, {})

    def of(self, ancestor: str) -> Iterator[dict[str, Any]]:
        """Every element of a class or of one that descends from it."""
        known = model()
        return (element for name, some in self.by_type.items() if known.is_a(name, ancestor) for element in some)

    def creation(self, element: dict[str, Any]) -> dict[str, Any]:
        """The creation information of an element, by name or nested; an empty one where there is none."""
        value = element.get("creationInfo")
        return value if isinstance(value, dict) else self.get(self.expand(value)) if isinstance(value, str) else {}

    def name(self, name: str) -> str:
        """What people call an element."""
        return "" if compact(name) in model().individuals else text(self.get(name), "name")

    def license(self, name: str, depth: int = 8) -> str:
        """The expression of a licence element, "" where it says none."""
        for base in _LICENSES:
            if name.startswith(base):
                return name.removeprefix(base)
        element = self.get(name)
        kind = type_of(element)
        expression = text(element, "simplelicensing_licenseExpression")
        if kind == "simplelicensing_LicenseExpression":
            return self._worded(element, expression)
        if kind.endswith(("ConjunctiveLicenseSet", "DisjunctiveLicenseSet")) and depth:
            members = self.ids(element.get("expandedlicensing_member"))[:100]
            word = " AND " if "Conjunctive" in kind else " OR "
            return word.join(
                f"({part})" if " " in part else part for m in members if (part := self.license(m, depth - 1))
            )
        return text(element, "name") if kind.startswith("expandedlicensing_") and "Individual" not in kind else ""

    def _worded(self, element: dict[str, Any], expression: str) -> str:
        """An expression that is one reference to a text stands for that text."""
        for entry in objects(element.get("simplelicensing_customIdToUri")):
            if entry.get("key") == expression:
                said = self.get(self.expand(text(entry, "value")))
                return text(said, "simplelicensing_licenseText") or expression
        return expression


def type_of(element: dict[str, Any]) -> str:
    """The class of an element, shortened."""
    value = element.get("type", element.get("@type"))
    if isinstance(value, list):
        value = next((item for item in value if isinstance(item, str)), "")
    return compact(value) if isinstance(value, str) else ""


def value_of(element: dict[str, Any], key: str) -> str:
    """The value of an enumeration, shortened; "" where there is none."""
    return compact(text(element, key))


def elements(document: Any) -> Elements:
    """Index a document; raises Malformed where it is none of SPDX 3."""
    document = bounded(document, "the SPDX document")
    if "@context" not in document:
        raise Malformed("the SPDX 3 document has no @context", step=f'it starts with "@context": "{CONTEXT}"')
    graph = document.get("@graph")
    single = graph is None
    tops = [document] if single else items(graph, "@graph of the SPDX document")
    made = Elements(document, single, _prefixes(document.get("@context"), tops))
    for element in _walk(tops):
        made.all.append(element)
        made.by_type.setdefault(type_of(element), []).append(element)
        name = made.id(element)
        if name:
            made.by_id.setdefault(name, element)
    return made


def _walk(tops: list[Any]) -> Iterator[dict[str, Any]]:
    """Top elements, each followed by what has a class and stands in it; depth is bounded already."""
    stack: list[Any] = list(reversed(tops))
    while stack:
        item = stack.pop()
        if isinstance(item, dict):
            if "type" in item or "@type" in item:
                yield item
            stack.extend(value for value in reversed(item.values()) if isinstance(value, dict | list))
        elif isinstance(item, list):
            stack.extend(value for value in reversed(item) if isinstance(value, dict | list))


def _prefixes(context: Any, tops: list[Any]) -> dict[str, str]:
    found: dict[str, str] = {}
    for part in objects(context):
        found |= {
            key: value
            for key, value in part.items()
            if isinstance(value, str) and key[:1] != "@" and value[-1:] in "/#:"
        }
    for top in objects(tops):
        if type_of(top) == "SpdxDocument":
            for entry in objects(top.get("namespaceMap")):
                prefix, namespace = text(entry, "prefix"), text(entry, "namespace")
                if prefix and namespace:
                    found[prefix] = namespace
    return found


def contexts(document: dict[str, Any]) -> list[str]:
    """The contexts that a document names."""
    return texts(document.get("@context"))
