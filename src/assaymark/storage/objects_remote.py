"""A bucket as a content-addressed store.

    PREFIX/blobs/sha256/ab/cdef…   the bytes; written by a conditional put (If-None-Match)
    PREFIX/touched/SHA256          empty; its age is that of the last put of a blob that was there already
    PREFIX/doomed/SHA256           empty; a sweep is about to delete the blob
    PREFIX/quarantine/SHA256       what a scrub found damaged; never served
    PREFIX/notes/…                 leases

Two flags keep a put and a sweep apart without locks. Who puts writes `touched` (or the blob itself), then looks for
`doomed` and waits while it is there. Who sweeps writes `doomed`, then looks at the ages again and backs off from a young
blob. These services read what was written, so at least one of the two sees the other.
"""

import re
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta

from assaymark.core.clock import Clock
from assaymark.core.errors import UsageError
from assaymark.core.ports import NoSuchBlob, Source, Stored, StoreFault, blob_name
from assaymark.storage.buckets import PIECE, Bucket, Meta
from assaymark.storage.notes import check_note
from assaymark.storage.objects import consume
from assaymark.storage.verified import VerifiedReader, damaged

_BLOBS = "blobs/sha256"
_WAIT = 0.2
"""Seconds between two looks at a sweep's mark."""
_DOOM = timedelta(minutes=15)
"""A sweep that left its mark this long ago has died; its requests ended long before."""
_TRIES = 3


class RemoteStore:
    """core.ports.ObjectStore in a bucket. Ages are by the service's clock; `clock` only tells when a sweep has died."""

    def __init__(self, bucket: Bucket, clock: Clock, *, wait: Callable[[float], None] = time.sleep) -> None:
        self.url = bucket.url
        self._bucket = bucket
        self._clock = clock
        self._wait = wait

    def put(self, source: Source, expected: str | None = None) -> tuple[str, int]:
        """See core.ports.ObjectStore. The content goes through a temporary file, so that nobody changes it meanwhile."""
        if expected is not None:
            blob_name(expected)
        with _room(), tempfile.NamedTemporaryFile(prefix="assay-") as file:
            sha256, size = consume(source, expected, file.write)
            file.flush()
            for _ in range(_TRIES):
                if self._touch(sha256, size) or self._create(sha256, size, file.name):
                    return sha256, size
        raise StoreFault(f"blob {sha256} is deleted again and again while it is sent", step="stop the other program")

    def _create(self, sha256: str, size: int, path: str) -> bool:
        if not self._bucket.create(_key(sha256), path, size):
            return False  # another put was first: it is touched next
        return not self._swept(sha256) or self._bucket.head(_key(sha256)) is not None

    def touch(self, sha256: str) -> bool:
        """See core.ports.ObjectStore."""
        return self._touch(blob_name(sha256), None)

    def _touch(self, sha256: str, size: int | None) -> bool:
        meta = self._bucket.head(_key(sha256))
        if meta is None:
            return False
        if size is not None and meta.size != size:
            self.quarantine(sha256)
            return False
        self._bucket.write(f"touched/{sha256}", b"")
        return not self._swept(sha256) or self._bucket.head(_key(sha256)) is not None

    def _swept(self, sha256: str) -> bool:
        """Wait until no sweep is about to delete it; whether one was."""
        seen = False
        while (mark := self._bucket.head(f"doomed/{sha256}")) is not None:
            seen = True
            if self._clock.now() - mark.written > _DOOM:
                self._bucket.remove(f"doomed/{sha256}")
            self._wait(_WAIT)
        return seen

    def open(self, sha256: str) -> VerifiedReader:
        """See core.ports.ObjectStore."""
        return VerifiedReader(sha256, self.size(sha256), lambda at, n: self._read(sha256, at, n), piece=PIECE)

    def read_range(self, sha256: str, offset: int, length: int) -> bytes:
        """See core.ports.ObjectStore."""
        if offset < 0 or length < 0:
            raise UsageError("a range starts at 0 or later and is not negative")
        return self._read(sha256, offset, min(length, max(0, self.size(sha256) - offset)))

    def _read(self, sha256: str, offset: int, length: int) -> bytes:
        data = self._bucket.read(_key(sha256), offset, length)
        if data is None:
            raise _missing(sha256)
        if len(data) != length:
            raise damaged(sha256)
        return data

    def has(self, sha256: str) -> bool:
        """See core.ports.ObjectStore."""
        return self._bucket.head(_key(blob_name(sha256))) is not None

    def size(self, sha256: str) -> int:
        """See core.ports.ObjectStore."""
        meta = self._bucket.head(_key(blob_name(sha256)))
        if meta is None:
            raise _missing(sha256)
        return meta.size

    def list(self, after: str = "") -> Iterator[Stored]:
        """See core.ports.ObjectStore. Touches are merged in: both listings come in the order of the names."""
        touches = self._bucket.below("touched", f"touched/{after}" if after else "")
        touch = next(touches, None)
        for meta in self._bucket.below(_BLOBS, _key(after) if after else ""):
            sha256 = _name(meta)
            if sha256 is None or sha256 <= after:
                continue
            while touch is not None and touch.key < f"touched/{sha256}":
                touch = next(touches, None)
            same = touch is not None and touch.key == f"touched/{sha256}"
            yield Stored(sha256, meta.size, max(meta.written, touch.written) if touch and same else meta.written)

    def delete(self, sha256: str) -> None:
        """See core.ports.ObjectStore."""
        self._bucket.remove(_key(blob_name(sha256)))
        self._bucket.remove(f"touched/{sha256}")

    def free(self, sha256: str, before: datetime) -> bool:
        """See core.ports.ObjectStore."""
        blob_name(sha256)
        if not self._older(sha256, before):
            return False
        self._bucket.write(f"doomed/{sha256}", b"")
        try:
            if not self._older(sha256, before):
                return False
            self.delete(sha256)
            return True
        finally:
            self._bucket.remove(f"doomed/{sha256}")

    def _older(self, sha256: str, before: datetime) -> bool:
        blob, touch = self._bucket.head(_key(sha256)), self._bucket.head(f"touched/{sha256}")
        # Services tell whole seconds: what was written within the second of `before` counts as later.
        limit = before - timedelta(seconds=1)
        return blob is not None and blob.written < limit and (touch is None or touch.written < limit)

    def quarantine(self, sha256: str) -> None:
        """See core.ports.ObjectStore."""
        meta = self._bucket.head(_key(blob_name(sha256)))
        if meta is not None:
            self._bucket.copy(_key(sha256), f"quarantine/{sha256}", meta.size)
            self.delete(sha256)

    def notes(self) -> "RemoteNotes":
        """See core.ports.ObjectStore."""
        return RemoteNotes(self._bucket)

    def close(self) -> None:
        """See core.ports.ObjectStore."""


class RemoteNotes:
    """core.ports.Notes in the bucket."""

    def __init__(self, bucket: Bucket) -> None:
        self._bucket = bucket

    def write(self, name: str, content: bytes) -> None:
        """See core.ports.Notes."""
        self._bucket.write(f"notes/{check_note(name)}", content)

    def read(self, name: str) -> bytes | None:
        """See core.ports.Notes."""
        meta = self._bucket.head(f"notes/{check_note(name)}")
        return self._bucket.read(meta.key, 0, meta.size) if meta else None

    def names(self, prefix: str) -> list[str]:
        """See core.ports.Notes."""
        return sorted(meta.key.removeprefix("notes/") for meta in self._bucket.below(f"notes/{check_note(prefix)}"))

    def remove(self, name: str) -> None:
        """See core.ports.Notes."""
        self._bucket.remove(f"notes/{check_note(name)}")


def _key(sha256: str) -> str:
    return f"{_BLOBS}/{sha256[:2]}/{sha256[2:]}"


def _name(meta: Meta) -> str | None:
    """The blob that an object is, or None for a stranger."""
    sha256 = meta.key.removeprefix(f"{_BLOBS}/").replace("/", "")
    return sha256 if re.fullmatch(r"[0-9a-f]{64}", sha256) and meta.key == _key(sha256) else None


def _missing(sha256: str) -> NoSuchBlob:
    return NoSuchBlob(f"there is no blob {sha256}", step="upload it, or look at the digest")


@contextmanager
def _room() -> Iterator[None]:
    try:
        yield
    except OSError as error:
        step = "free room in the temporary folder, or set TMPDIR"
        raise StoreFault(f"cannot store a blob: {error.strerror}", step=step, full=True) from error
