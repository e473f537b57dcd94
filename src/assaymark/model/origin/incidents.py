"""Known incidents and advisories: JSON records in OSV's form, or short ones of our own; which of them speak of a model.

A digest names bytes, and a purl with a revision names a commit: what matches by these is certain. What matches by a name alone
is only possible: names are not what trust attaches to, and neither is blame.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any
from urllib.parse import unquote

from assaymark.core.errors import Malformed
from assaymark.core.finding import Severity
from assaymark.core.strictjson import loads

_RECORDS = 200_000
_FILE = 64 << 20
_STEP = 'OSV records, or {"id": …, "summary": …, "digest": [], "purl": [], "publisher": [], "severity": "high"}'


class Match(StrEnum):
    """How certain it is that a record speaks of this."""

    EXACT = "exact"
    POSSIBLE = "possibly"


@dataclass(frozen=True, slots=True)
class Advisory:
    """A record. `digests` are `sha256:<hex>`, `purls` as written, `publishers` lower-case names."""

    id: str
    summary: str
    severity: Severity
    digests: frozenset[str]
    purls: tuple[str, ...]
    publishers: frozenset[str]
    url: str = ""
    place: str = ""


@dataclass(frozen=True, slots=True)
class Thing:
    """What records are held against: the model, its base or its publisher."""

    role: str
    name: str
    """`org/name`, or what it is called."""
    revision: str = ""
    digests: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Incident:
    """A record that speaks of a thing, how it was matched and by what."""

    advisory: Advisory
    thing: Thing
    match: Match
    by: str

    def to_json(self) -> dict[str, Any]:
        """In the report."""
        return {
            "id": self.advisory.id, "summary": self.advisory.summary, "severity": self.advisory.severity.word, "url": self.advisory.url,
            "about": self.thing.role, "name": self.thing.name, "match": self.match.value, "by": self.by, "record": self.advisory.place,
        }  # fmt: skip


def read_advisories(data: bytes, place: str) -> list[Advisory]:
    """The records of one file: an object, a list, `{"advisories": […]}`, or one object a line. Raises Malformed."""
    if len(data) > _FILE:
        raise Malformed(f"{place} has {len(data):,} bytes, at most {_FILE:,} are read", step=_STEP)
    try:
        document = loads(data, place, floats=True, step=_STEP)
    except Malformed:
        lines = [line for line in data.split(b"\n") if line.strip()]
        if len(lines) < 2:
            raise
        document = [
            loads(line, f"{place}, line {number}", floats=True, step=_STEP) for number, line in enumerate(lines, 1)
        ]
    if isinstance(document, dict) and isinstance(document.get("advisories", document.get("vulns")), list):
        document = document.get("advisories", document.get("vulns"))
    records = document if isinstance(document, list) else [document]
    if len(records) > _RECORDS:
        raise Malformed(f"{place} has more than {_RECORDS:,} records", step=_STEP)
    return [advisory for record in records if (advisory := _record(record, place)) is not None]


def _record(record: Any, place: str) -> Advisory | None:
    if not isinstance(record, dict) or not isinstance(record.get("id"), str):
        raise Malformed(f"{place}: a record has no id", step=_STEP)
    if record.get("withdrawn"):
        return None
    digests, purls, publishers = (
        set(_texts(record, "digest", "digests")),
        list(_texts(record, "purl", "purls")),
        _texts(record, "publisher", "publishers"),
    )
    for affected in record.get("affected") or () if isinstance(record.get("affected"), list) else ():
        package = affected.get("package") if isinstance(affected, dict) else None
        if isinstance(package, dict):
            purls += _affected(package, affected)
        specific = affected.get("database_specific") if isinstance(affected, dict) else None
        digests |= set(_texts(specific, "digest", "digests", "sha256")) if isinstance(specific, dict) else set()
    links = record.get("references")
    url = (
        next((r["url"] for r in links if isinstance(r, dict) and isinstance(r.get("url"), str)), "")
        if isinstance(links, list)
        else ""
    )
    return Advisory(
        record["id"][:200], str(record.get("summary") or record.get("details") or "")[:500], _severity(record),
        frozenset(_digest(text) for text in digests), tuple(purls)[:10_000], frozenset(text.lower() for text in publishers), url[:500], place,
    )  # fmt: skip


def _affected(package: Mapping[str, Any], affected: Mapping[str, Any]) -> Iterator[str]:
    """A purl for each version that is named, or one without where none is."""
    purl, name = package.get("purl"), package.get("name")
    if (
        not isinstance(purl, str)
        and isinstance(name, str)
        and str(package.get("ecosystem", "")).lower() in {"hugging face", "huggingface"}
    ):
        purl = f"pkg:huggingface/{name}"
    if not isinstance(purl, str):
        return
    versions = affected.get("versions")
    named = [v for v in versions if isinstance(v, str)] if isinstance(versions, list) else []
    yield from (f"{purl.partition('@')[0]}@{version}" for version in named[:10_000])
    if not named:
        yield purl


def _texts(record: Mapping[str, Any], *keys: str) -> list[str]:
    found: list[str] = []
    for key in keys:
        value = record.get(key)
        items = value if isinstance(value, list) else [value]
        found += [item for item in items[:10_000] if isinstance(item, str) and item]
    return found


def _digest(text: str) -> str:
    text = text.lower()
    return f"sha256:{text}" if len(text) == 64 else text


def _severity(record: Mapping[str, Any]) -> Severity:
    """A word of the record or of its database; without one, high."""
    specific = record.get("database_specific")
    for word in (record.get("severity"), specific.get("severity") if isinstance(specific, dict) else None):
        if isinstance(word, str):
            name = {"MODERATE": "MEDIUM", "IMPORTANT": "HIGH"}.get(word.upper(), word.upper())
            if name in Severity.__members__:
                return Severity[name]
    return Severity.HIGH


def match(advisories: Iterable[Advisory], things: Iterable[Thing]) -> list[Incident]:
    """Every record with every thing that it speaks of, certain ones first."""
    things = list(things)
    found = [
        incident for advisory in advisories for thing in things if (incident := _match(advisory, thing)) is not None
    ]
    return sorted(found, key=lambda i: (i.match is not Match.EXACT, -i.advisory.severity, i.advisory.id, i.thing.role))


def _match(advisory: Advisory, thing: Thing) -> Incident | None:
    same = sorted(advisory.digests & thing.digests)
    if same:
        return Incident(advisory, thing, Match.EXACT, same[0])
    possible = None
    for purl in advisory.purls:
        name, revision = _parts(purl)
        if name and name == thing.name.lower():
            if revision and thing.revision:
                if revision == thing.revision.lower():
                    return Incident(advisory, thing, Match.EXACT, purl)
                continue  # of another commit
            possible = possible or Incident(advisory, thing, Match.POSSIBLE, purl)
    if possible is None and thing.role == "publisher" and thing.name.lower() in advisory.publishers:
        possible = Incident(advisory, thing, Match.POSSIBLE, f"publisher {thing.name}")
    return possible


def _parts(purl: str) -> tuple[str, str]:
    """(`org/name`, revision) of a purl of the hub; empty texts for another."""
    if not purl.lower().startswith("pkg:huggingface/"):
        return "", ""
    body = purl[len("pkg:huggingface/") :].partition("?")[0].partition("#")[0]
    name, _, revision = body.partition("@")
    return unquote(name).lower().strip("/"), unquote(revision).lower()
