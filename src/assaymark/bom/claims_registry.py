"""What a registry knows of its versions, as claims for the graph: seals, lineage, bills of materials, deployments."""

from collections.abc import Iterable
from dataclasses import dataclass, replace

from assaymark.bom.claims import claims, party_key
from assaymark.bom.document import Bom
from assaymark.core.graph import Claims, Edge, EdgeKind, Node, NodeKind
from assaymark.core.manifest import ManifestFile

_LINEAGE = {
    "trained-on": EdgeKind.TRAINED_ON, "tested-on": EdgeKind.TESTED_ON, "evaluated-on": EdgeKind.TESTED_ON,
    "contains": EdgeKind.CONTAINS,
}  # fmt: skip
"""Kinds of lineage that say more than that one was made of the other."""


@dataclass(frozen=True, slots=True)
class Version:
    """A sealed version: `project/model` and the name of the version, and the digest of its manifest, which is its node's key."""

    model: str
    name: str
    digest: str

    def __str__(self) -> str:
        return f"{self.model}@{self.name}"

    @property
    def node(self) -> Node:
        """As the graph knows it: by its bytes, whatever it is called."""
        return Node(self.digest, NodeKind.MODEL, self.model, self.name, aliases=(str(self),))


def sealed(version: Version, publisher: str, files: Iterable[ManifestFile], document: str, at: str) -> Claims:
    """A seal: these files are the version, and that publisher's."""
    nodes = {version.digest: version.node, party_key(publisher): Node(party_key(publisher), NodeKind.PARTY, publisher)}
    edges = {Edge(version.digest, EdgeKind.SUPPLIED_BY, party_key(publisher))}
    for file in files:
        key = f"sha256:{file.sha256}"
        nodes.setdefault(key, Node(key, NodeKind.FILE, _short(file.path)))
        edges.add(Edge(version.digest, EdgeKind.CONTAINS, key))
    return Claims(document, version.digest, tuple(nodes.values()), tuple(sorted(edges)), at)


def made_of(child: Version, parent: Version, kind: str, document: str, at: str) -> Claims:
    """A version was made of another one; `kind` is the registry's word for how."""
    edge = Edge(child.digest, _LINEAGE.get(kind, EdgeKind.DESCENDANT_OF), parent.digest)
    nodes = {parent.digest: parent.node, child.digest: child.node}
    return Claims(document, child.digest, tuple(nodes.values()), (edge,), at)


def described(version: Version, bom: Bom, document: str, at: str, series: str) -> Claims:
    """A bill of materials about a version. It says what went in; what the version is and is called, the registry knows."""
    return about(version, claims(bom, document, at, series, version.digest))


def about(version: Version, said: Claims) -> Claims:
    """The same claims with the version as their subject is known here; what else it is called stays among its names."""

    def known(node: Node) -> Node:
        if node.key != version.digest:
            return node
        own = {f"{NodeKind.MODEL}:{node.name}"} if node.name and node.name != version.model else set()
        names = {*node.aliases, *own, *version.node.aliases} - {node.key}
        return replace(
            node, kind=NodeKind.MODEL, name=version.model, version=version.name, aliases=tuple(sorted(names))
        )

    return replace(said, nodes=tuple(known(node) for node in said.nodes))


def deployment_key(environment: str, name: str) -> str:
    """The node of what runs under a name."""
    return f"deployment:{environment}/{name}"


def deployed(version: Version, environment: str, name: str, document: str, at: str) -> Claims:
    """A version runs under that name since then; what ran under it before does not."""
    key = deployment_key(environment, name)
    node = Node(key, NodeKind.DEPLOYMENT, f"{environment}/{name}")
    edge = Edge(key, EdgeKind.DEPLOYED_AS, version.digest)
    return Claims(document, key, (node, version.node), (edge,), at, key)


def stopped(environment: str, name: str, document: str, at: str) -> Claims:
    """Nothing runs under that name since then."""
    key = deployment_key(environment, name)
    return Claims(document, key, (Node(key, NodeKind.DEPLOYMENT, f"{environment}/{name}"),), (), at, key)


def _short(path: str) -> str:
    """Names of nodes have at most 400 characters (bom.claims); a file is known by its digest."""
    return path.replace("\0", "") if len(path) <= 400 else path[-400:]
