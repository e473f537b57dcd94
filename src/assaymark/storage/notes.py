"""Small documents beside the blobs of a store, and the leases of uploads that are kept in them."""

import os
import re
import secrets
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import datetime

from assaymark.core.clock import parse_timestamp, timestamp
from assaymark.core.errors import UsageError
from assaymark.core.ports import Notes, ObjectStore, StoreFault, blob_name

_NAME = re.compile(r"[a-z0-9-]+(/[a-z0-9-]+)*")
_LEASE = re.compile(r"[0-9a-f]{32}")
_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC


class FolderNotes:
    """core.ports.Notes in a folder, given as a descriptor; `/` in a name is written `,`."""

    def __init__(self, folder: int) -> None:
        self._folder = folder

    def write(self, name: str, content: bytes) -> None:
        """See core.ports.Notes."""
        temporary = f".{secrets.token_hex(8)}"
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
        with _faults(name):
            try:
                with os.fdopen(os.open(temporary, flags, 0o600, dir_fd=self._folder), "wb") as file:
                    file.write(content)
                    file.flush()
                    os.fsync(file.fileno())
                os.replace(temporary, _flat(name), src_dir_fd=self._folder, dst_dir_fd=self._folder)
                os.fsync(self._folder)
            finally:
                with suppress(FileNotFoundError):
                    os.unlink(temporary, dir_fd=self._folder)

    def read(self, name: str) -> bytes | None:
        """See core.ports.Notes."""
        with _faults(name):
            try:
                descriptor = os.open(_flat(name), os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=self._folder)
            except FileNotFoundError:
                return None
            with os.fdopen(descriptor, "rb") as file:
                return file.read(1 << 20)

    def names(self, prefix: str) -> list[str]:
        """See core.ports.Notes."""
        with _faults(prefix):
            lead = _flat(prefix) + ","
            return sorted(n.replace(",", "/") for n in os.listdir(self._folder) if n.startswith(lead))

    def remove(self, name: str) -> None:
        """See core.ports.Notes."""
        with _faults(name), suppress(FileNotFoundError):
            os.unlink(_flat(name), dir_fd=self._folder)


def check_note(name: str) -> str:
    """`name` if it is a note's, else UsageError."""
    if not _NAME.fullmatch(name):
        raise UsageError(f"not the name of a note: {name[:80]!r}")
    return name


def _flat(name: str) -> str:
    return check_note(name).replace("/", ",")


@contextmanager
def _faults(name: str) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        step = "look at the disk and the permissions of the store"
        raise StoreFault(f"cannot keep {name}: {error.strerror}", step=step) from error


class Leases:
    """Uploads that take longer than a sweep's grace: what a lease holds is not freed before the lease ends.

    Notes: `leases/ID/until`, and `leases/ID/SHA256` for each blob held.
    """

    def __init__(self, store: ObjectStore) -> None:
        self._store = store
        self._notes: Notes = store.notes()

    def grant(self, until: datetime) -> str:
        """A new lease; its id."""
        lease = secrets.token_hex(16)
        self._notes.write(f"leases/{lease}/until", timestamp(until).encode())
        return lease

    def renew(self, lease: str, until: datetime) -> None:
        """Move its end; raises UsageError when there is no such lease."""
        if self._notes.read(f"leases/{_lease(lease)}/until") is None:
            raise UsageError(f"there is no lease {lease}", step="start the upload again")
        self._notes.write(f"leases/{lease}/until", timestamp(until).encode())

    def hold(self, lease: str, sha256: str, now: datetime) -> bool:
        """Keep a blob while the lease runs; False when the blob is not there (put it, it is held from then on)."""
        blob_name(sha256)
        if self._until(_lease(lease)) <= now:
            raise UsageError(f"there is no lease {lease}, or it has ended", step="start the upload again")
        self._notes.write(f"leases/{lease}/{sha256}", b"")
        return self._store.touch(sha256)  # after the note: a sweep under way sees the touch, a later one the note

    def release(self, lease: str) -> None:
        """End it: what it held is on its own, younger than any grace when it was just put."""
        for name in self._notes.names(f"leases/{_lease(lease)}"):
            self._notes.remove(name)

    def held(self, now: datetime) -> set[str]:
        """All that a lease holds now; leases that ended are removed."""
        held: set[str] = set()
        by_lease: dict[str, list[str]] = {}
        for name in self._notes.names("leases"):
            _, lease, what = name.split("/")
            by_lease.setdefault(lease, []).append(what)
        for lease, whats in by_lease.items():
            if self._until(lease) > now:
                held.update(what for what in whats if what != "until")
            else:
                self.release(lease)
        return held

    def _until(self, lease: str) -> datetime:
        content = self._notes.read(f"leases/{lease}/until")
        return parse_timestamp(content.decode() if content else "1970-01-01T00:00:00Z")


def _lease(text: str) -> str:
    if not _LEASE.fullmatch(text):
        raise UsageError("not the id of a lease")
    return text
