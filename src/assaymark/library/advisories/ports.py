"""What the audit asks of a store: storage.advisories, or a fake of a test."""

from collections.abc import Iterable
from typing import Any, Protocol

from assaymark.library.advisories.known import Exploits


class Record(Protocol):
    """storage.advisories.Stored."""

    feed: str
    head: list[Any]
    affected: tuple[tuple[str, str, list[Any]], ...]


class Store(Protocol):
    """Records by package, id and file."""

    def lookup(self, ecosystem: str, names: Iterable[str]) -> "dict[str, list[Any]]":
        """Of each name its records."""

    def by_id(self, identity: str) -> list[Any]:
        """Records by id or alias."""

    def by_hash(self, sha256: str) -> list[Any]:
        """Records that name a file."""

    def exploits(self, cves: Iterable[str]) -> dict[str, Exploits]:
        """EPSS and KEV."""
