"""Pickle streams: plain, several in a row, joblib with its raw arrays, and the legacy PyTorch layout.

`torch.save(…, _use_new_zipfile_serialization=False)` writes five streams (magic, protocol, system, object, storage keys)
and then the storages as raw numbers (torch/serialization.py).
"""

from collections.abc import Iterator
from dataclasses import field

from assaymark.core.blob import Blob, Slice
from assaymark.core.budget import Budget
from assaymark.core.errors import Malformed, OverBudget
from assaymark.core.format import Context, Item, Member, Region, Skipped
from assaymark.core.record import dataclass
from assaymark.model.crosscheck import Hearing, Span
from assaymark.model.machine import Event, Machine, Result
from assaymark.model.torch.part import TorchPart

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
    program: bool = False
    """It stands in an archive that brings code for `__torch__` names, and that code is looked at."""

    def of(self, kind: str) -> Iterator[Event]:
        """The events of one kind."""
        return (event for event in self.events if event.kind == kind)


@dataclass(frozen=True, slots=True)
class SecondReading:
    """What plain `pickle.load` would reach in a file that joblib wrote, by taking an array's bytes for opcodes."""

    events: tuple[Event, ...]


@dataclass(slots=True)
class _Streams:
    """What was read so far: how many streams, up to where, what stopped us, and the places for the cross-check."""

    at: int = 0
    count: int = 0
    first: object = None
    fault: Malformed | OverBudget | None = None
    spans: list[Span] = field(default_factory=list)
    raw: list[tuple[int, int]] = field(default_factory=list)
    twofold: list[tuple[int, bool, bool]] = field(default_factory=list)
    """Start of each stream that other loaders than joblib's read otherwise, whether another came before, and whether the
    first array in it is one of objects, or may be."""


def parse(blob: Blob, context: Context) -> Iterator[Item]:
    """Run every stream symbolically; a fault is raised after the view of what came before it."""
    if not blob.size:
        raise Malformed("empty: no pickle stream")
    budget = context.budget
    hearing = Hearing(blob, budget.witness) if budget.witness else None
    result = Result()
    read = _read(blob, budget, result)
    at = read.at
    legacy = read.first == TORCH_MAGIC and read.count >= _TORCH_STREAMS
    trailing = at if read.fault is None and not legacy and not _is_padding(blob, at) else None
    events = tuple(result.events.values())
    yield PickleView(events, read.count, legacy, trailing, result.dropped, isinstance(blob, TorchPart))
    yield from (Region(start, end - start) for start, end in read.raw)
    if hearing is not None and not isinstance(read.fault, OverBudget):
        yield from hearing.differences(read.spans, result)
    for start, later, objects in read.twofold:
        yield from _second_reading(blob, start, budget, result, later=later, objects=objects)
    for raw in result.nested.values():
        yield Member(f"pickle@{raw.offset}", Slice(blob, raw.offset, raw.length))
    if legacy and at < blob.size:
        yield Skipped(f"storages@{at}", "raw tensor storage: numbers that torch never unpickles", holds=False)
        yield Region(at, blob.size - at)
    if read.fault is not None:
        raise read.fault


def _read(blob: Blob, budget: Budget, result: Result) -> _Streams:
    """Follow the streams one after the other, up to a fault or to what is none."""
    read = _Streams()
    span = Span(0, 0)
    read.spans.append(span)
    while read.at < blob.size and read.count < _MAX_STREAMS:
        if read.count and not _begins(blob, read.at):
            break
        start = read.at
        machine, fault = _stream(blob, start, budget, result, later=read.count > 0)
        span.end = machine.reader.offset
        span.cut += machine.raw
        read.spans += [Span(begin, end, [end]) for begin, end in machine.inner]
        arrays = set(machine.inner)
        read.raw += [place for place in machine.raw if place not in arrays]
        if machine.joblib:
            read.twofold.append((start, read.count > 0, not machine.raw or machine.raw[0] in arrays))
        if fault is not None:
            read.fault = fault
            span.fault = not machine.joblib  # where an array may have been cut short there is nothing to compare
            break
        span.ends.append(span.end)
        read.first = machine.value if not read.count else read.first
        read.at = span.end
        read.count += 1
    return read


def _stream(
    blob: Blob, at: int, budget: Budget, result: Result, *, later: bool, arrays: bool = True
) -> tuple[Machine, Malformed | OverBudget | None]:
    """Follow one stream; where a name's text was not kept, follow it once more and keep that one.

    What is left unsettled after the last pass stays in the result as a computed name.
    """
    keep: frozenset[int] = frozenset()
    for last in (False, False, True):
        attempt = result.copy()
        machine = Machine(blob, at, budget, attempt, keep=keep, strict=not arrays, later=later, arrays=arrays)
        fault: Malformed | OverBudget | None = None
        try:
            budget.tick()
            machine.run()
        except (Malformed, OverBudget) as error:
            fault = error
        if last or machine.wanted <= keep:
            break
        keep |= machine.wanted
    result.become(attempt)
    return machine, fault


def _second_reading(
    blob: Blob, start: int, budget: Budget, first: Result, *, later: bool, objects: bool
) -> Iterator[SecondReading]:
    """What a loader that knows nothing of joblib's arrays reaches beyond what joblib does.

    An array's bytes seldom get further than to an opcode that does not exist, and practically never import a name that
    could be one. Where they do, all that follows counts. An array of objects is a pickle that does so by right: there the
    names that it has were judged already, and only what is put together from both memos and is known to be bad counts.
    """
    result = Result()
    _stream(blob, start, budget, result, later=later, arrays=False)
    beyond = [event for key, event in result.events.items() if key not in first.events]
    if any(event.kind in {"import", "unknown", "dangerous"} for event in beyond):
        kinds = {"dangerous"} if objects else {"dangerous", "unknown", "computed", "misuse", "extension"}
        reached = tuple(event for event in beyond if event.kind in kinds)
        if reached:
            yield SecondReading(reached)


def _begins(blob: Blob, at: int) -> bool:
    """Whether another stream begins here: loaders that call load() again would run it."""
    start = blob.read(at, 4096)
    if len(start) >= 2 and start[0] == 0x80 and start[1] <= 5:
        return True
    from assaymark.model.machine import plausible

    return plausible(start, Slice(blob, at, blob.size - at), ends=True)


def _is_padding(blob: Blob, at: int) -> bool:
    return blob.size - at <= _MAX_PADDING and not blob.read(at, _MAX_PADDING).strip(b"\0\r\n\t ")
