"""A witness: a genuine loader, locked away, that tells how it reads what a parser of ours has read.

Our reading leads. The witness is asked so that a difference between the two is seen: that is a finding of its own.
"""

from collections.abc import Callable, Iterable
from typing import Protocol

from assaymark.core.record import dataclass


@dataclass(frozen=True, slots=True)
class Reading:
    """What CPython's unpickler did with one stream, with inert stand-ins for all that it imports."""

    asked: tuple[tuple[str, str], ...]
    """(module, name) of each global that it asked for, as the stream spells them."""
    persistent: frozenset[str]
    """Kinds of persistent ids that it handed to its loader: `storage`, `module` or `other`."""
    end: int | None
    """Offset behind its STOP; None where it did not get there."""
    stopped: str = ""
    """What it raised instead."""


@dataclass(frozen=True, slots=True)
class Account:
    """The streams up to the first that it could not read to its end."""

    streams: tuple[Reading, ...] = ()
    silent: str = ""
    """Why it says nothing, or no more."""
    suspicious: bool = False
    """It is silent for a reason that no honest file gives."""


class Witness(Protocol):
    """CPython's unpickler behind a wall."""

    def ask(self, pieces: Iterable[bytes], size: int, streams: int) -> Callable[[], Account]:
        """Hand over these `size` bytes, to be read as at most `streams` streams one after the other.

        The answer is waited for when it is called for. Neither raises for what the bytes are.
        """
        ...
