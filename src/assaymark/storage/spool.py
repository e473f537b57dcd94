"""Room for decompressed bytes: in memory at first, then in a temporary file that has no name."""

from tempfile import SpooledTemporaryFile
from threading import Lock

from assaymark.core.blob import Blob

_IN_MEMORY = 8 << 20


class _Temporary(SpooledTemporaryFile[bytes]):
    """Closed with the last blob that reads it; the library's own finalizer warns of that."""

    def __del__(self) -> None:
        self.close()


class FileSpool:
    """core.budget.Spool; nothing is left behind, however the process ends."""

    def __init__(self) -> None:
        self._file = _Temporary(max_size=_IN_MEMORY)
        self._size = 0

    def write(self, data: bytes) -> object:
        """Append."""
        self._size += len(data)
        return self._file.write(data)

    def blob(self) -> Blob:
        """What was written."""
        return _SpoolBlob(self._file, self._size)


class _SpoolBlob:
    def __init__(self, file: _Temporary, size: int) -> None:
        self._file = file
        self._lock = Lock()
        self.size = size

    def read(self, offset: int, length: int) -> bytes:
        with self._lock:
            self._file.seek(offset)
            return self._file.read(max(0, min(length, self.size - offset)))
