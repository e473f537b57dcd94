"""ONNX models: operators, external data and tensor sizes of every graph, read off the protobuf wire.

Schema: `onnx/onnx-ml.proto` (IR version 14). Graphs nest in node attributes, functions and training steps; all are
walked. The values of tensors (`raw_data`) are stepped over.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from assaymark.core.blob import Blob
from assaymark.core.errors import AssayError, Malformed, OverBudget
from assaymark.core.format import Context, Item, Region
from assaymark.model.formats.protobuf import BYTES, DEPTH, VARINT, Field, Reader, signed
from assaymark.model.weights.starts import starts
from assaymark.model.weights.views import MetadataTexts

_OPERATORS = 10_000
"""Different operators of one model; ONNX defines about 250."""
_FIELDS = 40
"""Highest number of a field of ModelProto, with room for those to come (26 in IR version 14)."""
_DIMENSIONS = 64
_ENTRIES = 64
"""Key-value pairs of one tensor's external data, and attributes kept of one node."""
PATH_LIMIT = 4096
"""Bytes of a path, as PATH_MAX of Linux; no longer one can be opened."""
_TEXT = 64 << 10
"""Bytes of a text that are searched for secrets."""
_TEXTS = 1_000
_PLACES = 1 << 16
"""Tensors and attributes whose first bytes are looked at."""
_PAYLOAD = 64
"""Bytes: no program or archive is shorter."""
_NAME = 300
"""Bytes kept of a name; a domain or operator is compared by them."""
_TELLING = ("model_uri", "module", "class_name")
"""Attributes that name an address or code: nodes that differ in them are kept apart."""
_BITS = {
    1: 32, 2: 8, 3: 8, 4: 16, 5: 16, 6: 32, 7: 64, 9: 8, 10: 16, 11: 64, 12: 32, 13: 64, 14: 64, 15: 128, 16: 16,
    17: 8, 18: 8, 19: 8, 20: 8, 21: 4, 22: 4, 23: 4, 24: 8, 25: 2, 26: 2, 27: 6, 28: 6,
}  # fmt: skip
"""TensorProto.DataType -> bits of one element in raw_data. STRING (8) has none."""
_FLOATS, _INT32S, _STRINGS, _INT64S, _RAW, _DOUBLES, _UINT64S = 4, 5, 6, 7, 9, 10, 11
_VALUES = {1: _FLOATS, 14: _FLOATS, 11: _DOUBLES, 15: _DOUBLES, 7: _INT64S, 12: _UINT64S, 13: _UINT64S, 8: _STRINGS}
"""TensorProto.DataType -> the field of its values, where they are not raw; int32_data for all others."""

_HELD = frozenset({_FLOATS, _INT32S, _STRINGS, _INT64S, _RAW, _DOUBLES, _UINT64S})
_LARGEST = 1 << 12
"""Texts of one tensor whose first bytes are looked at."""
_PLAIN = {1: _FLOATS, 11: _DOUBLES}
"""TensorProto.DataType -> the field whose packed values are laid out as in raw_data."""


@dataclass(frozen=True, slots=True)
class OnnxTensor:
    """One tensor: initialiser, constant or part of a sparse one."""

    name: str
    offset: int
    """Of its message in the file."""
    dims: tuple[int, ...]
    bits: int
    """Of one element; 0 for texts and unknown types."""
    stored: str
    """The field that its data is in, or an empty text."""
    least: int
    most: int
    """Elements that this data can be; packed varints are not counted one by one."""
    external: tuple[tuple[str, str], ...]
    """Key-value pairs of external_data, at most 64."""
    is_external: bool
    """data_location says EXTERNAL."""
    kind: int = 0
    """TensorProto.DataType."""
    raw: tuple[int, int] = (0, 0)
    """Offset and length of its plain little-endian values in the file: of raw_data, or of packed floats."""


@dataclass(frozen=True, slots=True)
class OnnxNode:
    """The first node of each (domain, operator), and of each address or code that its attributes name."""

    domain: str
    operator: str
    name: str
    offset: int
    """Of its message in the file."""
    attributes: tuple[tuple[str, str], ...]
    """Text and integer attributes, at most 64, the texts cut to `PATH_LIMIT` bytes."""


@dataclass(frozen=True, slots=True)
class OnnxPath:
    """Another file that the model has the loader read."""

    location: str
    """As it is written, at most `PATH_LIMIT` bytes of it."""
    owner: str
    """What asks for it: a tensor, or an operator."""
    offset: int


@dataclass(frozen=True, slots=True)
class OnnxModel:
    """All operators that the model uses, and those that it defines itself."""

    nodes: tuple[OnnxNode, ...]
    functions: frozenset[tuple[str, str]]
    """(domain, name) of the functions that the model brings along."""


def parse(blob: Blob, context: Context) -> Iterator[Item]:
    """An OnnxTensor for each tensor as it comes, and at the end (or where the file breaks) the OnnxModel."""
    walk = _Walk(Reader(blob, context.budget))
    fault: AssayError | None = None
    try:
        yield from walk.model(blob.size)
    except (Malformed, OverBudget) as error:
        fault = error
    yield walk.summary()
    yield from starts(blob, walk.places)
    if fault is not None:
        raise fault


class _Walk:
    """One pass over the model. Each method takes the field of its message; `depth` counts messages in messages."""

    def __init__(self, reader: Reader) -> None:
        self._reader = reader
        self._nodes: dict[tuple[str | None, ...], OnnxNode] = {}
        self._functions: set[tuple[str, str]] = set()
        self.places: list[tuple[int, int, str]] = []
        """(offset, length, name) of the bytes of tensors, and of what attributes hold."""

    def summary(self) -> OnnxModel:
        """What was seen so far."""
        return OnnxModel(tuple(self._nodes.values()), frozenset(self._functions))

    def model(self, size: int) -> Iterator[Item]:
        """ModelProto."""
        version, seen = 0, set[int]()
        unknown: Field | None = None
        texts: list[tuple[str, str]] = []
        for part in self._reader.fields(0, size):
            if part.wire == VARINT and part.number == 1:
                version = signed(part.value)
            if part.wire != BYTES:
                continue
            seen.add(part.number)
            if part.number > _FIELDS:
                unknown = part
            if part.number == 7:
                yield from self._graph(part, 1)
            elif part.number == 20:
                for step in self._reader.fields(part.start, part.end):
                    if step.wire == BYTES and step.number in {1, 2}:
                        yield from self._graph(step, 2)
            elif part.number == 25:
                yield from self._function(part)
            elif part.number == 6:
                texts.append(("doc_string", self._reader.text(part, _TEXT)))
            elif part.number == 14 and len(texts) < _TEXTS:
                texts.append(self._entry(part))
        yield MetadataTexts.of(texts)
        if version < 1 or 7 not in seen:
            raise Malformed("not an ONNX model, or only the begin of one: it has no ir_version and graph", offset=size)
        if unknown is not None:
            raise Malformed(
                f"field {unknown.number} of {unknown.end - unknown.start:,} bytes is none of ONNX", offset=unknown.start
            )
        if version >= 3 and 8 not in seen:
            raise Malformed(f"an ONNX model of IR version {version} without opset_import, or cut off", offset=size)

    def _graph(self, graph: Field, depth: int) -> Iterator[Item]:
        for part in self._fields(graph, depth):
            if part.number == 1:
                yield from self._node(part, depth + 1)
            elif part.number == 5:
                yield from self._tensor(part)
            elif part.number == 15:
                yield from self._sparse(part)

    def _function(self, function: Field) -> Iterator[Item]:
        name = domain = ""
        for part in self._fields(function, 1):
            if part.number == 1:
                name = self._reader.text(part, _NAME)
            elif part.number == 10:
                domain = self._reader.text(part, _NAME)
            elif part.number == 7:
                yield from self._node(part, 2)
            elif part.number == 11:
                yield from self._attribute(part, 2, {})
        self._functions.add((domain, name))
        if len(self._functions) > _OPERATORS:
            raise OverBudget(f"more than {_OPERATORS:,} functions")

    def _node(self, node: Field, depth: int) -> Iterator[Item]:
        name = operator = domain = ""
        attributes: dict[str, str] = {}
        before = len(self.places)
        for part in self._fields(node, depth):
            if part.number == 3:
                name = self._reader.text(part, _NAME)
            elif part.number == 4:
                operator = self._reader.text(part, _NAME)
            elif part.number == 7:
                domain = self._reader.text(part, _NAME)
            elif part.number == 5:
                yield from self._attribute(part, depth + 1, attributes)
        if operator == "EPContext":
            del self.places[before:]  # a compiled engine may well be a library, and is said to be one
        if operator == "EPContext" and attributes.get("embed_mode") == "0":
            yield OnnxPath(attributes.get("ep_cache_context", ""), f"node {name} (EPContext)", node.start)
        key = (domain, operator, *(attributes.get(name) for name in _TELLING))
        if key not in self._nodes:
            self._nodes[key] = OnnxNode(domain, operator, name, node.start, tuple(attributes.items()))
            if len(self._nodes) > _OPERATORS:
                raise OverBudget(f"more than {_OPERATORS:,} different operators")

    def _attribute(self, attribute: Field, depth: int, kept: dict[str, str]) -> Iterator[Item]:
        """What hangs in an attribute; its own text or number goes to `kept`."""
        name, value = "", None
        for part in self._reader.fields(attribute.start, attribute.end):
            if part.wire == VARINT and part.number == 3:
                value = str(signed(part.value))
            elif part.wire != BYTES:
                continue
            elif part.number == 1:
                name = self._reader.text(part, _NAME)
            elif part.number in {4, 9}:
                value = self._reader.text(part, PATH_LIMIT) if part.number == 4 else value
                self._place(part, f"attribute {name}")
            elif part.number in {5, 10}:
                yield from self._tensor(part)
            elif part.number in {6, 11}:
                yield from self._graph(part, depth + 1)
            elif part.number in {22, 23}:
                yield from self._sparse(part)
        if value is not None and len(kept) < _ENTRIES:
            kept[name] = value

    def _place(self, part: Field, name: str) -> None:
        if part.end - part.start >= _PAYLOAD and len(self.places) < _PLACES:
            self.places.append((part.start, part.end - part.start, name))

    def _sparse(self, sparse: Field) -> Iterator[Item]:
        for part in self._reader.fields(sparse.start, sparse.end):
            if part.wire == BYTES and part.number in {1, 2}:
                yield from self._tensor(part)

    def _fields(self, message: Field, depth: int) -> Iterator[Field]:
        """The length-delimited fields: all that matter in graphs, functions and nodes."""
        if depth > DEPTH:
            raise Malformed(f"graphs nested deeper than the {DEPTH} messages of protobuf readers", offset=message.start)
        return (part for part in self._reader.fields(message.start, message.end) if part.wire == BYTES)

    def _tensor(self, tensor: Field) -> Iterator[Item]:
        dims: list[int] = []
        name, data_type, is_external = "", 0, False
        external: list[tuple[str, str]] = []
        held, raw, inside = _Held(), (0, 0), list[Field]()
        for part in self._reader.fields(tensor.start, tensor.end):
            if part.number == 1:
                dims.extend(signed(value) for value in self._reader.integers(part))
                if len(dims) > _DIMENSIONS:
                    raise Malformed(f"a tensor of more than {_DIMENSIONS} dimensions", offset=tensor.start)
            elif part.number == 2 and part.wire == VARINT:
                data_type = part.value
            elif part.number == 14 and part.wire == VARINT:
                is_external = part.value == 1
            elif part.number == 8 and part.wire == BYTES:
                name = self._reader.text(part, _NAME)
            elif part.number == 13 and part.wire == BYTES:
                external.append(self._entry(part))
                if len(external) > _ENTRIES:
                    raise Malformed(f"a tensor with more than {_ENTRIES} entries of external data", offset=part.start)
            else:
                held.take(part)
                if part.wire == BYTES and part.number in _HELD and len(inside) < _LARGEST:
                    inside.append(part)
                if part.number == 9 and part.wire == BYTES:  # raw_data
                    raw = (part.start, part.end - part.start)
                    yield Region(*raw)
                elif part.wire == BYTES and part.number == _PLAIN.get(data_type):
                    raw = (part.start, part.end - part.start)
        # Whatever data_location says: a message that comes in two parts is merged by the loader.
        for key, value in external:
            if key == "location":
                yield OnnxPath(value, f"tensor {name}", tensor.start)
        for part in inside:
            self._place(part, name)
        stored, least, most = held.elements(data_type)
        yield OnnxTensor(
            name, tensor.start, tuple(dims), _BITS.get(data_type, 0), stored, least, most, tuple(external),
            is_external, data_type, raw,
        )  # fmt: skip

    def _entry(self, entry: Field) -> tuple[str, str]:
        """StringStringEntryProto."""
        key = value = ""
        for part in self._reader.fields(entry.start, entry.end):
            if part.wire == BYTES and part.number == 1:
                key = self._reader.text(part, _NAME)
            elif part.wire == BYTES and part.number == 2:
                value = self._reader.text(part, PATH_LIMIT)
        return key, value


class _Held:
    """Counts the data of a tensor without reading it."""

    def __init__(self) -> None:
        self._raw: int | None = None
        self._packed: dict[int, int] = {}
        self._single: dict[int, int] = {}

    def take(self, part: Field) -> None:
        """One field of the tensor."""
        if part.number == _RAW and part.wire == BYTES:
            self._raw = part.end - part.start
        elif part.wire == BYTES and part.number != _STRINGS:
            self._packed[part.number] = self._packed.get(part.number, 0) + part.end - part.start
        else:
            self._single[part.number] = self._single.get(part.number, 0) + 1

    def elements(self, data_type: int) -> tuple[str, int, int]:
        """The field that holds the data, and the least and most elements of this type that it can be."""
        bits = _BITS.get(data_type, 0)
        if self._raw is not None and bits:
            return f"raw_data of {self._raw:,} bytes", (self._raw - 1) * 8 // bits + 1, self._raw * 8 // bits
        number = _VALUES.get(data_type, _INT32S)
        packed, single = self._packed.get(number, 0), self._single.get(number, 0)
        if not packed + single or not (bits or number == _STRINGS):
            return "", 0, 0
        if number in {_FLOATS, _DOUBLES}:
            width = 4 if number == _FLOATS else 8
            least, most = -(-packed // width), packed // width
        else:
            least, most = -(-packed // 10), packed
        least, most = least + single, most + single
        if data_type in {14, 15}:  # complex: two values an element
            least, most = -(-least // 2), most // 2
        elif bits in {2, 4}:  # several elements a value
            least, most = (least - 1) * 8 // bits + 1, most * 8 // bits
        return f"{packed:,} packed bytes and {single:,} single values", least, most
