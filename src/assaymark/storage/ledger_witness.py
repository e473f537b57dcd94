"""A witness's memory: a folder with the last cosigned checkpoint of each log, in a file named by the hash of its origin."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from hashlib import sha256

from assaymark.core.errors import Unreadable, UsageError
from assaymark.core.note import Note
from assaymark.storage.ledger_files import Folder
from assaymark.storage.ledger_lock import file_lock


@dataclass(frozen=True, slots=True)
class _Slot:
    folder: Folder
    name: str

    def load(self) -> Note | None:
        """See core.witnessing.Slot."""
        data = self.folder.read(self.name)
        return None if data is None else Note.read(data)

    def save(self, note: Note) -> None:
        """See core.witnessing.Slot."""
        self.folder.write(self.name, bytes(note))


class Heads:
    """core.witnessing.HeadStore in a folder that processes may share."""

    def __init__(self, root: str) -> None:
        try:
            os.makedirs(root, mode=0o700, exist_ok=True)
        except OSError as error:
            raise UsageError(
                f"{root}: {error.strerror}", step="choose a folder for --state that can be made"
            ) from error
        self._folder = Folder(root)

    @contextmanager
    def locked(self, origin: str) -> Iterator[_Slot]:
        """See core.witnessing.HeadStore."""
        name = sha256(origin.encode()).hexdigest()
        try:
            with file_lock(os.path.join(self._folder.root, f"{name}.lock")):
                yield _Slot(self._folder, f"{name}.checkpoint")
        except OSError as error:
            raise Unreadable(f"the witness's state: {error.strerror}") from error
