"""Keras architectures as YAML (`model.to_yaml()`, Keras 1 and 2): the same document as the JSON one, and read as that."""

from collections.abc import Iterator
from typing import Any

from assaymark.core.blob import Blob, exact
from assaymark.core.format import Context, Item
from assaymark.core.source.text import decode
from assaymark.core.source.yaml_tree import Node, documents
from assaymark.model.formats import keras

_TYPES = {"null": None, "~": None, "": None, "true": True, "false": False}


def parse(blob: Blob, context: Context) -> Iterator[Item]:
    """Views as of a JSON document."""
    context.budget.header(blob.size, "YAML document")
    text = decode(exact(blob, 0, blob.size, "YAML document"), "YAML document")
    for root in documents(text):
        yield from keras.objects(_value(root), context)


def _value(root: Node) -> Any:
    """Plain lists, dicts and scalars; each node once, so that no alias makes a document larger. No recursion."""
    made: dict[int, Any] = {}
    pending = [root]
    while pending:
        node = pending.pop()
        if id(node) in made:
            continue
        if node.kind == "scalar":
            made[id(node)] = node.text if node.quoted else _TYPES.get(node.text.lower(), node.text)
            continue
        below = [*node.items, *(value for _, value in node.pairs)]
        missing = [child for child in below if id(child) not in made and child is not node]
        if missing and id(node) not in made:
            made[id(node)] = [] if node.kind == "sequence" else {}
        pending.extend(missing)
    seen: set[int] = set()
    pending = [root]
    while pending:
        node = pending.pop()
        if id(node) in seen or node.kind == "scalar":
            continue
        seen.add(id(node))
        holder = made.setdefault(id(node), [] if node.kind == "sequence" else {})
        if node.kind == "sequence":
            holder.extend(
                made.setdefault(id(item), None) for item in node.items if item.kind == "scalar" or id(item) not in seen
            )
            pending.extend(node.items)
        else:
            for key, value in node.pairs:
                if value.kind == "scalar" or id(value) not in seen:
                    holder[key.text] = made.setdefault(id(value), [] if value.kind == "sequence" else {})
                pending.append(value)
    return made.get(id(root))
