"""Statistics of the values of one tensor, from the bits of its elements: one pass in blocks, a few MB of memory."""

from collections.abc import Iterator
from dataclasses import dataclass
from math import log2, sqrt
from typing import TYPE_CHECKING, Any

from assaymark.core.budget import Budget
from assaymark.core.errors import Malformed
from assaymark.core.format import Item, Skipped
from assaymark.model.weights.base import Comparison
from assaymark.model.weights.lowbits import LowBits
from assaymark.model.weights.search import Search
from assaymark.model.weights.source import BLOCK, WIDTHS, Weights
from assaymark.model.weights.views import Carried, Compared, Contents, LowBitsCarry, TensorStats

if TYPE_CHECKING:
    import numpy as np

    Array = np.ndarray[Any, Any]


@dataclass(frozen=True, slots=True)
class _Float:
    """Layout of a floating point type: exponent mask and mantissa bits; `inf` is false where it has none."""

    exponent: int
    mantissa: int
    inf: bool = True


_FLOATS = {
    "F64": _Float(0x7FF0_0000_0000_0000, 52), "F32": _Float(0x7F80_0000, 23), "F16": _Float(0x7C00, 10),
    "BF16": _Float(0x7F80, 7), "F8_E5M2": _Float(0x7C, 2), "F8_E4M3": _Float(0x7F, 3, inf=False),
}  # fmt: skip
"""F8_E4M3 has two NaN (all of exponent and mantissa set) and no infinity; the fnuz types have one, 0x80."""
_SCALES = {
    "Q4_0": (18, (0,)), "Q4_1": (20, (0, 2)), "Q5_0": (22, (0,)), "Q5_1": (24, (0, 2)), "Q8_0": (34, (0,)),
    "Q2_K": (84, (80, 82)), "Q3_K": (110, (108,)), "Q4_K": (144, (0, 2)), "Q5_K": (176, (0, 2)), "Q6_K": (210, (208,)),
}  # fmt: skip
"""Bytes of a block, and where its float16 scales stand (ggml-common.h)."""
_SMALLEST = 512
"""Bytes of a tensor in whose low bits something could be."""
_LOWEST = 8
"""Bits whose shares are reported."""


class Tally:
    """Counts of one tensor of numbers."""

    def __init__(self, dtype: str) -> None:
        self._float = _FLOATS.get(dtype)
        self._fnuz = dtype.endswith("FNUZ")
        self.dtype = dtype
        self.nan = self.inf = self.zeros = self.denormal = self.count = 0
        self._most = 0
        self._first: int | None = None
        self._constant = True
        self._squares = 0.0
        self._sampled = 0

    def feed(self, items: "Array") -> None:
        """Take in elements, as unsigned integers."""
        import numpy as np

        if not len(items):
            return
        self.count += len(items)
        self._first = int(items[0]) if self._first is None else self._first
        self._constant = self._constant and bool((items == items.dtype.type(self._first)).all())
        if self._fnuz:
            self.nan += int(np.count_nonzero(items == 0x80))
        if self._float is None:
            self.zeros += len(items) - int(np.count_nonzero(items))
            return
        one = items.dtype.type
        bits = items & one(
            (self._float.exponent << 1 | self._float.exponent | (1 << self._float.mantissa) - 1) & _mask(items) >> 1
        )
        top = int(bits.max())
        if self._is_odd(top):
            bits = self._finite(bits)
            top = int(bits.max(initial=0))
        self._most = max(self._most, top)
        self.zeros += len(bits) - int(np.count_nonzero(bits))
        smallest = one(1 << self._float.mantissa)
        self.denormal += int(np.count_nonzero(bits - one(1) < smallest - one(1)))
        sample = _decoded(bits[:: max(1, len(bits) // 16_384)], self.dtype)
        with np.errstate(over="ignore"):
            self._squares += float(np.square(sample, dtype="f8").sum())
        self._sampled += len(sample)

    def _is_odd(self, bits: int) -> bool:
        kind = self._float
        return kind is not None and (bits >= kind.exponent if kind.inf else bits == kind.exponent)

    def _finite(self, bits: "Array") -> "Array":
        """Without NaN and infinity, which are counted."""
        import numpy as np

        kind = self._float
        if kind is None:
            return bits
        limit = bits.dtype.type(kind.exponent)
        infinite = int(np.count_nonzero(bits == limit)) if kind.inf else 0
        self.inf += infinite
        self.nan += int(np.count_nonzero(bits >= limit)) - infinite
        finite: Array = bits[bits < limit]
        return finite

    @property
    def constant(self) -> bool:
        """All elements have the same bits."""
        return self._constant and self.count > 1

    @property
    def largest(self) -> float:
        """The largest magnitude of a finite value."""
        import numpy as np

        if self._float is None or not self._most:
            return 0.0
        return float(_decoded(np.array([self._most], f"<u{WIDTHS[self.dtype]}"), self.dtype)[0])

    @property
    def rms(self) -> float:
        """Root of the mean square of the finite values; of a long tensor, of a sample."""
        return min(sqrt(self._squares / self._sampled), self.largest) if self._sampled else 0.0


def _mask(items: "Array") -> int:
    return (1 << 8 * items.itemsize) - 1


def _decoded(bits: "Array", dtype: str) -> "Array":
    """Magnitudes as numbers."""
    import numpy as np

    if dtype == "BF16":
        return (bits.astype("<u4") << np.uint32(16)).view("<f4")
    if dtype == "F8_E5M2":
        return (bits.astype("<u2") << np.uint16(8)).view("<f2")
    if dtype == "F8_E4M3":
        mantissa, exponent = (bits & 7).astype("f4"), (bits >> 3).astype("i4")
        values: Array = np.where(exponent > 0, np.ldexp(8 + mantissa, exponent - 10), np.ldexp(mantissa, -9))
        return values.astype("f4")
    return np.ascontiguousarray(bits).view(f"<f{bits.itemsize}")


def examine(weights: Weights, base: Weights | None, budget: Budget) -> Iterator[Item]:
    """Read a tensor once: what it carries, what its low bits carry and how they differ from the base; then TensorStats."""
    dtype = "F32" if weights.dtype == "C64" else weights.dtype
    if dtype in WIDTHS:
        yield from _numbers(weights, dtype, base, budget)
    else:
        yield from _packed(weights, budget)


def _numbers(weights: Weights, dtype: str, base: Weights | None, budget: Budget) -> Iterator[Item]:
    import numpy as np

    width = WIDTHS[dtype]
    order = ">" if weights.big and width > 1 else "<"
    tally, search = Tally(dtype), Search(weights)
    floating = dtype in {"F64", "F32", "F16", "BF16"}
    low = LowBits(weights, width) if floating and weights.size >= _SMALLEST else None
    comparison = Comparison(weights.name, dtype) if floating and _alike(weights, base) else None
    others = base.blocks() if base is not None and comparison is not None else None
    carried: list[Carried] = []
    spelled: list[LowBitsCarry] = []
    at = 0
    for data in weights.blocks(BLOCK):
        budget.tick()
        if len(data) % width:
            raise Malformed(f"tensor {weights.name[:100]!r} is not whole elements of {width} bytes")
        items = np.frombuffer(data, f"{order}u{width}").astype(f"<u{width}", copy=False)
        tally.feed(items)
        carried += search.feed(data, at * width)
        if low is not None:
            spelled += low.feed(items, at)
        if comparison is not None and others is not None:
            comparison.feed(items, np.frombuffer(next(others), f"<u{width}"), at)
        at += len(items)
    yield from _contents(weights, search, carried)
    if low is not None:
        yield from low.conclude(spelled)
    if comparison is not None:
        yield Compared(comparison.result())
    ones, entropy = _shares(low) if low is not None else ((), 0.0)
    yield TensorStats(
        weights.name, weights.dtype, weights.shape, tally.count, weights.size, valued=True, nan=tally.nan, inf=tally.inf,
        zeros=tally.zeros, denormal=tally.denormal, constant=tally.constant, largest=tally.largest, rms=tally.rms,
        low_zero=low.zero if low is not None else 0, low_ones=ones, low_entropy=entropy,
    )  # fmt: skip


def _alike(weights: Weights, base: Weights | None) -> bool:
    same = base is not None and (base.dtype, base.shape, base.size) == (weights.dtype, weights.shape, weights.size)
    return same and base is not None and not base.big and not weights.big


def _contents(weights: Weights, search: Search, carried: list[Carried]) -> Iterator[Item]:
    yield Contents(tuple(carried))
    if search.gave_up:
        yield Skipped(
            f"tensor {weights.name[:200]}", "more places look like a signature than were confirmed or refuted"
        )


def _shares(low: LowBits) -> tuple[tuple[float, ...], float]:
    """Share of ones of each of the lowest bits, and the entropy of the lowest byte, in a sample of each block."""
    import numpy as np

    if not low.samples:
        return (), 0.0
    counts = np.bincount(np.concatenate(low.samples), minlength=256)
    total = int(counts.sum())
    values = np.arange(256)
    ones = tuple(round(float(counts[(values >> bit) & 1 == 1].sum()) / total, 4) for bit in range(_LOWEST))
    entropy = -sum(n / total * log2(n / total) for n in counts.tolist() if n)
    return ones, round(entropy, 3) + 0.0


def _packed(weights: Weights, budget: Budget) -> Iterator[Item]:
    """Types of which only the bytes are searched, and the scales where it is known where they stand."""
    import numpy as np

    size, places = _SCALES.get(weights.dtype, (1, ()))
    search, scales, at = Search(weights), Tally("F16"), 0
    carried: list[Carried] = []
    for data in weights.blocks(BLOCK // size * size):
        budget.tick()
        carried += search.feed(data, at)
        at += len(data)
        if places and len(data) % size == 0:
            rows = np.frombuffer(data, "u1").reshape(-1, size)
            for place in places:
                scales.feed(np.ascontiguousarray(rows[:, place : place + 2]).view("<u2").reshape(-1))
    yield from _contents(weights, search, carried)
    count = 1
    for length in weights.shape:
        count *= length
    yield TensorStats(
        weights.name, weights.dtype, weights.shape, count, weights.size, valued=False, nan=scales.nan, inf=scales.inf,
        zeros=scales.zeros, constant=scales.constant and scales.zeros == scales.count, largest=scales.largest,
        rms=scales.rms,
    )  # fmt: skip
