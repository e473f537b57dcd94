"""A tensor against the same one of its base model: whether it differs in low bits only.

Training, however little of it, adds numbers: a change in low bits carries into higher ones (a bit that flips carries on
in at least one of eight cases), and the highest bit that ever flips flips rarely. Writing a payload into the k lowest bits
flips the highest of them in about half of the cells it touches and never the one above. So a window counts when its
elements differ in the low k bits only and flip the highest of these in 40 % of the changed cells or more: with at least 256
changed cells (64 where only the lowest bit ever changed, which no addition of one unit leaves alone in half of the cases)
additions look so with a probability below (7/8)^256 < 2e-15, or 2^-64. Windows which have zeros there now were cast.
"""

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from assaymark.model.weights.views import BaseDifference

if TYPE_CHECKING:
    import numpy as np

    Array = np.ndarray[Any, Any]

WINDOW = 4096
"""Elements."""
FALSE_ALARM = "2e-15 a window of 4,096 elements"
_MOST = {"F64": 44, "F32": 22, "F16": 8, "BF16": 6}
"""Low bits of the mantissa that a payload may fill while the model still works."""
_CHANGED, _CHANGED_LOWEST = 256, 64


@dataclass
class Comparison:
    """One tensor."""

    name: str
    dtype: str
    bits: int = 0
    first: int | None = None
    elements: int = 0
    changed: int = 0
    capacity: int = 0
    differs: int = 0
    """Elements that differ at all."""
    _last: int = field(default=0)

    def feed(self, ours: "Array", theirs: "Array", at: int) -> None:
        """Compare elements from element `at` on, as unsigned integers."""
        import numpy as np

        delta = ours ^ theirs
        if not delta.any():
            return
        for start in range(0, len(delta), WINDOW):
            part = delta[start : start + WINDOW]
            union = int(np.bitwise_or.reduce(part))
            if not union:
                continue
            changed = int(np.count_nonzero(part))
            self.differs += changed
            bits = union.bit_length()
            if bits <= _MOST[self.dtype] and self._is_written(part, ours[start : start + WINDOW], bits, changed):
                self.first = at + start if self.first is None else self.first
                self.bits = max(self.bits, bits)
                self.elements += len(part)
                self.changed += changed
                self.capacity += len(part) * bits // 8

    @staticmethod
    def _is_written(part: "Array", ours: "Array", bits: int, changed: int) -> bool:
        import numpy as np

        if changed < (_CHANGED_LOWEST if bits == 1 else _CHANGED):
            return False
        if np.count_nonzero(part >> part.dtype.type(bits - 1)) < 0.4 * changed:
            return False
        return bool((np.bitwise_or.reduce(ours) & ours.dtype.type((1 << bits) - 1)) != 0)

    def result(self) -> BaseDifference | None:
        """What was found, if anything was."""
        if self.first is None:
            return None
        return BaseDifference(self.name[:200], self.bits, self.first, self.elements, self.changed, self.capacity)
