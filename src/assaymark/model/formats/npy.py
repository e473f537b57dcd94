"""NumPy's .npy, format 1.0 to 3.0 (`numpy.lib.format`): a header that is a Python literal, then the raw array.

The header is read by a parser of its own (`literal`): nothing is evaluated. The data of an ordinary array is numbers
and is never searched for code. An array of Python objects is stored as a pickle: that is handed on as a member.
"""

import re
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from math import prod

from assaymark.core.blob import Blob, Slice, exact
from assaymark.core.errors import Malformed
from assaymark.core.format import Context, Item, Member, Region
from assaymark.model.formats.literal import read_literal

MAGIC = b"\x93NUMPY"
HEADER_LIMIT = 1 << 20
"""Bytes of the longest header; numpy itself refuses more than 10,000 unless it is told to trust the file."""
_DIMENSIONS = 64
"""As NPY_MAXDIMS."""
_LENGTHS = {(1, 0): ("<H", "latin-1"), (2, 0): ("<I", "latin-1"), (3, 0): ("<I", "utf-8")}
"""Version -> (length of the header, its encoding)."""
_DTYPE = re.compile(
    r"(?P<order>[<>|=]?)(?:(?P<kind>[biufcSVUa])(?P<size>\d{1,9})|(?P<time>[mM])8(?:\[[\w./]{0,20}\])?|(?P<object>O)\d?)"
)
"""The type strings that writers use: byte order, kind, size in bytes (in characters for U)."""


@dataclass(frozen=True, slots=True)
class NpyView:
    """One array of the file."""

    dtype: str
    """As the header has it, at most 200 characters."""
    shape: tuple[int, ...]
    """At most 64 sizes."""
    objects: bool
    """Holds Python objects: the data is a pickle."""
    offset: int
    """Where its header begins; files that were saved to several times hold several arrays."""


@dataclass(frozen=True, slots=True)
class NpyTail:
    """Bytes after the last array that are no array."""

    offset: int
    length: int


def parse(blob: Blob, context: Context) -> Iterator[Item]:
    """Every array, the pickles in them, and what follows."""
    at = 0
    while True:
        start, text = _header(blob, at)
        try:
            view, size = _array(text, at)
        except Malformed:  # another reader may make sense of it, and unpickle what follows
            yield Member("data under an unreadable header", Slice(blob, start, blob.size - start))
            raise
        yield view
        if view.objects:
            yield Member(f"object array at {at}" if at else "object array", Slice(blob, start, blob.size - start))
            return  # a pickle has no declared length: what follows it is the unpickler's to see
        if start + size > blob.size:
            raise Malformed(f"the array needs {size:,} bytes of data, there are {blob.size - start:,}", offset=start)
        at = start + size
        yield Region(start, size)
        if blob.read(at, len(MAGIC)) != MAGIC:
            break
        context.budget.member()
    if at < blob.size:
        yield NpyTail(at, blob.size - at)
        yield Region(at, blob.size - at, data=False)
        yield Member(f"bytes after the array, at {at}", Slice(blob, at, blob.size - at))


def _header(blob: Blob, at: int) -> tuple[int, str]:
    """Where the data of the array at `at` begins, and its header."""
    magic = exact(blob, at, 8, "the npy header")
    if magic[:6] != MAGIC:
        raise Malformed(f"begins with {magic[:6].hex(' ')}, an npy file with {MAGIC.hex(' ')}", offset=at)
    version = (magic[6], magic[7])
    if version not in _LENGTHS:
        raise Malformed(f"npy format {version[0]}.{version[1]} does not exist", offset=at + 6)
    layout, encoding = _LENGTHS[version]
    width = struct.calcsize(layout)
    length = struct.unpack(layout, exact(blob, at + 8, width, "the npy header's length"))[0]
    if length > HEADER_LIMIT:
        raise Malformed(f"declares a header of {length:,} bytes; numpy writes a few hundred", offset=at + 8)
    start = at + 8 + width + length
    try:
        return start, exact(blob, at + 8 + width, length, "the npy header").decode(encoding)
    except UnicodeDecodeError as error:
        raise Malformed(f"the npy header is not {encoding}: {error.reason}", offset=at + 8 + width) from None


def _array(text: str, at: int) -> tuple[NpyView, int]:
    """The array that the header describes, and the bytes of its data."""
    header = read_literal(text)
    if not isinstance(header, dict) or header.keys() != {"descr", "fortran_order", "shape"}:
        raise Malformed("the npy header is not a dict of descr, fortran_order and shape", offset=at)
    if not isinstance(header["fortran_order"], bool):
        raise Malformed("fortran_order is neither True nor False", offset=at)
    shape = header["shape"]
    if not isinstance(shape, tuple):
        raise Malformed("the shape is not a tuple", offset=at)
    count = _count(shape)
    size, objects = _dtype(header["descr"])
    if count * size >= 1 << 63:
        raise Malformed("the array is larger than any file can be", offset=at)
    return NpyView(str(header["descr"])[:200], shape, objects, at), count * size


def _count(shape: object) -> int:
    """Elements of an array of this shape: a tuple, or the integer that a subarray may have in its stead."""
    sizes = shape if isinstance(shape, tuple) else (shape,)
    if len(sizes) > _DIMENSIONS or not all(type(size) is int and 0 <= size < 1 << 63 for size in sizes):
        raise Malformed(f"{str(shape)[:100]} is no shape of an array")
    return prod(sizes)


def _dtype(descr: object) -> tuple[int, bool]:
    """Bytes of one element, and whether Python objects are in it. The nesting is bounded by `read_literal`."""
    if isinstance(descr, str):
        return _simple(descr)
    if isinstance(descr, tuple) and len(descr) == 2:
        size, objects = _dtype(descr[0])
        return size * _count(descr[1]), objects
    if not isinstance(descr, list):
        raise Malformed(f"{str(descr)[:100]} is no data type")
    total, any_objects = 0, False
    for field in descr:
        if not isinstance(field, tuple) or not 2 <= len(field) <= 3:
            raise Malformed(f"{str(field)[:100]} is no field of a data type")
        size, objects = _dtype(field[1])
        total += size * (_count(field[2]) if len(field) == 3 else 1)
        any_objects = any_objects or objects
    return total, any_objects


def _simple(descr: str) -> tuple[int, bool]:
    match = _DTYPE.fullmatch(descr)
    if match is None:
        raise Malformed(f"{descr[:100]!r} is not how a writer spells a data type")
    if match["kind"]:
        return int(match["size"]) * (4 if match["kind"] == "U" else 1), False
    return 8, match["object"] is not None
