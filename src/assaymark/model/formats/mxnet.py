"""MXNet: lists of arrays (`.params`) and graphs (`-symbol.json`).

Formats: mxnet 1.9 `src/ndarray/ndarray.cc` (NDArray::Save) and nnvm `src/pass/saveload_json.cc`. Arrays are values. A graph runs
operators that are compiled into MXNet, but for a few that call Python or a pointer: those are what is looked for.
"""

import json
from collections.abc import Iterator
from dataclasses import dataclass

from assaymark.core.blob import Blob, exact
from assaymark.core.errors import Malformed, OverBudget
from assaymark.core.format import Context, Item, Region, Skipped
from assaymark.model.formats.passive import MXNET_LIST
from assaymark.model.weights.starts import starts

_V1, _V2, _V3 = 0xF993FAC8, 0xF993FAC9, 0xF993FACA
_WIDTHS = {0: 4, 1: 8, 2: 2, 3: 1, 4: 4, 5: 1, 6: 8, 7: 1, 8: 2, 9: 2, 10: 4, 11: 8, 12: 2}
"""mshadow TypeFlag -> bytes of one element."""
_ARRAYS = 200_000
_DIMENSIONS = 32
_NAME = 4096
_GRAPH = 64 << 20
_NODES = 1_000_000
_DEEPEST = 6
_ACTING = {
    "Custom": "calls the Python class that is registered as {kind!r}",
    "_CustomFunction": "calls a Python function",
    "_Native": "calls a function through a pointer that stands in the file",
    "_NDArray": "calls a function through a pointer that stands in the file",
    "_TensorRT": "runs a compiled engine",
    "_sg_tensorrt": "runs a compiled engine",
}


@dataclass(frozen=True, slots=True)
class SymbolNode:
    """An operator of a graph that is not compiled into MXNet."""

    operator: str
    name: str
    does: str


def parse(blob: Blob, context: Context) -> Iterator[Item]:
    """Where values lie and what they begin with, or the operators that act."""
    if blob.read(0, 8) == MXNET_LIST.to_bytes(8, "little"):
        yield from _arrays(blob, context)
    else:
        yield from _graph(blob)


def _arrays(blob: Blob, context: Context) -> Iterator[Item]:
    at, places = 24, list[tuple[int, int, str]]()
    count = _integer(blob, 16, 8)
    if count > _ARRAYS:
        raise OverBudget(f"{count:,} arrays, more than the {_ARRAYS:,} that are looked at")
    for number in range(count):
        if not number % 1_000:
            context.budget.tick()
        data, length = _array(blob, at, number)
        if data + length > blob.size:
            raise Malformed(f"array {number:,} of {length:,} bytes reaches beyond the end", offset=data)
        yield Region(data, length)
        places.append((data, length, f"array {number}"))
        at = data + length
    yield from starts(blob, places)
    names = _integer(blob, at, 8)
    if names not in {0, count}:
        raise Malformed(f"{names:,} names of {count:,} arrays", offset=at)
    at += 8
    for _ in range(names):
        length = _integer(blob, at, 8)
        if length > _NAME:
            raise Malformed(f"a name of {length:,} bytes", offset=at)
        at += 8 + length
    if at != blob.size:
        yield Region(at, blob.size - at, data=False)
        raise Malformed(f"the names end at {at:,}, the content at {blob.size:,}", offset=min(at, blob.size))


def _array(blob: Blob, at: int, number: int) -> tuple[int, int]:
    """Offset and bytes of the values of the array that begins at `at`."""
    magic = _integer(blob, at, 4)
    if magic not in {_V1, _V2, _V3}:
        raise Malformed(f"array {number:,} begins with {magic:#x}, which is no version of the format", offset=at)
    at += 4
    if magic != _V1:
        if _integer(blob, at, 4):
            raise Malformed(f"array {number:,} is sparse, which is not looked into", offset=at)
        at += 4
    dimensions = _integer(blob, at, 4)
    if dimensions > _DIMENSIONS:
        raise Malformed(f"array {number:,} has {dimensions:,} dimensions", offset=at)
    at += 4
    elements = 1
    for _ in range(dimensions):
        elements *= _integer(blob, at, 8)
        at += 8
    if not dimensions and magic != _V3:
        return at, 0  # an array that was never filled ends here
    kind = _integer(blob, at + 8, 4)
    if kind not in _WIDTHS:
        raise Malformed(f"array {number:,} has the unknown type {kind}", offset=at + 8)
    return at + 12, elements * _WIDTHS[kind]


def _integer(blob: Blob, at: int, size: int) -> int:
    return int.from_bytes(exact(blob, at, size, "an array's header"), "little")


def _graph(blob: Blob) -> Iterator[Item]:
    if blob.size > _GRAPH:
        raise OverBudget(f"a graph of {blob.size:,} bytes, more than {_GRAPH >> 20} MiB")
    try:
        graph = json.loads(exact(blob, 0, blob.size, "the graph"))
    except (ValueError, RecursionError) as error:
        raise Malformed(f"the graph is not JSON: {error}", offset=0) from None
    pending, seen = [(graph, 0)], 0
    while pending:
        part, depth = pending.pop()
        nodes = part.get("nodes") if isinstance(part, dict) else None
        if not isinstance(nodes, list):
            raise Malformed("a graph without a list of nodes", offset=0)
        for node in nodes:
            seen += 1
            if seen > _NODES:
                raise OverBudget(f"more than {_NODES:,} nodes")
            if not isinstance(node, dict):
                raise Malformed("a node that is no object", offset=0)
            yield from _node(node)
            below = node.get("subgraphs")
            if isinstance(below, list) and below:
                if depth >= _DEEPEST:
                    yield Skipped("subgraphs", f"nested deeper than {_DEEPEST}")
                else:
                    pending.extend((one, depth + 1) for one in below)


def _node(node: dict[str, object]) -> Iterator[Item]:
    operator = str(node.get("op"))
    if operator in _ACTING:
        texts = next((value for key in ("attrs", "attr", "param") if isinstance(value := node.get(key), dict)), {})
        does = _ACTING[operator].format(kind=str(texts.get("op_type", ""))[:100])
        yield SymbolNode(operator, str(node.get("name"))[:200], does)
