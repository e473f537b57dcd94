"""What a weights file says of itself: the common form of all readers of headers."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from math import prod
from typing import Any

from assaymark.bom.document import Status

_NAMES = 200_000
"""Names of tensors that are kept of one file."""


@dataclass(slots=True)
class Header:
    """One weights file, read as far as its header goes. `said` are facts: name, value, how it is known, where in the file."""

    format: str
    tensors: int = 0
    elements: Counter[str] = field(default_factory=Counter)
    """Dtype -> elements that are stored."""
    shapes: dict[str, tuple[int, ...]] = field(default_factory=dict)
    said: list[tuple[str, Any, Status, str]] = field(default_factory=list)
    metadata: dict[str, Any] = field(default_factory=dict)
    """Keys and values as the format has them."""
    fault: str = ""
    """Why not all of it could be read."""
    counted: bool = True
    """All its tensors were seen."""

    def observe(self, name: str, value: Any, at: str = "") -> None:
        """A fact that stands in these bytes."""
        self.said.append((name, value, Status.OBSERVED, at))

    def infer(self, name: str, value: Any, at: str = "") -> None:
        """A fact that follows from what stands there."""
        self.said.append((name, value, Status.INFERRED, at))

    def declare(self, name: str, value: Any, at: str = "") -> None:
        """A fact that its makers wrote into the file."""
        self.said.append((name, value, Status.DECLARED, at))

    def tensor(self, name: str, dtype: str, shape: Iterable[int]) -> None:
        """Count one tensor."""
        shape = tuple(shape)
        self.tensors += 1
        self.elements[dtype] += prod(shape)
        if len(self.shapes) < _NAMES:
            self.shapes[name] = shape

    @property
    def parameters(self) -> int:
        """Elements of all tensors."""
        return sum(self.elements.values())

    @property
    def is_adapter(self) -> bool:
        """Its tensors are the small matrices of an adapter and nothing else."""
        marks = ("lora_", "lora.", ".hada_", ".lokr_", "ia3_", "prompt_embeddings", "vera_lambda", "oft_")
        named = [name for name in self.shapes if any(mark in name for mark in marks)]
        return bool(named) and len(named) * 2 > len(self.shapes)


def mostly(elements: Counter[str]) -> str:
    """The dtype that most elements have; of equal ones the first by name."""
    return min(elements, key=lambda dtype: (-elements[dtype], dtype), default="")
