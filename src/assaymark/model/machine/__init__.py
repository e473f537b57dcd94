"""The symbolic unpickler: what a pickle would do, judged by a table of vetted globals, without doing any of it."""

from assaymark.core.blob import Blob, Bytes
from assaymark.core.budget import Budget, Spool
from assaymark.core.errors import AssayError
from assaymark.model.machine.machine import Event, Machine, Result
from assaymark.model.machine.reader import CutOff

__all__ = ["Event", "Machine", "Result", "plausible"]


def plausible(start: bytes, blob: Blob) -> bool:
    """Whether a blob without PROTO at its start is a pickle that does something: imports, and then calls, builds or ends.

    `start` is the blob's beginning. Text fails within a few opcodes: its words name nothing that could be imported, or
    the stack runs dry. Only what comes through `start` unharmed is followed further.
    """
    verdict = _acts(Bytes(start))
    return bool(_acts(blob)) if verdict is None and blob.size > len(start) else bool(verdict)


def _acts(blob: Blob) -> bool | None:
    """Whether the stream does something before it ends or fails; None when it is cut off first."""
    result = Result()
    machine = Machine(blob, 0, Budget(monotonic=lambda: 0.0, spool=_no_spool), result, strict=True)
    try:
        machine.run()
    except CutOff:
        return None if not _called(result) else True
    except AssayError:
        return _called(result)
    return bool(result.effects)


def _called(result: Result) -> bool:
    return result.effects > sum(event.count for event in result.events.values())


def _no_spool() -> Spool:
    raise RuntimeError("the machine decompresses nothing")
