"""The files of a feed: of a folder, a zip, a tar (plain, gz, bz2, xz, zst) or one file; read one after the other, bounded."""

import bz2
import gzip
import lzma
import os
import stat
import tarfile
import zipfile
import zlib
from collections.abc import Iterator
from typing import IO, Any, cast

from assaymark.core.errors import Malformed, OverBudget, UsageError

LARGEST = 4 << 20
"""Bytes of a record."""
_LARGEST_FILE = 256 << 20
"""Bytes of a file that was named itself."""
_LARGEST_ALL = 8 << 30
_MOST = 2_000_000
_ENDINGS = (".json", ".yaml", ".yml")


def read(path: str) -> Iterator[tuple[str, bytes | None]]:
    """(path in the feed, bytes) of each JSON or YAML file; None for one that is larger than a record may be.

    Raises UsageError for what cannot be opened, Malformed for an archive that is broken, OverBudget for a bomb.
    """
    try:
        if os.path.isdir(path):
            yield from _bounded(_folder(path))
            return
        if not stat.S_ISREG(os.stat(path).st_mode):
            raise UsageError(f"{path} is neither a file nor a folder")
        with open(path, "rb") as file:
            start = file.read(512)
            file.seek(0)
            if start[:4] in {b"PK\x03\x04", b"PK\x05\x06"}:
                yield from _bounded(_zip(file))
            elif _is_tar(path, start):
                yield from _bounded(_tar(file, start))
            elif os.fstat(file.fileno()).st_size > _LARGEST_FILE:
                raise OverBudget(f"{path} is larger than {_LARGEST_FILE >> 20} MiB")
            else:
                yield os.path.basename(path), file.read(_LARGEST_FILE)
    except OSError as error:
        raise UsageError(f"{path}: {error.strerror or error}") from None


def _is_tar(path: str, start: bytes) -> bool:
    packed = start[:4] == b"\x28\xb5\x2f\xfd" or start[:3] == b"BZh" or start[:6] == b"\xfd7zXZ\x00"
    zipped = start[:2] == b"\x1f\x8b" and path.lower().endswith((".tar.gz", ".tgz"))
    return packed or zipped or start[257:262] == b"ustar"


def _bounded(files: Iterator[tuple[str, bytes | None]]) -> Iterator[tuple[str, bytes | None]]:
    total = 0
    for count, (name, data) in enumerate(files):
        total += len(data or b"")
        if count >= _MOST or total > _LARGEST_ALL:
            raise OverBudget(f"a feed of more than {_MOST:,} records or {_LARGEST_ALL >> 30} GiB")
        yield name.encode("utf-8", "backslashreplace").decode(), data


def _folder(top: str) -> Iterator[tuple[str, bytes | None]]:
    """No link is followed, and what begins with a dot (`.git`) is no record."""
    for folder, folders, names in os.walk(top):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        for name in sorted(names):
            full = os.path.join(folder, name)
            if not name.lower().endswith(_ENDINGS) or name.startswith("."):
                continue
            descriptor = os.open(full, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
            with os.fdopen(descriptor, "rb") as file:
                if os.path.islink(full) or not stat.S_ISREG(os.fstat(descriptor).st_mode):
                    continue
                data = file.read(LARGEST + 1)
            yield os.path.relpath(full, top).replace(os.sep, "/"), data if len(data) <= LARGEST else None


def _zip(file: IO[bytes]) -> Iterator[tuple[str, bytes | None]]:
    try:
        with zipfile.ZipFile(file) as archive:
            for info in archive.infolist():
                if info.is_dir() or not info.filename.lower().endswith(_ENDINGS):
                    continue
                with archive.open(info) as member:
                    data = member.read(LARGEST + 1)
                yield info.filename, data if len(data) <= LARGEST else None
    except (zipfile.BadZipFile, zlib.error, lzma.LZMAError, EOFError, NotImplementedError, RuntimeError) as error:
        raise Malformed(f"the zip of the feed is broken: {error}") from None


def _tar(file: IO[bytes], start: bytes) -> Iterator[tuple[str, bytes | None]]:
    zstd: Any = _zstd() if start[:4] == b"\x28\xb5\x2f\xfd" else None
    faults: tuple[type[Exception], ...] = (
        tarfile.TarError,
        zlib.error,
        lzma.LZMAError,
        EOFError,
        gzip.BadGzipFile,
        ValueError,
    )
    faults = (*faults, zstd.ZstdError) if zstd else faults
    try:
        with (
            _unpacked(file, start, zstd) as unpacked,
            tarfile.open(fileobj=cast("Any", stream := _Ending(unpacked)), mode="r|") as archive,
        ):
            for info in archive:
                if not info.isreg() or not info.name.lower().endswith(_ENDINGS):
                    continue
                member = archive.extractfile(info)
                data = member.read(LARGEST + 1) if member else b""
                yield info.name.removeprefix("./"), data if len(data) <= LARGEST else None
    except faults as error:
        raise Malformed(f"the tar of the feed is broken: {error}") from None
    if any(stream.last) or len(stream.last) < tarfile.BLOCKSIZE:
        raise Malformed("the tar of the feed is cut short: it has no end")


class _Ending:
    """A stream that remembers its last block: an archive ends in zeros, which tarfile does not insist on."""

    def __init__(self, file: IO[bytes]) -> None:
        self._file = file
        self.last = b""

    def read(self, size: int) -> bytes:
        """See io."""
        data = self._file.read(size)
        self.last = (self.last + data)[-tarfile.BLOCKSIZE :]
        return data


def _unpacked(file: IO[bytes], start: bytes, zstd: Any) -> IO[bytes]:
    if zstd:
        return cast("IO[bytes]", zstd.ZstdFile(file, "rb"))
    if start[:2] == b"\x1f\x8b":
        return cast("IO[bytes]", gzip.GzipFile(fileobj=file, mode="rb"))
    if start[:3] == b"BZh":
        return cast("IO[bytes]", bz2.BZ2File(file))
    return cast("IO[bytes]", lzma.LZMAFile(file)) if start[:1] == b"\xfd" else file


def _zstd() -> Any:
    import importlib
    import sys

    return importlib.import_module("compression.zstd" if sys.version_info >= (3, 14) else "backports.zstd")
