"""What stands in the low bits of floating point numbers.

Trained weights fill the low bits of their mantissa nearly uniformly, and so does anything encrypted or compressed: a
look at one tensor can only find structure. Looked for are

- programs, archives and keys in the lowest 1, 2, 4, 8, 16 or 24 bits from the first elements on (embeddings as in
  StegoNet, Liu et al., ACSAC 2020, and EvilModel, Wang et al., arXiv 2107.08590, whose "fast substitution" takes the
  three low bytes of a float32), bytes filled from either end;
- text there at any element;
- low bits in use in a part of a tensor the rest of which was cast from a type that has none;
- lowest bytes of low entropy in a part of a float32 tensor in the rest of which they are uniform, as trained ones are: a
  chi-square test of 16,384 elements over 256 values, 30 standard deviations out (chance: below 1e-90 a window), and then
  one that elements which repeat, were cast or were never trained do not fail.

MaleficNet (Hitaj et al., ESORICS 2022) spreads its bits over whole weights by CDMA; that is below the noise of any such test.
"""

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from assaymark.core.blob import Bytes, exact
from assaymark.model.weights.search import is_text
from assaymark.model.weights.signatures import carried
from assaymark.model.weights.source import Weights
from assaymark.model.weights.uniform import UNIFORM_WINDOW, Uniformity
from assaymark.model.weights.views import LowBitsCarry, LowBitsChanged, LowBitsFound, Oddities, Oddity

if TYPE_CHECKING:
    import numpy as np

    Array = np.ndarray[Any, Any]

WINDOW = 1024
"""Elements."""
_STARTS = 65
"""Offsets in a stream at which a payload may begin: some tools write its length first."""
_STREAM = 16_384
"""Elements from the start of the tensor of which the streams are made."""
_TEXTS = 256
"""Windows of one block that are read as text."""
_CASTS = {"F32": (8, 2), "F64": (16, 2), "F16": (4, 0), "BF16": (4, 0)}
"""Low bits that a cast leaves zero at least, and that a window which is no cast has at most."""


class LowBits:
    """One tensor of floating point, fed with the unsigned integers of its elements."""

    def __init__(self, weights: Weights, width: int) -> None:
        self._weights = weights
        self._width = width
        self._zeros: list[Array] = []
        self._first = True
        self._found: set[int] = set()
        self._uniform = Uniformity() if width >= 4 else None
        self.samples: list[Array] = []

    def feed(self, items: "Array", at: int) -> Iterator[LowBitsCarry]:
        """Take in elements, the first of which is element `at`."""
        import numpy as np

        self._zeros.append(trailing_zeros(items))
        low = np.ascontiguousarray(items.view("u1").reshape(-1, self._width)[:, 0])
        if len(self.samples) < 64:
            self.samples.append(low[:4096].copy())
        if self._uniform is not None:
            self._uniform.feed(low)
        if self._first:
            self._first = False
            yield from self._begins(items[:_STREAM])
        yield from self._texts(low, at)

    def _begins(self, items: "Array") -> Iterator[LowBitsCarry]:
        for bits, stream in streams(items, self._width):
            whole = Bytes(stream)
            for start in range(min(_STARTS, len(stream))):
                found = carried(whole, start, stream[start : start + 64])
                if found is not None and bits not in self._found:
                    self._found.add(bits)
                    yield LowBitsCarry(self._weights.name[:200], bits, found[1], start * 8 // bits)

    def _texts(self, low: "Array", at: int) -> Iterator[LowBitsCarry]:
        """Bytes of text have a zero as their highest bit: 64 in a row are seen at any bit of any element."""
        import numpy as np

        count = len(low) // 512
        if not count:
            return
        groups = low[: count * 512].view("<u8").reshape(count, 64)
        union = np.bitwise_or.reduce(groups, axis=1)
        suspects = np.flatnonzero((union & _HIGH) != _HIGH)
        if not len(suspects):
            return
        lanes = union[suspects].view("u1").reshape(-1, 8)
        for bits in (8, 4, 2, 1):
            if self._found:
                return
            step = 8 // bits
            clear = ((lanes >> (bits - 1)) & 1) == 0
            clear = clear.reshape(-1, bits, step).all(axis=1)
            used = ((lanes & ((1 << bits) - 1)) != 0).any(axis=1)
            for row, lane in np.argwhere(clear & used[:, None])[:_TEXTS].tolist():
                window = int(suspects[row])
                if self._is_text(low[512 * window : 512 * (window + 2)], bits, lane):
                    self._found.add(bits)
                    yield LowBitsCarry(self._weights.name[:200], bits, "text", at + 512 * window)
                    break

    def _is_text(self, low: "Array", bits: int, lane: int) -> bool:
        """The high bit of each byte stands in `lane`: the first element of a byte, or its last one."""
        step = 8 // bits
        for shift, order in ((lane, "big"), ((lane + 1) % step, "little")):
            stream = packed(low[shift:], bits, order)
            if any(is_text(stream[part : part + 64]) for part in range(0, max(1, len(stream) - 71), 64)):
                return True
        return False

    def conclude(self, spelled: list[LowBitsCarry]) -> Iterator[LowBitsFound | Oddities]:
        """What was spelled, and what the whole tensor says."""
        parts = list(self._parts())
        yield LowBitsFound(tuple(spelled), tuple(part for part in parts if isinstance(part, LowBitsChanged)))
        odd = tuple(part for part in parts if isinstance(part, Oddity))
        if odd:
            yield Oddities(odd)

    def _parts(self) -> Iterator[LowBitsChanged | Oddity]:
        """A part of the tensor whose low bits are unlike those of the rest."""
        yield from self._cast()
        odd = self._uniform.odd(self._window) if self._uniform is not None else []
        if odd:
            length = odd[-1] + UNIFORM_WINDOW - odd[0]
            why = "bytes of low entropy stand there, those of the rest are uniform"
            yield LowBitsChanged(self._weights.name[:200], 8, odd[0], length, len(odd) * UNIFORM_WINDOW, why)

    def _window(self, element: int) -> "Array":
        import numpy as np

        weights, width = self._weights, self._width
        data = exact(weights.blob, weights.offset + element * width, UNIFORM_WINDOW * width, "a window")
        order = ">" if weights.big else "<"
        return np.frombuffer(data, f"{order}u{width}").astype(f"<u{width}", copy=False)

    def _cast(self) -> Iterator[LowBitsChanged | Oddity]:
        """Low bits in use where the rest of the tensor was cast."""
        import numpy as np

        zeros = np.concatenate(self._zeros) if self._zeros else np.empty(0, "u1")
        filled = zeros[zeros < 8 * self._width]
        if len(filled) < 4:
            return
        least, most = _CASTS[self._weights.dtype]
        cast = int(np.sort(filled)[len(filled) // 2])
        used = np.flatnonzero(zeros <= most)
        between = np.count_nonzero((filled > most) & (filled < cast))
        if cast < least or not len(used) or between > len(filled) // 4:
            return
        first, last = int(used[0]), int(used[-1]) + 1
        bits, name = cast, self._weights.name[:200]
        length = min(last * WINDOW, self.count) - first * WINDOW
        if self._is_tail(first * WINDOW, last * WINDOW >= self.count):
            message = (
                f"its last rows, from element {first * WINDOW:,} on, use {bits} low bits that are zero in the others"
            )
            yield Oddity(name, message)
            return
        why = f"the low {bits} bits are zero in the rest of the tensor, which was cast from a type that has none"
        yield LowBitsChanged(name, bits, first * WINDOW, length, len(used) * WINDOW * bits // 8, why)

    @property
    def zero(self) -> int:
        """Low bits that are zero in every element; 0 where all of them are zero."""
        import numpy as np

        zeros = np.concatenate(self._zeros) if self._zeros else np.empty(0, "u1")
        least = int(zeros.min(initial=8 * self._width))
        return least if least < 8 * self._width else 0

    @property
    def count(self) -> int:
        """Elements of the tensor."""
        return self._weights.size // self._width

    def _is_tail(self, first: int, reaches_end: bool) -> bool:  # noqa: FBT001 - a fact about the run
        """Whole rows at the end, as they are when a vocabulary was extended in a wider type."""
        shape = self._weights.shape
        if not reaches_end or len(shape) < 2 or not shape[-1]:
            return False
        row = self.count // shape[0]
        return row >= WINDOW // 4 and -first % row < WINDOW + row // 64


_HIGH = 0xFFFFFFFFFFFFFFFF


def trailing_zeros(items: "Array") -> "Array":
    """For each window the low bits that are zero in all of its elements; all bits where everything is zero."""
    import numpy as np

    union = np.bitwise_or
    whole = len(items) // WINDOW * WINDOW
    parts = union.reduce(items[:whole].reshape(-1, WINDOW), axis=1)
    if len(items) > whole and (len(items) - whole >= WINDOW // 4 or not whole):
        parts = np.append(parts, union.reduce(items[whole:]))
    one = items.dtype.type(1)
    lowest = parts & (~parts + one)
    counts: Array = np.bitwise_count(lowest - one).astype("u1")
    return counts


def streams(items: "Array", width: int) -> Iterator[tuple[int, bytes]]:
    """(bits, bytes) of each way to write bytes into the low bits of these elements."""
    lanes = items.view("u1").reshape(-1, width)
    for bits in (1, 2, 4):
        for order in ("big", "little"):
            yield bits, packed(lanes[:, 0], bits, order)
    for size in range(1, width):
        yield 8 * size, lanes[:, :size].tobytes()
        if size > 1:
            yield 8 * size, lanes[:, size - 1 :: -1].tobytes()


def packed(low: "Array", bits: int, order: str) -> bytes:
    """Bytes made of the lowest bits of each element, the first element giving the highest bits (`big`) or the lowest."""
    if bits == 8:
        return low.tobytes()
    import numpy as np

    step = 8 // bits
    groups = (low[: len(low) // step * step] & ((1 << bits) - 1)).reshape(-1, step)
    total = np.zeros(len(groups), "u1")
    for place in range(step):
        shift = bits * (step - 1 - place if order == "big" else place)
        total |= groups[:, place] << shift
    return total.tobytes()
