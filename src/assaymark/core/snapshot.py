"""A mutable thing as it was seen at one time. Monitoring is: snapshot, diff, finding."""

import hashlib
from collections.abc import Iterator, Mapping
from functools import cached_property
from typing import Any

from assaymark.core.digest import SHA256, Digest
from assaymark.core.record import dataclass


@dataclass(frozen=True)
class Snapshot:
    """`kind` says what sort of thing, `of` which one, `content` (any JSON) what was seen, `at` when (RFC 3339)."""

    kind: str
    of: str
    at: str
    content: Any

    @cached_property
    def digest(self) -> Digest:
        """Over kind, of and content, not over the time: an unchanged thing keeps its digest."""
        import rfc8785  # not where settings are only read

        data = rfc8785.dumps({"kind": self.kind, "of": self.of, "content": self.content})
        return Digest(SHA256, hashlib.sha256(data).hexdigest())


@dataclass(frozen=True, slots=True)
class Change:
    """`pointer` is an RFC 6901 JSON pointer. `before` or `after` is ABSENT where there is nothing."""

    pointer: str
    before: Any
    after: Any


class _Absent:
    def __repr__(self) -> str:
        return "ABSENT"


ABSENT = _Absent()


def diff(before: Snapshot, after: Snapshot) -> tuple[Change, ...]:
    """What changed between two snapshots of the same thing; raises ValueError when they are of different things."""
    if (before.kind, before.of) != (after.kind, after.of):
        message = f"snapshots of different things: {before.kind} {before.of!r}, {after.kind} {after.of!r}"
        raise ValueError(message)
    return tuple(_walk("", before.content, after.content))


def _walk(pointer: str, before: Any, after: Any) -> Iterator[Change]:
    pairs: list[tuple[str, Any, Any]] = [(pointer, before, after)]
    while pairs:
        place, old, new = pairs.pop()
        if isinstance(old, Mapping) and isinstance(new, Mapping):
            names = sorted(old.keys() | new.keys(), reverse=True)
            pairs.extend((f"{place}/{_escape(n)}", old.get(n, ABSENT), new.get(n, ABSENT)) for n in names)
        elif isinstance(old, list) and isinstance(new, list):
            longest = max(len(old), len(new))
            pairs.extend((f"{place}/{i}", _at(old, i), _at(new, i)) for i in reversed(range(longest)))
        elif _kind(old) is not _kind(new) or old != new:
            yield Change(place, old, new)


def _kind(value: Any) -> type:
    """JSON has one kind of number: 1.0 is 1, and has its digest."""
    return float if type(value) is int else type(value)


def _at(items: list[Any], index: int) -> Any:
    return items[index] if index < len(items) else ABSENT


def _escape(name: str) -> str:
    return name.replace("~", "~0").replace("/", "~1")
