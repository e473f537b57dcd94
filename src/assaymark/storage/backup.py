"""Backups of a registry while it runs, and their restoration into an empty place.

    TARGET/objects/           a content-addressed store that all backups below TARGET share: each adds what it lacks
    TARGET/20261124T100000Z/  one backup
        registry.sqlite       a snapshot (VACUUM INTO), or registry.dump, made by pg_dump before
        log/…                 the ledger's static files
        blobs.txt             `SHA256 SIZE` of each blob that belongs to it, sorted
        backup.json           sha256 and size of all these; its own sha256 names the backup

The log is copied first, then the database, then the blobs: the database knows all of the log, and the store holds all that
the database refers to. Signing keys are never part of it: they are kept elsewhere, or the thief of a backup has them.
"""

import hashlib
import json
import os
import secrets
import shutil
import sqlite3
from collections.abc import Callable, Iterable, Iterator
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from assaymark.core.clock import Clock, SystemClock, timestamp
from assaymark.core.errors import AssayError, Malformed, Unreadable, Untrusted, UsageError
from assaymark.core.ports import NoSuchBlob, ObjectStore, StoreFault
from assaymark.storage.files import Excluder, open_blob, walk
from assaymark.storage.objects import consume
from assaymark.storage.objects_folder import FolderStore

SCHEMA = "assaymark/backup/v1"
DATABASE, DUMP, LOG, BLOBS, DOCUMENT, OBJECTS = (
    "registry.sqlite", "registry.dump", "log", "blobs.txt", "backup.json", "objects",
)  # fmt: skip
_PARTIAL = ".partial"
_DAY = 86_400
"""Seconds after which a backup that was never finished is nobody's."""
_SECRET = b"PRIVATE KEY-----"
Checkpoint = Callable[[str], str | None]
"""Given a folder with DATABASE and LOG: the root that both agree on, as text, None for none; raises Untrusted when they do not."""


@dataclass(frozen=True, slots=True)
class Origin:
    """What is backed up: a store, and an SQLite file or a dump of PostgreSQL, and the folder of the log."""

    store: ObjectStore
    database: str = ""
    dump: str = ""
    log: str = ""


@dataclass(frozen=True, slots=True)
class Backup:
    """A finished backup. `digest` is the sha256 of its document: note it where a thief of the backup cannot write."""

    folder: str
    digest: str
    blobs: int
    copied: int
    bytes: int


def backup(
    origin: Origin,
    target: str,
    *,
    clock: Clock | None = None,
    needed: Callable[[str], Iterable[str]] | None = None,
    checkpoint: Checkpoint | None = None,
) -> Backup:
    """Make one below `target`; nothing of its name is there before it is complete.

    `needed`, given the path of the copied database, names the blobs that belong to it; without it all of the store do.
    Raises Untrusted when a blob is damaged, StoreFault when one is missing or there is no room.
    """
    moment = (clock or SystemClock()).now()
    name = timestamp(moment).replace("-", "").replace(":", "")
    final = os.path.join(target, name)
    with faults("make the backup"), closing(FolderStore(os.path.join(target, OBJECTS), SystemClock())) as objects:
        if os.path.lexists(final):
            raise UsageError(f"there is a backup {final} already", step="wait a second")
        _remove_abandoned(target, moment.timestamp())
        with whole(final) as partial:
            if origin.log:
                _copy_log(origin.log, os.path.join(partial, LOG))
            database = _copy_database(origin, partial)
            names = needed(database) if needed else (blob.sha256 for blob in origin.store.list())
            blobs, copied, size = _copy_blobs(origin.store, objects, sorted(set(names)), partial)
            root = checkpoint(partial) if checkpoint else None
            document = {"schema": SCHEMA, "at": timestamp(moment), "checkpoint": root, "files": _digests(partial)}
            content = json.dumps(document, indent=1, sort_keys=True).encode()
            _write(os.path.join(partial, DOCUMENT), content)
    return Backup(final, hashlib.sha256(content).hexdigest(), blobs, copied, size)


def still_needed(target: str) -> set[str]:
    """All blobs of all backups below `target`: the marks of a sweep of its `objects`, after a backup was deleted."""
    with faults("list the backups"):
        folders = [entry.path for entry in os.scandir(target) if os.path.isfile(os.path.join(entry.path, DOCUMENT))]
        return {sha256 for folder in folders for sha256, _ in listed_blobs(folder)}


def listed_blobs(folder: str) -> Iterator[tuple[str, int]]:
    """Name and size of each blob of one backup."""
    with open(os.path.join(folder, BLOBS), encoding="ascii") as file:
        try:
            for line in file:
                sha256, _, size = line.rstrip("\n").partition(" ")
                yield sha256, int(size)
        except ValueError as error:
            raise Malformed(f"{BLOBS} in {folder} is no list of blobs", step="take another backup") from error


def _copy_log(folder: str, to: str) -> None:
    for entry in walk(folder, follow_links=False, excluded=Excluder((), git=False)):
        if ".tmp" in entry.path:
            continue  # being written: what it becomes is in the database
        if entry.problem:
            raise UsageError(
                f"{folder}: {entry.path} {entry.problem}", step="the log's folder holds nothing but the log"
            )
        try:
            copy_file(entry.real, os.path.join(to, entry.path), keys=False)
        except Unreadable as error:
            if not isinstance(error.__cause__, FileNotFoundError):
                raise  # else a partial tile that was replaced meanwhile
    os.makedirs(to, mode=0o700, exist_ok=True)


def _copy_database(origin: Origin, folder: str) -> str:
    """A snapshot of SQLite, checked; or the dump."""
    if not origin.database:
        place = os.path.join(folder, DUMP)
        if origin.dump:
            copy_file(origin.dump, place)
        return place
    place = os.path.join(folder, DATABASE)
    source = f"{Path(os.path.abspath(origin.database)).as_uri()}?mode=ro"
    try:
        with closing(sqlite3.connect(source, uri=True, isolation_level=None)) as connection:
            connection.execute("VACUUM INTO ?", (place,))
        with closing(sqlite3.connect(place)) as connection:
            said = connection.execute("PRAGMA integrity_check(1)").fetchone()[0]
    except sqlite3.Error as error:
        step = "look at the file, its permissions and the room for a copy"
        raise StoreFault(f"the database cannot be copied: {error}", step=step) from error
    if said != "ok":
        raise Untrusted(f"the database is damaged: {said}", step="restore an older backup")
    os.chmod(place, 0o600)
    with open(place, "rb") as file:
        os.fsync(file.fileno())
    return place


def _copy_blobs(store: ObjectStore, objects: ObjectStore, names: list[str], folder: str) -> tuple[int, int, int]:
    """Put those that `objects` lacks, and write the list; count, copied, bytes of all."""
    copied = total = 0
    failed: list[AssayError] = []
    with open(os.path.join(folder, BLOBS), "x", encoding="ascii", opener=private) as file:
        for sha256 in names:
            try:
                if not objects.touch(sha256):
                    with store.open(sha256) as reader:
                        objects.put(reader, sha256)
                    copied += 1
                size = objects.size(sha256)
            except (Untrusted, NoSuchBlob) as error:
                failed.append(error)
                continue
            total += size
            file.write(f"{sha256} {size}\n")
        file.flush()
        os.fsync(file.fileno())
    if failed:
        raise type(failed[0])(f"{failed[0].message} ({len(failed)} such; the rest is copied)", step=failed[0].step)
    return len(names), copied, total


def _digests(folder: str) -> list[dict[str, object]]:
    found: list[dict[str, object]] = []
    for beside in (f"{DATABASE}-wal", f"{DATABASE}-shm"):  # of whoever opened the copy to look at it
        with suppress(FileNotFoundError):
            os.unlink(os.path.join(folder, beside))
    for entry in walk(folder, follow_links=False, excluded=Excluder((), git=False)):
        sha256, size = consume(entry.real, None, lambda _: None)
        found.append({"path": entry.path, "size": size, "sha256": sha256})
    return found


def copy_file(source: str, to: str, *, keys: bool = True) -> tuple[str, int]:
    """Copy a regular file durably to where there is none; sha256 and size. Without `keys` a private key is refused."""
    os.makedirs(os.path.dirname(to), mode=0o700, exist_ok=True)
    with open_blob(source, digest=False) as blob:
        if not keys and _SECRET in blob.read(0, 4096):
            raise UsageError(f"{source} is a private key", step="keep it away from what is backed up")
    with open(to, "xb", opener=private) as file:
        done = consume(source, None, file.write)
        file.flush()
        os.fsync(file.fileno())
    return done


def _write(path: str, content: bytes) -> None:
    with open(path, "xb", opener=private) as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())


def private(path: str, flags: int) -> int:
    """Opener of files that only their owner reads."""
    return os.open(path, flags | os.O_NOFOLLOW, 0o600)


@contextmanager
def whole(final: str) -> Iterator[str]:
    """A folder to fill, which gets the name `final` when all in it is durable, or is removed."""
    parent, name = os.path.split(final)
    partial = os.path.join(parent, f".{name}.{secrets.token_hex(8)}{_PARTIAL}")
    os.makedirs(parent, exist_ok=True)
    os.mkdir(partial, 0o700)
    try:
        yield partial
        for folder, _, _ in os.walk(partial, topdown=False):
            sync_folder(folder)
        os.rename(partial, final)  # replaces an empty folder at most
        sync_folder(parent)
    except BaseException:
        shutil.rmtree(partial, ignore_errors=True)
        raise


def _remove_abandoned(target: str, now: float) -> None:
    """What killed backups left more than a day ago."""
    for entry in os.scandir(target):
        if entry.name.endswith(_PARTIAL) and entry.is_dir(follow_symlinks=False) and now - entry.stat().st_mtime > _DAY:
            shutil.rmtree(entry.path)


def sync_folder(folder: str) -> None:
    """Make the names in it durable."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


@contextmanager
def faults(doing: str) -> Iterator[None]:
    """What the system refuses, as StoreFault."""
    try:
        yield
    except OSError as error:
        where = f" ({error.filename})" if isinstance(error.filename, str) else ""
        step = "look at the room and the permissions there; nothing was left behind"
        raise StoreFault(f"cannot {doing}: {error.strerror}{where}", step=step) from error
