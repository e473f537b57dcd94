"""Checkpoints, offline proofs and the witness protocol's texts: c2sp.org/tlog-checkpoint, tlog-proof, tlog-witness.

Pure. Reading says only what stands there; believing it needs `Note.verify` and core.merkle. `Proof.verify` does both.
"""

import base64
from collections.abc import Iterable
from dataclasses import dataclass

from assaymark.core.errors import Malformed, Untrusted
from assaymark.core.merkle import HASH, MAX_SIZE, leaf_hash, verify_inclusion
from assaymark.core.note import MAX_NOTE, Note, NoteKey, Signed, base64_bytes, strict_text

PROOF_HEADER = "c2sp.org/tlog-proof@v1"
MAX_PATH = 63
"""Most hashes in a proof (tlog-witness)."""
_MAX_EXTRA = 64 << 10
_MAX_TEXT = MAX_NOTE + _MAX_EXTRA * 2 + (1 << 14)


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """A tree head: the log, how many leaves, and their root."""

    origin: str
    size: int
    root: bytes
    extensions: tuple[str, ...] = ()

    @property
    def text(self) -> str:
        """Note text."""
        return "".join(f"{line}\n" for line in (self.origin, self.size, _encode(self.root), *self.extensions))

    @classmethod
    def read(cls, text: str) -> "Checkpoint":
        """Read a note's text; raises Malformed."""
        lines = text.split("\n")
        if len(lines) < 4 or lines.pop() or not all(lines):
            raise Malformed("not a checkpoint", step="expected lines: origin, tree size, root hash")
        origin, size, root, *extensions = lines
        return cls(origin, number(size), _hash(root), tuple(extensions))


@dataclass(frozen=True, slots=True)
class Head:
    """A checkpoint that the log signed, with the cosignatures of witnesses that one trusts."""

    checkpoint: Checkpoint
    cosigned: tuple[Signed, ...]


def verify_checkpoint(note: Note, log: NoteKey, witnesses: Iterable[NoteKey] = (), quorum: int = 0) -> Head:
    """Verify a checkpoint; raises Malformed or Untrusted."""
    # 1. The log's key signed it. A damaged signature of any key that is known refuses it.
    keys = tuple(witnesses)
    signed = note.verify([log, *keys])
    if all(one.key != log.key for one in signed):
        raise Untrusted(f"not signed by the log {log.name!r}", step="check the log's public key")
    # 2. It speaks of that log: the name of the key is the origin.
    checkpoint = Checkpoint.read(note.text)
    if checkpoint.origin != log.name:
        raise Untrusted(f"a checkpoint of {checkpoint.origin!r}, not of {log.name!r}", step="this is another log's")
    # 3. Enough witnesses saw it: distinct keys, whatever they are called.
    cosigned = tuple(one for one in signed if one.key != log.key)
    if len({one.key.raw for one in cosigned} - {log.key.raw}) < quorum:
        names = ", ".join(one.key.name for one in cosigned) or "none"
        step = "ask the log's operator whether the witnesses were reached; do not go on without them"
        raise Untrusted(f"{quorum} witnesses must have cosigned, and only these did: {names}", step=step)
    return Head(checkpoint, cosigned)


@dataclass(frozen=True, slots=True)
class Proof:
    """That a leaf is in a log: its index, the path to the root, the checkpoint as a note. `extra` is not authenticated."""

    index: int
    path: tuple[bytes, ...]
    note: Note
    extra: bytes = b""

    def __str__(self) -> str:
        extra = [f"extra {_encode(self.extra)}"] if self.extra else []
        lines = [PROOF_HEADER, *extra, f"index {self.index}", *map(_encode, self.path), ""]
        return "\n".join(lines) + "\n" + bytes(self.note).decode()

    @classmethod
    def read(cls, data: bytes) -> "Proof":
        """Read a tlog-proof; raises Malformed."""
        head, blank, note = strict_text(data, _MAX_TEXT).partition("\n\n")
        lines = head.split("\n")
        if not blank or lines.pop(0) != PROOF_HEADER:
            raise Malformed("not a log proof", step=f"expected a text that begins with {PROOF_HEADER}")
        extra = b""
        if lines and lines[0].startswith("extra "):
            extra = base64_bytes(lines.pop(0).removeprefix("extra "))
            if not 0 < len(extra) <= _MAX_EXTRA:
                raise Malformed("the extra data of a proof is empty or too long")
        if not lines or not lines[0].startswith("index "):
            raise Malformed("a log proof without an index line")
        index = number(lines.pop(0).removeprefix("index "))
        return cls(index, _path(lines), Note.read(note.encode()), extra)

    def verify(self, leaf: bytes, log: NoteKey, witnesses: Iterable[NoteKey] = (), quorum: int = 0) -> Head:
        """Verify that `leaf` is in the log at `index`; raises Malformed or Untrusted."""
        # 1. The checkpoint is the log's, and enough witnesses saw it.
        head = verify_checkpoint(self.note, log, witnesses, quorum)
        # 2. The leaf, hashed here, leads along the path to its root.
        tree = head.checkpoint
        if not verify_inclusion(leaf_hash(leaf), self.index, tree.size, self.path, tree.root):
            step = "the proof is of another leaf, or was changed; fetch the receipt again"
            raise Untrusted(f"the leaf is not number {self.index} of the log {tree.origin!r}", step=step)
        return head


@dataclass(frozen=True, slots=True)
class AddCheckpoint:
    """What a log posts to a witness: the size that the witness knows, the proof that it only grew, the new checkpoint."""

    old: int
    path: tuple[bytes, ...]
    note: Note

    def __bytes__(self) -> bytes:
        lines = [f"old {self.old}", *map(_encode, self.path), ""]
        return ("\n".join(lines) + "\n").encode() + bytes(self.note)

    @classmethod
    def read(cls, data: bytes) -> "AddCheckpoint":
        """Read a request body; raises Malformed."""
        head, blank, note = strict_text(data, _MAX_TEXT).partition("\n\n")
        lines = head.split("\n")
        if not blank or not lines[0].startswith("old "):
            raise Malformed("not an add-checkpoint request", step="expected: old SIZE, hashes, empty line, checkpoint")
        old = number(lines.pop(0).removeprefix("old "))
        return cls(old, _path(lines), Note.read(note.encode()))


def number(text: str) -> int:
    """An ASCII decimal without leading zeroes, at most 2**63-1; raises Malformed."""
    if not (text.isascii() and text.isdigit()) or len(text) > 19 or (text[0] == "0" and text != "0"):
        raise Malformed(f"{text[:40]!r} is not a decimal number as logs write it")
    value = int(text)
    if value > MAX_SIZE:
        raise Malformed(f"{text} is more than a log can hold")
    return value


def _path(lines: list[str]) -> tuple[bytes, ...]:
    if len(lines) > MAX_PATH:
        raise Malformed(f"a proof has at most {MAX_PATH} hashes, not {len(lines)}")
    return tuple(_hash(line) for line in lines)


def _hash(text: str) -> bytes:
    data = base64_bytes(text)
    if len(data) != HASH:
        raise Malformed(f"a hash has {HASH} bytes, not {len(data)}")
    return data


def _encode(data: bytes) -> str:
    return base64.b64encode(data).decode()
