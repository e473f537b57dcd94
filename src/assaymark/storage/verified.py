"""A blob read from start to end is hashed on the way, and its last bytes are held back until the hash is known."""

import hashlib
from collections.abc import Callable, Iterator
from typing import Self

from assaymark.core.errors import Untrusted


def damaged(sha256: str) -> Untrusted:
    """What a reader says of bytes that are not what their name says."""
    return Untrusted(
        f"blob {sha256} is damaged: its bytes have another sha256",
        step="run a scrub, then store the file again or restore it from a backup",
    )


class VerifiedReader:
    """core.ports.BlobReader over positional reads; `release` is called once at the end."""

    def __init__(
        self,
        sha256: str,
        size: int,
        read_at: Callable[[int, int], bytes],
        release: Callable[[], None] = lambda: None,
        piece: int = 1 << 20,
    ) -> None:
        self.size = size
        self._sha256 = sha256
        self._read_at = read_at
        self._release = release
        self._piece = piece
        self._hash = hashlib.sha256()
        self._at = 0
        self._open = True

    def read(self, length: int = -1) -> bytes:
        """See core.ports.BlobReader."""
        left = self.size - self._at
        wanted = left if length < 0 else min(length, left)
        data = self._read_at(self._at, wanted) if wanted else b""
        if len(data) != wanted:
            raise damaged(self._sha256)  # it shrank
        self._hash.update(data)
        self._at += wanted
        if self._at == self.size and self._hash.hexdigest() != self._sha256:
            raise damaged(self._sha256)
        return data

    def __iter__(self) -> Iterator[bytes]:
        """See core.ports.BlobReader."""
        while data := self.read(self._piece):
            yield data

    def close(self) -> None:
        """See core.ports.BlobReader."""
        if self._open:
            self._open = False
            self._release()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
