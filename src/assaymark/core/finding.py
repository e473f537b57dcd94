"""What a check saw, where, and a fingerprint that survives a move of the bytes around it."""

import hashlib
from dataclasses import field
from enum import IntEnum, StrEnum

from assaymark.core.record import dataclass


class Severity(IntEnum):
    """How bad it is if it is true."""

    INFO = 0
    LOW = 1
    MEDIUM = 2
    HIGH = 3
    CRITICAL = 4

    @property
    def word(self) -> str:
        """The name in lower case, as users type it."""
        return self.name.lower()


class Confidence(IntEnum):
    """How sure the check is that it is true."""

    LOW = 1
    MEDIUM = 2
    HIGH = 3

    @property
    def word(self) -> str:
        """The name in lower case."""
        return self.name.lower()


class Persona(StrEnum):
    """Who wants to hear of it: noise is an axis of its own, not a trick with severity."""

    REGULAR = "regular"
    PEDANTIC = "pedantic"
    AUDITOR = "auditor"


@dataclass(frozen=True, slots=True)
class Where:
    """A place in a file. `member` is the way through containers, joined by `!`.

    `symbol` is what stands there (a global, a tensor, a package): the fingerprint rests on it, and not on
    `offset` (bytes, in the innermost member) or `line` (from 1), which move with every edit.
    """

    path: str = ""
    member: str = ""
    offset: int | None = None
    line: int | None = None
    symbol: str = ""

    def __str__(self) -> str:
        place = f"{self.path}!{self.member}" if self.member else self.path
        if self.line is not None:
            return f"{place}:{self.line}"
        if self.offset is not None:
            return f"{place} @{self.offset}"
        return place


@dataclass(frozen=True, slots=True)
class Hit:
    """What a check yields; the runner adds id, severity, path and fingerprint.

    `excerpt` is the line, opcode or tensor that was seen, as text of at most a few lines.
    """

    message: str
    offset: int | None = None
    line: int | None = None
    symbol: str = ""
    excerpt: str = ""


@dataclass(frozen=True, slots=True)
class Finding:
    """A hit with its rule's id and axes. `count` says how often the same thing was seen in the same file.

    `holds`: the rule says "could not vouch for it", which holds the verdict whatever the severity.
    """

    id: str
    title: str
    severity: Severity
    confidence: Confidence
    persona: Persona
    where: Where
    message: str
    excerpt: str = ""
    holds: bool = False
    count: int = 1
    fingerprint: str = field(default="")

    def __post_init__(self) -> None:
        if not self.fingerprint:
            object.__setattr__(self, "fingerprint", fingerprint(self.id, self.where, self.message))


def fingerprint(rule: str, where: Where, message: str) -> str:
    """Stable name of a finding: rule, path, member and symbol (the message where there is no symbol)."""
    parts = (rule, where.path, where.member, where.symbol or message)
    return hashlib.sha256("\0".join(parts).encode("utf-8", "backslashreplace")).hexdigest()[:32]
