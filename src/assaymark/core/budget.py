"""What looking at one top-level file may cost. Parsers ask before they spend; nothing hangs, nothing fills the disk."""

from collections.abc import Callable
from typing import Protocol

from assaymark.core.blob import Blob
from assaymark.core.errors import OverBudget
from assaymark.core.record import dataclass
from assaymark.core.witness import Witness


@dataclass(frozen=True, slots=True)
class Limits:
    """Limits for one top-level file and all that is nested in it."""

    seconds: float = 600.0
    """Time on the clock that the budget is given."""
    depth: int = 8
    """Containers within containers."""
    members: int = 50_000
    """Members of all containers together."""
    expanded: int = 16 << 30
    """Bytes that decompression may produce in all."""
    ratio: int = 1_100
    """Decompressed bytes for each compressed byte; DEFLATE itself cannot pass 1,032. Applies beyond 64 MiB."""
    header: int = 100 << 20
    """Bytes of one header, index or document that is held in memory at once."""
    findings: int = 100
    """Distinct findings of one rule in one file; the rest are counted."""


class Spool(Protocol):
    """Room for decompressed bytes: memory first, then a temporary file that has no name."""

    def write(self, data: bytes) -> object:
        """Append."""
        ...

    def blob(self) -> Blob:
        """What was written; no write may follow."""
        ...


class Budget:
    """The running account of one top-level file."""

    def __init__(
        self,
        limits: Limits | None = None,
        *,
        monotonic: Callable[[], float],
        spool: Callable[[], Spool],
        witness: Callable[[], Witness] | None = None,
    ) -> None:
        """`monotonic` gives seconds; `spool` makes an empty Spool; `witness` gives one, or there is none to ask."""
        self.limits = limits or Limits()
        self.spool = spool
        self.witness = witness
        self._monotonic = monotonic
        self._deadline = monotonic() + self.limits.seconds
        self._members = 0
        self._expanded = 0

    def tick(self) -> None:
        """Raise OverBudget once the time is up. Call it at least once for each MiB or 100,000 steps of work."""
        if self._monotonic() > self._deadline:
            message = f"not finished within {self.limits.seconds:g} s"
            raise OverBudget(message, step="look at this file alone with a larger --timeout")

    def member(self) -> None:
        """Account for one member of a container."""
        self._members += 1
        if self._members > self.limits.members:
            message = f"more than {self.limits.members:,} members"
            raise OverBudget(message, step="unpack the archive with a tool you trust and scan the folder")

    def expand(self, produced: int, consumed_total: int, produced_total: int) -> None:
        """Account for `produced` more decompressed bytes, of `produced_total` so far from `consumed_total` bytes."""
        self.tick()
        self._expanded += produced
        if self._expanded > self.limits.expanded:
            message = f"decompresses to more than {self.limits.expanded >> 30} GiB"
            raise OverBudget(message, step="this is how a decompression bomb looks; do not unpack it")
        if produced_total > 64 << 20 and produced_total > self.limits.ratio * max(consumed_total, 1):
            message = f"decompresses more than {self.limits.ratio}-fold"
            raise OverBudget(message, step="this is how a decompression bomb looks; do not unpack it")

    def header(self, length: int, what: str) -> None:
        """Refuse a header, index or document too large to be held in memory."""
        if length > self.limits.header:
            message = (
                f"{what} is {length:,} bytes long, more than the {self.limits.header >> 20} MiB that are looked at"
            )
            raise OverBudget(message)
