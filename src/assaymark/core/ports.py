"""Ports of the registry: what it needs from the world, without saying how. Adapters are in `assaymark.storage`.

Blobs are named by the sha256 of their bytes, 64 lower-case hexadecimal digits; no name that a client chose ever reaches
a store. Sizes are bytes.
"""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol, Self

from assaymark.core.errors import AssayError, NotFound, UsageError

_HEX = re.compile(r"[0-9a-f]{64}")
Source = str | bytes | Iterable[bytes]
"""The path of a regular file, the content, or pieces of it; an open binary file is read to its end."""


class NoSuchBlob(NotFound):
    """The store does not hold the bytes of this name, or holds them in quarantine."""


class StoreFault(AssayError):
    """The store could not take or give bytes: no room, a broken device, a service that does not answer."""

    def __init__(self, message: str, *, step: str = "", full: bool = False) -> None:
        super().__init__(message, step=step)
        self.full = full
        """Whether there was no room."""


@dataclass(frozen=True, slots=True, order=True)
class Stored:
    """A blob, and when it was last put or touched (UTC), which is what its age counts from."""

    sha256: str
    size: int
    touched: datetime


class BlobReader(Protocol):
    """The content from its start to its end, hashed on the way."""

    size: int

    def read(self, length: int = -1) -> bytes:
        """The next bytes, empty at the end. The last ones are given only if the whole is what it is named for: Untrusted."""
        ...

    def __iter__(self) -> Iterator[bytes]:
        """The rest in pieces."""
        ...

    def close(self) -> None:
        """Let go of it."""
        ...

    def __enter__(self) -> Self: ...

    def __exit__(self, *_: object) -> None: ...


class ObjectStore(Protocol):
    """Content-addressed blobs. Every method may be called from several threads and processes at a time.

    Raises UsageError for a name that is no sha256, NoSuchBlob, Untrusted for content that is not what its name says, and
    StoreFault for what the machine or service refuses.
    """

    url: str
    """Where it is, fit to be shown."""

    def put(self, source: Source, expected: str | None = None) -> tuple[str, int]:
        """Store and give sha256 and size: visible whole and durable, or not at all. Untrusted when not `expected`.

        All of `source` is read even when its bytes are there already: who names a digest must have the content.
        """
        ...

    def touch(self, sha256: str) -> bool:
        """Count as put just now, so that no sweep under way takes it; False when it is not there."""
        ...

    def open(self, sha256: str) -> BlobReader:
        """Read the whole, verified."""
        ...

    def read_range(self, sha256: str, offset: int, length: int) -> bytes:
        """Bytes from the middle, shorter only where the blob ends. A part has no digest of its own: NOT verified."""
        ...

    def has(self, sha256: str) -> bool:
        """Whether the blob is there; its content is not looked at."""
        ...

    def size(self, sha256: str) -> int:
        """Its size."""
        ...

    def delete(self, sha256: str) -> None:
        """Remove without asking; nothing happens when it is not there."""
        ...

    def free(self, sha256: str, before: datetime) -> bool:
        """Remove if it was last touched earlier than `before`, even while others put it; whether that was done."""
        ...

    def list(self, after: str = "") -> Iterator[Stored]:
        """All blobs in the order of their names, from the first one after `after`."""
        ...

    def quarantine(self, sha256: str) -> None:
        """Move to where nothing is served from; it can be put anew."""
        ...

    def notes(self) -> "Notes":
        """The store's own small documents: leases."""
        ...

    def close(self) -> None:
        """Let go of what is held open."""
        ...


class Notes(Protocol):
    """Small documents beside the blobs. A name is `[a-z0-9/-]+`; writes are whole."""

    def write(self, name: str, content: bytes) -> None:
        """Write or replace."""
        ...

    def read(self, name: str) -> bytes | None:
        """The content, or None."""
        ...

    def names(self, prefix: str) -> list[str]:
        """The names below `prefix/`, sorted."""
        ...

    def remove(self, name: str) -> None:
        """Remove; nothing happens when it is not there."""
        ...


def blob_name(text: str) -> str:
    """`text` if it names a blob, else UsageError: paths, other algorithms, other spellings."""
    if not isinstance(text, str) or not _HEX.fullmatch(text):
        message = f"not the name of a blob: {str(text)[:80]!r}"
        raise UsageError(message, step="64 lower-case hexadecimal digits of a sha256")
    return text
