"""The files of a folder, held open from before they are hashed until they were read."""

import io
import os
import time
from collections.abc import Collection
from typing import BinaryIO

from assaymark.core.errors import Untrusted, UsageError
from assaymark.core.manifest import Manifest, ManifestFile
from assaymark.storage import proven

_GRAIN = 20_000_000
"""Nanoseconds."""
_TRIES = 5
"""How often a file that is touched while it is read is hashed again before it is refused."""


class Held:
    """Raises Untrusted where the folder has not just the manifest's files, each a regular one of its size."""

    def __init__(self, root: str, manifest: Manifest) -> None:
        self._manifest = manifest
        self._files = {file.path: file for file in manifest.files}
        self._descriptors: dict[str, int] = {}
        self._stamps: dict[str, tuple[int, int, int]] = {}
        try:
            with proven.opened(root) as top:
                proven.require_names(top, manifest)
                for file in manifest.files:
                    self._descriptors[file.path] = proven.open_file(top, file)
                    self._stamps[file.path] = _stamp(self._descriptors[file.path])
            _settle(*self._stamps.values())
        except OSError as error:
            self.close()
            raise UsageError(f"the files cannot be held open: {error.strerror}", step="use a private copy") from error
        except BaseException:
            self.close()
            raise

    def check(self, later: Collection[str] = ()) -> None:
        """Hash every file but those that are verified later; raises Untrusted where one has other bytes."""

        def work(file: ManifestFile) -> None:
            if file.path not in later:
                proven.feed(self._descriptors[file.path], file, lambda _: None)

        proven.each(self._manifest, work)
        for path in self._files.keys() - set(later):
            self.is_unchanged(path)

    def opened(self, path: str) -> tuple[int, ManifestFile, tuple[int, int, int]]:
        """The open file, what the manifest says of it, and the size and times that it had when it was opened or hashed."""
        return self._descriptor(path), self._files[path], self._stamps[path]

    def open(self, path: str) -> BinaryIO:
        """The file from its start, with a place of its own; it must not outlive `close`."""
        return io.BufferedReader(_Reader(self, path, self._descriptor(path), self._files[path].size))

    def read(self, path: str) -> bytes:
        """The whole file; what is returned is what was hashed. Raises Untrusted."""
        descriptor, file = self._descriptor(path), self._files[path]
        content = bytearray(file.size)
        at = 0

        def take(piece: memoryview) -> None:
            nonlocal at
            content[at : at + len(piece)] = piece
            at += len(piece)

        proven.feed(descriptor, file, take)
        return bytes(content)

    def is_unchanged(self, path: str) -> bool:
        """Whether nothing touched the file since it was hashed. Where something did it is hashed again; raises Untrusted.

        Renaming and unlinking touch it too, so a change of its times alone is no reason to refuse it.
        """
        stamp = _stamp(self._descriptors[path])
        if stamp == self._stamps[path]:
            return True
        _settle(stamp)
        proven.feed(self._descriptors[path], self._files[path], lambda _: None)
        self._stamps[path] = stamp
        return False

    def close(self) -> None:
        """Close every file."""
        while self._descriptors:
            os.close(self._descriptors.popitem()[1])

    def file(self, path: str) -> ManifestFile:
        """What the manifest says of a file; raises UsageError for a path that it has not."""
        if path not in self._files:
            raise UsageError(f"{path!r} is not in the manifest", step="name a file of the model")
        return self._files[path]

    def _descriptor(self, path: str) -> int:
        self.file(path)
        if path not in self._descriptors:
            raise UsageError(f"{path!r} was closed", step="read before the model is closed")
        return self._descriptors[path]


class _Reader(io.RawIOBase):
    """Reads at a place of its own, so that several readers of one descriptor do not meet."""

    def __init__(self, held: Held, path: str, descriptor: int, size: int) -> None:
        self._held, self._path, self._descriptor, self._size = held, path, descriptor, size
        self._at = 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def readinto(self, buffer: "memoryview | bytearray") -> int:  # type: ignore[override] # what BufferedReader gives
        view = memoryview(buffer)[: max(0, self._size - self._at)]
        for _ in range(_TRIES):
            count = os.preadv(self._descriptor, [view], self._at)
            if self._held.is_unchanged(self._path):
                self._at += count
                return count
        raise Untrusted(f"{self._path!r} is written to all the time", step="verify into a private copy")

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        base = {os.SEEK_SET: 0, os.SEEK_CUR: self._at, os.SEEK_END: self._size}[whence]
        if base + offset < 0:
            raise ValueError("a place before the start")
        self._at = base + offset
        return self._at

    def tell(self) -> int:
        return self._at


def _settle(*stamps: tuple[int, int, int]) -> None:
    """Wait out the grain of the newest time, so that whatever is written from now on moves it (the kernel's tick, 10 ms at most)."""
    ago = time.time_ns() - max((changed for _, _, changed in stamps), default=0)
    if 0 <= ago < _GRAIN:
        time.sleep((_GRAIN - ago) / 1e9)


def _stamp(descriptor: int) -> tuple[int, int, int]:
    status = os.fstat(descriptor)
    return status.st_size, status.st_mtime_ns, status.st_ctime_ns
