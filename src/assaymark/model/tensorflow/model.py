"""TensorFlow graphs: every operator of every graph, function and nested graph, and the files that they touch.

A file may read as several kinds of message at once (a SavedModel that is a GraphDef too): it is looked at as each.
"""

import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import partial
from itertools import islice

from assaymark.core.blob import Blob, Slice
from assaymark.core.errors import Malformed, Opaque, OverBudget
from assaymark.core.format import Context, Item, Member
from assaymark.model.formats.protobuf import BYTES, Field, Reader
from assaymark.model.graphs import Acting, Deed, table
from assaymark.model.tensorflow.reader import Graph, MetaGraphReader, Node, Scope
from assaymark.model.tensorflow.recognise import kinds
from assaymark.model.tensorflow.trace import Origin, Tracer, split

_NESTED = 8
"""Graphs within graphs."""
_UNKNOWN = 1000
"""Different unknown operators."""
_STREAMS = re.compile(r"stdout|stderr|log\((?:info|warning|error)\)")
_SAVERS = frozenset({"Save", "SaveSlices", "SaveV2", "Restore", "RestoreSlice", "RestoreV2", "MergeV2Checkpoints"})


@dataclass(frozen=True, slots=True)
class TfOperator:
    """An operator that acts outside of its graph or that is not known, once for each node (unknown ones: for each name).

    Operators that save or restore where they are told to, and those that read assets, are not among them.
    """

    op: str
    deed: Deed
    node: str
    function: str
    """Empty in the graph itself."""
    offset: int | None
    targets: tuple[str, ...]
    """What it touches, as far as it can be told; at most 8."""

    @property
    def place(self) -> str:
        """For messages."""
        return f"node {self.node!r}" + (f" of function {self.function!r}" if self.function else "")


@dataclass(frozen=True, slots=True)
class TfAsset:
    """A file of the SavedModel's `assets` folder that the graph is given the path of."""

    name: str
    offset: int | None


def parse(blob: Blob, context: Context) -> Iterator[Item]:
    """A TfOperator for each acting node, a TfAsset for each asset, a Member for each Keras object's metadata."""
    found = kinds(blob, context.name)
    if not found:
        raise Opaque("a protobuf (.pb) that is no TensorFlow graph")
    for kind in found:
        yield from look(blob, context, kind)


def look(blob: Blob, context: Context, kind: str) -> Iterator[Item]:
    """The items of a message of this kind: saved_model, meta_graph or graph."""
    reader = MetaGraphReader(Reader(blob, context.budget))
    whole = Field(0, BYTES, 0, blob.size, 0)
    if kind == "graph":
        graph = Graph()
        yield from _also_when_broken(partial(reader.graph, whole, graph), graph, reader)
        _complete(graph)
        return
    for number, meta in enumerate([whole] if kind == "meta_graph" else _meta_graphs(reader, whole)):
        graph, documents = Graph(), list[Field]()
        yield from _also_when_broken(partial(_take, reader, meta, graph, documents), graph, reader)
        for name in sorted(set(graph.assets.values())):
            yield TfAsset(name, meta.start)
        for index, part in enumerate(documents):
            yield Member(f"keras_object_{number}_{index}.json", Slice(blob, part.start, part.end - part.start))


def _take(reader: MetaGraphReader, meta: Field, graph: Graph, documents: list[Field]) -> None:
    documents.extend(reader.meta_graph(meta, graph))


def _meta_graphs(reader: MetaGraphReader, whole: Field) -> Iterator[Field]:
    count = 0
    for part in reader.fields(whole):
        if part.number == 2:
            count += 1
            yield part
    if not count:
        raise Malformed("a SavedModel without a graph, or cut off", offset=whole.end)


def _also_when_broken(read: Callable[[], None], graph: Graph, reader: MetaGraphReader) -> Iterator[Item]:
    """Read the graph, then say what acts in it: what came before a fault too."""
    try:
        read()
    except (Malformed, OverBudget):
        yield from acting(graph, reader, 0)
        raise
    yield from acting(graph, reader, 0)


def _complete(graph: Graph) -> None:
    """A GraphDef that is cut off between two nodes is a valid message; what its nodes take tells."""
    nodes = graph.main.nodes
    for node in nodes.values():
        for tensor in node.inputs:
            name = split(tensor.removeprefix("^"))[0]
            if name not in nodes:
                message = f"node {node.name!r} takes {name!r}, which is not in the graph: cut off or made to confuse"
                raise Malformed(message, offset=node.offset)


def acting(graph: Graph, reader: MetaGraphReader, depth: int) -> Iterator[Item]:
    """What acts in a graph and in the graphs that it carries as bytes."""
    judge = table("tensorflow").judge
    tracer = Tracer(graph, reader)
    unknown = set[str]()
    for scope in (graph.main, *graph.functions.values()):
        for node in scope.nodes.values():
            deed = judge(node.op)
            if deed is None or (deed.deed == "unknown" and (node.op in graph.functions or node.op in unknown)):
                continue
            if deed.deed == "unknown":
                unknown.add(node.op)
                if len(unknown) > _UNKNOWN:
                    raise OverBudget(f"more than {_UNKNOWN:,} different unknown operators")
            yield from _judged(deed, scope, node, tracer, reader, depth)


def _judged(
    deed: Acting, scope: Scope, node: Node, tracer: Tracer, reader: MetaGraphReader, depth: int
) -> Iterator[Item]:
    origins = [origin for index in deed.inputs for origin in sorted(tracer.input(scope, node, index), key=str)]
    if deed.deed == "graph":
        yield from _nested(scope, node, origins, reader, depth)
        return
    targets = [text for origin in origins if (text := _target(origin, node.op, deed.deed))]
    for name in deed.attributes:
        attribute = node.attributes.get(name)
        texts = (text for text, _ in reader.texts(attribute, 300)) if attribute else iter(())
        targets += [text for text in islice(texts, 100) if tells(name, text)]
    touches = deed.deed in {"reads", "writes"}
    if touches and not targets and (deed.inputs or deed.attributes):
        return
    yield TfOperator(node.op, deed.deed, node.name, scope.name, node.offset, tuple(targets[:8]))


def _target(origin: Origin, op: str, deed: Deed) -> str:
    """The origin in words; empty where there is nothing to say of it."""
    honest = {"saver"} if deed == "writes" else {"saver", "asset"}
    if origin.kind == "exported" and not op.startswith("InitializeTable"):
        return repr(origin.text)
    if origin.kind in {*honest, "exported"} or (origin.kind == "default" and origin.text == "model" and op in _SAVERS):
        return ""
    if origin.kind in {"constant", "default"}:
        optional = op.startswith("Cache") and not origin.text
        return "" if optional else repr(origin.text)
    words = {
        "input": f"a path that the model's input {origin.text!r} gives",
        "variable": f"a path from the variable {origin.text!r}",
        "computed": f"a path that {origin.text} computes",
        "climbs": f"a path that climbs by {origin.text!r}",
        "asset": f"the asset {origin.text!r}",
    }
    return words.get(origin.kind, origin.kind)


def tells(attribute: str, text: str) -> bool:
    """Whether an attribute's text names something outside of the process."""
    if attribute == "output_stream":
        return not _STREAMS.fullmatch(text)
    if attribute == "descriptor_source":
        return text not in {"", "local://"} and not text.startswith("bytes://")
    return bool(text)


def _nested(scope: Scope, node: Node, origins: Iterable[Origin], reader: MetaGraphReader, depth: int) -> Iterator[Item]:
    """The graph that a node runs from bytes: looked at where the bytes are a constant."""
    if depth >= _NESTED:
        raise OverBudget(f"graphs nested deeper than {_NESTED}")
    for origin in origins:
        if origin.kind == "constant" and origin.place is not None:
            graph = Graph()
            reader.graph(origin.place, graph)
            yield from acting(graph, reader, depth + 1)
        else:
            what = f"a graph that is {origin.kind}, not a constant"
            yield TfOperator(node.op, "opaque", node.name, scope.name, node.offset, (what,))
