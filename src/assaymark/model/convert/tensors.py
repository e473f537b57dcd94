"""One tensor: a view of a storage, read piece by piece as the contiguous little-endian bytes that safetensors wants."""

from collections.abc import Iterator
from dataclasses import dataclass
from math import prod
from typing import TypeGuard

from assaymark.core.blob import Blob
from assaymark.core.errors import Malformed, Opaque, OverBudget

SIZES = {
    "BOOL": 1, "U8": 1, "I8": 1, "F8_E4M3": 1, "F8_E5M2": 1, "F8_E4M3FNUZ": 1, "F8_E5M2FNUZ": 1, "F8_E8M0": 1,
    "I16": 2, "U16": 2, "F16": 2, "BF16": 2, "I32": 4, "U32": 4, "F32": 4, "I64": 8, "U64": 8, "F64": 8, "C64": 8,
}  # fmt: skip
"""Data types that safetensors knows, and bytes of one element."""
_PIECE = 1 << 20
_GATHERED = 1 << 30
"""Bytes of a view that is not contiguous: its span and its result are held in memory."""
DIMENSIONS = 64


@dataclass(frozen=True, slots=True)
class Storage:
    """`size` bytes from `start` of a blob. Two tensors share it when `key` is the same."""

    blob: Blob
    start: int
    size: int
    key: object
    big: bool = False
    """Elements are big-endian."""


@dataclass(frozen=True, slots=True)
class Tensor:
    """A view: `offset` and `strides` count elements. Construct it with `view`, which checks that it stays inside."""

    name: str
    dtype: str
    shape: tuple[int, ...]
    strides: tuple[int, ...]
    offset: int
    storage: Storage

    @property
    def size(self) -> int:
        """Bytes, once contiguous."""
        return prod(self.shape) * SIZES[self.dtype]

    @property
    def span(self) -> tuple[int, int]:
        """First byte in the storage, and the one behind the last."""
        item = SIZES[self.dtype]
        if not self.size:
            return self.offset * item, self.offset * item
        last = self.offset + sum((n - 1) * s for n, s in zip(self.shape, self.strides, strict=True))
        return self.offset * item, (last + 1) * item

    @property
    def contiguous(self) -> bool:
        """Its elements stand in the storage one after the other, in order."""
        return all(n == 1 or s == c for n, s, c in zip(self.shape, self.strides, rows(self.shape), strict=True))

    def pieces(self) -> Iterator[bytes]:
        """The elements in order, little-endian."""
        if not self.size:
            return
        start, stop = self.span
        if self.contiguous:
            for at in range(start, stop, _PIECE):
                yield self._swapped(self._read(at, min(_PIECE, stop - at)))
            return
        yield self._swapped(self._gathered(start, stop))

    def _read(self, at: int, length: int) -> bytes:
        data = self.storage.blob.read(self.storage.start + at, length)
        if len(data) != length:
            raise Malformed(f"tensor {self.name!r}: its storage ends early", offset=self.storage.start + at)
        return data

    def _gathered(self, start: int, stop: int) -> bytes:
        import numpy as np

        if max(self.size, stop - start) > _GATHERED:
            message = f"tensor {self.name!r} is a view with gaps or repeats of more than {_GATHERED >> 30} GiB"
            raise OverBudget(message, step="save a contiguous copy of it: tensor.contiguous()")
        item = SIZES[self.dtype]
        flat = np.frombuffer(self._read(start, stop - start), dtype=f"V{item}")
        steps = tuple(step * item for step in self.strides)
        return np.lib.stride_tricks.as_strided(flat, self.shape, steps, writeable=False).tobytes()

    def _swapped(self, data: bytes) -> bytes:
        width = SIZES[self.dtype] // (2 if self.dtype == "C64" else 1)
        if not self.storage.big or width == 1:
            return data
        import numpy as np

        return np.frombuffer(data, dtype=f"u{width}").byteswap().tobytes()


def rows(shape: tuple[int, ...]) -> tuple[int, ...]:
    """The strides of a contiguous tensor, last dimension first (C order)."""
    strides, step = [], 1
    for length in reversed(shape):
        strides.append(step)
        step *= max(length, 1)
    return tuple(reversed(strides))


def view(name: str, dtype: str, shape: object, strides: object, offset: object, storage: Storage) -> Tensor:
    """A tensor, all of whose elements lie inside of its storage; raises Malformed or Opaque (no such data type)."""
    if dtype not in SIZES:
        raise Opaque(f"tensor {name!r} has data type {dtype}, which safetensors has not")
    if not _counts(shape) or not _counts(strides) or not _counts((offset,)) or len(shape) != len(strides):
        raise Malformed(f"tensor {name!r} has no valid shape, strides and offset")
    if len(shape) > DIMENSIONS:
        raise Malformed(f"tensor {name!r} has {len(shape)} dimensions")
    tensor = Tensor(name, dtype, shape, strides, int(str(offset)), storage)
    start, stop = tensor.span
    if stop > storage.size or start > storage.size:
        where = f"bytes {start:,} to {stop:,} of a storage of {storage.size:,}"
        raise Malformed(f"tensor {name!r} reaches out of its storage: {where}", step="do not load this file")
    return tensor


def _counts(value: object) -> TypeGuard[tuple[int, ...]]:
    return isinstance(value, tuple) and all(type(n) is int and 0 <= n < 1 << 62 for n in value)
