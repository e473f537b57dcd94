"""Keras architectures as YAML (`model.to_yaml()`, Keras 1 and 2): the same document as the JSON one, and read as that."""

from collections.abc import Iterator
from typing import Any

from assaymark.core.blob import Blob, exact
from assaymark.core.errors import OverBudget
from assaymark.core.format import Context, Item
from assaymark.core.source.text import decode
from assaymark.core.source.yaml_tree import Node, documents
from assaymark.model.formats import keras

_MERGED = 1_000_000
"""Pairs that merges add to the mappings of one document."""
_TYPES = {"null": None, "~": None, "": None, "true": True, "false": False}


def parse(blob: Blob, context: Context) -> Iterator[Item]:
    """Views as of a JSON document."""
    context.budget.header(blob.size, "YAML document")
    text = decode(exact(blob, 0, blob.size, "YAML document"), "YAML document")
    for root in documents(text):
        yield from keras.objects(_value(root), context)


def _value(root: Node) -> Any:
    """Plain lists, dicts and scalars. What aliases share is one object here, too: nothing grows, and cycles stay."""
    made: dict[int, Any] = {}
    pending: list[Node] = []

    def of(node: Node) -> Any:
        if node.kind == "scalar":
            return node.text if node.quoted else _TYPES.get(node.text.lower(), node.text)
        if id(node) not in made:
            made[id(node)] = [] if node.kind == "sequence" else {}
            pending.append(node)
        return made[id(node)]

    top, merged = of(root), 0
    while pending:
        node = pending.pop()
        if node.kind == "sequence":
            made[id(node)].extend(map(of, node.items))
        else:
            pairs = list(_merged(node))
            merged += len(pairs) - len(node.pairs)
            if merged > _MERGED:
                raise OverBudget(f"YAML whose merges repeat more than {_MERGED:,} keys")
            made[id(node)].update((key.text, of(value)) for key, value in pairs)
    return top


def _merged(node: Node) -> Iterator[tuple[Node, Node]]:
    """The pairs of a mapping behind those that `<<` merges into it: own keys count, then those of the first merged."""
    found: list[list[tuple[Node, Node]]] = []
    pending, seen = [node], set[int]()
    while pending:
        current = pending.pop()
        if id(current) in seen:
            continue
        seen.add(id(current))
        found.append([pair for pair in current.pairs if not _merges(pair[0])])
        others = [value for key, value in current.pairs if _merges(key)]
        pending.extend(other for value in others for other in reversed([*value.items, value]))
    for pairs in reversed(found):
        yield from pairs


def _merges(key: Node) -> bool:
    return key.kind == "scalar" and key.text == "<<" and not key.quoted
