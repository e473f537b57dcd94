"""Tensors of one role in all layers, beside each other: which of them is of another magnitude than its like."""

import re
from collections import defaultdict
from collections.abc import Iterable, Iterator
from math import log2
from statistics import median

from assaymark.model.weights.views import Oddity, TensorStats

_LEAST = 8
_FACTOR = 7.0
"""Binary logarithm: 128-fold."""
_DEVIATIONS = 12.0
_NUMBER = re.compile(r"(?<![A-Za-z])\d+")
_SCALE = 1.4826
"""From the median absolute deviation to the standard deviation of a normal distribution."""


def oddities(stats: Iterable[TensorStats]) -> Iterator[Oddity]:
    """What stands out in single tensors."""
    for one in stats:
        yield from _alone(one)


def among_likes(stats: Iterable[TensorStats]) -> Iterator[tuple[TensorStats, Oddity]]:
    """What stands out among the tensors of the same role in other layers."""
    roles: dict[tuple[str, str], list[TensorStats]] = defaultdict(list)
    for one in stats:
        if one.valued and len(one.shape) >= 2 and one.rms > 0:
            roles[_NUMBER.sub("#", one.name), one.dtype].append(one)
    for same in roles.values():
        if len(same) >= _LEAST:
            yield from _among(same)


def _alone(one: TensorStats) -> Iterator[Oddity]:
    matrix = len(one.shape) >= 2 and one.count >= 4096 and one.dtype.startswith(("F", "BF", "Q"))
    if matrix and one.constant:
        what = "zero" if one.zeros else "the same number"
        yield Oddity(
            one.name[:200], f"all of its {one.count:,} values are {what}: it was never trained, or was emptied"
        )
    elif one.valued and one.denormal > 0.9 * one.count and one.count >= 4096:
        share = one.denormal / one.count
        yield Oddity(one.name[:200], f"{share:.0%} of its values are denormal: bytes of something else, or not trained")


def _among(same: list[TensorStats]) -> Iterator[tuple[TensorStats, Oddity]]:
    sizes = [log2(one.rms) for one in same]
    middle = median(sizes)
    spread = _SCALE * median(abs(size - middle) for size in sizes)
    for one, size in zip(same, sizes, strict=True):
        if abs(size - middle) > max(_FACTOR, _DEVIATIONS * spread):
            larger = "larger" if size > middle else "smaller"
            times = 2 ** min(abs(size - middle), 100)
            message = (
                f"its values are {times:,.0f} times {larger} than those of the same tensor in {len(same) - 1} layers"
            )
            yield one, Oddity(one.name[:200], message)
