"""Whether a record means a package, by the evaluation of the OSV schema (https://ossf.github.io/osv-schema/#evaluation).

What cannot be said is `possibly`, never no: a version that its ecosystem cannot read, a package whose version nobody
says, a range of commits only. Records of malicious releases mean a version or a file; one that names every version of a
name means nobody in particular, as those have cut off packages of good people.
"""

from collections.abc import Iterable
from functools import lru_cache
from typing import Any

from assaymark.core.record import dataclass
from assaymark.library.advisories import versions
from assaymark.library.advisories.osv import Advisory, Affected, Range

_Event = tuple[Any, str, str]
"""(key of the version, None for before all; what happens; the version)."""
_ORDER = {"introduced": 0, "last_affected": 1, "fixed": 2, "limit": 3}


@dataclass(frozen=True, slots=True)
class Match:
    """A record that means a package. `why`: the versions entry, the range or the hash."""

    advisory: Advisory
    why: str
    possibly: bool = False
    fixed: tuple[str, ...] = ()
    """Versions that are told to be fixed and are above the one that there is, lowest first."""
    severity: tuple[tuple[str, str], ...] = ()
    """Of this very package, where the record says; else of the record."""


def match(advisory: Advisory, ecosystem: str, name: str, version: str, hashes: Iterable[str] = ()) -> Match | None:
    """The match, a sure one before a possible one; None where the record is withdrawn or means others."""
    if advisory.withdrawn:
        return None
    wanted = versions.name(ecosystem, name)
    digests = {text.removeprefix("sha256:").lower() for text in hashes}
    maybe: Match | None = None
    for affected in advisory.affected:
        if affected.ecosystem != ecosystem or affected.name != wanted:
            continue
        why, possibly = _judge(affected, version, digests, malicious=advisory.malicious)
        if not why:
            continue
        severity = affected.severity or advisory.severity
        found = Match(advisory, why, possibly, _fixed(affected, version), severity)
        if not possibly:
            return found
        maybe = maybe or found
    return maybe


def _judge(affected: Affected, version: str, digests: set[str], *, malicious: bool) -> tuple[str, bool]:
    """Why it is meant (empty for not), and whether only possibly."""
    if both := digests.intersection(affected.hashes):
        return f"file sha256:{min(both)}", False
    if not version:
        return "its version is not known", True
    spellings = {
        versions.canonical(affected.ecosystem, v) for v in (version, versions.public(affected.ecosystem, version))
    }
    if spellings & _listed(affected.versions):
        return f"versions lists {version}", False
    spans = [span for span in affected.ranges if span.kind != "GIT"]
    doubts = []
    for span in spans:
        why, possibly = _within(affected.ecosystem, span, versions.public(affected.ecosystem, version))
        if why and malicious and _is_all(span):
            doubts.append("the record names every version, and neither version nor file")
        elif why and not possibly:
            return why, False
        elif why:
            doubts.append(why)
    doubt = doubts[0] if doubts else "" if spans else _undecided(affected, version)
    return doubt, bool(doubt)


def _undecided(affected: Affected, version: str) -> str:
    """Why a record without ranges of versions says nothing of a version that it does not list; empty where it says no."""
    if not affected.versions:
        return "the record names no versions" + (", only commits" if affected.ranges else "")
    if versions.read(affected.ecosystem, version) is None:
        return f"{version[:80]} cannot be read as a version of {affected.ecosystem}"
    return ""


@lru_cache(maxsize=8_192)
def _listed(listed: tuple[str, ...]) -> frozenset[str]:
    return frozenset(listed)


def _is_all(span: Range) -> bool:
    return all(what == "introduced" for what, _ in span.events) and any(v == "0" for _, v in span.events)


def _key(ecosystem: str, kind: str, version: str) -> Any:
    return versions.semver(version) if kind == "SEMVER" else versions.read(ecosystem, version)


def _within(ecosystem: str, span: Range, version: str) -> tuple[str, bool]:
    here = _key(ecosystem, span.kind, version)
    if here is None:
        if _is_all(span):
            return "range from 0 on", False
        return f"{version[:80]} cannot be read as a version of {ecosystem}", True
    events: list[_Event] = []
    for what, text in span.events:
        if what == "limit" and text == "*":
            continue
        key = None if what == "introduced" and text == "0" else _key(ecosystem, span.kind, text)
        if key is None and not (what == "introduced" and text == "0"):
            return f"{what} {text[:80]} of the record cannot be read as a version of {ecosystem}", True
        events.append((key, what, text))
    limits = [key for key, what, _ in events if what == "limit"]
    if limits and not any(here < key for key in limits):
        return "", False
    since = _since(events, here)
    return (f"range {span.kind} from {since} on{_until(span)}", False) if since else ("", False)


def _since(events: list[_Event], here: Any) -> str:
    """The version from which on `here` is affected, walking the events in their order; empty where it is not."""
    since = ""
    begins = [event for event in events if event[0] is None]
    rest = sorted((event for event in events if event[0] is not None), key=lambda event: (event[0], _ORDER[event[1]]))
    for key, what, text in (*begins, *rest):
        if what == "introduced":
            since = text if key is None or here >= key else since
        elif (what == "fixed" and here >= key) or (what == "last_affected" and here > key):
            since = ""
    return since


def _until(span: Range) -> str:
    ends = [f"{what} {text}" for what, text in span.events if what != "introduced"]
    return f" ({', '.join(ends[:5])})" if ends else ""


def _fixed(affected: Affected, version: str) -> tuple[str, ...]:
    found: dict[str, Any] = {}
    for span in affected.ranges:
        if span.kind == "GIT":
            continue
        here = _key(affected.ecosystem, span.kind, versions.public(affected.ecosystem, version)) if version else None
        for what, text in span.events:
            key = _key(affected.ecosystem, span.kind, text) if what == "fixed" else None
            if key is not None and (here is None or key > here):
                found[text] = key
    try:
        return tuple(sorted(found, key=found.__getitem__))
    except TypeError:  # ranges of both types
        return tuple(sorted(found))
