"""Feeds into the store: whole or not at all, and nothing read again that did not change."""

import hashlib
import json
import os
from collections.abc import Sequence
from datetime import datetime
from typing import Any

from assaymark.core.clock import Clock, SystemClock, parse_timestamp, timestamp
from assaymark.core.errors import AssayError, Malformed, OverBudget, UsageError
from assaymark.core.record import dataclass
from assaymark.settings import home as home_folder
from assaymark.storage.advisories import Feed, Store, open_store

_LARGEST = 4 << 30
"""Bytes of a feed that is fetched."""


@dataclass(frozen=True, slots=True)
class Imported:
    """What an import did."""

    feed: Feed
    changed: int
    unchanged: int
    removed: int
    malformed: tuple[tuple[str, str], ...]
    """(path, why) of what was left out; a record that was there before stays as it was."""


def import_feed(
    path: str, *, home: str | None = None, name: str = "", as_of: str = "", source: str = "", clock: Clock | None = None
) -> Imported:
    """Import one feed: a folder, archive or file of OSV records, EPSS scores or CISA's KEV; whole, or not at all.

    `as_of`: until when it is known to be complete; without it the newest change that it speaks of, as a file alone proves
    no more. Raises UsageError, Malformed where nothing of it is a record, OverBudget.
    """
    from assaymark.storage.advisory_files import read

    now = (clock or SystemClock()).now()
    name = name or _name_of(path)
    given = _as_of(as_of, now)
    with _opened(home, write=True) as store, store.importing(name) as batch:
        if path.lower().endswith((".csv", ".csv.gz", ".gz")) and not path.lower().endswith(".tar.gz"):
            return _scores(store, batch, name, source or path, given, now, next(read(path))[1] or b"", epss=True)
        run = _Run(batch, now)
        for at, data in read(path):
            if not run.seen and data and os.path.isfile(path) and _is_kev(at, data):
                return _scores(store, batch, name, source or path, given, now, data, epss=False)
            run.take(at, data)
        if not run.digests:
            why = f": {run.malformed[0][0]}: {run.malformed[0][1]}" if run.malformed else ""
            raise Malformed(f"{path} has no OSV record that can be read{why}", step="nothing was changed")
        gone = [known_ for known_ in batch.known if known_ not in run.digests and known_ not in run.broken]
        batch.drop(gone)
        newest = min(batch.newest() or timestamp(now), timestamp(now))
        feed = Feed(
            name, "osv", source or os.path.abspath(path), timestamp(now), given or newest, 0, len(run.malformed), 0,
            run.digest(),
        )  # fmt: skip
        batch.finish(feed)
        feed = next(f for f in store.feeds() if f.name == name)
        return Imported(feed, run.changed, len(run.digests) - run.changed, len(gone), tuple(run.malformed))


def update_feed(url: str, *, home: str | None = None, name: str = "", clock: Clock | None = None) -> Imported:
    """Fetch one file (https, fenced as every address is) and import it; it is taken for complete as of now.

    Raises Unreadable, Unauthorized, and what `import_feed` raises.
    """
    import tempfile

    from assaymark.core.remote import Traffic
    from assaymark.feeds.web import connect

    source = connect(url)
    try:
        pinned = source.resolve()
        file_name = os.path.basename(source.name) or "feed"
        with tempfile.TemporaryDirectory(prefix="assay-feed-") as folder:
            path = os.path.join(folder, file_name)
            total = 0
            with open(path, "xb") as file:
                for piece in source.stream(file_name, Traffic()):
                    total += len(piece)
                    if total > _LARGEST:
                        raise OverBudget(f"{pinned.url} is larger than {_LARGEST >> 30} GiB")
                    file.write(piece)
            now = (clock or SystemClock()).now()
            return import_feed(path, home=home, name=name, as_of=timestamp(now), source=pinned.url, clock=clock)
    finally:
        source.close()


class _Run:
    """An import of OSV records under way."""

    def __init__(self, batch: Any, now: datetime) -> None:
        self.batch, self.now = batch, now
        self.digests: dict[str, bytes] = {}
        self.malformed: list[tuple[str, str]] = []
        self.broken: set[str] = set()
        self.changed = 0
        self.seen = 0

    def take(self, path: str, data: bytes | None) -> None:
        """One file: unchanged, a record, or malformed."""
        from assaymark.library.advisories import osv

        self.seen += 1
        try:
            if data is None:
                raise Malformed(f"more than {osv.LARGEST >> 20} MiB")
            digest = hashlib.sha256(data).digest()
            if path in self.digests:
                raise Malformed("the name stands there twice")
            if self.batch.known.get(path) == digest:
                self.digests[path] = digest
                return
            document = osv.parse_json(data) if path.lower().endswith(".json") else osv.parse_yaml(_utf8(data))
            advisory = osv.read(document)
            text = data if path.lower().endswith(".json") else json.dumps(document, ensure_ascii=False).encode()
            affected = [(a.ecosystem, a.name, a.to_row()) for a in advisory.affected]
            self.batch.put(path, digest, text, advisory.head(), affected)
        except AssayError as error:
            self.malformed.append((path, error.message))
            self.broken.add(path)
            return
        except (UnicodeEncodeError, RecursionError) as error:
            self.malformed.append((path, str(error)))
            self.broken.add(path)
            return
        self.digests[path] = digest
        self.changed += 1

    def digest(self) -> str:
        """Of the whole, whatever the order of its files."""
        lines = sorted(f"{digest.hex()} {path}\n" for path, digest in self.digests.items())
        return f"sha256:{hashlib.sha256(''.join(lines).encode('utf-8', 'backslashreplace')).hexdigest()}"


def _utf8(data: bytes) -> str:
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError as error:
        raise Malformed(f"the record is not UTF-8: {error.reason}", offset=error.start) from None


def _is_kev(path: str, data: bytes) -> bool:
    from assaymark.library.advisories.exploits import is_kev, parse_json

    if not path.lower().endswith(".json") or b"catalogVersion" not in data[:4_096]:
        return False
    return is_kev(parse_json(data))


def _scores(
    store: Store, batch: Any, name: str, source: str, as_of: str, now: datetime, data: bytes, *, epss: bool
) -> Imported:
    from assaymark.library.advisories.exploits import parse_json, read_epss, read_kev

    rows: Sequence[tuple[Any, ...]]
    rows, date, bad = read_epss(data) if epss else read_kev(parse_json(data))
    if not rows:
        raise Malformed(f"{source} has no entry that can be read", step="nothing was changed")
    kind = "epss" if epss else "kev"
    batch.scores(kind, rows)
    told = _as_of(f"{date[:10]}T00:00:00Z", now, strict=False) if date else ""
    digest = f"sha256:{hashlib.sha256(data).hexdigest()}"
    when = as_of or told or timestamp(now)
    batch.finish(Feed(name, kind, source, timestamp(now), when, len(rows), bad, 0, digest))
    malformed = ((source, f"{bad} entries are none"),) if bad else ()
    feed = next(f for f in store.feeds() if f.name == name)
    return Imported(feed, len(rows), 0, 0, malformed)


def _as_of(text: str, now: datetime, *, strict: bool = True) -> str:
    if not text:
        return ""
    try:
        moment = parse_timestamp(text if "T" in text else f"{text}T00:00:00Z")
    except (ValueError, OverflowError):
        if not strict:
            return ""
        raise UsageError(f"{text!r} is no moment", step="2026-11-24, or 2026-11-24T10:00:00Z") from None
    if moment > now:
        if not strict:
            return timestamp(now)
        raise UsageError(f"{text} has not come yet")
    return timestamp(moment)


def _name_of(path: str) -> str:
    base = os.path.basename(os.path.realpath(path))
    for ending in (
        ".tar.zst",
        ".tar.gz",
        ".tar.xz",
        ".tar.bz2",
        ".tar",
        ".zip",
        ".csv.gz",
        ".csv",
        ".json",
        ".yaml",
        ".yml",
    ):
        base = base.removesuffix(ending)
    return base or "feed"


def feeds(*, home: str | None = None) -> list[Feed]:
    """What was imported."""
    store = open_store(home_folder(home))
    if store is None:
        return []
    with store:
        return store.feeds()


def _opened(home: str | None, *, write: bool = False) -> Store:
    store = open_store(home_folder(home), write=write)
    if store is None:
        raise UsageError("no advisories were imported", step="assay feeds import PATH")
    return store
