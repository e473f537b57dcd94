"""Safetensors: eight bytes of header length, a JSON header, raw tensors. Only the header is read.

Format: https://github.com/huggingface/safetensors#format; limits and rules are those of its reference reader
(`safetensors/src/tensor.rs`), which refuses overlaps, holes, trailing bytes and headers beyond 100 MB. Other readers do
not, so each of these is a finding of its own.
"""

import json
import re
import struct
from collections.abc import Iterator
from dataclasses import dataclass, field
from math import prod
from typing import TypeGuard

from assaymark.core.blob import Blob, Bytes, exact
from assaymark.core.errors import Malformed, OverBudget
from assaymark.core.format import Context, Item, Member, Region
from assaymark.model.formats.embedded import embedded_code
from assaymark.model.formats.extents import Extent, Layout, layout
from assaymark.model.weights.starts import starts
from assaymark.model.weights.views import MetadataTexts

HEADER_LIMIT = 100_000_000
"""Bytes; the reference reader refuses more."""
_TENSORS = 500_000
_DIMENSIONS = 64
_LISTED = 20
_BITS = {
    "BOOL": 8, "F4": 4, "F6_E2M3": 6, "F6_E3M2": 6, "U8": 8, "I8": 8, "F8_E5M2": 8, "F8_E4M3": 8, "F8_E8M0": 8,
    "F8_E4M3FNUZ": 8, "F8_E5M2FNUZ": 8, "I16": 16, "U16": 16, "F16": 16, "BF16": 16, "I32": 32, "U32": 32, "F32": 32,
    "C64": 64, "F64": 64, "I64": 64, "U64": 64,
}  # fmt: skip
"""Bits of one element by dtype, as of the reference reader 0.8."""
_SPACE = re.compile(r"[ \t\n\r]*")


@dataclass(frozen=True, slots=True)
class SafetensorsView:
    """What the header says of the data, held against the file. Lists hold at most 20 entries."""

    tensors: int
    layout: Layout
    data: int
    """Bytes after the header."""
    duplicates: tuple[str, ...]
    """Keys that the header has twice."""
    mismatches: tuple[tuple[str, str], ...]
    """(tensor, what its dtype and shape need beside what its offsets give)."""
    unknown: tuple[tuple[str, str], ...]
    """(tensor, dtype) where the dtype is none of the format's."""


@dataclass(frozen=True, slots=True)
class SafetensorsMetadata:
    """The free text entries of `__metadata__` that carry something else than text, at most 20."""

    carried: tuple[tuple[str, str], ...]
    """(key, kind of code)."""


@dataclass
class _Header:
    """The header as far as it was read."""

    names: set[str] = field(default_factory=set)
    extents: list[Extent] = field(default_factory=list)
    duplicates: list[str] = field(default_factory=list)
    mismatches: list[tuple[str, str]] = field(default_factory=list)
    unknown: list[tuple[str, str]] = field(default_factory=list)


def parse(blob: Blob, context: Context) -> Iterator[Item]:
    """Views of the metadata and of the layout; raises Malformed where the header cannot be trusted at all."""
    length = struct.unpack("<Q", exact(blob, 0, 8, "the header length"))[0]
    if length > HEADER_LIMIT:
        raise Malformed(f"declares a header of {length:,} bytes, the format allows {HEADER_LIMIT:,}", offset=0)
    context.budget.header(length, "the safetensors header")
    raw = exact(blob, 8, length, "the header")
    data = blob.size - 8 - length
    header, fault = _Header(), None
    try:
        for key, value in _entries(raw, context):
            if key in header.names:
                header.duplicates.append(key)
            header.names.add(key)
            if key == "__metadata__":
                yield from _metadata(value)
            else:
                _tensor(key, value, header)
    except Malformed as error:
        fault = error
    places = layout(header.extents)
    yield from (Region(8 + length + begin, end - begin) for begin, end, _ in header.extents)
    yield from starts(blob, ((8 + length + begin, end - begin, name) for begin, end, name in header.extents))
    yield SafetensorsView(
        len(header.extents), places, data, tuple(header.duplicates[:_LISTED]),
        tuple(header.mismatches[:_LISTED]), tuple(header.unknown[:_LISTED]),
    )  # fmt: skip
    if fault:
        raise fault
    yield from (Region(8 + length + at, size, data=False) for at, size in places.holes)
    yield Region(8 + length + places.end, data - places.end, data=False)
    if places.end > data:
        raise Malformed(
            f"the last tensor ends at byte {places.end:,} of the data, which has {data:,}", offset=8 + length
        )


def _entries(raw: bytes, context: Context) -> Iterator[tuple[str, object]]:
    """The top-level pairs of the JSON header, one at a time. Objects come as tuples of pairs, so that none is lost."""
    try:
        text = raw.decode()
    except UnicodeDecodeError as error:
        raise Malformed(f"the header is not UTF-8: {error.reason}", offset=8 + error.start) from None
    decoder = json.JSONDecoder(object_pairs_hook=tuple, parse_constant=_no_constant)
    at, count = _skip(text, _expect(text, 0, "{")), 0
    while not text.startswith("}", at):
        if count:
            at = _expect(text, at, ",")
        key, at = _value(decoder, text, at)
        if not isinstance(key, str):
            raise Malformed("a key of the header is not a text", offset=8)
        value, at = _value(decoder, text, _expect(text, at, ":"))
        yield key, value
        count += 1
        if not count % 10_000:
            context.budget.tick()
        if count > _TENSORS:
            raise OverBudget(f"more than {_TENSORS:,} tensors")
        at = _skip(text, at)
    if text[at + 1 :].strip(" \t\r\n"):
        raise Malformed("the header goes on after its JSON object", offset=8)


def _no_constant(name: str) -> object:
    raise Malformed(f"the header has {name}, which JSON has not", offset=8)


def _skip(text: str, at: int) -> int:
    match = _SPACE.match(text, at)
    return match.end() if match else at


def _expect(text: str, at: int, mark: str) -> int:
    """The offset after `mark`; white space may stand before any but the first."""
    at = _skip(text, at) if at else at
    if not text.startswith(mark, at):
        found = repr(text[at : at + 1]) if at < len(text) else "the end"
        raise Malformed(f"the header has {found} where its JSON needs {mark!r}", offset=8)
    return at + 1


def _value(decoder: json.JSONDecoder, text: str, at: int) -> tuple[object, int]:
    try:
        return decoder.raw_decode(text, _skip(text, at))
    except RecursionError:
        raise Malformed("the header's JSON is nested too deeply", offset=8) from None
    except ValueError as error:  # bad JSON, or an integer of thousands of digits
        raise Malformed(f"the header is not JSON: {error}", offset=8) from None


def _metadata(value: object) -> Iterator[Item]:
    """`__metadata__` maps texts to texts. A pickle in one of them is looked at like any other."""
    if value is None:
        return
    if not isinstance(value, tuple):
        raise Malformed("__metadata__ is not an object", offset=8)
    carried = []
    for key, text in value:
        if not isinstance(text, str):
            raise Malformed(f"__metadata__ maps {key[:100]!r} to something that is not a text", offset=8)
        kind, content = embedded_code(text)
        if kind:
            carried.append((key[:200], kind))
        if kind == "pickle":
            yield Member(f"__metadata__[{key[:200]}]", Bytes(content))
    yield SafetensorsMetadata(tuple(carried[:_LISTED]))
    yield MetadataTexts.of(value)


def _tensor(name: str, value: object, header: _Header) -> None:
    """Hold one tensor's entry against itself, and take in its extent."""
    entry = dict(value) if isinstance(value, tuple) else {}
    dtype, shape, offsets = entry.get("dtype"), entry.get("shape"), entry.get("data_offsets")
    if isinstance(value, tuple) and len(entry) != len(value):
        header.duplicates.append(f"{name[:200]} (a key of its entry)")
    if not isinstance(dtype, str) or not _counts(shape) or not _counts(offsets) or len(offsets) != 2:
        raise Malformed(f"tensor {name[:200]!r} has no valid dtype, shape and data_offsets", offset=8)
    if len(shape) > _DIMENSIONS:
        raise Malformed(f"tensor {name[:200]!r} has {len(shape)} dimensions", offset=8)
    begin, end = offsets
    if begin > end:
        raise Malformed(f"tensor {name[:200]!r} ends at {end}, before it begins at {begin}", offset=8)
    header.extents.append((begin, end, name))
    if dtype not in _BITS:
        header.unknown.append((name[:200], dtype[:50]))
    elif prod(shape) * _BITS[dtype] != 8 * (end - begin):
        needed = -(-prod(shape) * _BITS[dtype] // 8)
        header.mismatches.append((name[:200], f"{dtype} of shape {shape} is {needed:,} bytes, not {end - begin:,}"))


def _counts(value: object) -> TypeGuard[list[int]]:
    """A list of unsigned 64-bit integers (and no booleans, which Python counts as such)."""
    return isinstance(value, list) and all(type(item) is int and 0 <= item < 1 << 64 for item in value)
