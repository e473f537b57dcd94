"""Where values and storages come from: torch's zip and legacy layouts, npy and npz, pickles plain and compressed."""

import struct
from collections.abc import Iterator
from dataclasses import dataclass

from assaymark.core.blob import Blob, Slice, exact
from assaymark.core.budget import Budget
from assaymark.core.errors import Malformed, Opaque, UsageError
from assaymark.core.format import Context, Head, Member
from assaymark.model import unpack
from assaymark.model.convert.arrays import DType, dtype_of
from assaymark.model.convert.stream import evaluate
from assaymark.model.convert.tensors import Storage
from assaymark.model.convert.torch import Storages, width
from assaymark.model.convert.values import Array, Made, Persistent, Region, Symbol, text
from assaymark.model.formats import compressed
from assaymark.model.formats.literal import read_literal
from assaymark.model.formats.magic import is_compressed
from assaymark.model.formats.pickle import TORCH_MAGIC
from assaymark.model.zipindex import Part, read_index

_NPY = b"\x93NUMPY"
_HEADER = 1 << 20
_TEXT_MEMBER = 100


@dataclass(frozen=True, slots=True)
class Source:
    """The value of a file, where its storages are, and `pt` or `np` for whoever reads the result."""

    value: object
    storages: Storages
    framework: str


def open_source(blob: Blob, name: str, budget: Budget) -> Source:
    """Read everything but the numbers; raises Malformed, Opaque, OverBudget, or UsageError for a format of others."""
    start = blob.read(0, 8)
    if start[:2] == b"PK":
        return _zip(blob, budget)
    if start[:6] == _NPY:
        return Source(_npy(blob), _no_storage, "np")
    if is_compressed(Head(blob, name)):
        return _pickled(_unpacked(blob, name, budget), budget)
    if len(start) == 8 and start[:1] != b"\x80" and blob.read(8, 1) == b"{":
        raise UsageError(f"{name} is safetensors already")
    return _pickled(blob, budget)


def _no_storage(key: str, _size: int) -> Storage:
    raise Malformed(f"asks for storage {key[:50]!r}, and the file has no storages")


def _unpacked(blob: Blob, name: str, budget: Budget) -> Blob:
    items = list(compressed.parse(blob, Context(budget, name)))
    if len(items) != 1 or not isinstance(items[0], Member):
        raise Malformed("bytes follow the compressed stream")
    return items[0].blob


def _pickled(blob: Blob, budget: Budget) -> Source:
    value, at = evaluate(blob, budget)
    if value == TORCH_MAGIC:
        return _legacy(blob, budget, at)
    return Source(value, _no_storage, "np")


# PyTorch


def _members(blob: Blob, budget: Budget) -> dict[str, Part]:
    """Every member once, by headers that agree: an archive that can be read in two ways is refused."""
    index = read_index(blob, budget)
    if index.faults:
        raise index.faults[0]
    if index.disagreements or index.shared or not all(part.listed and part.main for part in index.parts):
        raise Malformed("the archive's headers contradict each other; assay scan says how")
    parts = {part.name: part for part in index.parts if part.data is not None}
    if len({name.casefold() for name in parts}) != len(index.parts):
        raise Malformed("the archive has two members of one name")
    return parts


def _zip(blob: Blob, budget: Budget) -> Source:
    parts = _members(blob, budget)
    pickles = [name for name in parts if name.rpartition("/")[2] == "data.pkl"]
    if not pickles and parts and all(name.endswith(".npy") for name in parts):
        arrays = {name.removesuffix(".npy"): _npy(_content(blob, parts[name], budget)) for name in parts}
        return Source(arrays, _no_storage, "np")
    if len(pickles) != 1 or f"{pickles[0][:-8]}constants.pkl" in parts:
        step = "convert reads state dicts that torch.save wrote, and npz"
        raise Opaque("the archive is no torch checkpoint", step=step)
    root = pickles[0].removesuffix("data.pkl")
    order = parts.get(f"{root}byteorder")
    big = order is not None and _content(blob, order, budget).read(0, _TEXT_MEMBER) == b"big"

    def storage(key: str, size: int) -> Storage:
        part = parts.get(f"{root}data/{key}")
        if part is None:
            raise Malformed(f"storage {key[:50]!r} is not in the archive")
        content = _content(blob, part, budget)
        if content.size != size:
            raise Malformed(f"storage {key[:50]!r} has {content.size:,} bytes, the pickle says {size:,}")
        return Storage(content, 0, size, key, big)

    known: dict[tuple[str, int], Storage] = {}

    def once(key: str, size: int) -> Storage:
        if (key, size) not in known:
            known[key, size] = storage(key, size)
        return known[key, size]

    value, _ = evaluate(_content(blob, parts[pickles[0]], budget), budget)
    return Source(value, once, "pt")


def _content(blob: Blob, part: Part, budget: Budget) -> Blob:
    if part.data is None or part.header.encrypted:
        raise Opaque(f"member {part.name!r} is encrypted")
    packed = Slice(blob, part.data, part.packed)
    if part.header.method == 0:
        return packed
    if part.header.method != 8:
        raise Opaque(f"member {part.name!r} is compressed in a way that torch and numpy do not write")
    result = unpack.unpack(packed, unpack.deflate(), budget)
    if result.fault is not None:
        raise result.fault
    if (result.size, result.crc) != (part.header.size, part.header.crc):
        raise Malformed(f"member {part.name!r} is not what its header declares")
    return result.blob


def _legacy(blob: Blob, budget: Budget, at: int) -> Source:
    """Protocol, system, object and keys; then for each key the number of its elements and its bytes."""
    asked: list[Persistent] = []
    _, at = evaluate(blob, budget, at)
    system, at = evaluate(blob, budget, at)
    value, at = evaluate(blob, budget, at, asked=asked)
    keys, at = evaluate(blob, budget, at)
    big = isinstance(system, dict) and system.get("little_endian") is False
    widths = dict(_widths(asked))
    places: dict[str, Storage] = {}
    for item in keys if isinstance(keys, list) else ():
        key = text(item)
        if key is None or key not in widths or key in places:
            raise Malformed("the keys of the storages are not those that the object asks for", offset=at)
        count = int.from_bytes(exact(blob, at, 8, "a storage"), "big" if big else "little")
        size = count * widths[key]
        if at + 8 + size > blob.size:
            raise Malformed(f"storage {key[:50]!r} needs {size:,} bytes, {blob.size - at - 8:,} are left", offset=at)
        places[key] = Storage(blob, at + 8, size, key, big)
        at += 8 + size

    def storage(key: str, size: int) -> Storage:
        if key not in places or places[key].size != size:
            raise Malformed(f"storage {key[:50]!r} is not there, or not of {size:,} bytes")
        return places[key]

    return Source(value, storage, "pt")


def _widths(asked: list[Persistent]) -> Iterator[tuple[str, int]]:
    for item in asked:
        parts = item.identity
        if isinstance(parts, tuple) and len(parts) > 2 and isinstance(parts[1], Symbol):
            yield text(parts[2]) or "", width(parts[1].name)


# NumPy


def _npy(blob: Blob) -> Array:
    """One array (numpy.lib.format); the scan has seen that nothing follows it."""
    version = exact(blob, 0, 8, "the npy header")[6]
    form = "<H" if version == 1 else "<I"
    lead = 8 + struct.calcsize(form)
    (length,) = struct.unpack(form, exact(blob, 8, lead - 8, "the npy header"))
    if length > _HEADER:
        raise Malformed(f"declares an npy header of {length:,} bytes")
    header = read_literal(exact(blob, lead, length, "the npy header").decode("latin-1"))
    if not isinstance(header, dict) or not {"descr", "shape", "fortran_order"} <= header.keys():
        raise Malformed("the npy header is not a dict of descr, fortran_order and shape")
    start = lead + length
    descr = header["descr"] if isinstance(header["descr"], str) else "V"
    dtype = Made(Symbol("numpy", "dtype"), (descr,))
    kind: DType = dtype_of(dtype)
    if kind.objects:
        raise Opaque("an npy file of Python objects", step="convert reads numbers")
    return Array(
        dtype, header["shape"], "F" if header["fortran_order"] else "C", Region(blob, start, blob.size - start)
    )
