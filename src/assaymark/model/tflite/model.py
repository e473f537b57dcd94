"""TFLite models (LiteRT): custom operators, TensorFlow operators run by the Flex delegate, and where buffers lie.

Schema: tensorflow/compiler/mlir/lite/schema/schema.fbs, version 3 as of TensorFlow 2.21. Built-in operators only compute.
A custom operator is C++ that the program must register; a Flex operator is one of TensorFlow itself, with a serialised
NodeDef in its options, and is judged by TensorFlow's table.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from assaymark.core.blob import Blob
from assaymark.core.errors import Malformed, OverBudget
from assaymark.core.format import Context, Item
from assaymark.model.flatbuffer import Buffer, Table
from assaymark.model.formats.protobuf import BYTES, Field, Reader
from assaymark.model.graphs import table
from assaymark.model.tensorflow.model import TfOperator, tells
from assaymark.model.tensorflow.reader import GraphReader, Scope

_CUSTOM, _PLACEHOLDER, _CUSTOM_CALL = 32, 127, 173
_LAST = 209
"""The last BuiltinOperator of the schema above."""
_REGISTERED = frozenset({
    "Mfcc", "AudioSpectrogram", "TFLite_Detection_PostProcess", "NumericVerify", "RandomStandardNormal", "RandomUniform",
    "Multinomial", "HashTable", "HashTableFind", "HashTableImport", "HashTableSize", "Dct", "Irfft2d", "Roll", "Sign",
})  # fmt: skip
"""Custom operators of TFLite's own sources that only compute (tensorflow/lite/kernels/custom_ops_register.h)."""
_PARTS = 100_000
"""Operators, tensors and buffers of one kind."""
_OPTIONS = 1 << 20
"""Bytes of a Flex operator's options."""


@dataclass(frozen=True, slots=True)
class TfliteCustom:
    """A custom operator, once for each name, that is neither one of TFLite's own nor one of TensorFlow."""

    name: str
    offset: int


@dataclass(frozen=True, slots=True)
class TfliteBuffer:
    """A tensor or buffer that is not where it says, at `offset` in the file."""

    owner: str
    fault: str
    offset: int


@dataclass(frozen=True, slots=True)
class TfliteExternal:
    """A file beside the model that weights are read from."""

    name: str
    offset: int


def parse(blob: Blob, context: Context) -> Iterator[Item]:
    """TfliteCustom and TfOperator for what is not built in, TfliteBuffer for faults, TfliteExternal for other files."""
    buffer = Buffer(blob, context.budget, "the TFLite model")
    root = buffer.root(b"TFL3")
    version = root.integer(0, "I")
    if version != 3:
        raise Malformed(f"a TFLite model of schema version {version}; loaders read 3", offset=root.at)
    model = _Model(blob, context, root)
    yield from model.external()
    yield from model.operators()
    yield from model.buffers()


class _Model:
    def __init__(self, blob: Blob, context: Context, root: Table) -> None:
        self._blob = blob
        self._context = context
        self._root = root

    def external(self) -> Iterator[Item]:
        """ExternalBufferGroup: a file by its name."""
        for group in _some(self._root, 8):
            yield TfliteExternal(group.string(0) or "", group.at)

    def operators(self) -> Iterator[Item]:
        """Operators that are not built in. Codes that no node uses count too: they must be registered all the same."""
        codes = [_code(code) for code in _some(self._root, 1)]
        named = set[str]()
        for number, name, at in codes:
            if name.startswith("Flex") or number == _CUSTOM_CALL:
                continue
            unknown = number > _LAST or number == _PLACEHOLDER
            if (number == _CUSTOM and name not in _REGISTERED and name not in named) or unknown:
                named.add(name)
                yield TfliteCustom(name if number == _CUSTOM else f"built-in operator {number}", at)
        for subgraph in _some(self._root, 2):
            for operator in _some(subgraph, 3):
                index = operator.integer(0, "I")
                if index >= len(codes):
                    raise Malformed(f"an operator with the code {index} of {len(codes)}", offset=operator.at)
                number, name, _ = codes[index]
                if number == _CUSTOM and name.startswith("Flex"):
                    yield from self._flex(name.removeprefix("Flex"), operator, subgraph)
                elif number == _CUSTOM_CALL:
                    options = operator.table(12)
                    yield TfliteCustom(f"custom call {options.string(0) if options else ''}", operator.at)

    def _flex(self, name: str, operator: Table, subgraph: Table) -> Iterator[Item]:
        """An operator of TensorFlow; the name in its NodeDef is the one that runs, both are judged."""
        start, length = operator.span(5)
        if operator.integer(9, "Q") > 1:
            start, length = operator.integer(9, "Q"), operator.integer(10, "Q")
        reader = GraphReader(Reader(self._blob, self._context.budget))
        scope = Scope()
        if length:
            place = _node_def(self._blob, start, length)
            reader.node(Field(0, BYTES, place[0], place[1], 0), scope)
        judge = table("tensorflow").judge
        node = next(iter(scope.nodes.values()), None)
        for op in sorted({name, node.op if node else name}):
            acting = judge(op)
            if acting is None:
                continue
            targets = [text for i in acting.inputs if (text := self._text(operator, subgraph, i)) is not None]
            for attribute in acting.attributes if node else ():
                value = node.attributes.get(attribute) if node else None
                targets += [text for text, _ in reader.texts(value, 300) if tells(attribute, text)] if value else []
            if acting.attributes and not targets and node and acting.deed in {"reads", "writes"}:
                continue
            deed = "opaque" if acting.deed == "graph" else acting.deed
            yield TfOperator(op, deed, node.name if node else name, "", operator.at, tuple(targets[:8]))

    def _text(self, operator: Table, subgraph: Table, index: int) -> str | None:
        """The constant text that an operator takes as its input of this number, or where it comes from."""
        inputs = operator.scalars(1, "i", _PARTS)
        tensor = subgraph.item(0, int(inputs[index])) if index < len(inputs) else None
        if tensor is None:
            return None
        data = self._root.item(4, tensor.integer(2, "I"))
        start, length = data.span(0) if data else (0, 0)
        if not length:
            return "a path that the model's input gives or that is computed"
        # A tensor of texts: their number, where each begins and the last ends (int32 each), the bytes.
        return repr(self._blob.read(start, min(length, 4096))[12:312].decode("utf-8", "backslashreplace"))

    def buffers(self) -> Iterator[Item]:
        """Buffers that reach past the end of the file, and tensors whose buffer is not there."""
        count = 0
        for index, buffer in enumerate(_some(self._root, 4)):
            count += 1
            offset, size = buffer.integer(1, "Q"), buffer.integer(2, "Q")
            buffer.span(0)
            if offset > 1 and offset + size > self._blob.size:
                fault = f"lies at {offset:,} with {size:,} bytes, the file ends at {self._blob.size:,}"
                yield TfliteBuffer(f"buffer {index}", fault, buffer.at)
        for subgraph in _some(self._root, 2):
            for tensor in _some(subgraph, 0):
                number = tensor.integer(2, "I")
                if number >= max(count, 1):
                    name = (tensor.string(3) or "")[:200]
                    yield TfliteBuffer(f"tensor {name!r}", f"names buffer {number} of {count}", tensor.at)
        for metadata in _some(self._root, 6):
            number = metadata.integer(1, "I")
            if number >= count:
                name = (metadata.string(0) or "")[:200]
                yield TfliteBuffer(f"metadata {name!r}", f"names buffer {number} of {count}", metadata.at)


def _some(parent: Table, field: int) -> Iterator[Table]:
    """A vector of tables, of at most `_PARTS`."""
    for count, item in enumerate(parent.tables(field)):
        if count >= _PARTS:
            raise OverBudget(f"field {field} of {parent.what} has more than {_PARTS:,} entries")
        yield item


def _code(code: Table) -> tuple[int, str, int]:
    """OperatorCode: the built-in number, the custom name, the place."""
    number = max(code.integer(0, "b"), code.integer(3, "i"))
    return number, (code.string(1) or "")[:300], code.at


def _node_def(blob: Blob, start: int, length: int) -> tuple[int, int]:
    """Begin and end of the NodeDef in a Flex operator's options: a flexbuffer vector of its name and the NodeDef.

    FlexBuffers, https://flatbuffers.dev/flexbuffers/: the root stands at the end, with its type and width behind it;
    a vector has its length before it and the types of its elements behind it.
    """
    if length > _OPTIONS:
        raise OverBudget(f"a Flex operator with {length:,} bytes of options")
    data = blob.read(start, length)
    problem = Malformed("the options of a Flex operator are no flexbuffer with a NodeDef", offset=start)
    if len(data) < 3:
        raise problem

    def number(at: int, width: int) -> int:
        if width not in {1, 2, 4, 8} or at < 0 or at + width > len(data):
            raise problem
        return int.from_bytes(data[at : at + width], "little")

    at = len(data) - 2 - data[-1]
    vector, width = at - number(at, data[-1]), 1 << (data[-2] & 3)
    count = number(vector - width, width)
    if data[-2] >> 2 != _VECTOR or count < 2:
        raise problem
    kind = number(vector + count * width + 1, 1)
    text = vector + width - number(vector + width, width)
    size = number(text - (1 << (kind & 3)), 1 << (kind & 3))
    if kind >> 2 not in {_STRING, _BLOB} or text < 0 or text + size > len(data):
        raise problem
    return start + text, start + text + size


_STRING, _VECTOR, _BLOB = 5, 10, 25
"""Types of flexbuffers."""
