"""OSV records (schema 1.x): read under limits, reduced to what matching needs. What is unknown stays in the document.

A record is a stranger's: whatever breaks the schema is Malformed with the field that does, never a crash.
"""

import re
from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any

from assaymark.core.clock import parse_timestamp
from assaymark.core.errors import Malformed
from assaymark.core.record import dataclass
from assaymark.core.strictjson import loads
from assaymark.library.advisories import versions

LARGEST = 4 << 20
"""Bytes of one record."""
_MOST = 20_000
"""Entries of any list of a record."""
_ID = re.compile(r"[\w.+:@~()\[\]-][\w .+:@~()/\[\]-]{0,199}")
_SHA256 = re.compile(r"[0-9a-fA-F]{64}")
_KINDS = ("introduced", "fixed", "last_affected", "limit")
_RANGES = frozenset({"ECOSYSTEM", "SEMVER", "GIT"})
_CAMPAIGN = re.compile(r"[a-z]+/[^/]+/[^/]+")
"""Ids of kam193/package-campaigns: ecosystem/campaign/package."""


@dataclass(frozen=True, slots=True)
class Range:
    """`events` in the order of the document: (introduced, fixed, last_affected or limit; version)."""

    kind: str
    events: tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class Affected:
    """What a record says of one package."""

    ecosystem: str
    name: str
    """Normalised."""
    versions: tuple[str, ...] = ()
    """Canonical: see versions.canonical."""
    ranges: tuple[Range, ...] = ()
    hashes: tuple[str, ...] = ()
    """sha256 of files, hex, wherever the record has them."""
    severity: tuple[tuple[str, str], ...] = ()
    symbols: tuple[str, ...] = ()
    """Functions or modules that are vulnerable, as far as the record says."""

    def to_row(self) -> list[Any]:
        """As storage keeps it."""
        ranges = [[r.kind, [list(event) for event in r.events]] for r in self.ranges]
        return [list(self.versions), ranges, list(self.hashes), [list(s) for s in self.severity], list(self.symbols)]

    @classmethod
    def from_row(cls, ecosystem: str, name: str, row: list[Any]) -> "Affected":
        """Inverse of `to_row`."""
        listed, ranges, hashes, severity, symbols = row
        made = tuple(Range(kind, tuple((e[0], e[1]) for e in events)) for kind, events in ranges)
        return cls(
            ecosystem, name, tuple(listed), made, tuple(hashes), tuple((a, b) for a, b in severity), tuple(symbols)
        )


@dataclass(frozen=True, slots=True)
class Advisory:
    """One record. `affected` is of all packages, or of the one that was looked up."""

    id: str
    modified: str
    affected: tuple[Affected, ...]
    published: str = ""
    aliases: tuple[str, ...] = ()
    withdrawn: str = ""
    summary: str = ""
    severity: tuple[tuple[str, str], ...] = ()
    """(CVSS_V2, CVSS_V3, CVSS_V4 or a word's kind; the vector or word)."""
    malicious: bool = False
    feed: str = ""

    def head(self) -> list[Any]:
        """What storage keeps beside the packages."""
        return [
            self.id, self.modified, self.published, list(self.aliases), self.withdrawn, self.summary,
            [list(pair) for pair in self.severity], self.malicious,
        ]  # fmt: skip

    @classmethod
    def from_head(cls, head: list[Any], affected: tuple[Affected, ...], feed: str) -> "Advisory":
        """Inverse of `head`."""
        identity, modified, published, aliases, withdrawn, summary, severity, malicious = head
        pairs = tuple((kind, score) for kind, score in severity)
        return cls(identity, modified, affected, published, tuple(aliases), withdrawn, summary, pairs, malicious, feed)


def read(document: Any) -> Advisory:
    """The record in a parsed document; raises Malformed with the field that is wrong."""
    record = _table(document, "the record")
    identity = _text(record.get("id"), "id")
    if not _ID.fullmatch(identity):
        raise Malformed(f"id: {identity[:60]!r} is no id")
    modified = _moment(record.get("modified"), "modified")
    if record.get("modified") is None:
        raise Malformed("modified: is missing, and the schema asks for it")
    affected = tuple(_affected(row) for row in _rows(record.get("affected"), "affected"))
    specific = record.get("database_specific")
    word = specific.get("severity") if isinstance(specific, dict) else None
    severity = _severity(record.get("severity"), "severity")
    if isinstance(word, str) and word.upper() in {"LOW", "MODERATE", "MEDIUM", "HIGH", "CRITICAL"}:
        severity = (*severity, ("WORD", word.upper()))
    aliases = tuple(dict.fromkeys(_text(alias, "aliases")[:200] for alias in _list(record.get("aliases"), "aliases")))
    summary = _optional(record.get("summary"), "summary") or _optional(record.get("details"), "details")
    return Advisory(
        identity, modified, affected, _moment(record.get("published"), "published"), aliases,
        _moment(record.get("withdrawn"), "withdrawn"), _line(summary), severity,
        _is_malicious(record, identity, aliases),
    )  # fmt: skip


def parse_json(data: bytes) -> Any:
    """JSON of a record: bounded, one reading only; raises Malformed."""
    return loads(data, "the record", limit=LARGEST, floats=True)


def parse_yaml(text: str) -> Any:
    """YAML of a record; raises Malformed, OverBudget. Scalars stay texts, so that version `1.10` is not 1.1.

    Tags, aliases and keys that stand twice have no place in a record and are refused.
    """
    import yaml

    from assaymark.core.source.yaml_tree import events

    roots: list[Any] = []
    stack: list[tuple[Any, list[str]]] = []
    for event in events(text):
        kind = event.__class__
        if kind is yaml.ScalarEvent:
            value: Any = event.value
            if not event.style and value in {"", "~", "null", "Null", "NULL"}:
                value = None
        elif kind is yaml.MappingStartEvent or kind is yaml.SequenceStartEvent:
            value = {} if kind is yaml.MappingStartEvent else []
        elif kind is yaml.MappingEndEvent or kind is yaml.SequenceEndEvent:
            stack.pop()
            continue
        elif kind is yaml.AliasEvent:
            raise Malformed("an alias, which no record needs")
        else:
            continue
        if event.tag and event.tag != "!":
            raise Malformed(f"the tag {event.tag[:60]}, which no record needs")
        _put(stack, roots, value)
        if isinstance(value, dict | list):
            stack.append((value, []))
    if len(roots) != 1:
        raise Malformed(f"{len(roots)} documents in one file, a record is one")
    return roots[0]


def _put(stack: list[tuple[Any, list[str]]], roots: list[Any], value: Any) -> None:
    if not stack:
        roots.append(value)
        return
    parent, key = stack[-1]
    if isinstance(parent, list):
        parent.append(value)
    elif key:
        parent[key.pop()] = value
    elif not isinstance(value, str):
        raise Malformed("a key that is not a text")
    elif value in parent:
        raise Malformed(f"the key {value[:60]!r} stands there twice")
    else:
        key.append(value)


def _affected(row: Any) -> Affected:
    entry = _table(row, "affected")
    package = _table(entry.get("package"), "affected.package")
    full = _text(package.get("ecosystem"), "affected.package.ecosystem")
    ecosystem = full if ":" not in full else full.partition(":")[0]
    name = versions.name(ecosystem, _text(package.get("name"), "affected.package.name")[:300])
    listed = (_text(v, "affected.versions") for v in _list(entry.get("versions"), "affected.versions"))
    ranges = tuple(_range(r) for r in _rows(entry.get("ranges"), "affected.ranges"))
    return Affected(
        ecosystem, name, tuple(dict.fromkeys(versions.canonical(ecosystem, v) for v in listed)), ranges,
        _hashes(entry), _severity(entry.get("severity"), "affected.severity"), _symbols(entry.get("ecosystem_specific")),
    )  # fmt: skip


def _range(row: Any) -> Range:
    entry = _table(row, "affected.ranges")
    kind = _text(entry.get("type"), "affected.ranges.type")
    if kind not in _RANGES:
        raise Malformed(f"affected.ranges.type: {kind[:40]!r} is none of ECOSYSTEM, SEMVER and GIT")
    events: list[tuple[str, str]] = []
    for event in _rows(entry.get("events"), "affected.ranges.events"):
        given = [(what, _text(event[what], f"events.{what}")) for what in _KINDS if event.get(what) is not None]
        if len(given) != 1:
            raise Malformed(
                "affected.ranges.events: an event has exactly one of introduced, fixed, last_affected, limit"
            )
        events += given
    if not any(what == "introduced" for what, _ in events):
        raise Malformed("affected.ranges.events: nothing is introduced, so the range means nothing")
    return Range(kind, tuple(events))


def _severity(value: Any, what: str) -> tuple[tuple[str, str], ...]:
    rows = (_table(row, what) for row in _rows(value, what))
    return tuple((_text(row.get("type"), what)[:40], _text(row.get("score"), what)[:300]) for row in rows)


def _is_malicious(record: Mapping[str, Any], identity: str, aliases: tuple[str, ...]) -> bool:
    """Records of malicious releases: MAL-*, their campaigns, and CWE-506 (embedded malicious code)."""
    if any(name.startswith("MAL-") for name in (identity, *aliases)) or _CAMPAIGN.fullmatch(identity):
        return True
    specific = record.get("database_specific")
    if not isinstance(specific, dict):
        return False
    weaknesses = specific.get("cwe_ids")
    return "malicious-packages-origins" in specific or (isinstance(weaknesses, list) and "CWE-506" in weaknesses)


def _hashes(entry: Mapping[str, Any]) -> tuple[str, ...]:
    """sha256 of files in the free parts of an entry."""
    found: dict[str, None] = {}
    level: list[tuple[str, Any]] = [("", entry.get("database_specific")), ("", entry.get("ecosystem_specific"))]
    for _ in range(8):
        below: list[tuple[str, Any]] = []
        for key, item in level:
            if isinstance(item, dict):
                below.extend((str(name).lower(), value) for name, value in item.items())
            elif isinstance(item, list):
                below.extend((key, value) for value in item[:_MOST])
            elif isinstance(item, str) and ("sha256" in key or "sha-256" in key or item.startswith("sha256:")):
                hexed = item.removeprefix("sha256:")
                if _SHA256.fullmatch(hexed):
                    found[hexed.lower()] = None
        level = below[:_MOST]
    return tuple(found)


def _symbols(specific: Any) -> tuple[str, ...]:
    if not isinstance(specific, dict):
        return ()
    names: list[Any] = []
    for key in ("affected_functions", "functions", "symbols", "imports"):
        value = specific.get(key)
        for item in value if isinstance(value, list) else ():
            names += [item] if isinstance(item, str) else list(_inner(item))
    return tuple(dict.fromkeys(str(name)[:200] for name in names))[:100]


def _inner(item: Any) -> Iterator[str]:
    """Go's form of imports: path and symbols."""
    if isinstance(item, dict):
        if isinstance(item.get("path"), str):
            yield item["path"]
        symbols = item.get("symbols")
        yield from (name for name in (symbols if isinstance(symbols, list) else ()) if isinstance(name, str))


def _moment(value: Any, what: str) -> str:
    if value is None:
        return ""
    text = _text(value, what)
    try:
        moment: datetime = parse_timestamp(text)
    except (ValueError, OverflowError):
        raise Malformed(f"{what}: {text[:40]!r} is no moment in RFC 3339") from None
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ").zfill(20)  # the year 1 stands for "never" in some databases


def _table(value: Any, what: str) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise Malformed(f"{what}: is missing, or no object")
    return value


def _list(value: Any, what: str) -> list[Any]:
    if value is None:
        return []
    if not isinstance(value, list) or len(value) > _MOST:
        raise Malformed(f"{what}: is no list of at most {_MOST:,}")
    return value


def _rows(value: Any, what: str) -> list[dict[str, Any]]:
    return [_table(row, what) for row in _list(value, what)]


def _text(value: Any, what: str) -> str:
    if not isinstance(value, str) or not value:
        raise Malformed(f"{what}: is missing, or no text")
    return value


def _optional(value: Any, what: str) -> str:
    return "" if value is None or value == "" else _text(value, what)


def _line(text: str) -> str:
    return " ".join(text[:2_000].split())[:300]
