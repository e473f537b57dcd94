"""Where the name of a file comes from: followed back through a graph, its functions and their calls.

Each SavedModel saves and restores itself with `SaveV2` and `RestoreV2`. What makes them honest is not their name but
that the path is handed in by whoever saves or loads: the tensor that `SaverDef.filename_tensor_name` names. In the same
way a vocabulary may be read where its path is the tensor of an asset. A path that is a constant, an input of the
model, or computed, was chosen by the model's author or by whoever sends it requests.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal, NamedTuple

from assaymark.core.errors import OverBudget
from assaymark.model.formats.protobuf import Field
from assaymark.model.tensorflow.reader import Graph, GraphReader, Node, Scope

_STEPS = 2_000_000
"""Tensors visited for one graph."""
_TEXT = 300
_PATH = 4096
"""Bytes of the longest path, PATH_MAX of Linux."""
_PASSES: dict[str, tuple[int, ...] | None] = {
    "Identity": (0,), "StopGradient": (0,), "Snapshot": (0,), "EnsureShape": (0,), "Reshape": (0,), "ExpandDims": (0,),
    "Squeeze": (0,), "GuaranteeConst": (0,), "PreventGradient": (0,), "Enter": (0,), "RefEnter": (0,), "Exit": (0,),
    "NextIteration": (0,), "Switch": (0,), "RefSwitch": (0,), "RefIdentity": (0,), "Unpack": (0,), "Split": (1,),
    "StridedSlice": (0,), "Gather": (0,), "GatherV2": (0,), "ReadVariableOp": (0,), "ShardedFilename": (0,),
    "Select": (1, 2), "SelectV2": (1, 2), "Pack": None, "Merge": None, "RefMerge": None, "ConcatV2": None,
}  # fmt: skip
"""Operators that hand on a text: from which inputs, None for all."""
_CALLS = {"PartitionedCall": 0, "StatefulPartitionedCall": 0, "TPUPartitionedCall": 0, "XlaLaunch": 0, "If": 1,
          "StatelessIf": 1, "Case": 1, "StatelessCase": 1}  # fmt: skip
"""Operators that call functions -> inputs before the arguments."""
_LOOPS = frozenset({"While", "StatelessWhile"})
_PLACEHOLDERS = frozenset({"Placeholder", "PlaceholderV2", "PlaceholderWithDefault"})
_SYSTEM = ("/etc/", "/proc/", "/sys/", "/dev/", "/run/", "/var/run/", "/var/lib/", "/root/", "~")
"""Where no vocabulary was exported from."""

Kind = Literal["constant", "saver", "default", "asset", "exported", "input", "variable", "computed", "climbs"]
Mode = Literal["head", "joined", "default"]
"""A tensor as the begin of a path, as what is joined to one, or as a default that counts where nothing is fed."""
_Visit = tuple[Scope, str, Mode]


@dataclass(frozen=True, slots=True)
class Origin:
    """Where a text comes from.

    `default`: the constant behind a placeholder that nothing feeds by itself; `climbs`: a constant that is joined to a
    path and has `..` in it; `exported`: where an asset lay when it was exported.
    """

    kind: Kind
    text: str = ""
    place: Field | None = None
    """Of a constant's bytes."""


class _Call(NamedTuple):
    scope: Scope
    node: Node
    shift: int
    """Inputs of the node before the function's arguments; -1 where they are not its arguments."""


class Tracer:
    """Answers for one graph."""

    def __init__(self, graph: Graph, reader: GraphReader) -> None:
        self._graph = graph
        self._reader = reader
        self._calls: dict[str, list[_Call]] | None = None
        self._uses: dict[str, list[Node]] | None = None
        self._steps = 0

    def input(self, scope: Scope, node: Node, index: int) -> frozenset[Origin]:
        """Origins of one input of a node."""
        inputs = data_inputs(node)
        if index >= len(inputs):
            return frozenset({Origin("computed", "an input that is not there")})
        return self._follow(scope, inputs[index])

    def _follow(self, scope: Scope, tensor: str) -> frozenset[Origin]:
        """Everything that reaches a tensor, by a list of what is still to be visited: graphs are as deep as they like."""
        found = set[Origin]()
        seen = set[tuple[int, str, Mode]]()
        todo: list[_Visit] = [(scope, tensor, "head")]
        while todo:
            where, name, mode = todo.pop()
            key = (id(where), name, mode)
            if key in seen:
                continue
            seen.add(key)
            self._steps += 1
            if self._steps > _STEPS:
                raise OverBudget(f"more than {_STEPS:,} steps to find where the names of files come from")
            for step in self._step(where, name, mode):
                if isinstance(step, Origin):
                    found.add(step)
                else:
                    todo.append(step)
        return frozenset(found)

    def _step(self, scope: Scope, tensor: str, mode: Mode) -> Iterator["Origin | _Visit"]:
        """What one tensor comes from."""
        name, output = split(tensor)
        node = scope.nodes.get(name)
        if node is None:
            yield from self._argument(scope, name, mode)
        elif scope is self._graph.main and name in self._graph.assets:
            yield from self._asset(node)
        elif node.op in _PLACEHOLDERS or (scope is self._graph.main and name == self._graph.saver):
            yield from self._placeholder(scope, node, mode)
        elif node.op == "Const":
            yield from self._constant(node, mode)
        elif node.op == "StringJoin":
            yield from self._join(scope, node, mode)
        elif node.op == "VarHandleOp":
            yield from self._variable(scope, node, mode)
        elif node.op in _PASSES:
            inputs, chosen = data_inputs(node), _PASSES[node.op]
            for index in range(len(inputs)) if chosen is None else chosen:
                if index < len(inputs):
                    yield scope, inputs[index], mode
        else:
            yield from self._result(scope, node, output, mode)

    def _constant(self, node: Node, mode: Mode) -> Iterator[Origin]:
        value = node.attributes.get("value")
        told = mode == "joined"
        for text, place in self._reader.texts(value, _PATH + 1) if value else ():
            if mode != "joined":
                told = True
                yield Origin("default" if mode == "default" else "constant", text[:_TEXT], place)
            elif ".." in text or text.endswith(".") or len(text) > _PATH:
                yield Origin("climbs", text[:_TEXT], place)
        if not told:
            yield Origin("computed", f"the constant {node.name!r} without a text")

    def _asset(self, node: Node) -> Iterator[Origin]:
        """A tensor that the loader feeds with the asset's path: while it initialises the model, not when it is called.

        TensorFlow 1 writes the asset's path at export as a constant there: it is what an operator reads that runs later.
        """
        name = self._graph.assets[node.name]
        yield Origin("asset", name)
        for origin in self._constant(node, "head") if node.op == "Const" else ():
            parts = origin.text.replace("\\", "/").split("/")
            private = origin.text.startswith(_SYSTEM) or any(part.startswith(".") for part in parts)
            if private or parts[-1] != name.rsplit("/", 1)[-1]:
                yield origin
            else:
                yield Origin("exported", origin.text)

    def _placeholder(self, scope: Scope, node: Node, mode: Mode) -> Iterator["Origin | _Visit"]:
        """Fed by the saver, by a signature's caller, or by nobody: then its default counts."""
        graph, inputs = self._graph, data_inputs(node)
        main = scope is graph.main
        if (main and node.name in graph.fed) or not (main or inputs):
            yield Origin("input", node.name)
            return
        if main and node.name == graph.saver:
            yield Origin("saver")
        elif not inputs:
            yield Origin("input", node.name)
        if inputs:
            yield scope, inputs[0], "joined" if mode == "joined" else "default"
        elif node.op == "Const":
            yield from self._constant(node, "joined" if mode == "joined" else "default")

    def _join(self, scope: Scope, node: Node, mode: Mode) -> Iterator["Origin | _Visit"]:
        """The first part that is not empty is the begin of the path; the others may not lead out of it."""
        for part in data_inputs(node):
            source = scope.nodes.get(split(part)[0])
            value = source.attributes.get("value") if source and source.op == "Const" else None
            texts = [text for text, _ in self._reader.texts(value, 1)] if value else []
            if mode != "joined" and texts and not any(texts):
                continue
            yield scope, part, mode
            mode = "joined"

    def _variable(self, scope: Scope, handle: Node, mode: Mode) -> Iterator["Origin | _Visit"]:
        """What is assigned to it in the graph; where its handle goes elsewhere, anything may be."""
        if scope is not self._graph.main:
            yield Origin("variable", handle.name)
            return
        if self._uses is None:
            self._uses = {}
            for node in scope.nodes.values():
                for name in {split(tensor)[0] for tensor in data_inputs(node)}:
                    self._uses.setdefault(name, []).append(node)
        assigned = False
        for node in self._uses.get(handle.name, ()):
            if node.op == "AssignVariableOp" and len(data_inputs(node)) > 1:
                assigned = True
                yield scope, data_inputs(node)[1], mode
            elif node.op not in {"ReadVariableOp", "VarIsInitializedOp", "VariableShape"}:
                yield Origin("variable", handle.name)
        if not assigned:
            yield Origin("variable", handle.name)

    def _result(self, scope: Scope, node: Node, output: int, mode: Mode) -> Iterator["Origin | _Visit"]:
        """The output of a call, or of an operator that computes."""
        inputs = data_inputs(node)
        if node.op in _LOOPS and output < len(inputs):
            yield scope, inputs[output], mode
        called = [self._graph.functions[name] for name in self._called(node) if name in self._graph.functions]
        if not called or (node.op not in _CALLS and node.op not in _LOOPS and node.op not in self._graph.functions):
            yield Origin("computed", node.op)
        for function in called:
            name = function.outputs[output] if output < len(function.outputs) else ""
            if name in function.returns:
                yield function, function.returns[name], mode
            elif node.op not in _LOOPS:
                yield Origin("computed", node.op)

    def _argument(self, scope: Scope, name: str, mode: Mode) -> Iterator["Origin | _Visit"]:
        """What a function's argument is given: by its callers, by the object graph, or from outside."""
        index = scope.arguments.get(name)
        if index is None:
            yield Origin("computed", f"the unknown tensor {name}")
            return
        calls = self._callers().get(scope.name, [])
        for call in calls:
            inputs = data_inputs(call.node)
            if call.shift < 0 or index + call.shift >= len(inputs):
                yield Origin("computed", call.node.op)
                continue
            yield call.scope, inputs[index + call.shift], mode
            if call.node.op in _LOOPS:
                yield from self._result(call.scope, call.node, index, mode)
        bound = self._graph.bound.get(scope.name)
        if bound is None:
            if not calls:
                yield Origin("input", name)
            return
        at = index - (len(scope.arguments) - len(bound))
        word = bound[at] if at >= 0 else ""
        if word.startswith("constant "):
            yield self._graph.main, word.removeprefix("constant "), mode
        elif word == "asset":
            yield Origin("asset")
        else:
            yield Origin("variable", name) if word else Origin("input", name)

    def _callers(self) -> dict[str, list[_Call]]:
        if self._calls is None:
            self._calls = {}
            for scope in (self._graph.main, *self._graph.functions.values()):
                for node in scope.nodes.values():
                    known = node.op in _CALLS or node.op in _LOOPS or node.op in self._graph.functions
                    for name in self._called(node):
                        call = _Call(scope, node, _CALLS.get(node.op, 0) if known else -1)
                        self._calls.setdefault(name, []).append(call)
        return self._calls

    def _called(self, node: Node) -> Iterator[str]:
        if node.op in self._graph.functions:
            yield node.op
        for attribute in node.attributes.values():
            yield from self._reader.functions_of(attribute)


def data_inputs(node: Node) -> list[str]:
    """A node's inputs without those that only order it."""
    return [tensor for tensor in node.inputs if not tensor.startswith("^")]


def split(tensor: str) -> tuple[str, int]:
    """`node`, `node:1`, or in functions `node:output:1`: the node and the number of the output."""
    name, colon, rest = tensor.partition(":")
    number = rest.rpartition(":")[2]
    return name, int(number) if colon and number.isascii() and number.isdigit() and len(number) < 7 else 0
