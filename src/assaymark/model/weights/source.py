"""Where the values of tensors lie: one list of named places for each format that keeps them uncompressed.

Nothing is unpickled: checkpoints go through the evaluator of `model.convert`. Safetensors headers, GGUF tables and ONNX
tensors are read by the parsers of `assay scan`.
"""

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from math import prod
from typing import TYPE_CHECKING

from assaymark.core.blob import Blob, Slice, exact
from assaymark.core.errors import AssayError, Malformed
from assaymark.core.format import Context, Item, Member, Skipped

if TYPE_CHECKING:
    from assaymark.model.formats.hdf5 import StoredDataset
    from assaymark.model.zipindex import Part

BLOCK = 1 << 18
"""Bytes read at once; a multiple of the size of every element."""
WIDTHS = {
    "F64": 8, "F32": 4, "F16": 2, "BF16": 2, "F8_E4M3": 1, "F8_E5M2": 1, "F8_E4M3FNUZ": 1, "F8_E5M2FNUZ": 1,
    "F8_E8M0": 1, "I64": 8, "U64": 8, "I32": 4, "U32": 4, "I16": 2, "U16": 2, "I8": 1, "U8": 1, "BOOL": 1, "C64": 8,
}  # fmt: skip
_ONNX = {
    1: "F32", 2: "U8", 3: "I8", 4: "U16", 5: "I16", 6: "I32", 7: "I64", 9: "BOOL", 10: "F16", 11: "F64", 12: "U32",
    13: "U64", 16: "BF16", 17: "F8_E4M3", 18: "F8_E4M3FNUZ", 19: "F8_E5M2", 20: "F8_E5M2FNUZ",
}  # fmt: skip
_GGML = {0: "F32", 1: "F16", 24: "I8", 25: "I16", 26: "I32", 27: "I64", 28: "F64", 30: "BF16"}
_GGML_NAMES = {
    2: "Q4_0", 3: "Q4_1", 6: "Q5_0", 7: "Q5_1", 8: "Q8_0", 10: "Q2_K", 11: "Q3_K", 12: "Q4_K", 13: "Q5_K", 14: "Q6_K",
}  # fmt: skip
_SPELLED = 4096
"""Bytes of values that may be left unread."""
_HDF5 = {(1, 2): "F16", (1, 4): "F32", (1, 8): "F64", (0, 1): "U8", (0, 2): "I16", (0, 4): "I32", (0, 8): "I64"}
"""(class, size) of a datatype."""


@dataclass(frozen=True, slots=True)
class Weights:
    """`size` bytes from `offset` of a blob. `dtype` is as in safetensors, or the name of a packed type of ggml."""

    name: str
    dtype: str
    shape: tuple[int, ...]
    blob: Blob
    offset: int
    size: int
    big: bool = False
    key: object = None
    """Tensors of the same key, offset and size are the same bytes."""

    def blocks(self, size: int = BLOCK) -> Iterator[bytes]:
        """The bytes in order."""
        for at in range(0, self.size, size):
            yield exact(self.blob, self.offset + at, min(size, self.size - at), f"tensor {self.name[:100]!r}")


Sibling = Callable[[str], Blob | None]


def weights(blob: Blob, context: Context, sibling: Sibling) -> Iterator[Item]:
    """Weights as they lie in the file; Members to be looked into, and Skipped where values could not be had."""
    start = blob.read(0, 9)
    if start[:4] in {b"GGUF", b"FUGG"}:
        yield from _gguf(blob, context)
    elif start[:8] == b"\x89HDF\r\n\x1a\n":
        yield from _hdf5(blob, context)
    elif len(start) == 9 and start[8:] == b"{" and start[:1] != b"\x80":
        yield from safetensors(blob, context)
    elif start[:2] == b"PK":
        yield from _zip(blob, context)
    elif start[:2] == b"\x93N" or start[:1] in b"\x80\x1f\x78\x42\xfd\x28]":
        yield from _checkpoint(blob, context)
    else:
        yield from _onnx(blob, context, sibling)


def safetensors(blob: Blob, context: Context) -> Iterator[Weights]:
    """Every tensor of the header, in the order of the file; raises Malformed."""
    length = int.from_bytes(exact(blob, 0, 8, "the header length"), "little")
    context.budget.header(length, "the safetensors header")
    header = read_header(exact(blob, 8, length, "the header"))
    found = []
    for name, dtype, shape, begin, end in header:
        size = end - begin
        if dtype in WIDTHS and prod(shape) * WIDTHS[dtype] != size:
            raise Malformed(f"tensor {name[:100]!r}: {dtype} of shape {list(shape)} is not {size:,} bytes", offset=8)
        found.append(Weights(name, dtype, shape, blob, 8 + length + begin, size))
    yield from sorted(found, key=lambda tensor: tensor.offset)


Row = tuple[str, str, tuple[int, ...], int, int]
"""Name, dtype, shape, begin, end."""


def read_header(raw: bytes) -> list[Row]:
    """The tensors of a safetensors header; raises Malformed."""
    try:
        entries = json.loads(raw)
    except (ValueError, RecursionError):
        raise Malformed("the safetensors header is not JSON", offset=8) from None
    rows: list[Row] = []
    for name, entry in entries.items() if isinstance(entries, dict) else ():
        if name == "__metadata__":
            continue
        try:
            begin, end = entry["data_offsets"]
            row = (name, entry["dtype"], tuple(entry["shape"]), begin, end)
        except (KeyError, TypeError, ValueError):
            raise Malformed(f"tensor {name[:100]!r} has no dtype, shape and data_offsets", offset=8) from None
        numbers = (*row[2], begin, end)
        if not isinstance(row[1], str) or not all(type(n) is int and 0 <= n < 1 << 62 for n in numbers) or begin > end:
            raise Malformed(f"tensor {name[:100]!r} has no valid dtype, shape and data_offsets", offset=8)
        rows.append(row)
    return rows


def _gguf(blob: Blob, context: Context) -> Iterator[Item]:
    from assaymark.model.formats.gguf import table

    for row in table(blob, context):
        if not row.size and 0 not in row.shape:
            yield Skipped(f"tensor {row.name[:200]}", f"ggml type {row.kind} is not known")
            continue
        dtype = _GGML.get(row.kind) or _GGML_NAMES.get(row.kind, f"ggml type {row.kind}")
        shape = tuple(reversed(row.shape))
        yield Weights(row.name, dtype, shape, blob, row.offset, row.size, row.big)


def _hdf5(blob: Blob, context: Context) -> Iterator[Item]:
    from assaymark.model.formats.hdf5 import StoredDataset, parse

    found: list[Weights] = []
    packed, fault = 0, None
    try:
        for item in parse(blob, context):
            if isinstance(item, StoredDataset):
                packed += item.offset is None
                found += _dataset(blob, item)
    except AssayError as error:
        fault = error
    yield from sorted(found, key=lambda tensor: tensor.offset)
    if packed:
        yield Skipped("datasets", f"{packed:,} are chunked or compressed: their values were not read")
    if fault is not None:
        raise fault


def _dataset(blob: Blob, item: "StoredDataset") -> Iterator[Weights]:
    dtype = _HDF5.get((item.kind, item.width))
    if item.offset is not None and dtype and prod(item.dims) * item.width == item.length:
        yield Weights(item.path, dtype, item.dims, blob, item.offset, item.length, item.big)


def _zip(blob: Blob, context: Context) -> Iterator[Item]:
    from assaymark.model.zipindex import read_index

    parts = {part.name: part for part in read_index(blob, context.budget).parts if part.listed and part.main}
    bases = {name.rpartition("/")[2] for name in parts}
    if {"data.pkl", "constants.pkl"} <= bases:
        yield from _script(blob, parts, context)
    elif "data.pkl" in bases or all(name.endswith(".npy") for name in parts):
        yield from _checkpoint(blob, context)
    else:
        yield from _archive(blob, context)


def _script(blob: Blob, parts: "dict[str, Part]", context: Context) -> Iterator[Item]:
    """TorchScript: the storages that its pickles ask for, each as one flat tensor."""
    from assaymark.model.convert.stream import evaluate
    from assaymark.model.convert.torch import STORAGES
    from assaymark.model.convert.values import Persistent, Symbol

    found: dict[str, Weights] = {}
    for name, part in parts.items():
        folder, _, base = name.rpartition("/")
        if base not in {"data.pkl", "constants.pkl"} or part.data is None or part.header.method:
            continue
        asked: list[Persistent] = []
        evaluate(Slice(blob, part.data, part.packed), context.budget, asked=asked)
        for item in asked:
            told = item.identity if isinstance(item.identity, tuple) else ()
            if len(told) < 5 or not isinstance(told[1], Symbol):
                raise Malformed("a TorchScript archive asks for something that is no storage")
            place = f"{folder}/{base.removesuffix('.pkl')}/{told[2]}"
            held, dtype = parts.get(place), STORAGES.get(told[1].name)
            if dtype is None or held is None or held.data is None or held.header.method:
                yield Skipped(f"storage {place[:200]}", "its values could not be read")
            elif held.packed:
                count = held.packed // WIDTHS[dtype]
                found[place] = Weights(place, dtype, (count,), blob, held.data, count * WIDTHS[dtype])
    yield from sorted(found.values(), key=lambda tensor: tensor.offset)


def _archive(blob: Blob, context: Context) -> Iterator[Item]:
    """An archive that is no checkpoint: the members that have values (Keras keeps an HDF5 file in a zip)."""
    from assaymark.model.formats.zip import parse

    for item in parse(blob, context):
        if isinstance(item, (Member, Skipped)):
            yield item


def _checkpoint(blob: Blob, context: Context) -> Iterator[Item]:
    from assaymark.model.convert.flatten import Flattener
    from assaymark.model.convert.sources import open_source

    source = open_source(blob, context.name, context.budget)
    flattener = Flattener(source.storages, context.budget, leave=True)
    flattener.walk(source.value)
    found = []
    for name, tensor in flattener.flat.tensors.items():
        start, stop = tensor.span  # in the order of the storage, whatever the strides
        store = tensor.storage
        found.append(
            Weights(
                name, tensor.dtype, tensor.shape, store.blob, store.start + start, stop - start, store.big, store.key
            )
        )  # fmt: skip
    yield from sorted(found, key=lambda tensor: tensor.offset)
    tensors = [(name, what) for name, what in flattener.flat.left if "safetensors has not" in what]
    for name, what in tensors[:100]:
        yield Skipped(f"tensor {name[:200]}", f"its values were not read: {what[:200]}")


def _onnx(blob: Blob, context: Context, sibling: Sibling) -> Iterator[Item]:
    from assaymark.model.formats.onnx import OnnxTensor, parse

    for item in parse(blob, context):
        if not isinstance(item, OnnxTensor):
            continue
        dtype, place = _ONNX.get(item.kind), dict(item.external)
        count = prod(max(n, 0) for n in item.dims)
        size = count * WIDTHS.get(dtype or "", 0)
        if dtype is None or not size:
            if item.most > _SPELLED:
                yield Skipped(f"tensor {item.name[:200]}", f"its values, of ONNX type {item.kind}, were not read")
            continue
        if "location" in place:
            yield from _external(item.name, dtype, item.dims, size, place, sibling)
        elif item.raw[1] == size:
            yield Weights(item.name, dtype, item.dims, blob, *item.raw)
        else:
            why = "its values are spelled as varints; they were not read"
            yield Skipped(f"tensor {item.name[:200]}", why, holds=size > _SPELLED)


def _external(
    name: str, dtype: str, dims: tuple[int, ...], size: int, place: dict[str, str], sibling: Sibling
) -> Iterator[Item]:
    file = sibling(place["location"])
    try:
        offset, length = int(place.get("offset", "0")[:20]), int(place.get("length", str(size))[:20])
    except ValueError:
        offset, length = 0, -1
    if file is None or offset < 0 or length != size or offset + size > file.size:
        yield Skipped(f"tensor {name[:200]}", f"its values in {place['location'][:200]!r} could not be read")
    else:
        yield Weights(name, dtype, dims, file, offset, size, key=place["location"])
