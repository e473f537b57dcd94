"""What one run over weights shares between its files: the base to compare with, and the statistics seen so far."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field

from assaymark.core.blob import Blob
from assaymark.model.weights.source import Weights
from assaymark.model.weights.views import TensorStats


@dataclass
class Session:
    """`sibling` opens a file by its path below the folder of the one that is looked at, or gives None."""

    base: Mapping[str, Weights] = field(default_factory=dict)
    sibling: Callable[[str], Blob | None] = lambda _: None
    alone: bool = True
    """The file that is looked at is a root of its own, not one of a folder."""
    path: str = ""
    """The file that is looked at."""
    leads: list[str] = field(default_factory=list)
    """What leads the paths of each folder that will be looked at as a whole, in that order."""
    stats: dict[str, list[TensorStats]] = field(default_factory=dict)
    """By path."""
    tied: dict[str, list[tuple[str, str]]] = field(default_factory=dict)
    """By path: (tensor, an earlier one of the same bytes)."""
    compared: int = 0
    """Tensors that were held against the base."""

    def note(self, stats: TensorStats) -> None:
        """Keep what was seen of a tensor."""
        self.stats.setdefault(self.path, []).append(stats)


_current: ContextVar[Session | None] = ContextVar("weights", default=None)


def current() -> Session:
    """The session of the run; one of its own where there is none."""
    return _current.get() or Session()


@contextmanager
def during(session: Session) -> Iterator[None]:
    """The block in which it counts."""
    token = _current.set(session)
    try:
        yield
    finally:
        _current.reset(token)
