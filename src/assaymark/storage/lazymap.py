"""Files whose parts are verified when they are first touched, by the digests of their parts.

The map is private and read-only. Against someone who writes into the file itself it is no protection: what he changes is noticed
by the file's times when the next view is asked for, not in views that were given. With `copy` each part is read into memory of
our own, hashed there, and given from there, so nothing that is done to the file matters any more.
"""

import hashlib
import io
import mmap
import os
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import BinaryIO

from assaymark.core.errors import Unreadable, Untrusted, UsageError
from assaymark.core.manifest import ManifestFile
from assaymark.core.pieces import Pieces
from assaymark.storage.files import printable

_BLOCK = 256 << 10
"""Bytes; stays in a core's cache between reading and hashing."""
_READ = 1 << 20
"""Bytes that a file object reads ahead."""
_TRIES = 5
"""How often a part that is touched while it is read is hashed again before it is refused."""
_TICK = 20_000_000
"""Nanoseconds; the clock of file times goes in steps of 1 to 10 ms."""
_STEP = "fetch the model again from the registry, or find out who changed it"
Stamp = tuple[int, int, int]
"""Size and times of a file."""


class Trust:
    """Of one model: from the first wrong part on nothing of it is given. `refused` makes the error."""

    def __init__(self, refused: Callable[[str, str], Untrusted]) -> None:
        self._refused = refused
        self._lost = ""

    def lose(self, message: str) -> Untrusted:
        """The error to raise, now and for whatever is asked from now on."""
        self._lost = self._lost or message
        return self._refused(message, _STEP)

    def refuse(self, message: str) -> Untrusted:
        """The error to raise this once."""
        return self._refused(message, _STEP)

    def require(self) -> None:
        """Raise the first error again, where there was one."""
        if self._lost:
            raise self._refused(self._lost, _STEP)


class VerifiedMap:
    """One file. `view` and `read_into` may be used by any number of threads; each part is hashed once."""

    def __init__(
        self, descriptor: int, file: ManifestFile, pieces: Pieces, trust: Trust, *, copy: bool, stamp: Stamp | None
    ) -> None:
        self.path, self.size = file.path, file.size
        self._descriptor, self._sha256, self._pieces, self._trust, self._copy = (
            descriptor, file.sha256, pieces, trust, copy,
        )  # fmt: skip
        self._changed = threading.Condition()
        self._busy: set[int] = set()
        self._users, self._closed, self._epoch = 0, False, 0
        # With a stamp the whole was hashed when the file had it.
        self._known = bytearray([stamp is not None and not copy]) * len(pieces.digests)
        self._complete = stamp is not None and not copy
        self._stamp = stamp or (stamp_of(descriptor) if copy else _settled(descriptor))
        self._memory: mmap.mmap | None = None
        if file.size and copy:
            self._memory = _own_memory(file.size, file.path)
        elif file.size:
            try:
                self._memory = mmap.mmap(descriptor, file.size, flags=mmap.MAP_PRIVATE, prot=mmap.PROT_READ)
            except (OSError, ValueError) as error:  # ValueError: the file is shorter by now
                raise trust.lose(f"{self._shown()} cannot be mapped: {error}") from error

    def view(self, offset: int, length: int) -> memoryview:
        """These bytes, read-only, once every part that they touch was verified; they outlive the map."""
        if offset < 0 or length < 0 or offset + length > self.size:
            raise ValueError(f"{length:,} bytes from {offset:,} of {self.size:,}")
        with self._in_use():
            self._require(offset, length)
            if self._memory is None or not length:
                return memoryview(b"")
            return memoryview(self._memory)[offset : offset + length].toreadonly()

    def read_into(self, buffer: memoryview, offset: int) -> int:
        """Fill the buffer with verified bytes from there on, as far as there are any; how many."""
        wanted = buffer[: max(0, self.size - offset)]
        if not len(wanted):
            return 0
        with self._in_use():
            for _ in range(_TRIES):
                epoch = self._require(offset, len(wanted))
                if self._copy and self._memory is not None:
                    wanted[:] = memoryview(self._memory)[offset : offset + len(wanted)]
                    return len(wanted)
                count = self._read(wanted, offset)
                if epoch == self._look():
                    return count
            raise self._restless()

    def open(self) -> BinaryIO:
        """The file from its start, with a place of its own."""
        return io.BufferedReader(_Reader(self), _READ)

    def prove(self, stop: threading.Event) -> None:
        """Verify every part, and then the whole by the manifest's own digest, which people sealed; unless it is stopped."""
        with self._in_use():
            for _ in range(_TRIES):
                epoch = self._look()
                if self._complete or (whole := self._whole(stop)) is None:
                    return
                with self._changed:
                    self._notice()
                    if epoch == self._epoch:
                        if whole != self._sha256:
                            raise self._trust.lose(f"{self._shown()} has other bytes than were approved")
                        self._complete = True
                        return
            raise self._restless()

    @property
    def is_complete(self) -> bool:
        """Whether the whole was proven, and nothing touched the file since."""
        if self._closed or not self._complete:
            return False
        try:
            self._look()
        except Untrusted:
            return False
        return self._complete

    def close(self) -> None:
        """Wait for who is reading; views that were given stay good."""
        with self._changed:
            self._closed = True
            while self._users:
                self._changed.wait()
            self._memory = None

    @contextmanager
    def _in_use(self) -> Iterator[None]:
        with self._changed:
            self._trust.require()
            if self._closed:
                raise UsageError(f"{self._shown()} was closed", step="read before the model is closed")
            self._users += 1
        try:
            yield
        finally:
            with self._changed:
                self._users -= 1
                self._changed.notify_all()

    def _require(self, offset: int, length: int) -> int:
        """Every part of the range was verified in one state of the file, whose number is returned."""
        size = self._pieces.length
        touched = range(offset // size, -(-(offset + length) // size)) if length else range(0)
        for _ in range(_TRIES):
            epoch = self._look()
            for index in touched:
                self._piece(index)
            if epoch == self._look():
                return epoch
        raise self._restless()

    def _look(self) -> int:
        """The number of the state that the file is in now."""
        with self._changed:
            self._trust.require()
            self._notice()
            return self._epoch

    def _piece(self, index: int) -> None:
        """Verify one part, unless it was, or let the thread do it that is at it."""
        with self._changed:
            while index in self._busy:
                self._changed.wait()
            self._trust.require()
            if self._known[index]:
                return
            self._busy.add(index)
            epoch = self._epoch
        try:
            good = self._hash(index) == self._pieces.digests[index]
            with self._changed:
                self._notice()
                if epoch == self._epoch:
                    if not good:
                        raise self._trust.lose(self._wrong(index))
                    self._known[index] = 1
        finally:
            with self._changed:
                self._busy.discard(index)
                self._changed.notify_all()

    def _notice(self) -> None:
        """Forget what was verified where something touched the file; renaming and unlinking do too. Needs the lock."""
        if self._copy:
            return
        stamp = stamp_of(self._descriptor)
        if stamp != self._stamp:
            stamp = _settled(self._descriptor)
        if stamp[0] != self.size:
            raise self._trust.lose(f"{self._shown()} has {stamp[0]:,} bytes now, not {self.size:,}")
        if stamp != self._stamp:
            self._stamp = stamp
            self._epoch += 1
            self._known = bytearray(len(self._known))
            self._complete = False

    def _hash(self, index: int) -> bytes:
        total = hashlib.sha256()
        for piece in self._content(index, fill=self._copy):
            total.update(piece)
        return total.digest()

    def _whole(self, stop: threading.Event) -> str | None:
        """The sha256 of all parts after each was verified; None when it was stopped."""
        total = hashlib.sha256()
        for index in range(len(self._pieces.digests)):
            if stop.is_set():
                return None
            self._piece(index)
            for piece in self._content(index, fill=False) if len(self._pieces.digests) > 1 else ():
                total.update(piece)
        return total.hexdigest() if len(self._pieces.digests) > 1 else self._sha256

    def _content(self, index: int, *, fill: bool) -> Iterator[memoryview]:
        """The bytes of a part; `fill` reads them from the file into our own memory first."""
        at = index * self._pieces.length
        end = min(at + self._pieces.length, self.size)
        own = memoryview(self._memory) if self._copy and self._memory is not None else None
        if own is not None and not fill:
            yield own[at:end]
            return
        buffer = memoryview(bytearray(min(_BLOCK, end - at)))
        while at < end:
            wanted = own[at : min(at + _BLOCK, end)] if own is not None else buffer[: end - at]
            count = self._read(wanted, at)
            if not count:
                return  # it was truncated
            yield wanted[:count]
            at += count

    def _read(self, buffer: memoryview, at: int) -> int:
        try:
            return os.preadv(self._descriptor, [buffer], at)
        except OSError as error:
            raise Unreadable(f"{self._shown()}: {error.strerror}") from error

    def _wrong(self, index: int) -> str:
        start = index * self._pieces.length
        end = min(start + self._pieces.length, self.size)
        return f"{self._shown()} has other bytes than were approved, somewhere from {start:,} to {end:,}"

    def _restless(self) -> Untrusted:
        return self._trust.refuse(f"{self._shown()} is written to all the time")

    def _shown(self) -> str:
        return repr(printable(self.path))[:300]


class _Reader(io.RawIOBase):
    """Reads at a place of its own."""

    def __init__(self, source: VerifiedMap) -> None:
        self._map = source
        self._at = 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def readinto(self, buffer: "memoryview | bytearray") -> int:  # type: ignore[override] # what BufferedReader gives
        count = self._map.read_into(memoryview(buffer).cast("B"), self._at)
        self._at += count
        return count

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        base = {os.SEEK_SET: 0, os.SEEK_CUR: self._at, os.SEEK_END: self._map.size}[whence]
        if base + offset < 0:
            raise ValueError("a place before the start")
        self._at = base + offset
        return self._at

    def tell(self) -> int:
        return self._at


def stamp_of(descriptor: int) -> Stamp:
    """Size and times, of which the last one is nobody's to set."""
    status = os.fstat(descriptor)
    return status.st_size, status.st_mtime_ns, status.st_ctime_ns


def _settled(descriptor: int) -> Stamp:
    """The same, once the clock of files has moved on, so that whatever is written from now on changes the times."""
    stamp = stamp_of(descriptor)
    for _ in range(_TRIES):
        age = time.time_ns() - stamp[2]
        if not 0 <= age < _TICK:
            break
        time.sleep((_TICK - age) / 1e9)
        stamp = stamp_of(descriptor)
    return stamp


def _own_memory(size: int, path: str) -> mmap.mmap:
    machine = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    try:
        if size > machine:
            raise MemoryError(f"the machine has {machine:,}")  # noqa: TRY301 - one message for both
        return mmap.mmap(-1, size, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
    except (OSError, MemoryError) as error:
        step = "map it without copy=True, from a private copy on disk"
        raise UsageError(f"{path!r:.200} does not fit into memory: {error}", step=step) from error
