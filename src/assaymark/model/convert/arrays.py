"""NumPy arrays as pickles spell them: `_reconstruct` and BUILD, `_frombuffer`, `scalar`, and joblib's raw arrays."""

import re
from dataclasses import dataclass, replace
from math import prod

from assaymark.core.blob import Bytes
from assaymark.core.errors import Malformed, Opaque
from assaymark.model.convert.tensors import DIMENSIONS, Storage, Tensor, rows, view
from assaymark.model.convert.values import Array, Made, Region, text

_RECONSTRUCT = ("numpy.core.multiarray._reconstruct", "numpy._core.multiarray._reconstruct")
_FROMBUFFER = ("numpy.core.numeric._frombuffer", "numpy._core.numeric._frombuffer")
_SCALAR = ("numpy.core.multiarray.scalar", "numpy._core.multiarray.scalar")
_CODE = re.compile(r"([<>|=]?)([?bBhHiIlLqQefdgFDGSUVaOcmMu])(\d{0,9})")
_LETTERS = {
    "?": "b1", "b": "i1", "B": "u1", "h": "i2", "H": "u2", "i": "i4", "I": "u4", "l": "i8", "L": "u8", "q": "i8",
    "Q": "u8", "e": "f2", "f": "f4", "d": "f8", "g": "f16", "F": "c8", "D": "c16", "G": "c32",
}  # fmt: skip
_TYPES = {
    "b1": "BOOL", "i1": "I8", "u1": "U8", "i2": "I16", "u2": "U16", "i4": "I32", "u4": "U32", "i8": "I64", "u8": "U64",
    "f2": "F16", "f4": "F32", "f8": "F64", "c8": "C64",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class DType:
    """`name` as safetensors has it, or as numpy does where safetensors has no such type. `size` in bytes."""

    name: str
    size: int
    big: bool = False
    objects: bool = False
    texts: bool = False


def dtype_of(value: object) -> DType:
    """What a pickled `numpy.dtype` says; raises Malformed."""
    code = text(value.args[0]) if isinstance(value, Made) and value.is_of("numpy.dtype") and value.args else None
    match = _CODE.fullmatch(code or "")
    if not match or not isinstance(value, Made):
        raise Malformed(f"an array whose element type {str(code)[:50]!r} is not known")
    state = value.states[0] if value.states else None
    order = match[1] or (text(state[1]) if isinstance(state, tuple) and len(state) > 1 else "") or "="
    letter, digits = match[2], match[3]
    if letter == "O":
        return DType("object", 8, objects=True)
    if letter in "SaUV" or (letter == "c" and not digits):
        if letter == "V":
            size = state[5] if isinstance(state, tuple) and len(state) > 5 else -1
            return DType("structure", size if type(size) is int and size >= 0 else int(digits or 0))
        return DType("text", int(digits or 1) * (4 if letter == "U" else 1), texts=True)
    if letter in "mM":
        return DType("time", 8)
    name = _LETTERS[letter] if not digits else f"{letter}{digits}"
    return DType(_TYPES.get(name, name), int(name[1:]), big=order == ">")


def fields_of(value: object) -> list[tuple[str, object, int]]:
    """(name, data type, offset) of each field of a structured `numpy.dtype`; empty for a plain one."""
    state = value.states[0] if isinstance(value, Made) and value.states else None
    if not isinstance(state, tuple) or len(state) < 6 or not isinstance(state[4], dict):
        return []
    found = []
    for name, entry in state[4].items():
        if text(name) is None or not isinstance(entry, tuple) or len(entry) < 2 or type(entry[1]) is not int:
            raise Malformed("a structured array with a field that is not known")
        found.append((str(text(name)), entry[0], entry[1]))
    return found


def count_of(shape: object) -> int:
    """Elements of an array of this shape; raises Malformed."""
    if isinstance(shape, tuple) and len(shape) > DIMENSIONS:
        raise Malformed(f"an array with {len(shape):,} dimensions")
    if not isinstance(shape, tuple) or not all(type(n) is int and 0 <= n < 1 << 62 for n in shape):
        raise Malformed("an array whose shape cannot be told")
    return prod(shape)


def is_array(value: object) -> bool:
    """Whether this is an array or a scalar of NumPy."""
    if isinstance(value, Array):
        return True
    if not isinstance(value, Made):
        return False
    return value.is_of(*_RECONSTRUCT, *_FROMBUFFER, *_SCALAR)


def array(value: object) -> tuple[object, object, bool, object]:
    """(dtype, shape, in Fortran order, bytes) as the pickle has them; raises Malformed."""
    if isinstance(value, Array):
        return value.dtype, value.shape, text(value.order) == "F", value.data
    if isinstance(value, Made) and value.is_of(*_SCALAR) and len(value.args) == 2:
        return value.args[0], (), False, value.args[1]
    if isinstance(value, Made) and value.is_of(*_FROMBUFFER) and len(value.args) == 4:
        data, dtype, shape, order = value.args
        return dtype, shape, text(order) == "F", data
    state = value.states[0] if isinstance(value, Made) and value.states else None
    if isinstance(state, tuple) and len(state) == 5:
        return state[2], state[1], bool(state[3]), state[4]
    raise Malformed("an array that is spelled in a way that is not known")


def tensor(name: str, value: object, dtype: DType) -> Tensor:
    """The array as a tensor over its own bytes; raises Malformed or Opaque."""
    strides, sizes, storage = _laid_out(name, value, dtype)
    return view(name, dtype.name, sizes, strides, 0, storage)


def field(name: str, value: object, whole: DType, part: object, offset: int) -> Tensor:
    """One field of a structured array; raises Malformed, or Opaque where it is not aligned to its own size."""
    dtype = dtype_of(part)
    strides, sizes, storage = _laid_out(name, value, whole)
    width = max(dtype.size, 1)
    if offset < 0 or offset % width or whole.size % width:
        raise Opaque(f"array {name!r} is a field that is not aligned")
    steps = tuple(stride * (whole.size // width) for stride in strides)
    own = replace(storage, big=dtype.big, key=(storage.key, offset))  # fields stand side by side, and share nothing
    return view(name, dtype.name, sizes, steps, offset // width, own)


def _laid_out(name: str, value: object, dtype: DType) -> tuple[tuple[int, ...], tuple[int, ...], Storage]:
    """Strides, in elements, and shape; where the bytes are."""
    _, shape, fortran, data = array(value)
    count = count_of(shape)
    if isinstance(data, bytes):  # Python 2
        data = Region(Bytes(data), 0, len(data))
    if not isinstance(data, Region):
        raise Malformed(f"array {name!r} has no bytes of its own")
    if data.length != count * dtype.size:
        raise Malformed(f"array {name!r} needs {count * dtype.size:,} bytes and has {data.length:,}")
    sizes = tuple(shape) if isinstance(shape, tuple) else ()
    strides = tuple(reversed(rows(sizes[::-1]))) if fortran else rows(sizes)
    return strides, sizes, Storage(data.blob, data.offset, data.length, data, dtype.big)
