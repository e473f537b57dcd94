"""Quota of a project by logical bytes: what its versions hold, whoever else holds the same bytes.

Deduplication is the operator's gain, not the project's: a count by stored bytes would tell one project what others have,
and would grow by itself when somebody else deletes.
"""

from collections.abc import Iterable
from dataclasses import dataclass

from assaymark.core.errors import UsageError


@dataclass(frozen=True, slots=True)
class Usage:
    """Logical bytes of a project, and its limit, None for no limit."""

    project: str
    used: int
    quota: int | None

    @property
    def left(self) -> int | None:
        """Bytes that may still be added, None for no limit."""
        return None if self.quota is None else max(0, self.quota - self.used)


def usage(project: str, quota: int | None, sizes: Iterable[int]) -> Usage:
    """Sum over the sizes of all versions that still hold bytes, drafts included."""
    return Usage(project, sum(sizes), quota)


def admit(now: Usage, more: int) -> Usage:
    """The usage with `more` bytes; raises UsageError, before anything is stored, where that is over the quota."""
    if now.quota is not None and now.used + more > now.quota:
        step = f"delete versions of {now.project}, or ask an administrator for a larger quota"
        raise UsageError(f"{more:,} bytes are more than the {now.left:,} that {now.project} may still store", step=step)
    return Usage(now.project, now.used + more, now.quota)
