"""The port through which files on other machines are looked at: name them once, list them, read ranges of them.

Adapters are in `assaymark.feeds`. What they raise: UsageError for a reference that makes no sense, Unauthorized where
the host wants other credentials, Unreadable for everything else that keeps bytes from us.
"""

from collections.abc import Iterator, Sequence
from dataclasses import field
from typing import Protocol

from assaymark.core.errors import Unreadable
from assaymark.core.record import dataclass


@dataclass(frozen=True, slots=True)
class Pinned:
    """What a reference stood for when it was resolved. `kind` says what sort of name `value` is.

    `url` is fit to be shown: it carries the value where the scheme has room for it, and never a query or a password.
    """

    url: str
    kind: str
    """`git-commit`, `etag`, `last-modified`, `listing-sha256`, `oci-digest`, `mlflow-run` or `none`."""
    value: str


@dataclass(frozen=True, slots=True)
class RemoteFile:
    """A file of a source. `problem` says why its bytes cannot be had."""

    path: str
    size: int
    sha256: str | None = None
    """As the host declares it; nobody has verified it."""
    problem: str = ""


@dataclass(slots=True)
class Traffic:
    """What was fetched: bytes of content received, and requests sent (redirects and repeated ones included)."""

    bytes: int = 0
    requests: int = 0


class NoRanges(Unreadable):
    """The host answers a request for a part with the whole."""


class RemoteSource(Protocol):
    """One reference. `resolve` is called first and once, then `files`; `read` and `stream` from several threads."""

    name: str
    """A short name for reports: the repository's, the file's, the image's."""
    given: str
    """The reference, without what must not be shown."""
    is_folder: bool
    """Whether it names many files; known once they were listed."""

    def resolve(self) -> Pinned:
        """Find out what exactly is meant. All that follows is about that."""
        ...

    def files(self) -> Sequence[RemoteFile]:
        """Every file, sorted by path."""
        ...

    def read(self, path: str, offset: int, length: int, traffic: Traffic) -> bytes:
        """`length` bytes at `offset`, shorter only where the file ends. Raises NoRanges."""
        ...

    def stream(self, path: str, traffic: Traffic) -> Iterator[bytes]:
        """The whole content, once."""
        ...

    def close(self) -> None:
        """Hang up; what is being read fails."""
        ...


class Shelf:
    """Small files that were fetched whole, and starts of others, kept for whoever asks a second time; 64 MiB at most."""

    def __init__(self) -> None:
        self._files: dict[str, bytes] = {}
        self._starts: dict[str, bytes] = {}
        self._free = 64 << 20

    def get(self, path: str) -> bytes | None:
        """The content, or None."""
        return self._files.get(path)

    def put(self, path: str, content: bytes) -> None:
        """Keep it, as long as there is room."""
        if path not in self._files and len(content) <= self._free:
            self._free -= len(content)
            self._files[path] = content

    def start(self, path: str) -> bytes:
        """The first bytes of a file, as far as they are kept."""
        return self._starts.get(path, b"")

    def put_start(self, path: str, content: bytes) -> None:
        """Keep them, as long as there is room."""
        if path not in self._starts and len(content) <= self._free:
            self._free -= len(content)
            self._starts[path] = content


@dataclass(frozen=True, slots=True)
class Remote:
    """A file of a source, and what was fetched of it so far."""

    source: RemoteSource
    file: RemoteFile
    shelf: Shelf
    traffic: Traffic = field(default_factory=Traffic)
