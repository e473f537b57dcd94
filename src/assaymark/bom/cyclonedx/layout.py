"""Where the components of a document stand: which one it is about, which are nested in which, and in what order.

A layout is JSON, so that it can be carried in `Bom.native`: `{"root": ref or null, "top": [node, …], "synthetic": ref}`, a node
`[ref, {"components": [node, …], "ancestors": […], "descendants": […], "variants": […]}]`. A BOM of ours has none: its subject
is the root and all others stand side by side, sorted.
"""

from collections.abc import Iterator, Mapping
from typing import Any

from assaymark.bom.cyclonedx.fields import TYPES
from assaymark.bom.document import Bom, Relation
from assaymark.core.errors import Malformed
from assaymark.core.graph import EdgeKind

PLACES = ("components", "ancestors", "descendants", "variants")
DEPTH = 64
Layout = dict[str, Any]
Found = list[tuple[str, dict[str, Any], str]]
"""(ref, component without the ones nested in it, JSON pointer)."""


def default(bom: Bom) -> Layout:
    """The layout of a BOM of ours."""
    subject = bom.by_ref.get(bom.subject)
    root = bom.subject if subject is not None and subject.kind in TYPES else None
    top = [[component.ref, {}] for component in bom.components if component.kind in TYPES and component.ref != root]
    return {"root": [root, {}] if root is not None else None, "top": top}


def of(bom: Bom) -> Layout:
    """The layout that a BOM is written in; components that its own does not name follow at the end."""
    kept = bom.native.get("cyclonedx", {}).get("layout")
    if not isinstance(kept, dict):
        return default(bom)
    known = {component.ref for component in bom.components if component.kind in TYPES}
    root, top = kept.get("root"), _known(kept.get("top", []), known)
    if root is not None:
        root = next(iter(_known([root], known)), None)
    placed = {ref for ref, _, _, _ in walk({"root": root, "top": top})} | {kept.get("synthetic", "")}
    left = known - placed
    top += [[component.ref, {}] for component in bom.components if component.ref in left]
    return {"root": root, "top": top, "synthetic": kept.get("synthetic", "")}


def _known(nodes: list[Any], known: set[str], depth: int = 0) -> list[Any]:
    """Nodes whose component is still there; what is nested in one that is not moves up."""
    made: list[Any] = []
    for ref, below in nodes if depth < DEPTH else ():
        inner = {place: _known(items, known, depth + 1) for place, items in below.items()}
        if ref in known:
            made.append([ref, inner])
        else:
            made += [node for items in inner.values() for node in items]
    return made


def walk(layout: Layout) -> Iterator[tuple[str, str, str, str]]:
    """(ref, JSON pointer, place, ref of the one it is nested in) of every component, in order of the document."""
    nodes: list[tuple[Any, str, str, str]] = []
    if layout.get("root") is not None:
        nodes.append((layout["root"], "/metadata/component", "root", ""))
    nodes += [(node, f"/components/{number}", "top", "") for number, node in enumerate(layout.get("top", ()))]
    nodes.reverse()
    while nodes:
        (ref, below), pointer, place, outer = nodes.pop()
        yield ref, pointer, place, outer
        inner = [
            (node, f"{pointer}{'' if name == 'components' else '/pedigree'}/{name}/{number}", name, ref)
            for name in PLACES
            for number, node in enumerate(below.get(name, ()))
        ]
        nodes += reversed(inner)


def implied(layout: Layout) -> Iterator[Relation]:
    """The relations that nesting states."""
    synthetic = layout.get("synthetic", "")
    for ref, _, place, outer in walk(layout):
        if place == "components":
            yield Relation(outer, EdgeKind.CONTAINS, ref)
        elif place == "ancestors":
            yield Relation(outer, EdgeKind.DESCENDANT_OF, ref)
        elif place == "descendants":
            yield Relation(ref, EdgeKind.DESCENDANT_OF, outer)
        elif place == "top" and synthetic:
            yield Relation(synthetic, EdgeKind.CONTAINS, ref)


def assemble(document: dict[str, Any], layout: Layout, elements: Mapping[str, dict[str, Any]]) -> None:
    """Put components into a document where they belong."""
    if layout.get("root") is not None:
        document.setdefault("metadata", {})["component"] = _nested(layout["root"], elements)
    if layout["top"]:
        document["components"] = [_nested(node, elements) for node in layout["top"]]


def _nested(node: Any, elements: Mapping[str, dict[str, Any]]) -> dict[str, Any]:
    ref, below = node
    made = dict(elements[ref])
    for place, nodes in below.items():
        inner = [_nested(one, elements) for one in nodes]
        if place == "components":
            made[place] = inner
        elif inner:
            pedigree = made["pedigree"] = dict(made.get("pedigree", {}))
            pedigree[place] = [*inner, *pedigree.get(place, ())]
    return made


def taken(document: Mapping[str, Any], refs: "Refs") -> tuple[Layout, Found]:
    """The layout of a document and its components, taken out of one another."""
    found: Found = []
    metadata = document.get("metadata")
    root = metadata.get("component") if isinstance(metadata, dict) else None
    layout: Layout = {"root": None, "top": []}
    if root is not None:
        layout["root"] = _take(root, "/metadata/component", refs, found, 0)
    top = document.get("components")
    if isinstance(top, list):
        layout["top"] = [_take(item, f"/components/{number}", refs, found, 0) for number, item in enumerate(top)]
    return layout, found


class Refs:
    """Refs of components: the `bom-ref` where it is there and free, else one made of the place."""

    def __init__(self) -> None:
        self.used: set[str] = set()

    def free(self, component: Mapping[str, Any], pointer: str) -> str:
        """A ref that no other component has."""
        stated = component.get("bom-ref")
        ref = stated if isinstance(stated, str) and stated else f"component:{pointer}"
        made, number = ref, 2
        if made in self.used:
            made = f"{ref}#{pointer}"
        while made in self.used:
            made, number = f"{ref}#{pointer}#{number}", number + 1
        self.used.add(made)
        return made


def _take(item: Any, pointer: str, refs: Refs, found: Found, depth: int) -> list[Any]:
    if not isinstance(item, dict):
        raise Malformed(f"no component stands at {pointer}: it must be an object")
    if depth >= DEPTH:
        raise Malformed(f"components nested deeper than {DEPTH} at {pointer[:200]}")
    ref, element = refs.free(item, pointer), dict(item)
    found.append((ref, element, pointer))
    below: dict[str, list[Any]] = {}
    if isinstance(item.get("components"), list):
        below["components"] = [
            _take(one, f"{pointer}/components/{number}", refs, found, depth + 1)
            for number, one in enumerate(element.pop("components"))
        ]
    pedigree = item.get("pedigree")
    if isinstance(pedigree, dict):
        kept = element["pedigree"] = dict(pedigree)
        for place in PLACES[1:]:
            stated = kept.pop(place, None)
            inner = stated if isinstance(stated, list) else []
            own = [] if all(map(is_copy, inner)) else inner
            if place in pedigree and not own:
                kept[place] = pedigree[place]
            if own:
                below[place] = [
                    _take(one, f"{pointer}/pedigree/{place}/{number}", refs, found, depth + 1)
                    for number, one in enumerate(own)
                ]
        if not kept and pedigree:
            del element["pedigree"]
    return [ref, below]


def is_copy(item: Any) -> bool:
    """Whether an ancestor is a copy of a component that stands elsewhere in the document."""
    listed = item.get("properties") if isinstance(item, dict) else None
    return isinstance(listed, list) and any(
        isinstance(one, dict) and one.get("name") == "assaymark:ref" for one in listed
    )
