"""The records of a comparison, and when two values say the same."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from assaymark.bom.compare.diff_rules import SETS
from assaymark.bom.compare.matching import digests_of, purl_base, purl_version, version_of
from assaymark.bom.document import HASHES, MANIFEST, Component, Fact, Place, Status
from assaymark.core.finding import Severity

STRENGTH: Mapping[Status, int] = {
    status: number
    for number, status in enumerate(
        (Status.UNKNOWN, Status.INFERRED, Status.DECLARED, Status.OBSERVED, Status.VERIFIED)
    )
}
BYTES = frozenset((*HASHES, MANIFEST, "digests"))
"""Facts that are digests."""
_TEXT = json.JSONEncoder(sort_keys=True, ensure_ascii=False).encode
_ANY_CASE = BYTES | {"license"}


@dataclass(frozen=True, slots=True)
class Side:
    """One of the two documents: what it says, how it knows, and where. `status` is "" where it says nothing."""

    value: Any = None
    status: str = ""
    places: tuple[Place, ...] = ()
    ref: str = ""


@dataclass(frozen=True, slots=True)
class Change:
    """One change. `code` names its kind and keeps its meaning; `what` says it in words.

    `role` is what the component is to a model (base, training data, test data); `matched` how the two were recognised as one.
    """

    code: str
    severity: Severity
    layer: str
    name: str
    what: str
    old: Side
    new: Side
    why: str
    matched: str = ""
    role: str = ""


def side(fact: Fact | None, ref: str, value: Any = None) -> Side:
    """A fact as one side of a change."""
    if fact is None:
        return Side(value, "", (), ref)
    known = None if fact.status is Status.UNKNOWN else fact.value
    return Side(known if value is None else value, str(fact.status), fact.places, ref)


def plain(change: Change) -> dict[str, Any]:
    """A change as JSON."""
    return {
        "code": change.code,
        "severity": change.severity.word,
        "layer": change.layer,
        "name": change.name,
        "role": change.role,
        "what": change.what,
        "old": _plain_side(change.old),
        "new": _plain_side(change.new),
        "why": change.why,
        "matched": change.matched,
    }


def _plain_side(one: Side) -> dict[str, Any]:
    places = [{"path": place.path, "at": place.at} for place in one.places]
    return {"value": one.value, "status": one.status, "ref": one.ref, "places": places}


def same(name: str, one: Any, other: Any) -> bool:
    """Whether two values of the fact `name` say the same."""
    if type(one) is type(other) and one == other and not isinstance(one, dict | list):
        return True
    if name in SETS and isinstance(one, list) and isinstance(other, list):
        return {canonical(item) for item in one} == {canonical(item) for item in other}
    if name in _ANY_CASE and isinstance(one, str) and isinstance(other, str):
        return one.casefold() == other.casefold()
    if name == "purl" and isinstance(one, str) and isinstance(other, str):
        return _purl(one) == _purl(other)
    return canonical(one) == canonical(other)


def _purl(purl: str) -> tuple[str, str, str]:
    """A purl without what spelling adds; what stands behind `?` and `#` counts as it is."""
    tail = purl.partition("?")[2] or purl.partition("#")[2]
    return purl_base(purl) or purl, purl_version(purl), tail


def canonical(value: Any) -> str:
    """A JSON value as the one text that it has here; 1.0 is 1."""
    return _TEXT(value if isinstance(value, str) else _number(value))


def _number(value: Any) -> Any:
    if isinstance(value, float) and value.is_integer() and abs(value) < 1 << 53:
        return int(value)
    if isinstance(value, dict):
        return {str(key): _number(item) for key, item in value.items()}
    return [_number(item) for item in value] if isinstance(value, list | tuple) else value


def label(component: Component) -> str:
    """Name, version and digest in one line."""
    version = version_of(component)
    name = f"{component.name}@{version}" if version and version not in component.name else component.name
    digests = digests_of(component)
    first = next((f"{key}:{min(values)}" for key, values in digests.items() if key != "manifest"), "")
    first = first or min(digests.get("manifest", ("",)))
    return f"{name} {first}".strip()
