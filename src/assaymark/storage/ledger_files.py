"""The ledger's static files: a folder that any web server can serve. An object store takes the place of Folder by its methods."""

import os
import stat
import tempfile
from collections.abc import Iterator
from typing import Protocol

from assaymark.core.errors import Unreadable
from assaymark.core.note import MAX_NOTE
from assaymark.core.tiles import MAX_BUNDLE

CHECKPOINT = "checkpoint"
_TEMPORARY = ".tmp"
_STEP = "check the folder's permissions and the disk's space"


class StaticFiles(Protocol):
    """Where the files are. A write is whole and durable when it returns."""

    def read(self, path: str) -> bytes | None:
        """The whole file, or None where there is none."""
        ...

    def write(self, path: str, data: bytes) -> None:
        """Put the file in place of what was there."""
        ...

    def delete(self, path: str) -> None:
        """Take the file away; none is no error."""
        ...

    def paths(self) -> Iterator[str]:
        """Every file."""
        ...

    def tidy(self) -> None:
        """Take away what a killed writer left. Only the one writer calls it."""
        ...


def limit_of(path: str) -> int:
    """Bytes that a file of the log can have."""
    return MAX_NOTE if path == CHECKPOINT else MAX_BUNDLE


class Folder:
    """StaticFiles in a folder."""

    def __init__(self, root: str) -> None:
        self.root = root
        self._made: set[str] = set()

    def read(self, path: str) -> bytes | None:
        """See StaticFiles; no link is followed, nothing but a regular file of possible length is read."""
        flags = os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_CLOEXEC", 0)
        try:
            descriptor = os.open(self._place(path), flags)
        except (FileNotFoundError, NotADirectoryError):
            return None
        except OSError as error:
            raise Unreadable(f"{path}: {error.strerror}", step=_STEP) from error
        with os.fdopen(descriptor, "rb") as file:
            status = os.fstat(descriptor)
            if not stat.S_ISREG(status.st_mode) or status.st_size > limit_of(path):
                raise Unreadable(f"{path} is no file of a log: {status.st_size:,} bytes, mode {status.st_mode:o}")
            try:
                return file.read(limit_of(path))
            except OSError as error:
                raise Unreadable(f"{path}: {error.strerror}", step=_STEP) from error

    def write(self, path: str, data: bytes) -> None:
        """See StaticFiles: a temporary file, fsync, rename, fsync of the folder."""
        place = self._place(path)
        try:
            self._make(os.path.dirname(place))
            temporary = self._place(_TEMPORARY)
            self._make(temporary)
            descriptor, name = tempfile.mkstemp(dir=temporary)
            try:
                with os.fdopen(descriptor, "wb") as file:
                    file.write(data)
                    file.flush()
                    os.fchmod(descriptor, 0o644)
                    os.fsync(descriptor)
                os.replace(name, place)
            except BaseException:
                os.unlink(name)
                raise
            _sync(os.path.dirname(place))
        except OSError as error:
            raise Unreadable(f"{path} of the ledger was not written: {error.strerror}", step=_STEP) from error

    def delete(self, path: str) -> None:
        """See StaticFiles; a folder of partial tiles that became empty goes with its last file."""
        try:
            os.unlink(self._place(path))
            os.rmdir(os.path.dirname(self._place(path)))
            self._made.discard(os.path.dirname(self._place(path)))
        except OSError:
            return  # what cannot be deleted is only more than is needed

    def paths(self) -> Iterator[str]:
        """See StaticFiles."""
        for folder, below, names in os.walk(self.root):
            prefix = os.path.relpath(folder, self.root).replace(os.sep, "/")
            below.sort()
            if prefix == ".":
                prefix = ""
                below[:] = [name for name in below if name != _TEMPORARY]
            yield from (f"{prefix}/{name}".lstrip("/") for name in sorted(names))

    def tidy(self) -> None:
        """See StaticFiles."""
        place = self._place(_TEMPORARY)
        for name in os.listdir(place) if os.path.isdir(place) else ():
            os.unlink(os.path.join(place, name))

    def _place(self, path: str) -> str:
        return os.path.join(self.root, *path.split("/"))

    def _make(self, folder: str) -> None:
        """Make a folder and those above it, each durably."""
        if folder in self._made and os.path.isdir(folder):
            return
        missing = []
        while not os.path.isdir(folder):
            missing.append(folder)
            folder = os.path.dirname(folder)
        for name in reversed(missing):
            os.mkdir(name, 0o755)
            _sync(os.path.dirname(name))
        self._made.update(missing)


def _sync(folder: str) -> None:
    descriptor = os.open(folder or ".", os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
