"""Files of the local system as blobs: opened without following links or waiting, hashed in the same pass as they are read."""

import hashlib
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager

from assaymark.core.errors import Unreadable
from assaymark.core.record import dataclass

_BLOCK = 1 << 20
_PERMISSION = "give read permission, or take the path out of the scan"


class FileBlob:
    """One regular file, open. What is read is hashed as it passes, and what a reader skips is hashed on the way."""

    def __init__(self, descriptor: int, *, digest: bool) -> None:
        self._descriptor = descriptor
        self._before = os.fstat(descriptor)
        self.size = self._before.st_size
        self._hash = hashlib.sha256() if digest else None
        self._hashed = 0

    def read(self, offset: int, length: int) -> bytes:
        """See core.blob.Blob."""
        try:
            data = os.pread(self._descriptor, min(length, max(0, self.size - offset)), offset)
            end = offset + len(data)
            if self._hash is None or end <= self._hashed:
                return data
            if offset > self._hashed and end < self.size:  # a look at the very end is no sign of progress
                self._hash_up_to(offset)
        except OSError as error:
            raise Unreadable(f"read failed at {offset}: {error.strerror}") from error
        if offset <= self._hashed:
            self._hash.update(memoryview(data)[self._hashed - offset :])
            self._hashed = end
        return data

    def sha256(self) -> str | None:
        """Digest of the whole content, or None when it was not asked for. Raises Unreadable if the file changed."""
        if self._hash is None:
            return None
        try:
            self._hash_up_to(self.size)
        except OSError as error:
            raise Unreadable(f"read failed: {error.strerror}") from error
        self.verify_unchanged()
        return self._hash.hexdigest()

    def _hash_up_to(self, end: int) -> None:
        buffer = memoryview(bytearray(min(_BLOCK, max(0, end - self._hashed))))
        while self._hash is not None and self._hashed < end:
            count = os.preadv(self._descriptor, [buffer[: end - self._hashed]], self._hashed)
            if not count:
                return  # it shrank: verify_unchanged will say so
            self._hash.update(buffer[:count])
            self._hashed += count

    def verify_unchanged(self) -> None:
        """Raise Unreadable when size or times moved since the file was opened."""
        after = os.fstat(self._descriptor)
        if (after.st_size, after.st_mtime_ns, after.st_ctime_ns) != (
            self._before.st_size, self._before.st_mtime_ns, self._before.st_ctime_ns,
        ):  # fmt: skip
            message = "changed while it was looked at"
            raise Unreadable(message, step="scan again when nothing writes to it")


@contextmanager
def open_blob(path: str, *, digest: bool = True) -> Iterator[FileBlob]:
    """Open a regular file; anything else, and anything that the system refuses, raises Unreadable."""
    flags = os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_CLOEXEC", 0)
    flags |= getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_BINARY", 0)
    try:
        descriptor = os.open(path, flags)
    except OSError as error:
        message = f"cannot be opened: {error.strerror}"
        raise Unreadable(message, step=_PERMISSION) from error
    try:
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            message = "is not a regular file"
            raise Unreadable(message, step="take it out of the scan")
        yield FileBlob(descriptor, digest=digest)
    finally:
        os.close(descriptor)


@dataclass(frozen=True, slots=True)
class Entry:
    """A path met on a walk. `problem` says why its bytes cannot be had."""

    path: str
    """Relative to the root, POSIX, undecodable bytes as backslash escapes."""
    real: str
    """What the operating system is asked for: where a link leads, if it may be followed."""
    size: int
    problem: str = ""


def walk(root: str, *, follow_links: bool, excluded: "Excluder") -> Iterator[Entry]:
    """Every file below `root` in sorted order, no folder entered twice.

    A link to a file below `root` is an entry with that file's content; a link that leads out is one only with
    `follow_links`; a link to a folder is never followed. What is not followed is an entry with a problem.
    """
    top = os.path.realpath(root).rstrip(os.sep) + os.sep
    pending = [("", root)]
    while pending:
        prefix, folder = pending.pop()
        try:
            with os.scandir(folder) as scanner:
                items = sorted(scanner, key=lambda item: item.name)
        except OSError as error:
            yield Entry(printable(prefix.rstrip("/")) or ".", folder, 0, f"folder cannot be listed: {error.strerror}")
            continue
        below = []
        for item in items:
            path = prefix + item.name
            if excluded(path, item.path):
                continue
            if item.is_dir(follow_symlinks=False):
                below.append((path + "/", item.path))
            else:
                yield _entry(path, item, top, follow_links=follow_links)
        pending.extend(reversed(below))


class Excluder:
    """Decides which paths are left out of a subject, and remembers them."""

    def __init__(self, patterns: tuple[str, ...], *, git: bool) -> None:
        self._patterns = patterns
        self._git = git
        self.left_out: list[tuple[str, str]] = []

    def __call__(self, path: str, real: str) -> bool:
        """Whether `path` (relative to the root) is left out."""
        from fnmatch import fnmatchcase

        why = ""
        if self._git and path == ".git" and os.path.exists(os.path.join(real, "HEAD")):
            why = "version control store, not part of the work tree"
        elif any(fnmatchcase(path, pattern.rstrip("/")) for pattern in self._patterns):
            why = "excluded by --exclude"
        if why:
            self.left_out.append((printable(path), why))
        return bool(why)


def _entry(path: str, item: "os.DirEntry[str]", root: str, *, follow_links: bool) -> Entry:
    name = printable(path)
    try:
        if not item.is_symlink():
            status = item.stat(follow_symlinks=False)
            problem = "" if stat.S_ISREG(status.st_mode) else f"is a {_kind(status.st_mode)}, not a file"
            return Entry(name, item.path, status.st_size, problem)
        target = os.readlink(item.path)
        real = os.path.realpath(item.path)
        if not follow_links and not f"{real}{os.sep}".startswith(root):
            return Entry(
                name, item.path, 0, f"is a symbolic link out of the folder, to {target!r}; --follow-links reads it"
            )
        status = os.stat(real)
    except OSError as error:
        return Entry(name, item.path, 0, f"cannot be read: {error.strerror}")
    if not stat.S_ISREG(status.st_mode):
        return Entry(name, item.path, 0, f"is a symbolic link to a {_kind(status.st_mode)}, never followed")
    return Entry(name, real, status.st_size)


def _kind(mode: int) -> str:
    kinds = {
        stat.S_IFIFO: "pipe", stat.S_IFSOCK: "socket", stat.S_IFCHR: "device", stat.S_IFBLK: "device",
        stat.S_IFDIR: "folder", stat.S_IFREG: "file",
    }  # fmt: skip
    return kinds.get(stat.S_IFMT(mode), "special file")


def printable(path: str) -> str:
    """A path as valid Unicode: bytes that are none become backslash escapes."""
    if path.isascii():
        return path
    return os.fsencode(path).decode("utf-8", "backslashreplace")
