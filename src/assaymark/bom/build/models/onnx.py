"""ONNX: producer, graph inputs and outputs, operator sets, and the initialisers that are its parameters."""

from typing import Any

from assaymark.bom.build.models.header import Header
from assaymark.core.blob import Blob
from assaymark.core.format import Context
from assaymark.model.formats.protobuf import BYTES, VARINT, Field, Reader

_TYPES = {
    1: "F32", 2: "U8", 3: "I8", 4: "U16", 5: "I16", 6: "I32", 7: "I64", 8: "STRING", 9: "BOOL", 10: "F16", 11: "F64",
    12: "U32", 13: "U64", 14: "C64", 15: "C128", 16: "BF16", 17: "F8_E4M3", 18: "F8_E4M3FNUZ", 19: "F8_E5M2",
    20: "F8_E5M2FNUZ", 21: "U4", 22: "I4", 23: "F4",
}  # fmt: skip
"""TensorProto.DataType, as safetensors spells them."""
_LISTED = 100
_INITIALISERS = 500_000


def read(blob: Blob, context: Context, header: Header) -> None:
    """ModelProto without the values; raises Malformed."""
    reader = Reader(blob, context.budget)
    producer = version = ""
    for part in reader.fields(0, blob.size):
        if part.wire != BYTES:
            continue
        if part.number == 2:
            producer = reader.text(part, 200)
        elif part.number == 3:
            version = reader.text(part, 100)
        elif part.number == 14 and len(header.metadata) < _LISTED:
            key, value = _entry(reader, part)
            header.metadata[key] = value
        elif part.number == 7:
            _graph(reader, part, header)
    header.metadata["external"] = sorted(header.metadata.get("external", ()))
    header.observe("framework", " ".join(filter(None, (producer, version))), "producer_name")
    if header.elements.keys() & {"I8", "U8", "I4", "U4"} and any(name.endswith(_QUANTISED) for name in header.shapes):
        kinds = {k: n for k, n in sorted(header.elements.items()) if k in {"I8", "U8", "I4", "U4"}}
        header.observe("quantization", {"method": "onnx", "tensors": kinds}, "graph.initializer")


_QUANTISED = ("_quantized", "_q4", "_Q4", "_scale", "_zero_point", ".qweight")


def _graph(reader: Reader, graph: Field, header: Header) -> None:
    values: dict[str, list[dict[str, Any]]] = {"inputs": [], "outputs": []}
    names: set[str] = set()
    for part in reader.fields(graph.start, graph.end):
        if part.wire != BYTES:
            continue
        if part.number == 2:
            header.metadata["graph"] = reader.text(part, 200)
        elif part.number == 5 and header.tensors < _INITIALISERS:
            names.add(_initialiser(reader, part, header))
        elif part.number in {11, 12}:
            found = values["inputs" if part.number == 11 else "outputs"]
            if len(found) < _LISTED:
                found.append(_value(reader, part))
    header.observe("inputs", [one for one in values["inputs"] if one["name"] not in names], "graph.input")
    header.observe("outputs", values["outputs"], "graph.output")


def _initialiser(reader: Reader, tensor: Field, header: Header) -> str:
    name, kind, dims = "", 0, list[int]()
    for part in reader.fields(tensor.start, tensor.end):
        if part.number == 1:
            dims.extend(reader.integers(part))
        elif part.number == 2 and part.wire == VARINT:
            kind = part.value
        elif part.number == 8 and part.wire == BYTES:
            name = reader.text(part, 300)
        elif part.number == 13 and part.wire == BYTES:
            key, value = _entry(reader, part)
            if key == "location":
                header.metadata.setdefault("external", set()).add(value)
    header.tensor(name, _TYPES.get(kind, f"onnx-{kind}"), [min(n, 1 << 48) for n in dims[:64]])
    return name


def _value(reader: Reader, value: Field) -> dict[str, Any]:
    """ValueInfoProto: name, and the dtype and shape of a tensor."""
    found: dict[str, Any] = {"name": ""}
    for part in reader.fields(value.start, value.end):
        if part.wire == BYTES and part.number == 1:
            found["name"] = reader.text(part, 200)
        elif part.wire == BYTES and part.number == 2:
            for kind in reader.fields(part.start, part.end):
                if kind.wire == BYTES and kind.number == 1:
                    found |= _tensor_type(reader, kind)
    return found


def _tensor_type(reader: Reader, kind: Field) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for part in reader.fields(kind.start, kind.end):
        if part.number == 1 and part.wire == VARINT:
            found["dtype"] = _TYPES.get(part.value, f"onnx-{part.value}")
        elif part.number == 2 and part.wire == BYTES:
            dims = [d for d in reader.fields(part.start, part.end) if d.number == 1 and d.wire == BYTES]
            found["shape"] = [_dimension(reader, d) for d in dims[:64]]
    return found


def _dimension(reader: Reader, dimension: Field) -> int | str | None:
    for part in reader.fields(dimension.start, dimension.end):
        if part.number == 1 and part.wire == VARINT:
            return part.value
        if part.number == 2 and part.wire == BYTES:
            return reader.text(part, 100)
    return None


def _entry(reader: Reader, entry: Field) -> tuple[str, str]:
    key = value = ""
    for part in reader.fields(entry.start, entry.end):
        if part.wire == BYTES and part.number == 1:
            key = reader.text(part, 200)
        elif part.wire == BYTES and part.number == 2:
            value = reader.text(part, 2000)
    return key, value
