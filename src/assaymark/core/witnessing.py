"""What a witness of logs does: c2sp.org/tlog-witness, `add-checkpoint`, as a function of what he saw before.

Pure: what was seen is kept by a HeadStore, which is locked from the look until the new head is durable; HTTP is
elsewhere. A witness never cosigns two trees of one log of which the later did not grow from the earlier.
"""

from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Protocol

from assaymark.core.clock import Clock
from assaymark.core.errors import Malformed, Untrusted
from assaymark.core.merkle import EMPTY, verify_consistency
from assaymark.core.note import Note, NoteKey, NoteSignature, NoteSigner
from assaymark.core.tlog import AddCheckpoint, Checkpoint

MAX_REQUEST = 256 << 10
"""Bytes of a request: 63 hashes, and a checkpoint with the 16 signatures that everybody must take, of any kind known."""
TEXT = "text/plain; charset=utf-8"
SIZE = "text/x.tlog.size"


class Slot(Protocol):
    """The place of one log, locked."""

    def load(self) -> Note | None:
        """The last head that was cosigned, with the log's signature and ours."""
        ...

    def save(self, note: Note) -> None:
        """Keep a head; durable when it returns."""
        ...


class HeadStore(Protocol):
    """Where a witness remembers."""

    def locked(self, origin: str) -> AbstractContextManager[Slot]:
        """Nobody else looks at or changes this log's place meanwhile."""
        ...


@dataclass(frozen=True, slots=True)
class Answer:
    """An HTTP answer."""

    status: int
    body: str
    kind: str = TEXT


class Watch:
    """A witness: the logs he knows, by origin, his key, his memory."""

    def __init__(
        self, logs: Mapping[str, Sequence[NoteKey]], signer: NoteSigner, key: NoteKey, store: HeadStore, clock: Clock
    ) -> None:
        """`key` is the public half of `signer`, of type COSIGNATURE."""
        self._logs = logs
        self._signer = signer
        self._key = key
        self._store = store
        self._clock = clock

    def add_checkpoint(self, body: bytes) -> Answer:
        """Judge a request, remember what is accepted, and answer."""
        # 1. The request has the form of one.
        try:
            request = AddCheckpoint.read(body)
            checkpoint = Checkpoint.read(request.note.text)
        except Malformed as error:
            return Answer(400, f"{error.message}\n")
        # 2. The log is one that we watch.
        keys = self._logs.get(checkpoint.origin)
        if not keys:
            return Answer(404, "this witness does not watch that log\n")
        # 3. It signed.
        try:
            signed = {one.key.id for one in request.note.verify(keys)}
        except Untrusted as error:
            return Answer(403, f"{error.message}\n")
        # 4. Sizes make sense.
        if request.old > checkpoint.size:
            return Answer(400, f"the old size {request.old} is greater than the new one, {checkpoint.size}\n")
        own = (s for s in request.note.signatures if s.name == checkpoint.origin and s.id in signed)
        with self._store.locked(checkpoint.origin) as slot:
            return self._grown(slot, request, checkpoint, tuple(own))

    def _grown(
        self, slot: Slot, request: AddCheckpoint, checkpoint: Checkpoint, signatures: tuple[NoteSignature, ...]
    ) -> Answer:
        # 5. The log speaks of what we saw last.
        seen = self._seen(slot, checkpoint.origin)
        if request.old != seen.size or (checkpoint.size == seen.size and checkpoint.root != seen.root):
            return Answer(409, f"{seen.size}\n", SIZE)
        # 6. It only grew.
        if not verify_consistency(seen.size, checkpoint.size, request.path, seen.root, checkpoint.root):
            return Answer(422, "the consistency proof does not verify\n")
        # 7. Remembered first, said then.
        cosignature = self._cosign(request.note.text)
        slot.save(Note(request.note.text, (*signatures, cosignature)))
        return Answer(200, str(cosignature))

    def _seen(self, slot: Slot, origin: str) -> Checkpoint:
        """What we cosigned last, by our own signature on it; raises Untrusted or Malformed where memory was changed."""
        note = slot.load()
        if note is None:
            return Checkpoint(origin, 0, EMPTY)
        note.verify([self._key])
        seen = Checkpoint.read(note.text)
        if seen.origin != origin:
            raise Untrusted("the memory of another log stands in its place", step="restore the witness's state")
        return seen

    def _cosign(self, text: str) -> NoteSignature:
        return self._signer.sign(text, int(self._clock.now().timestamp()))
