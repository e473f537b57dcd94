"""The symbolic unpickler: what a pickle would do, judged by a table of vetted globals, without doing any of it."""

from itertools import count

from assaymark.core.blob import Blob, Bytes
from assaymark.core.budget import Budget, Limits, Spool
from assaymark.core.errors import AssayError, OverBudget
from assaymark.model.machine.machine import Event, Machine, Result
from assaymark.model.machine.reader import CutOff

__all__ = ["Event", "Machine", "Result", "plausible"]

_MAX_STREAMS = 1_000
_WINDOWS = Limits(seconds=16)
"""Recognition follows so many windows of at most a MiB (reader.py), or frames: what is still a pickle then is one."""


def plausible(start: bytes, blob: Blob, *, ends: bool = False) -> bool:
    """Whether a blob without PROTO at its start is a pickle that does something: imports, and then calls, builds or ends.

    `start` is the blob's beginning. Text fails within a few opcodes: its words name nothing that could be imported, or
    the stack runs dry. Only what comes through `start` unharmed is followed further. With `ends` a stream that does
    nothing but end is one, too: where a pickle ended just before.
    """
    budget = Budget(_WINDOWS, monotonic=count().__next__, spool=_no_spool)
    verdict = _acts(Bytes(start), budget, ends=ends)
    return bool(_acts(blob, budget, ends=ends)) if verdict is None and blob.size > len(start) else bool(verdict)


def _acts(blob: Blob, budget: Budget, *, ends: bool) -> bool | None:
    """Whether the streams do something before one fails; None when the bytes end first.

    Streams may follow each other: torch's old layout begins with three that hold a number or nothing. What is a pickle
    a thousand times over is one.
    """
    result, at = Result(), 0
    for _ in range(_MAX_STREAMS):
        machine = Machine(blob, at, budget, result, strict=True, later=at > 0)
        try:
            machine.run()
        except CutOff:
            return None if not _called(result) else True
        except OverBudget:
            return True
        except AssayError:
            return _called(result)
        at = machine.reader.offset
        if result.effects or ends:
            return True
        if at >= blob.size:
            return None
    return True


def _called(result: Result) -> bool:
    return result.effects > sum(event.count for event in result.events.values())


def _no_spool() -> Spool:
    raise RuntimeError("the machine decompresses nothing")
