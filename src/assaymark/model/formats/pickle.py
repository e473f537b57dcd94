"""Pickle streams: plain, several in a row, joblib with its raw arrays, and the legacy PyTorch layout.

`torch.save(…, _use_new_zipfile_serialization=False)` writes five streams (magic, protocol, system, object, storage keys)
and then the storages as raw numbers (torch/serialization.py).
"""

from collections.abc import Iterator
from dataclasses import dataclass

from assaymark.core.blob import Blob, Slice
from assaymark.core.budget import Budget
from assaymark.core.errors import Malformed, OverBudget
from assaymark.core.format import Context, Item, Member, Skipped
from assaymark.model.machine import Event, Machine, Result

TORCH_MAGIC = 0x1950A86A20F9469CFC6C
_MAX_STREAMS = 10_000
_MAX_PADDING = 4_096
_TORCH_STREAMS = 5


@dataclass(frozen=True, slots=True)
class PickleView:
    """What all streams of a file would do when they are loaded.

    `trailing` is the offset of bytes that no stream and no known layout explains, or None. `dropped` counts events that
    found no room.
    """

    events: tuple[Event, ...]
    streams: int
    torch_legacy: bool
    trailing: int | None
    dropped: int

    def of(self, kind: str) -> Iterator[Event]:
        """The events of one kind."""
        return (event for event in self.events if event.kind == kind)


def parse(blob: Blob, context: Context) -> Iterator[Item]:
    """Run every stream symbolically; a fault is raised after the view of what came before it."""
    result = Result()
    fault: Malformed | OverBudget | None = None
    at, streams, first = 0, 0, None
    if not blob.size:
        raise Malformed("empty: no pickle stream")
    try:
        while at < blob.size and streams < _MAX_STREAMS:
            if streams and not _begins(blob, at):
                break
            context.budget.tick()
            machine = _stream(blob, at, context.budget, result, later=streams > 0)
            first = machine.value if not streams else first
            at = machine.reader.offset
            streams += 1
    except (Malformed, OverBudget) as error:
        fault = error
    legacy = first == TORCH_MAGIC and streams >= _TORCH_STREAMS
    trailing = at if fault is None and not legacy and not _is_padding(blob, at) else None
    yield PickleView(tuple(result.events.values()), streams, legacy, trailing, result.dropped)
    for raw in result.nested.values():
        yield Member(f"pickle@{raw.offset}", Slice(blob, raw.offset, raw.length))
    if legacy and at < blob.size:
        yield Skipped(f"storages@{at}", "raw tensor storage: numbers that torch never unpickles", holds=False)
    if fault is not None:
        raise fault


def _stream(blob: Blob, at: int, budget: Budget, result: Result, *, later: bool) -> Machine:
    """Follow one stream; where a name's text was not kept, follow it once more and keep that one.

    What is left unsettled after the last pass stays in the result as a computed name.
    """
    keep: frozenset[int] = frozenset()
    for last in (False, False, True):
        attempt = result.copy()
        machine = Machine(blob, at, budget, attempt, keep=keep, later=later)
        fault: Malformed | OverBudget | None = None
        try:
            machine.run()
        except (Malformed, OverBudget) as error:
            fault = error
        if last or machine.wanted <= keep:
            break
        keep |= machine.wanted
    result.become(attempt)
    if fault is not None:
        raise fault
    return machine


def _begins(blob: Blob, at: int) -> bool:
    """Whether another stream begins here: loaders that call load() again would run it."""
    start = blob.read(at, 4096)
    if len(start) >= 2 and start[0] == 0x80 and start[1] <= 5:
        return True
    from assaymark.model.machine import plausible

    return plausible(start, Slice(blob, at, blob.size - at), ends=True)


def _is_padding(blob: Blob, at: int) -> bool:
    return blob.size - at <= _MAX_PADDING and not blob.read(at, _MAX_PADDING).strip(b"\0\r\n\t ")
