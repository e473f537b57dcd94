"""Advisories in one SQLite file of the home: what feeds were imported, their records, and where a package is named.

A row holds what matching needs as JSON; the record as it came is kept compressed beside it, for those who ask for it.
An import is one transaction: whole, or not at all.
"""

import json
import os
import sqlite3
import zlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, Self

from assaymark.core.errors import Malformed, UsageError
from assaymark.core.record import dataclass

NAME = "advisories.sqlite"
_VERSION = 1
_AT_ONCE = 500
_TABLES = """
CREATE TABLE feed(
  id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE, kind TEXT NOT NULL, source TEXT NOT NULL, imported_at TEXT NOT NULL,
  as_of TEXT NOT NULL, records INTEGER NOT NULL, malformed INTEGER NOT NULL, malicious INTEGER NOT NULL, digest TEXT NOT NULL);
CREATE TABLE advisory(
  id INTEGER PRIMARY KEY, feed INTEGER NOT NULL REFERENCES feed(id), path TEXT NOT NULL, digest BLOB NOT NULL,
  name TEXT NOT NULL, malicious INTEGER NOT NULL, head TEXT NOT NULL, document BLOB NOT NULL, UNIQUE(feed, path));
CREATE INDEX advisory_name ON advisory(name);
CREATE TABLE affected(
  ecosystem TEXT NOT NULL, package TEXT NOT NULL, advisory INTEGER NOT NULL, number INTEGER NOT NULL, rules TEXT NOT NULL,
  PRIMARY KEY(ecosystem, package, advisory, number)) WITHOUT ROWID;
CREATE INDEX affected_advisory ON affected(advisory);
CREATE TABLE alias(name TEXT NOT NULL, advisory INTEGER NOT NULL, PRIMARY KEY(name, advisory)) WITHOUT ROWID;
CREATE INDEX alias_advisory ON alias(advisory);
CREATE TABLE file(sha256 TEXT NOT NULL, advisory INTEGER NOT NULL, PRIMARY KEY(sha256, advisory)) WITHOUT ROWID;
CREATE INDEX file_advisory ON file(advisory);
CREATE TABLE epss(cve TEXT PRIMARY KEY, score REAL NOT NULL, percentile REAL NOT NULL) WITHOUT ROWID;
CREATE TABLE kev(cve TEXT PRIMARY KEY, added TEXT NOT NULL, due TEXT NOT NULL, ransomware INTEGER NOT NULL) WITHOUT ROWID;
"""

_EPSS = "SELECT cve, score FROM epss WHERE cve IN ({})"
_KEV = "SELECT cve, added, due, ransomware FROM kev WHERE cve IN ({})"
_LOOKUP = (
    "SELECT affected.package, advisory.id, affected.rules, feed.name, advisory.path, advisory.head FROM affected"
    " JOIN advisory ON advisory.id = affected.advisory JOIN feed ON feed.id = advisory.feed"
    " WHERE affected.ecosystem = ? AND affected.package IN ({})"
    " ORDER BY affected.package, advisory.name, feed.name, affected.number"
)


@dataclass(frozen=True, slots=True)
class Feed:
    """One import. `kind`: `osv`, `epss` or `kev`. `as_of`: until when it is known to be complete. Times in RFC 3339."""

    name: str
    kind: str
    source: str
    imported_at: str
    as_of: str
    records: int
    malformed: int
    malicious: int
    """Of the records, those of malicious releases."""
    digest: str
    ecosystems: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Stored:
    """One record. `affected`: (ecosystem, package, rules), of all packages or of the one that was looked up."""

    feed: str
    path: str
    head: list[Any]
    affected: tuple[tuple[str, str, list[Any]], ...]


class Batch:
    """One import under way."""

    def __init__(self, connection: sqlite3.Connection, name: str) -> None:
        self._db = connection
        row = connection.execute("SELECT id FROM feed WHERE name = ?", (name,)).fetchone()
        self._feed = row[0] if row else None
        if self._feed is None:
            made = connection.execute("INSERT INTO feed VALUES(NULL, ?, '', '', '', '', 0, 0, 0, '')", (name,))
            self._feed = made.lastrowid
        rows = connection.execute("SELECT path, digest, id FROM advisory WHERE feed = ?", (self._feed,))
        self._rows = {path: (digest, number) for path, digest, number in rows}
        self.known: Mapping[str, bytes] = {path: digest for path, (digest, _) in self._rows.items()}
        """Path of a record -> its sha256, as the last import left it."""

    def put(
        self,
        path: str,
        digest: bytes,
        document: bytes,
        head: Sequence[Any],
        affected: Iterable[tuple[str, str, list[Any]]],
    ) -> None:
        """A record that is new or has changed. `head`: id first, aliases fourth, malicious last; see library.advisories."""
        self.drop([path])
        made = self._db.execute(
            "INSERT INTO advisory VALUES(NULL, ?, ?, ?, ?, ?, ?, ?)",
            (self._feed, path, digest, head[0], int(head[-1]), _json(head), zlib.compress(document, 1)),
        )
        number = made.lastrowid
        listed = list(affected)
        self._db.executemany(
            "INSERT INTO affected VALUES(?, ?, ?, ?, ?)",
            [(system, package, number, at, _json(rules)) for at, (system, package, rules) in enumerate(listed)],
        )
        self._db.executemany("INSERT OR IGNORE INTO alias VALUES(?, ?)", [(alias, number) for alias in head[3]])
        files = {(sha256, number) for _, _, rules in listed for sha256 in rules[2]}
        self._db.executemany("INSERT INTO file VALUES(?, ?)", sorted(files))

    def drop(self, paths: Iterable[str]) -> None:
        """Records that are there no longer."""
        for path in paths:
            row = self._rows.pop(path, None)
            if row:
                for table in ("affected", "alias", "file"):
                    self._db.execute(f"DELETE FROM {table} WHERE advisory = ?", (row[1],))  # noqa: S608 - names above
                self._db.execute("DELETE FROM advisory WHERE id = ?", (row[1],))

    def scores(self, table: str, rows: Sequence[tuple[Any, ...]]) -> None:
        """All rows of `epss` or `kev`, in place of those that were there."""
        marks = {"epss": "?, ?, ?", "kev": "?, ?, ?, ?"}[table]
        self._db.execute(f"DELETE FROM {table}")  # noqa: S608 - one of two names
        self._db.executemany(f"INSERT OR REPLACE INTO {table} VALUES({marks})", rows)

    def newest(self) -> str:
        """The latest `modified` of all records, those that did not change included."""
        rows = self._db.execute("SELECT max(json_extract(head, '$[1]')) FROM advisory WHERE feed = ?", (self._feed,))
        return str(rows.fetchone()[0] or "")

    def finish(self, feed: Feed) -> None:
        """What the whole is."""
        count = self._db.execute(
            "SELECT count(*), coalesce(sum(malicious), 0) FROM advisory WHERE feed = ?", (self._feed,)
        ).fetchone()
        records, malicious = (feed.records, 0) if feed.kind != "osv" else count
        self._db.execute(
            "UPDATE feed SET kind = ?, source = ?, imported_at = ?, as_of = ?, records = ?, malformed = ?, malicious = ?,"
            " digest = ? WHERE id = ?",
            (
                feed.kind,
                feed.source,
                feed.imported_at,
                feed.as_of,
                records,
                feed.malformed,
                malicious,
                feed.digest,
                self._feed,
            ),
        )


class Store:
    """The file, opened. Not for use by several threads at once."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._db = connection

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the file."""
        self._db.close()

    def feeds(self) -> list[Feed]:
        """What was imported, by name."""
        systems: dict[str, list[str]] = {}
        for name, ecosystem in self._db.execute(
            "SELECT DISTINCT feed.name, affected.ecosystem FROM affected JOIN advisory ON advisory.id = affected.advisory"
            " JOIN feed ON feed.id = advisory.feed ORDER BY 2"
        ):
            systems.setdefault(name, []).append(ecosystem)
        rows = self._db.execute(
            "SELECT name, kind, source, imported_at, as_of, records, malformed, malicious, digest FROM feed ORDER BY name"
        )
        fields = ("name", "kind", "source", "imported_at", "as_of", "records", "malformed", "malicious", "digest")
        return [Feed(**dict(zip(fields, row, strict=True)), ecosystems=tuple(systems.get(row[0], ()))) for row in rows]

    def lookup(self, ecosystem: str, names: Iterable[str]) -> dict[str, list[Stored]]:
        """Of each (normalised) name the records that name it; `affected` has the entries of that package alone."""
        wanted = sorted(set(names))
        found: dict[str, dict[int, Stored]] = {}
        for at in range(0, len(wanted), _AT_ONCE):
            part = wanted[at : at + _AT_ONCE]
            marks = ", ".join("?" * len(part))
            for package, number, rules, feed, path, head in self._db.execute(
                _LOOKUP.format(marks),
                (ecosystem, *part),
            ):
                entry = (ecosystem, package, json.loads(rules))
                here = found.setdefault(package, {})
                before = here.get(number)
                here[number] = (
                    Stored(feed, path, json.loads(head), (entry,))
                    if before is None
                    else Stored(feed, path, before.head, (*before.affected, entry))
                )
        return {package: list(records.values()) for package, records in found.items()}

    def by_id(self, identity: str) -> list[Stored]:
        """The records of this id, then those that have it as an alias."""
        return self._whole(
            "SELECT id, 0 FROM advisory WHERE name = ? UNION ALL SELECT advisory, 1 FROM alias WHERE name = ?",
            (identity, identity),
        )

    def by_hash(self, sha256: str) -> list[Stored]:
        """The records that name a file by its digest."""
        return self._whole("SELECT advisory, 0 FROM file WHERE sha256 = ?", (sha256.removeprefix("sha256:").lower(),))

    def document(self, identity: str) -> bytes | None:
        """A record as it was imported, JSON; None for no such id."""
        row = self._db.execute(
            "SELECT document FROM advisory WHERE name = ? ORDER BY feed LIMIT 1", (identity,)
        ).fetchone()
        return zlib.decompress(row[0]) if row else None

    def exploits(self, cves: Iterable[str]) -> dict[str, tuple[float | None, tuple[str, str, bool] | None]]:
        """CVE -> (EPSS probability, (added to KEV, due, used by ransomware)), of those that either knows."""
        wanted = sorted(set(cves))
        found: dict[str, tuple[float | None, tuple[str, str, bool] | None]] = {}
        for at in range(0, len(wanted), _AT_ONCE):
            part = wanted[at : at + _AT_ONCE]
            marks = ", ".join("?" * len(part))
            for cve, score in self._db.execute(_EPSS.format(marks), part):
                found[cve] = (score, None)
            for cve, *known in self._db.execute(_KEV.format(marks), part):
                score = found.get(cve, (None, None))[0]
                found[cve] = (score, (known[0], known[1], bool(known[2])))
        return found

    @contextmanager
    def importing(self, name: str) -> Iterator[Batch]:
        """One import: all of the block is kept, or nothing. Raises UsageError where another import is under way."""
        try:
            self._db.execute("BEGIN IMMEDIATE")
        except sqlite3.OperationalError as error:
            raise UsageError(f"the advisories cannot be written: {error}", step="wait for the other import") from None
        try:
            yield Batch(self._db, name)
        except BaseException:
            self._db.execute("ROLLBACK")
            raise
        try:
            self._db.execute("COMMIT")
        except sqlite3.Error as error:
            self._db.execute("ROLLBACK")
            raise UsageError(f"the advisories cannot be kept: {error}") from None

    def _whole(self, query: str, values: tuple[str, ...]) -> list[Stored]:
        """The records of (id, order) rows, with all that they name."""
        stored = []
        for number, _ in sorted(
            dict(sorted(self._db.execute(query, values), reverse=True)).items(), key=lambda r: (r[1], r[0])
        ):
            feed, path, head = self._db.execute(
                "SELECT feed.name, path, head FROM advisory JOIN feed ON feed.id = feed WHERE advisory.id = ?",
                (number,),
            ).fetchone()
            entries = self._db.execute(
                "SELECT ecosystem, package, rules FROM affected WHERE advisory = ? ORDER BY number", (number,)
            )
            affected = tuple((system, package, json.loads(rules)) for system, package, rules in entries)
            stored.append(Stored(feed, path, json.loads(head), affected))
        return stored


def open_store(home: str, *, write: bool = False) -> Store | None:
    """The store of a home; None where there is none and it is only read. Raises Malformed for a file that is none of ours."""
    path = os.path.join(home, NAME)
    if not write and not os.path.exists(path):
        return None
    try:
        if write:
            os.makedirs(home, mode=0o700, exist_ok=True)
        mode = "rwc" if write else "ro" if os.access(home, os.W_OK) else "ro&immutable=1"  # a home mounted to be read
        uri = f"file:{_quoted(os.path.abspath(path))}?mode={mode}"
        connection = sqlite3.connect(uri, uri=True, isolation_level=None, timeout=5, check_same_thread=False)
    except (OSError, sqlite3.Error) as error:
        raise UsageError(f"{path}: {error}") from None
    try:
        known = _prepared(connection, write=write)
    except sqlite3.Error as error:
        connection.close()
        raise Malformed(f"{path} cannot be read: {error}", step=_STEP) from None
    if not known:
        connection.close()
        raise Malformed(f"{path} is not a store of this version", step=_STEP)
    return Store(connection)


_STEP = "take the file away and import the feeds again"


def _prepared(connection: sqlite3.Connection, *, write: bool) -> bool:
    """Whether it is a store of this version; an empty one that is written is made one."""
    if write:
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA synchronous = FULL")
    version = connection.execute("PRAGMA user_version").fetchone()[0]
    if version == 0 and write:
        connection.executescript(f"BEGIN IMMEDIATE;{_TABLES}PRAGMA user_version = {_VERSION};COMMIT;")
        return True
    return bool(version == _VERSION)


def _quoted(path: str) -> str:
    from urllib.parse import quote

    return quote(path)


def _json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))
