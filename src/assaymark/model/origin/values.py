"""Two tensors, value by value, in blocks: how alike they are. Memory is that of two blocks, whatever the size."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from math import isfinite, sqrt
from typing import TYPE_CHECKING, Any

from assaymark.core.blob import exact
from assaymark.core.errors import AssayError
from assaymark.model.origin.stock import Tensor
from assaymark.model.weights.source import Weights

if TYPE_CHECKING:
    import numpy as np

    Array = np.ndarray[Any, Any]

_BLOCK = 1 << 19
"""Elements of one block; a multiple of every packed type's."""
_PLAIN = {
    "F64": "f8",
    "F32": "f4",
    "F16": "f2",
    "I8": "i1",
    "U8": "u1",
    "I16": "i2",
    "U16": "u2",
    "I32": "i4",
    "I64": "i8",
}
_PACKED = {"Q8_0": (32, 34), "Q4_0": (32, 18)}
"""Type -> (elements, bytes) of a block."""
_BYTES = {"F64": 8, "I64": 8, "F32": 4, "I32": 4, "F16": 2, "BF16": 2, "I16": 2, "U16": 2, "I8": 1, "U8": 1}
_STEPS = {"BF16": 2.0**-7, "F16": 2.0**-10, "F32": 2.0**-22}
"""Largest relative change by rounding to the type, with a bit to spare."""


@dataclass(frozen=True, slots=True)
class Alike:
    """`identical`: the bits are the same. `cast`: they are the same values, rounded to another type.

    `cosine` of the two as vectors; `difference`: norm of the difference by the norm of the base's.
    """

    identical: bool
    cast: bool
    cosine: float
    difference: float


def alike(ours: Tensor, theirs: Tensor, count: int, tick: Callable[[], None]) -> Alike | None:
    """Compare the first `count` values of both; None where the values of one cannot be read."""
    a, b = ours.stored, theirs.stored
    if a is None or b is None:
        return None
    try:
        if ours.dtype == theirs.dtype and a.big == b.big and _same(a, b, count, tick):
            return Alike(identical=True, cast=False, cosine=1.0, difference=0.0)
        if not (_readable(a) and _readable(b)):
            return None
        return _statistics(a, b, count, tick)
    except AssayError:
        return None


def _readable(one: Weights) -> bool:
    return one.dtype in _BYTES or one.dtype in _PACKED


def _spans(count: int) -> Iterator[tuple[int, int]]:
    for at in range(0, count, _BLOCK):
        yield at, min(_BLOCK, count - at)


def _same(a: Weights, b: Weights, count: int, tick: Callable[[], None]) -> bool:
    """Whether the bytes are equal: of all of it, or of the leading elements where one is longer."""
    if a.size == b.size:
        size = a.size
    elif a.dtype in _BYTES:
        size = count * _BYTES[a.dtype]
    else:
        return False
    for at in range(0, size, 1 << 22):
        tick()
        length = min(1 << 22, size - at)
        if exact(a.blob, a.offset + at, length, a.name[:100]) != exact(b.blob, b.offset + at, length, b.name[:100]):
            return False
    return True


def _statistics(a: Weights, b: Weights, count: int, tick: Callable[[], None]) -> Alike:
    import numpy as np

    dot = ours = theirs = apart = 0.0
    step = _STEPS.get(a.dtype, 0.0)
    cast = a.dtype != b.dtype and bool(step)
    with np.errstate(all="ignore"):
        for at, length in _spans(count):
            tick()
            x, y = _floats(a, at, length), _floats(b, at, length)
            delta = x - y
            dot += float(np.dot(x, y))
            ours += float(np.dot(x, x))
            theirs += float(np.dot(y, y))
            apart += float(np.dot(delta, delta))
            if cast:
                cast = bool((np.abs(delta) <= np.abs(y) * step + 1e-7).all())
    if not all(map(isfinite, (dot, ours, theirs, apart))):
        return Alike(identical=False, cast=False, cosine=0.0, difference=1e9)
    lengths = sqrt(ours) * sqrt(theirs)
    both_zero = ours == theirs == 0
    cosine = 1.0 if both_zero else dot / lengths if lengths else 0.0
    difference = sqrt(apart) / sqrt(theirs) if theirs else (0.0 if both_zero else 1e9)
    return Alike(
        identical=not apart and a.dtype == b.dtype,
        cast=cast,
        cosine=max(-1.0, min(1.0, cosine)),
        difference=min(difference, 1e9),
    )


def _floats(one: Weights, at: int, length: int) -> "Array":
    """Values from element `at` on, as float32."""
    import numpy as np

    if one.dtype in _PACKED:
        return _unpacked(one, at, length)
    width = _BYTES[one.dtype]
    raw = exact(one.blob, one.offset + at * width, length * width, one.name[:100])
    order = ">" if one.big else "<"
    if one.dtype == "BF16":
        return (np.frombuffer(raw, f"{order}u2").astype("<u4") << 16).view("<f4")
    return np.frombuffer(raw, order + _PLAIN[one.dtype]).astype("<f4")


def _unpacked(one: Weights, at: int, length: int) -> "Array":
    """Q8_0: a half and 32 signed bytes; Q4_0: a half and 16 bytes of two nibbles, the low ones first."""
    import numpy as np

    elements, size = _PACKED[one.dtype]
    raw = exact(one.blob, one.offset + at // elements * size, -(-length // elements) * size, one.name[:100])
    rows = np.frombuffer(raw, "u1").reshape(-1, size)
    scale = rows[:, :2].copy().view(">f2" if one.big else "<f2").astype("<f4")
    if one.dtype == "Q8_0":
        values = rows[:, 2:].view("i1").astype("<f4")
    else:
        values = np.concatenate([rows[:, 2:] & 15, rows[:, 2:] >> 4], axis=1).astype("<f4") - 8
    made: Array = (values * scale).reshape(-1)[:length]
    return made
