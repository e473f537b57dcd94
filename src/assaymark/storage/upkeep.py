"""Upkeep of a store: sweep what nothing refers to, scrub what is there."""

from collections.abc import Callable
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from assaymark.core.errors import Unreadable, Untrusted, UsageError
from assaymark.core.ports import NoSuchBlob, ObjectStore, StoreFault
from assaymark.storage.notes import Leases

SHORTEST = timedelta(hours=1)
"""A grace below this would race uploads that are being committed."""
_MOST_NAMED = 10_000


@dataclass(slots=True)
class Swept:
    """What a sweep did. `young` and `leased` blobs are unmarked and were spared."""

    freed: int = 0
    bytes: int = 0
    marked: int = 0
    young: int = 0
    leased: int = 0


def sweep(
    store: ObjectStore, marked: AbstractSet[str], older_than: timedelta, now: datetime, *, dry_run: bool = False
) -> Swept:
    """Free each blob that is not marked, not under a lease, and not put or touched within `older_than` before `now`.

    `now` is the moment before the marks were read. A blob that is referred to later than that must have been put,
    touched or leased within the grace, which every upload does. Raises UsageError for a grace under an hour.
    """
    if older_than < SHORTEST:
        raise UsageError(f"a grace of {older_than} is too short", step=f"at least {SHORTEST}: uploads are under way")
    before = now - older_than
    held = Leases(store).held(now)
    swept = Swept()
    for blob in store.list():
        if blob.sha256 in marked:
            swept.marked += 1
        elif blob.sha256 in held:
            swept.leased += 1
        elif blob.touched >= before or not (dry_run or store.free(blob.sha256, before)):
            swept.young += 1
        else:
            swept.freed += 1
            swept.bytes += blob.size
    return swept


@dataclass(frozen=True, slots=True)
class Damage:
    """A blob that is not what its name says, or could not be read. `moved`: it is in quarantine now."""

    sha256: str
    problem: str
    moved: bool


@dataclass(slots=True)
class Scrubbed:
    """What a scrub saw. `after` is where to go on from, empty when it came to the end."""

    blobs: int = 0
    bytes: int = 0
    damaged: list[Damage] = field(default_factory=list)
    """The first 10,000; `progress` is told of all."""
    after: str = ""


def scrub(
    store: ObjectStore,
    *,
    after: str = "",
    most_bytes: int | None = None,
    progress: Callable[[int, Damage | None], None] | None = None,
) -> Scrubbed:
    """Hash every blob from the first one after `after`; move those that are damaged to quarantine.

    Stops after the blob with which `most_bytes` are reached, so that a timer can do a part each night. `progress` is told
    the bytes of each piece read, and each damage. What cannot be read is reported and stays: a network may come back.
    """
    seen = Scrubbed(after=after)
    for blob in store.list(after):
        damage = _look(store, blob.sha256, seen, progress)
        if damage is not None:
            if len(seen.damaged) < _MOST_NAMED:
                seen.damaged.append(damage)
            if progress:
                progress(0, damage)
        seen.blobs += 1
        seen.after = blob.sha256
        if most_bytes is not None and seen.bytes >= most_bytes:
            return seen
    seen.after = ""
    return seen


def _look(
    store: ObjectStore, sha256: str, seen: Scrubbed, progress: Callable[[int, Damage | None], None] | None
) -> Damage | None:
    try:
        with store.open(sha256) as reader:
            for piece in reader:
                seen.bytes += len(piece)
                if progress:
                    progress(len(piece), None)
            reader.read()  # of an empty blob
    except NoSuchBlob:
        return None  # freed meanwhile
    except Untrusted as error:
        store.quarantine(sha256)
        return Damage(sha256, error.message, moved=True)
    except (Unreadable, StoreFault) as error:
        return Damage(sha256, error.message, moved=False)
    return None
