"""What CPython's own unpickler says of the streams that our machine has read, and where the two differ.

The witness is given what the streams' own reader is given: joblib's raw arrays and the pickles within them are cut out, and
those are handed over as pickles of their own. What it asks for and we did not see is a finding, and so is every byte that
it reads otherwise. Where it gives up and we read on, it could not confirm our reading.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import field

from assaymark.core.blob import CHUNK, Blob
from assaymark.core.format import Item, Skipped
from assaymark.core.record import dataclass
from assaymark.core.witness import Account, Reading, Witness
from assaymark.model.machine import Result
from assaymark.model.machine.machine import TORCHSCRIPT, renamed
from assaymark.model.machine.states import MAX_RAW

EARLY = 1 << 15
"""Files up to this many bytes are handed over whole before we read them ourselves: the witness reads at the same time."""
LOOKAHEAD = 1 << 12
"""Bytes behind our last one that are handed over, so that a witness who reads on shows what it finds there."""
_ENOUGH = 10_000
_DENIED = frozenset({"dangerous", "computed", "misuse", "extension"})
"""Kinds of events that deny: a witness adds nothing, and names that we could not follow cannot be compared."""


@dataclass(frozen=True, slots=True)
class CrossCheck:
    """Where CPython's unpickler and our machine do not agree.

    `unseen`: what it reached and we did not see. `elsewhere`: how it reads bytes that we read otherwise, with the offset.
    `stopped`: why it gave up before our reading did, or gave no answer for a reason that no honest file has.
    """

    unseen: tuple[str, ...]
    elsewhere: tuple[tuple[int, str], ...]
    stopped: str


@dataclass(slots=True)
class Span:
    """What our machine read in one go: streams one behind the other in `blob[start:end]`, without what others read.

    `ends` are the offsets behind each STOP; `fault` tells that the last stream did not come to one. `cut` are begins and
    ends of raw arrays and inner pickles.
    """

    start: int
    end: int
    ends: list[int] = field(default_factory=list)
    fault: bool = False
    cut: list[tuple[int, int]] = field(default_factory=list)

    def pieces(self, blob: Blob) -> list[tuple[int, int]]:
        """Begins and ends of what the witness is given."""
        last = min(blob.size, self.end + LOOKAHEAD)
        bounds = [self.start, *(bound for cut in self.cut for bound in cut), last]
        return [(a, b) for a, b in zip(bounds[::2], bounds[1::2], strict=True) if b > a]


class Hearing:
    """Of one file. It is made before our own reading, `differences` are called for after it."""

    def __init__(self, blob: Blob, witness: Callable[[], Witness]) -> None:
        self._blob = blob
        self._witness = witness()
        self._early = self._ask([(0, blob.size)], _ENOUGH) if blob.size <= EARLY else None

    def differences(self, spans: Sequence[Span], result: Result) -> Iterator[Item]:
        """A CrossCheck where something differs, and what could not be compared."""
        early = self._early() if self._early is not None else None
        if result.dropped or any(event.kind in _DENIED for event in result.events.values()):
            return
        if any(len(span.cut) > MAX_RAW for span in spans):
            yield _left_out("more raw arrays than are cut out of it")
            return
        seen = _Seen(result)
        for span in spans:
            pieces = span.pieces(self._blob)
            if early is not None and not early.silent and span.start == 0 and not span.cut:
                pieces, account = [(0, self._blob.size)], early
            else:  # what stands behind our streams may have silenced it: that does not count
                account = self._ask(pieces, len(span.ends) + span.fault)()
            yield from seen.compare(span, pieces, account)
        if seen.any:
            yield CrossCheck(tuple(seen.unseen), tuple(seen.elsewhere), seen.stopped)

    def _ask(self, pieces: Sequence[tuple[int, int]], streams: int) -> Callable[[], Account]:
        return self._witness.ask(_read(self._blob, pieces), sum(end - start for start, end in pieces), streams)


def _read(blob: Blob, pieces: Sequence[tuple[int, int]]) -> Iterator[bytes]:
    for start, end in pieces:
        for at in range(start, end, CHUNK):
            yield blob.read(at, min(CHUNK, end - at))


class _Seen:
    """What our machine saw in all streams, and what is held against it."""

    def __init__(self, result: Result) -> None:
        events = result.events.values()
        self._names = {(e.module, e.name) for e in events if e.kind in {"import", "unknown"}}
        self._script = any(e.kind == "torchscript" for e in events)
        kinds = {e.module for e in events if e.kind == "persistent"}
        self._persistent = {"module", "storage", "other"} if "other" in kinds else {"module", *kinds}
        self.unseen: dict[str, None] = {}
        self.elsewhere: list[tuple[int, str]] = []
        self.stopped = ""

    @property
    def any(self) -> bool:
        """Whether there is a difference."""
        return bool(self.unseen or self.elsewhere or self.stopped)

    def compare(self, span: Span, pieces: Sequence[tuple[int, int]], said: Account) -> Iterator[Item]:
        """Take in what was said of a span."""
        readings = said.streams[: len(span.ends) + span.fault]
        for reading in readings:
            self.unseen.update(dict.fromkeys(self._missed(reading)))
        if said.silent:
            if said.suspicious and not span.fault:
                self.stopped = self.stopped or said.silent
            elif not span.fault:
                yield _left_out(said.silent)
            return
        for end, reading in zip(span.ends, readings, strict=False):
            if not self._ends_alike(end, reading, pieces):
                return
        if span.fault and len(readings) > len(span.ends) and readings[-1].end is not None:
            self.elsewhere.append((span.end, f"reads on where our reading stops, at {span.end:,}"))

    def _ends_alike(self, end: int, reading: Reading, pieces: Sequence[tuple[int, int]]) -> bool:
        """Compare one stream that our machine read to its end."""
        if reading.end is not None:
            its = _place(reading.end, pieces)
            if its != end:
                self.elsewhere.append((min(end, its), f"ends a stream at {its:,}, our reading at {end:,}"))
            return its == end
        self.stopped = self.stopped or reading.stopped
        return False

    def _missed(self, reading: Reading) -> Iterator[str]:
        for module, name in reading.asked:
            if not self._has(module, name):
                yield f"{module}.{name}"
        for kind in reading.persistent - self._persistent:
            yield f"persistent_load({kind})"

    def _has(self, module: str, name: str) -> bool:
        if self._script and (module == TORCHSCRIPT or module.startswith(TORCHSCRIPT + ".")):
            return True
        names = self._names
        if (module, name) in names:
            return True
        return renamed(module, name) in names


def _place(end: int, pieces: Sequence[tuple[int, int]]) -> int:
    """The offset in the file of an end (of a byte before it) in the pieces put together."""
    for start, stop in pieces:
        if end <= stop - start:
            return start + end
        end -= stop - start
    return pieces[-1][1] if pieces else end


def _left_out(why: str) -> Skipped:
    return Skipped("", f"not cross-checked by CPython's unpickler: {why}", holds=False)
