"""Graphs off the protobuf wire, without the values of tensors.

Schemas: tensorflow/core/framework/{graph,node_def,function,op_def,attr_value,tensor}.proto and
tensorflow/core/protobuf/{saved_model,meta_graph,saved_object_graph,saver}.proto, TensorFlow 2.21.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import islice

from assaymark.core.errors import Malformed, OverBudget
from assaymark.model.formats.protobuf import BYTES, VARINT, Field, Reader

NODES = 1_000_000
"""Nodes of one file that are looked at."""
NAME = 4096
"""Bytes of the longest name."""
_QUICK = 4096
"""Bytes of a node that is read at once."""
_INPUTS = 100_000
"""Inputs of one node; the savers of large models take thousands."""
_TEXTS = 100_000
"""Texts of one attribute."""
_KEPT = frozenset({
    "value", "f", "func", "then_branch", "else_branch", "body", "cond", "branches", "dataset_factory",
    "memory_region_name", "file_pattern", "vocab_file", "filename", "descriptor_source", "log_dir_path",
    "output_file_path", "output_stream", "debug_urls", "token", "error_msg", "target_name", "call_target_name",
    "separator",
})  # fmt: skip
"""Attributes whose place is remembered."""


@dataclass(slots=True)
class Node:
    """A node: where its attributes stand, not what they hold."""

    name: str
    op: str
    inputs: tuple[str, ...]
    offset: int
    attributes: dict[str, Field]


@dataclass(slots=True)
class Scope:
    """A graph or a function's body. `name` is empty for the graph itself."""

    name: str = ""
    nodes: dict[str, Node] = field(default_factory=dict)
    arguments: dict[str, int] = field(default_factory=dict)
    outputs: tuple[str, ...] = ()
    """Of the function, in the order of its signature."""
    returns: dict[str, str] = field(default_factory=dict)
    """Output of the function -> tensor within it."""


@dataclass(slots=True)
class Graph:
    """A GraphDef with what a MetaGraphDef says about it."""

    main: Scope = field(default_factory=Scope)
    functions: dict[str, Scope] = field(default_factory=dict)
    saver: str = ""
    """Node that is fed the path to save to and restore from."""
    assets: dict[str, str] = field(default_factory=dict)
    """Node that is fed the path of an asset -> the asset's file name."""
    fed: set[str] = field(default_factory=set)
    """Nodes that a signature takes as input."""
    bound: dict[str, tuple[str, ...]] = field(default_factory=dict)
    """Function -> what the object graph binds its last arguments to: asset, constant, or another word."""
    constants: dict[int, str] = field(default_factory=dict)
    """Object -> node of its constant."""


class GraphReader:
    """Builds graphs from fields. All graphs of a file share one count of nodes."""

    def __init__(self, reader: Reader) -> None:
        self.reader = reader
        self._nodes = 0

    def graph(self, message: Field, graph: Graph) -> None:
        """GraphDef."""
        for part in self.fields(message):
            if part.number == 1:
                self.node(part, graph.main)
            elif part.number == 2:
                for function in self.fields(part):
                    if function.number == 1:
                        self._function(function, graph)

    def _function(self, message: Field, graph: Graph) -> None:
        """FunctionDef. Of several with one name all nodes are kept: which one runs is the loader's secret."""
        scope, bodies = Scope(), list[Field]()
        for part in self.fields(message):
            if part.number == 1:
                self._signature(part, scope)
            elif part.number == 3:
                bodies.append(part)
            elif part.number == 4:
                key, value = self.entry(part)
                if value is not None:
                    scope.returns[key] = self.name(value)
        known = graph.functions.setdefault(scope.name, scope)
        if known is not scope:
            known.arguments.clear()  # two bodies: nothing is known of what they are called with
        for body in bodies:
            self.node(body, known)

    def _signature(self, message: Field, scope: Scope) -> None:
        """OpDef."""
        outputs = list[str]()
        for part in self.fields(message):
            if part.number == 1:
                scope.name = self.name(part)
            elif part.number == 2:
                scope.arguments[self.first_text(part)] = len(scope.arguments)
            elif part.number == 3:
                outputs.append(self.first_text(part))
            if len(scope.arguments) + len(outputs) > _INPUTS:
                raise OverBudget(f"a function with more than {_INPUTS:,} arguments")
        scope.outputs = tuple(outputs)

    def node(self, message: Field, scope: Scope) -> None:
        """NodeDef."""
        self._nodes += 1
        if self._nodes > NODES:
            raise OverBudget(f"more than {NODES:,} nodes")
        node = self._quick(message) or self._slow(message)
        name = node.name
        while node.name in scope.nodes:  # TensorFlow refuses a second one; here none is hidden behind another
            node.name = f"{name}#{self._nodes}"
        scope.nodes[node.name] = node

    def _slow(self, message: Field) -> Node:
        """Any NodeDef."""
        node = Node("", "", (), message.start, {})
        inputs = list[str]()
        for part in self.fields(message):
            if part.number == 1:
                node.name = self.name(part)
            elif part.number == 2:
                node.op = self.name(part)
            elif part.number == 3:
                inputs.append(self.name(part))
                if len(inputs) > _INPUTS:
                    raise OverBudget(f"a node with more than {_INPUTS:,} inputs")
            elif part.number == 5:
                key, value = self.entry(part)
                if key in _KEPT and value is not None:
                    node.attributes[key] = value
        node.inputs = tuple(inputs)
        return node

    def _quick(self, message: Field) -> Node | None:
        """A NodeDef as writers make it, several times faster: None where it is large or has any other form."""
        size = message.end - message.start
        if size > _QUICK:
            return None
        data = self.reader.raw(message, size)
        texts, inputs, attributes = {1: b"", 2: b""}, list[str](), dict[str, Field]()
        at = 0
        while at < size:
            tag = data[at]
            begin, stop = _extent(data, at + 1)
            if tag > 0x3A or tag & 7 != BYTES or stop > size:
                return None
            if tag == 0x1A:
                inputs.append(_decoded(data[begin:stop]))
            elif tag == 0x2A:
                first, last = _extent(data, begin + 1)
                start, end = _extent(data, last + 1)
                if end != stop or data[begin] != 0x0A or data[last] != 0x12:
                    return None
                key = _decoded(data[first:last])
                if key in _KEPT:
                    attributes[key] = Field(2, BYTES, message.start + start, message.start + end, 0)
            elif tag in {0x0A, 0x12}:
                texts[tag >> 3] = data[begin:stop]
            at = stop
        return Node(_decoded(texts[1]), _decoded(texts[2]), tuple(inputs), message.start, attributes)

    def name(self, field: Field) -> str:
        """A text that others refer to: whole, and different from every other."""
        if field.end - field.start > NAME:
            raise OverBudget(f"a name of {field.end - field.start:,} bytes; at most {NAME:,} are looked at")
        return _decoded(self.reader.raw(field, NAME))

    def entry(self, message: Field) -> tuple[str, Field | None]:
        """One entry of a map with texts as keys and messages or texts as values."""
        key, value = "", None
        for part in self.fields(message):
            if part.number == 1:
                key = self.name(part)
            elif part.number == 2:
                value = part
        return key, value

    def first_text(self, message: Field) -> str:
        """Field 1, the name in many messages."""
        texts = [self.name(part) for part in self.fields(message) if part.number == 1]
        return texts[-1] if texts else ""

    def fields(self, message: Field) -> Iterator[Field]:
        """The length-delimited fields of a message."""
        return (part for part in self.reader.fields(message.start, message.end) if part.wire == BYTES)

    def texts(self, attribute: Field, limit: int) -> Iterator[tuple[str, Field]]:
        """The texts in an AttrValue: its own, those of its list, of its tensor; each with its place."""
        count = 0
        for part in self.fields(attribute):
            wanted = {1: 2, 8: 8}.get(part.number)
            inner = self.fields(part) if wanted else iter([part] if part.number == 2 else [])
            for value in inner:
                if value.number != (wanted or 2):
                    continue
                count += 1
                if count > _TEXTS:
                    raise OverBudget(f"an attribute with more than {_TEXTS:,} texts")
                yield self.reader.text(value, limit), value
            if part.number == 8:
                yield from self._packed(part, limit)

    def _packed(self, tensor: Field, limit: int) -> Iterator[tuple[str, Field]]:
        """Texts in `tensor_content`: their lengths as varints, then the bytes. Given as one text."""
        kind = next((part.value for part in self.reader.fields(tensor.start, tensor.end) if part.number == 1), 0)
        for part in self.fields(tensor):
            if part.number == 4 and kind == _STRING and part.end > part.start:
                yield self.reader.text(part, limit), part

    def functions_of(self, attribute: Field) -> Iterator[str]:
        """Names of functions in an AttrValue: its own, or those of its list."""
        for part in self.fields(attribute):
            if part.number == 10:
                yield self.first_text(part)
            elif part.number == 1:
                for value in self.fields(part):
                    if value.number == 9:
                        yield self.first_text(value)


_STRING = 7
"""DataType.DT_STRING."""


def _extent(data: bytes, at: int) -> tuple[int, int]:
    """Begin and end of what stands behind a length of one or two bytes at `at`; past the end where it is another."""
    if at + 1 >= len(data):
        return at + 1, at + 1 if at < len(data) and not data[at] else len(data) + 1
    if data[at] < 0x80:
        return at + 1, at + 1 + data[at]
    if data[at + 1] < 0x80:
        return at + 2, at + 2 + (data[at] & 0x7F | data[at + 1] << 7)
    return at, len(data) + 1


def _decoded(data: bytes) -> str:
    """Protobuf's texts are UTF-8; other bytes stay apart from each other."""
    return data.decode("utf-8", "surrogateescape")


class MetaGraphReader(GraphReader):
    """MetaGraphDef and the parts of it that say who feeds the graph."""

    def meta_graph(self, message: Field, graph: Graph) -> Iterator[Field]:
        """Fill in the graph; yields the metadata of Keras objects as they come."""
        assets, objects = list[tuple[str, str]](), list[Field]()
        seen = set[int]()
        for part in self.fields(message):
            seen.add(part.number)
            if part.number == 2:
                self.graph(part, graph)
            elif part.number == 3:
                graph.saver = self.first_text(part).split(":")[0]
            elif part.number == 5:
                graph.fed |= self._inputs(part)
            elif part.number == 6:
                assets.append(self._asset(part))
            elif part.number == 7:
                objects.append(part)
        if 2 not in seen:
            raise Malformed("a MetaGraphDef without graph_def", offset=message.start)
        graph.assets = dict(assets)
        for part in objects:
            yield from self._objects(part, graph)

    def _asset(self, message: Field) -> tuple[str, str]:
        """AssetFileDef."""
        node = name = ""
        for part in self.fields(message):
            if part.number == 1:
                node = self.first_text(part).split(":")[0]
            elif part.number == 2:
                name = self.reader.text(part, 4096)
        return node, name

    def _inputs(self, entry: Field) -> set[str]:
        """Nodes that one signature takes."""
        _, signature = self.entry(entry)
        names = set[str]()
        for part in self.fields(signature) if signature else ():
            _, tensor = self.entry(part) if part.number == 1 else ("", None)
            if tensor is not None:
                names.add(self.first_text(tensor).split(":")[0])
        return names

    def _objects(self, message: Field, graph: Graph) -> Iterator[Field]:
        """SavedObjectGraph."""
        kinds = list[str]()
        functions = list[tuple[str, tuple[int, ...]]]()
        for part in self.fields(message):
            if part.number == 1:
                kind = ""
                for value in self.fields(part):
                    kind = _KINDS.get(value.number, kind)
                    if value.number == 9:
                        graph.constants[len(kinds)] = self.first_text(value)
                    elif value.number == 4:
                        yield from (meta for meta in self.fields(value) if meta.number == 3 and meta.end > meta.start)
                kinds.append(kind)
            elif part.number == 2:
                name, concrete = self.entry(part)
                if concrete is not None:
                    functions.append((name, self._bound(concrete)))
            if len(kinds) + len(functions) > NODES:
                raise OverBudget(f"more than {NODES:,} objects")
        for name, bound in functions:
            words = (self._word(index, kinds, graph) for index in bound)
            graph.bound[name] = tuple(words)

    def _bound(self, concrete: Field) -> tuple[int, ...]:
        """Objects that a SavedConcreteFunction is bound to."""
        parts = self.reader.fields(concrete.start, concrete.end)
        bound = (v for p in parts if p.number == 2 and p.wire in {BYTES, VARINT} for v in self.reader.integers(p))
        return tuple(islice(bound, _INPUTS))

    @staticmethod
    def _word(index: int, kinds: list[str], graph: Graph) -> str:
        constant = graph.constants.get(index)
        return f"constant {constant}" if constant else kinds[index] if index < len(kinds) else ""


_KINDS = {4: "object", 5: "asset", 6: "function", 7: "variable", 9: "constant", 10: "resource", 12: "captured"}
"""Field of SavedObject -> what it is."""
