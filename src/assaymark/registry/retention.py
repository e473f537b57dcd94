"""Which versions may lose their bytes: a pure rule over what is known of all of them.

Records, signatures and log entries stay for good; only bytes go. A version that is active anywhere, that a lineage child
needs, or that has been taken aside as evidence keeps them, whatever its age.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

from assaymark.registry.names import ModelName, VersionName
from assaymark.registry.states import VersionState


@dataclass(frozen=True, slots=True)
class Kept:
    """A version that holds bytes. `since`: when it came into its state; `parents`: versions it was made from."""

    name: VersionName
    state: VersionState
    since: datetime
    active: bool = False
    """In a channel now, or asked to be by an open or approved request."""
    parents: tuple[VersionName, ...] = ()


@dataclass(frozen=True, slots=True)
class Retention:
    """How long bytes are kept after the last change of state; None keeps them for good."""

    draft: timedelta | None = timedelta(days=7)
    rejected: timedelta | None = timedelta(days=90)
    deprecated: timedelta | None = timedelta(days=365)
    revoked: timedelta | None = timedelta(days=365)
    tombstone: timedelta | None = timedelta(days=30)
    unused: timedelta | None = None
    """Sealed or verified, and active nowhere."""
    newest: int = 3
    """Verified versions of each model that are kept in any case, to go back to."""

    def age(self, state: VersionState) -> timedelta | None:
        """The age at which bytes of a version in this state may go. Those in quarantine are evidence: never."""
        return {
            VersionState.DRAFT: self.draft,
            VersionState.REJECTED: self.rejected,
            VersionState.DEPRECATED: self.deprecated,
            VersionState.REVOKED: self.revoked,
            VersionState.TOMBSTONE: self.tombstone,
            VersionState.SEALED: self.unused,
            VersionState.VERIFIED: self.unused,
        }.get(state)


def may_lose_bytes(versions: Iterable[Kept], rule: Retention, now: datetime) -> list[VersionName]:
    """Those whose bytes nothing needs, sorted by name. A parent is needed as long as a child keeps its bytes."""
    every = {str(version.name): version for version in versions}
    newest = _newest(every.values(), rule.newest)
    kept = {name for name, version in every.items() if name in newest or not _over(version, rule, now)}
    pending = list(kept)
    while pending:
        for parent in every[pending.pop()].parents:
            if str(parent) in every and str(parent) not in kept:
                kept.add(str(parent))
                pending.append(str(parent))
    return [every[name].name for name in sorted(set(every) - kept)]


def _over(version: Kept, rule: Retention, now: datetime) -> bool:
    age = rule.age(version.state)
    return not version.active and age is not None and now - version.since >= age


def _newest(versions: Iterable[Kept], count: int) -> set[str]:
    by_model: dict[ModelName, list[Kept]] = {}
    for version in versions:
        if version.state is VersionState.VERIFIED:
            by_model.setdefault(version.name.model, []).append(version)
    return {
        str(version.name)
        for found in by_model.values()
        for version in sorted(found, key=lambda version: (version.since, str(version.name)))[-count:]
        if count > 0
    }
