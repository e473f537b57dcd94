"""Whether the lowest bytes of a tensor are uniform, as those of trained float32 weights are, and where they are not."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np

    Array = np.ndarray[Any, Any]

UNIFORM_WINDOW = 16_384
"""Elements."""
_CHI_ODD = 255 + 30 * 22.6
"""Chi-square of 255 degrees of freedom has the mean 255 and the standard deviation 22.6."""
_CHI_EVEN = 400.0
_READ_AGAIN = 4_096
"""Windows, 256 MB of float32."""
_CHI_WRITTEN = 6_000.0
"""Of about 4,096 elements: NumPy's and PyTorch's initialisers give up to 2,800, machine code in 8 low bits 15,000 and more."""


class Uniformity:
    """One tensor, window by window."""

    def __init__(self) -> None:
        self._squares: list[float] = []
        self._odd: list[int] = []
        self._at = 0

    def feed(self, low: "Array") -> None:
        """Take in the lowest bytes of elements."""
        import numpy as np

        count = len(low) // UNIFORM_WINDOW
        if count:
            rows = low[: count * UNIFORM_WINDOW].reshape(count, UNIFORM_WINDOW).astype(np.intp)
            rows += (256 * np.arange(count))[:, None]
            counts = np.bincount(rows.ravel(), minlength=256 * count).reshape(count, 256)
            squares = _chi_square(counts, UNIFORM_WINDOW).tolist()
            for number, square in enumerate(squares):
                if square > _CHI_ODD:
                    self._odd.append(self._at + number * UNIFORM_WINDOW)
            self._squares += squares
        self._at += len(low)

    def odd(self, window: Callable[[int], "Array"]) -> list[int]:
        """The first elements of windows that are not uniform where most are; `window` reads one again."""
        squares = sorted(self._squares)
        if not self._odd or len(self._odd) * 2 >= len(squares) or squares[len(squares) // 2] > _CHI_EVEN:
            return []
        return [at for at in self._odd[:_READ_AGAIN] if _is_odd(window(at))]


def _chi_square(counts: "Array", total: int) -> "Array":
    expected = total / counts.shape[-1]
    result: Array = ((counts - expected) ** 2).sum(axis=-1) / expected
    return result


def _is_odd(items: "Array") -> bool:
    """The same of different elements only, without zero bytes: what repeats or was cast is no payload.

    Numbers that were drawn at random and never trained are multiples of a small step: the largest quarter of them fill
    their low bytes best.
    """
    import numpy as np

    one = items.dtype.type
    different = np.unique(items)
    magnitudes = different & one((1 << 8 * items.itemsize - 1) - 1)
    largest = different[magnitudes >= np.quantile(magnitudes, 0.75)]
    low = (largest & one(255)).astype(np.intp)
    low = low[low != 0]
    if len(low) < UNIFORM_WINDOW // 16:
        return False
    counts = np.bincount(low, minlength=256)[1:]
    return bool(_chi_square(counts, len(low)) > _CHI_WRITTEN)
