"""What the routes work with. Opened by a composition root, handed in, closed by it."""

from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol

from assaymark.core.clock import Clock, SystemClock

if TYPE_CHECKING:
    import sqlalchemy as sa

    from assaymark.registry.oidc import Verifier

LOOPBACK = frozenset({"127.0.0.1", "localhost", "::1"})


class Database(Protocol):
    """storage.database.Database, as far as it is needed."""

    def read(self) -> "AbstractContextManager[sa.Connection]":
        """One transaction that sees one state."""

    def write(self) -> "AbstractContextManager[sa.Connection]":
        """One transaction that may write."""


class StaticFiles(Protocol):
    """storage.ledger_files.StaticFiles, as far as it is needed."""

    def read(self, path: str) -> bytes | None:
        """The whole file, or None."""


def silent(_record: Mapping[str, Any]) -> None:
    """A log that keeps nothing."""


@dataclass
class Services:
    """`log` gets each record of the access log; `extra` holds what other capabilities need, by name."""

    database: Database
    clock: Clock = field(default_factory=SystemClock)
    oidc: "Verifier | None" = None
    ledger_files: StaticFiles | None = None
    """The static files of the log."""
    registrar: Any = None
    hosts: frozenset[str] = LOOPBACK
    """Names that a Host header may have: others are a page that was led to us (DNS rebinding)."""
    behind_proxy: bool = False
    """Whether the last entry of X-Forwarded-For is the client, said by a proxy that is ours."""
    metrics_open: bool = False
    """Whether /metrics needs no credentials from this very machine."""
    log: Callable[[Mapping[str, Any]], None] = silent
    extra: Mapping[str, Any] = field(default_factory=dict)
