"""A folder as a content-addressed store.

    blobs/sha256/ab/cdef…   the bytes, complete and durable; modes 0600 and 0700
    tmp/                    what is being written, under random names
    quarantine/             what a scrub found damaged; never served
    notes/                  leases
    lock                    held shared by who touches a blob, alone by who takes one away

A blob is written to `tmp`, fsynced, linked to its name without replacing, and the folder fsynced. No path is built from
anything but 64 hexadecimal digits, and no symbolic link is followed on the way. POSIX only (links, flock).
"""

import fcntl
import os
import re
import secrets
import stat
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from datetime import UTC, datetime, timedelta
from errno import EDQUOT, EFBIG, ELOOP, ENOSPC, ENOTSUP, EPERM

from assaymark.core.clock import Clock
from assaymark.core.errors import UsageError
from assaymark.core.ports import NoSuchBlob, Source, Stored, StoreFault, blob_name
from assaymark.storage.notes import FolderNotes
from assaymark.storage.objects import consume
from assaymark.storage.verified import VerifiedReader, damaged

_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_READ = os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK
_NEW = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
_SHARD = re.compile(r"[0-9a-f]{2}")
_REST = re.compile(r"[0-9a-f]{62}")
GRACE = timedelta(hours=24)
"""Age after which a file in `tmp` is nobody's any more."""


class FolderStore:
    """core.ports.ObjectStore below `root`, which is made when it is not there."""

    def __init__(self, root: str, clock: Clock, *, grace: timedelta = GRACE) -> None:
        if not root:
            raise UsageError("a store needs a folder", step="file:///path, or a path")
        self._root = os.path.abspath(root)
        self._clock = clock
        self._folders: dict[str, int] = {}
        self.url = f"file://{self._root}"
        with self._faults("open the store"):
            os.makedirs(self._root, mode=0o700, exist_ok=True)
            self._top = os.open(self._root, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
            for name in ("blobs", "tmp", "quarantine", "notes"):
                self._folders[name] = _open_folder(name, self._top)
            self._folders["blobs"] = _inside(self._folders["blobs"], "sha256")
            self._sweep_temporaries(grace)

    def put(self, source: Source, expected: str | None = None) -> tuple[str, int]:
        """See core.ports.ObjectStore."""
        if expected is not None and self.touch(blob_name(expected)):
            sha256, size = consume(source, expected, lambda _: None)
            if self._touch(sha256, size):
                return sha256, size
            if not isinstance(source, (str, bytes)):  # it was read, and cannot be read again
                raise StoreFault(f"blob {sha256} was deleted or damaged while it was sent", step="send it again")
        temporary = secrets.token_hex(16)
        with self._faults("store a blob"):
            descriptor = os.open(temporary, _NEW, 0o600, dir_fd=self._folders["tmp"])
            try:
                with os.fdopen(descriptor, "wb", buffering=0) as file:
                    sha256, size = consume(source, expected, lambda data: _write_all(file.fileno(), data))
                    self._stamp(file.fileno())
                    os.fsync(file.fileno())
                self._publish(temporary, sha256, size)
            finally:
                with suppress(FileNotFoundError):
                    os.unlink(temporary, dir_fd=self._folders["tmp"])
        return sha256, size

    def _publish(self, temporary: str, sha256: str, size: int) -> None:
        with self._shard(sha256, make=True) as shard:
            while not self._link(temporary, shard, sha256, size):
                self._set_aside(sha256, shard, size)
            os.fsync(shard)

    def _link(self, temporary: str, shard: int, sha256: str, size: int) -> bool:
        """Give the file its name, or leave the one that has it; False when that one cannot have these bytes."""
        tmp = self._folders["tmp"]
        with self._lock(fcntl.LOCK_SH):
            try:
                os.link(temporary, sha256[2:], src_dir_fd=tmp, dst_dir_fd=shard, follow_symlinks=False)
            except FileExistsError:
                return self._refresh(shard, sha256, size)
            except OSError as error:
                if error.errno not in {EPERM, ENOTSUP}:
                    raise
                # No hard links here: what a rename would replace has the same bytes.
                os.rename(temporary, sha256[2:], src_dir_fd=tmp, dst_dir_fd=shard)
        return True

    def _refresh(self, shard: int, sha256: str, size: int | None) -> bool:
        """Count as put just now; False when what is there is no file of this size."""
        status = os.stat(sha256[2:], dir_fd=shard, follow_symlinks=False)
        if not stat.S_ISREG(status.st_mode) or size not in {None, status.st_size}:
            return False
        self._stamp(sha256[2:], shard)
        return True

    def _set_aside(self, sha256: str, shard: int, size: int) -> None:
        """Move what has this name, and not this size, to quarantine."""
        with self._lock(fcntl.LOCK_EX), suppress(FileNotFoundError):
            if not self._refresh(shard, sha256, size):
                self._move_away(sha256, shard)

    def touch(self, sha256: str) -> bool:
        """See core.ports.ObjectStore."""
        return self._touch(blob_name(sha256), None)

    def _touch(self, sha256: str, size: int | None) -> bool:
        with self._faults(f"touch blob {sha256}"), suppress(FileNotFoundError), self._shard(sha256) as shard:
            with self._lock(fcntl.LOCK_SH):
                same = self._refresh(shard, sha256, size)
            if size is not None and not same:
                self._set_aside(sha256, shard, size)
            elif size is not None:
                os.fsync(shard)  # whoever linked it may not have come to this yet
            return same
        return False

    def _stamp(self, file: int | str, folder: int | None = None) -> None:
        moment = int(self._clock.now().timestamp() * 1_000_000) * 1000
        if isinstance(file, int):
            os.utime(file, ns=(moment, moment))
        else:
            os.utime(file, ns=(moment, moment), dir_fd=folder, follow_symlinks=False)

    def open(self, sha256: str) -> VerifiedReader:
        """See core.ports.ObjectStore."""
        descriptor, size = self._open(sha256)

        def read_at(offset: int, length: int) -> bytes:
            with self._faults(f"read blob {sha256}"):
                return _read_all(descriptor, offset, length)

        return VerifiedReader(sha256, size, read_at, lambda: os.close(descriptor))

    def read_range(self, sha256: str, offset: int, length: int) -> bytes:
        """See core.ports.ObjectStore."""
        if offset < 0 or length < 0:
            raise UsageError("a range starts at 0 or later and is not negative")
        descriptor, size = self._open(sha256)
        try:
            with self._faults(f"read blob {sha256}"):
                return _read_all(descriptor, offset, min(length, max(0, size - offset)))
        finally:
            os.close(descriptor)

    def has(self, sha256: str) -> bool:
        """See core.ports.ObjectStore."""
        try:
            return self.size(sha256) >= 0
        except NoSuchBlob:
            return False

    def size(self, sha256: str) -> int:
        """See core.ports.ObjectStore."""
        descriptor, size = self._open(sha256)
        os.close(descriptor)
        return size

    def _open(self, sha256: str) -> tuple[int, int]:
        blob_name(sha256)
        with self._faults(f"open blob {sha256}"):
            try:
                with self._shard(sha256) as shard:
                    descriptor = os.open(sha256[2:], _READ, dir_fd=shard)
            except FileNotFoundError as error:
                raise NoSuchBlob(f"there is no blob {sha256}", step="upload it, or look at the digest") from error
            except OSError as error:
                raise damaged(sha256) if error.errno == ELOOP else error from error  # a link in its place
            status = os.fstat(descriptor)
            if not stat.S_ISREG(status.st_mode):
                os.close(descriptor)
                raise damaged(sha256)
            return descriptor, status.st_size

    def list(self, after: str = "") -> Iterator[Stored]:
        """See core.ports.ObjectStore. Memory: the names of one of 256 folders."""
        with self._faults("list the store"):
            shards = sorted(name for name in os.listdir(self._folders["blobs"]) if _SHARD.fullmatch(name))
        for name in shards:
            if name < after[:2]:
                continue
            with self._faults("list the store"), suppress(FileNotFoundError), self._shard(name) as shard:
                found = list(self._listed(name, shard, after))
            yield from found

    def _listed(self, name: str, shard: int, after: str) -> Iterator[Stored]:
        for rest in sorted(os.listdir(shard)):
            if not _REST.fullmatch(rest) or name + rest <= after:
                continue
            with suppress(FileNotFoundError):
                status = os.stat(rest, dir_fd=shard, follow_symlinks=False)
                yield Stored(name + rest, status.st_size, _moment(status))

    def delete(self, sha256: str) -> None:
        """See core.ports.ObjectStore."""
        self._alone("delete", sha256, lambda shard: _unlink(sha256, shard))

    def free(self, sha256: str, before: datetime) -> bool:
        """See core.ports.ObjectStore."""

        def unlink_old(shard: int) -> bool:
            status = os.stat(sha256[2:], dir_fd=shard, follow_symlinks=False)
            return _moment(status) < before and _unlink(sha256, shard)

        return self._alone("delete", sha256, unlink_old)

    def quarantine(self, sha256: str) -> None:
        """See core.ports.ObjectStore."""
        self._alone("move", sha256, lambda shard: self._move_away(sha256, shard))

    def _alone(self, doing: str, sha256: str, act: Callable[[int], bool]) -> bool:
        """Act on the folder of a blob while nobody touches one; False when there is no such blob."""
        blob_name(sha256)
        with self._faults(f"{doing} blob {sha256}"), suppress(FileNotFoundError), ExitStack() as stack:
            shard = stack.enter_context(self._shard(sha256))
            stack.enter_context(self._lock(fcntl.LOCK_EX))
            return act(shard)
        return False

    def _move_away(self, sha256: str, shard: int) -> bool:
        place = f"{sha256}.{secrets.token_hex(4)}"
        os.rename(sha256[2:], place, src_dir_fd=shard, dst_dir_fd=self._folders["quarantine"])
        os.fsync(self._folders["quarantine"])
        os.fsync(shard)
        return True

    def notes(self) -> FolderNotes:
        """See core.ports.ObjectStore."""
        return FolderNotes(self._folders["notes"])

    def close(self) -> None:
        """See core.ports.ObjectStore."""
        for descriptor in (*self._folders.values(), self._top):
            os.close(descriptor)
        self._folders.clear()
        self._top = -1

    @contextmanager
    def _shard(self, sha256: str, *, make: bool = False) -> Iterator[int]:
        blobs = self._folders["blobs"]
        try:
            shard = os.open(sha256[:2], _FOLDER, dir_fd=blobs)
        except FileNotFoundError:
            if not make:
                raise
            shard = _open_folder(sha256[:2], blobs)
        try:
            yield shard
        finally:
            os.close(shard)

    @contextmanager
    def _lock(self, kind: int) -> Iterator[None]:
        """Between processes, and between threads: each has a descriptor of its own."""
        flags = os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC
        descriptor = os.open("lock", flags, 0o600, dir_fd=self._top)
        try:
            fcntl.flock(descriptor, kind)
            yield
        finally:
            os.close(descriptor)

    def _sweep_temporaries(self, grace: timedelta) -> None:
        before = (self._clock.now() - grace).timestamp()
        for name in os.listdir(self._folders["tmp"]):
            with suppress(FileNotFoundError, IsADirectoryError, PermissionError):
                if os.stat(name, dir_fd=self._folders["tmp"], follow_symlinks=False).st_mtime < before:
                    os.unlink(name, dir_fd=self._folders["tmp"])

    @contextmanager
    def _faults(self, doing: str) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            raise self._fault(doing, error) from error

    def _fault(self, doing: str, error: OSError) -> StoreFault:
        if error.errno in {ENOSPC, EDQUOT, EFBIG}:
            step = f"free room where {self._root} is, or run a sweep; nothing was stored"
            return StoreFault(f"cannot {doing}: no room ({error.strerror})", step=step, full=True)
        step = f"look at the disk and the permissions of {self._root}; a link in it is never followed"
        return StoreFault(f"cannot {doing}: {error.strerror or error}", step=step)


def _open_folder(name: str, parent: int) -> int:
    """A folder in a folder, made when it is not there; a link in its place is refused."""
    try:
        os.mkdir(name, 0o700, dir_fd=parent)
    except FileExistsError:
        pass
    else:
        os.fsync(parent)
    return os.open(name, _FOLDER, dir_fd=parent)


def _inside(parent: int, name: str) -> int:
    try:
        return _open_folder(name, parent)
    finally:
        os.close(parent)


def _unlink(sha256: str, shard: int) -> bool:
    os.unlink(sha256[2:], dir_fd=shard)
    os.fsync(shard)
    return True


def _moment(status: os.stat_result) -> datetime:
    return datetime.fromtimestamp(0, UTC) + timedelta(microseconds=status.st_mtime_ns // 1000)


def _write_all(descriptor: int, data: bytes) -> None:
    view = memoryview(data)
    while view:
        view = view[os.write(descriptor, view) :]


def _read_all(descriptor: int, offset: int, length: int) -> bytes:
    data = os.pread(descriptor, length, offset)
    while 0 < len(data) < length:
        more = os.pread(descriptor, length - len(data), offset + len(data))
        if not more:
            break
        data += more
    return data
