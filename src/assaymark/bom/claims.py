"""A BOM as claims for the graph: which nodes it speaks of, and which edges.

Two things make the graph small and its answers right. Packages hang on what locks them: that torch depends on numpy is said
of one environment and not of torch for all the world, or a model with another numpy would be reached through torch. And what
has no name of its own beyond its document (a script, a run, an unlocked environment) is known by it and its subject.
"""

import hashlib
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace

from assaymark.bom.document import MANIFEST, Bom, Component, Relation
from assaymark.bom.graph_purls import canonical, plain, split, versioned
from assaymark.core.errors import Malformed, OverBudget
from assaymark.core.graph import Claims, Edge, EdgeKind, Node, NodeKind

LONGEST = 400
"""Characters of a key or a name; what is longer ends in its digest."""
_MOST_STEPS = 3_000_000
_MOST_ALIASES = 2_000
_HEX = re.compile(r"(?:[0-9a-f]{2}){16,64}")
_MANIFEST = re.compile(r"assaymark-manifest(?:-v\d+)?:[0-9a-f]{64}")
_LOCAL = {NodeKind.ENVIRONMENT, NodeKind.TOOL, NodeKind.RUN, NodeKind.FILE}
"""Two subjects may have one of these with the same name and they are not the same."""
_RANK = {kind: place for place, kind in enumerate(
    (NodeKind.MODEL, NodeKind.DATA, NodeKind.ENVIRONMENT, NodeKind.IMAGE, NodeKind.LIBRARY, NodeKind.TOOL)
)}  # fmt: skip
_PARTS = {
    NodeKind.MODEL: EdgeKind.CONTAINS, NodeKind.FILE: EdgeKind.CONTAINS, NodeKind.DATA: EdgeKind.HAS_DATA_FILE,
    NodeKind.LIBRARY: EdgeKind.DEPENDS_ON, NodeKind.ENVIRONMENT: EdgeKind.DEPENDS_ON, NodeKind.TOOL: EdgeKind.USES_TOOL,
    NodeKind.IMAGE: EdgeKind.RUNS_ON, NodeKind.PLATFORM: EdgeKind.RUNS_ON, NodeKind.DEVICE: EdgeKind.RUNS_ON,
    NodeKind.DRIVER: EdgeKind.RUNS_ON, NodeKind.RUN: EdgeKind.GENERATED_BY,
}  # fmt: skip
"""How a subject comes from a component of a kind, where nobody says it."""
_HUB = "pkg:huggingface/"
_SPACE = re.compile(r"\s+")


def claims(bom: Bom, document: str, at: str, series: str, key: str = "") -> Claims:
    """What a BOM says. `document` is the digest of its payload, `at` RFC 3339; see core.graph.Claims for the series.

    `key`: of its subject, where whoever took the BOM knows by what it is known; else what the BOM itself says.
    Raises Malformed for a BOM whose subject or relations name components that it does not have.
    """
    by_ref = bom.by_ref
    if bom.subject not in by_ref:
        raise Malformed(f"the BOM is about {bom.subject!r:.80}, which is none of its components")
    said = _key(by_ref[bom.subject], "")
    subject = key or said
    keys = {ref: subject if ref == bom.subject else _key(component, subject) for ref, component in by_ref.items()}
    keys = {ref: subject if known == said else known for ref, known in keys.items()}  # nothing comes from itself
    nodes: dict[str, Node] = {}
    for ref, component in by_ref.items():
        _keep(nodes, _node(component, keys[ref]))
    edges: set[Edge] = set()
    for component in bom.components:
        supplier = _clean(component.text("supplier"))
        if supplier and component.kind is not NodeKind.PARTY:
            party = party_key(supplier)
            _keep(nodes, Node(party, NodeKind.PARTY, supplier))
            edges.add(Edge(keys[component.ref], EdgeKind.SUPPLIED_BY, party))
    edges |= set(_relations(bom, keys, by_ref))
    kept = sorted(edge for edge in edges if edge.source != edge.target)
    return Claims(document, subject, tuple(node for _, node in sorted(nodes.items())), tuple(kept), at, series)


def called(said: Claims, *aliases: str) -> Claims:
    """The same, its subject answering to more names: `project/model@version`."""
    nodes = tuple(
        replace(node, aliases=(*node.aliases, *aliases)) if node.key == said.subject else node for node in said.nodes
    )
    return replace(said, nodes=nodes)


def party_key(name: str) -> str:
    """A publisher, whatever its case and spacing."""
    return _clean(f"party:{_SPACE.sub(' ', name.strip()).casefold()}")


def _key(component: Component, subject: str) -> str:
    """The rules of core.graph.Node."""
    kind, sha256 = component.kind, _digest(component.text("sha256")) or _pinned(component)
    manifest = component.text(MANIFEST)
    purl = _purl(component)
    if kind is NodeKind.PARTY:
        return party_key(_clean(component.name))
    if kind is NodeKind.LIBRARY and purl:
        return _clean(purl)
    if _MANIFEST.fullmatch(manifest):
        return manifest
    if sha256:
        return f"sha256:{sha256}"
    if purl:
        return _clean(purl)
    version = _clean(component.text("version") or component.text("revision"))
    name = f"{kind}:{_clean(component.name)}" + (f"@{version}" if version else "")
    return _clean(f"{name} of {subject}" if kind in _LOCAL and subject else name)


def _node(component: Component, key: str) -> Node:
    purl = _purl(component)
    calls = {f"{name}:{value}" for name, value in component.hashes.items() if _HEX.fullmatch(value)}
    calls |= {text for text in _texts(component.value("digests")) if _digest(text.removeprefix("sha256:"))}
    calls |= {purl, plain(purl), component.text(MANIFEST), _pinned(component) and f"sha256:{_pinned(component)}"}
    if component.kind in {NodeKind.MODEL, NodeKind.DATA, NodeKind.IMAGE}:
        calls.add(f"{component.kind}:{_clean(component.name)}")
    if purl.startswith(_HUB):
        calls.add(f"{component.kind}:{split(purl)[0].removeprefix(_HUB).removeprefix('datasets/')}")
    short = sorted({_clean(call) for call in calls if call} - {key})
    version = component.text("version") or (split(purl)[1] if purl else "") or component.text("revision")
    return Node(
        key, component.kind, _clean(component.name), _clean(version), _clean(purl) if purl else "",
        tuple(short[:_MOST_ALIASES]),
    )  # fmt: skip


def _purl(component: Component) -> str:
    purl = canonical(component.text("purl")[: 4 * LONGEST])
    version = component.text("version") if component.kind is NodeKind.LIBRARY else component.text("revision")
    return versioned(purl, _clean(version)) if purl else ""


def _pinned(component: Component) -> str:
    """The digest that an image's reference names."""
    if component.kind is not NodeKind.IMAGE:
        return ""
    return _digest(component.text("reference").rpartition("@sha256:")[2])


def _digest(text: str) -> str:
    text = text.lower()
    return text if len(text) == 64 and _HEX.fullmatch(text) else ""


def _texts(value: object) -> Iterable[str]:
    return (text.lower() for text in value if isinstance(text, str)) if isinstance(value, list | tuple) else ()


def _keep(nodes: dict[str, Node], node: Node) -> None:
    """Of two components that are one thing, the kind that says most stays, and all names."""
    old = nodes.get(node.key)
    if old is None:
        nodes[node.key] = node
        return
    first, other = sorted((old, node), key=lambda one: (_RANK.get(one.kind, len(_RANK)), one.name))
    calls = {*first.aliases, *other.aliases, first.purl, other.purl} - {"", first.key}
    nodes[node.key] = replace(
        first, version=first.version or other.version, purl=first.purl or other.purl,
        aliases=tuple(sorted(calls)[:_MOST_ALIASES]),
    )  # fmt: skip


@dataclass(slots=True)
class _Packages:
    """What libraries need of each other in this document, and who holds them."""

    needs: dict[str, list[str]] = field(default_factory=dict)
    held: dict[str, set[str]] = field(default_factory=dict)
    """Component -> what its edges lead to."""
    locks: dict[str, set[str]] = field(default_factory=dict)
    """Component -> its environments."""

    def is_locked(self, relation: Relation) -> bool:
        """Whether an environment of the source says the same of the target."""
        return any(relation.target in self.held.get(lock, ()) for lock in self.locks.get(relation.source, ()))


def _relations(bom: Bom, keys: dict[str, str], by_ref: dict[str, Component]) -> Iterator[Edge]:
    packages = _Packages()
    direct = []
    for relation in (*bom.relations, *_strays(bom, by_ref)):
        target = by_ref[relation.target].kind
        is_need = relation.kind is EdgeKind.DEPENDS_ON and target is NodeKind.LIBRARY
        if is_need and by_ref[relation.source].kind is NodeKind.LIBRARY and relation.source != bom.subject:
            packages.needs.setdefault(relation.source, []).append(relation.target)
            continue
        packages.held.setdefault(relation.source, set()).add(relation.target)
        if target is NodeKind.ENVIRONMENT and relation.source != relation.target:
            packages.locks.setdefault(relation.source, set()).add(relation.target)
        direct.append((is_need, relation))
    for is_need, relation in direct:
        if not (is_need and packages.is_locked(relation)):
            yield Edge(keys[relation.source], relation.kind, keys[relation.target])
    if packages.needs:
        yield from _inherited(packages, keys, by_ref, bom.subject)


def _strays(bom: Bom, by_ref: dict[str, Component]) -> Iterator[Relation]:
    """Relations to components that the document lists and hangs nowhere: what a BOM lists is part of its subject."""
    forward: dict[str, list[str]] = {}
    backward: dict[str, list[str]] = {}
    for relation in bom.relations:
        if relation.source not in by_ref or relation.target not in by_ref:
            missing = relation.source if relation.source not in by_ref else relation.target
            raise Malformed(f"a relation names {missing!r:.80}, which is no component of the BOM")
        forward.setdefault(relation.source, []).append(relation.target)
        backward.setdefault(relation.target, []).append(relation.source)
    placed = {bom.subject}
    _spread([bom.subject], forward, placed)
    consumers = {bom.subject}
    _spread([bom.subject], backward, consumers)
    for component in sorted(bom.components, key=lambda one: one.ref in backward):  # those on top first
        ref = component.ref
        if ref not in placed and ref not in consumers and component.kind in _PARTS:
            placed.add(ref)
            _spread([ref], forward, placed)
            yield Relation(bom.subject, _PARTS[component.kind], ref)


def _spread(begin: list[str], edges: dict[str, list[str]], seen: set[str]) -> None:
    while begin:
        for ref in edges.get(begin.pop(), ()):
            if ref not in seen:
                seen.add(ref)
                begin.append(ref)


def _inherited(packages: _Packages, keys: dict[str, str], by_ref: dict[str, Component], subject: str) -> Iterator[Edge]:
    """What somebody's libraries need, he needs, unless one of his environments says so."""
    steps = 0
    for owner in sorted(packages.held, key=lambda ref: by_ref[ref].kind is not NodeKind.ENVIRONMENT):
        if by_ref[owner].kind is NodeKind.LIBRARY and owner != subject:
            continue
        seen = packages.held[owner].union(*(packages.held.get(lock, ()) for lock in packages.locks.get(owner, ())))
        begin = [ref for ref in seen if ref in packages.needs]
        seen.add(owner)
        found = []
        while begin:
            for target in packages.needs.get(begin.pop(), ()):
                steps += 1
                if steps > _MOST_STEPS:
                    raise OverBudget("the libraries of this BOM need each other in too many ways to follow them all")
                if target not in seen:
                    seen.add(target)
                    begin.append(target)
                    found.append(target)
        packages.held[owner].update(found)
        yield from (Edge(keys[owner], EdgeKind.DEPENDS_ON, keys[target]) for target in found)


def _clean(text: str) -> str:
    """Text that a database takes."""
    text = text.replace("\0", "").encode("utf-8", "replace").decode()
    return text if len(text) <= LONGEST else f"{text[: LONGEST - 24]}~{hashlib.sha256(text.encode()).hexdigest()[:20]}"
