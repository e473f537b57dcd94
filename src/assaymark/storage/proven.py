"""A folder held against a manifest: just its files, each with just its bytes; and copies and open files of what was held.

No link is followed, in no part of a path: every folder is opened from the one above it. A file is opened once, and what is
hashed is what is copied or handed out. Hashing lets go of the interpreter, so as many threads as there are cores work on it.
"""

import hashlib
import os
import stat
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from threading import local

from assaymark.core.errors import Unreadable, Untrusted, UsageError
from assaymark.core.manifest import Manifest, ManifestFile
from assaymark.storage.files import printable

_BLOCK = 256 << 10
"""Bytes; stays in a core's cache between reading and hashing."""
_SHOWN = 10
_FOLDER = os.O_RDONLY | getattr(os, "O_DIRECTORY", 0) | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_CLOEXEC", 0)
_FILE = os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_CLOEXEC", 0)
_STEP = "fetch the model again from the registry, or find out who changed it"
_buffers = local()


class _Names:
    """The names that one folder has in the manifest."""

    def __init__(self) -> None:
        self.folders: dict[str, _Names] = {}
        self.files: set[str] = set()

    @classmethod
    def of(cls, manifest: Manifest) -> "_Names":
        top = cls()
        for file in manifest.files:
            here = top
            *above, name = file.path.split("/")
            for part in above:
                here = here.folders.setdefault(part, cls())
            here.files.add(name)
        return top


def check(root: str, manifest: Manifest) -> None:
    """Raises Untrusted, or Unreadable, unless the folder's files are exactly the manifest's, byte for byte."""
    with opened(root) as top:
        require_names(top, manifest)
        each(manifest, lambda file: _hashed(top, file, lambda _: None))


def copy(root: str, manifest: Manifest, into: str) -> None:
    """Copy while hashing into a new private folder, and give it its name when all bytes are the manifest's and on disk.

    Raises Untrusted, Unreadable, or UsageError where `into` is there already or cannot be written.
    """
    import tempfile

    if os.path.lexists(into):
        raise UsageError(f"{into} is there already", step="name a folder that is not; it is made, mode 0700")
    parent = os.path.dirname(os.path.abspath(into))
    try:
        temporary = tempfile.mkdtemp(dir=parent, prefix=".assay-verify-")  # mode 0700
    except OSError as error:
        raise UsageError(f"{parent}: {error.strerror}", step="name a place that can be written") from error
    try:
        with opened(root) as top, opened(temporary) as target:
            require_names(top, manifest)
            _make_folders(target, manifest)
            each(manifest, lambda file: _copied(top, target, file))
            _sync_folders(target, manifest)
            made = os.fstat(target)
        os.rename(temporary, into)
        _require_same(into, made)
        with opened(parent) as above:
            os.fsync(above)
    except OSError as error:
        raise UsageError(f"cannot write {into}: {error.strerror}", step="make room, or name another place") from error
    finally:
        discard(temporary)  # gone by then when all went well


def discard(folder: str) -> None:
    """Take a copy away, as far as that can be done."""
    import shutil

    shutil.rmtree(folder, ignore_errors=True)


def _require_same(into: str, made: os.stat_result) -> None:
    """Raises Untrusted unless the folder that has the copy's name is the one that was written."""
    there = os.lstat(into)
    if (there.st_dev, there.st_ino) != (made.st_dev, made.st_ino):
        step = "name a folder for it in which nobody else can rename anything"
        raise Untrusted(f"another folder took the place of the copy {into}", step=step)


@contextmanager
def opened(root: str) -> Iterator[int]:
    """A folder that the caller names himself: the last part of its path may be a link."""
    try:
        descriptor = os.open(root, _FOLDER & ~getattr(os, "O_NOFOLLOW", 0))
    except OSError as error:
        raise Unreadable(f"{root}: {error.strerror}", step="name the folder that holds the model's files") from error
    try:
        yield descriptor
    finally:
        os.close(descriptor)


def require_names(top: int, manifest: Manifest) -> None:
    """Raises Untrusted that names what is there too much, what is missing, and what is no file; Unreadable."""
    try:
        problems = _name_problems(top, _Names.of(manifest))
    except OSError as error:
        raise Unreadable(
            f"the folder cannot be listed: {error.strerror}", step="check the disk, or the share"
        ) from error
    if problems:
        more = "; and more" if len(problems) > _SHOWN else ""
        raise Untrusted("the folder is not what was approved: " + "; ".join(problems[:_SHOWN]) + more, step=_STEP)


def _name_problems(top: int, wanted: _Names) -> list[str]:
    problems: list[str] = []
    for prefix, descriptor, names in _folders(top, wanted, problems):
        with os.scandir(descriptor) as scanner:
            found = {item.name: item for item in scanner}
        known = names.files | names.folders.keys()
        odd = {name for name in names.files & found.keys() if not found[name].is_file(follow_symlinks=False)}
        for which, what in (
            (found.keys() - known, "is not in the manifest"),
            (known - found.keys(), "is missing"),
            (odd, "is not a regular file"),
        ):
            problems.extend(f"{_shown(prefix + name)} {what}" for name in sorted(which))
        if len(problems) > _SHOWN:
            break
    return problems


def _folders(top: int, wanted: _Names, problems: list[str]) -> Iterator[tuple[str, int, _Names]]:
    """Each folder of the manifest that is there, open. What is no folder is a problem."""
    pending = [("", wanted)]
    while pending:
        prefix, names = pending.pop()
        try:
            descriptor = _open_below(top, prefix)
        except OSError as error:
            problems.append(f"{_shown(prefix)} is no folder that can be read: {error.strerror}")
            continue
        try:
            yield prefix, descriptor, names
            here = set(os.listdir(descriptor))
        finally:
            os.close(descriptor)
        pending.extend((f"{prefix}{name}/", below) for name, below in names.folders.items() if name in here)


def _open_below(top: int, prefix: str) -> int:
    """Open a folder step by step, so that no part of its path is a link. The caller closes it."""
    descriptor = os.dup(top)
    for part in prefix.split("/")[:-1]:
        try:
            below = os.open(part, _FOLDER, dir_fd=descriptor)
        finally:
            os.close(descriptor)
        descriptor = below
    return descriptor


def open_file(top: int, file: ManifestFile) -> int:
    """Open a file of the manifest below `top`; raises Untrusted where it is no regular file of its size."""
    prefix = file.path[: file.path.rfind("/") + 1]
    try:
        folder = _open_below(top, prefix)
        try:
            descriptor = os.open(file.path[len(prefix) :], _FILE, dir_fd=folder)
        finally:
            os.close(folder)
    except OSError as error:
        raise Untrusted(f"{_shown(file.path)} cannot be opened as a file: {error.strerror}", step=_STEP) from error
    status = os.fstat(descriptor)
    if not stat.S_ISREG(status.st_mode) or status.st_size != file.size:
        os.close(descriptor)
        what = f"has {status.st_size:,} bytes, not {file.size:,}" if stat.S_ISREG(status.st_mode) else "is no file"
        raise Untrusted(f"{_shown(file.path)} {what}", step=_STEP)
    return descriptor


def feed(descriptor: int, file: ManifestFile, take: Callable[[memoryview], object]) -> None:
    """Read an open file from its start, handing on each piece; raises Untrusted when the whole is not the manifest's."""
    buffer = _buffer()
    total, at = hashlib.sha256(), 0
    while count := os.preadv(descriptor, [buffer], at):
        at += count
        if at > file.size:
            break  # it grew
        piece = buffer[:count]
        total.update(piece)
        take(piece)
    if at != file.size or total.hexdigest() != file.sha256:
        raise Untrusted(f"{_shown(file.path)} has other bytes than were approved", step=_STEP)


def _buffer() -> memoryview:
    """One for each thread."""
    if not hasattr(_buffers, "view"):
        _buffers.view = memoryview(bytearray(_BLOCK))
    view: memoryview = _buffers.view
    return view


def _hashed(top: int, file: ManifestFile, take: Callable[[memoryview], object]) -> None:
    descriptor = open_file(top, file)
    try:
        feed(descriptor, file, take)
    except OSError as error:
        raise Unreadable(f"{_shown(file.path)}: {error.strerror}") from error
    finally:
        os.close(descriptor)


def _copied(top: int, target: int, file: ManifestFile) -> None:
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_CLOEXEC", 0)
    out = os.open(file.path, flags, 0o600, dir_fd=target)
    with os.fdopen(out, "wb", buffering=0) as copied:
        _hashed(top, file, lambda piece: _write(copied.fileno(), piece))
        os.fsync(copied.fileno())


def _write(descriptor: int, piece: memoryview) -> None:
    while piece:
        try:
            piece = piece[os.write(descriptor, piece) :]
        except OSError as error:
            raise UsageError(f"cannot write the copy: {error.strerror}", step="make room") from error


def _make_folders(target: int, manifest: Manifest) -> None:
    for folder in _parents(manifest):
        os.mkdir(folder, 0o700, dir_fd=target)


def _sync_folders(target: int, manifest: Manifest) -> None:
    for folder in ("", *_parents(manifest)):
        descriptor = os.open(folder or ".", _FOLDER, dir_fd=target)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


def _parents(manifest: Manifest) -> list[str]:
    """Every folder that the manifest implies, each after the one above it."""
    found: set[str] = set()
    for file in manifest.files:
        folder = file.path.rpartition("/")[0]
        while folder and folder not in found:
            found.add(folder)
            folder = folder.rpartition("/")[0]
    return sorted(found)


def each(manifest: Manifest, work: Callable[[ManifestFile], None]) -> None:
    """Do the work for every file, the largest first. After the first failure nothing more is begun."""
    ordered = sorted(manifest.files, key=lambda file: -file.size)
    threads = min(cores(), len(ordered))
    if threads < 2:
        for file in ordered:
            work(file)
        return
    waiting = iter(ordered)
    failed: list[BaseException] = []

    def serve() -> None:
        for file in waiting:  # a list's iterator is taken from by one thread at a time
            if failed:
                return
            try:
                work(file)
            except BaseException as error:  # noqa: BLE001 - raised again below
                failed.append(error)

    with ThreadPoolExecutor(threads) as pool:
        for _ in range(threads):
            pool.submit(serve)
    if failed:
        raise failed[0]


def cores() -> int:
    """How many this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def _shown(path: str) -> str:
    return repr(printable(path))[:300]
