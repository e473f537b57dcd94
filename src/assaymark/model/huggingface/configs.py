"""Reads a JSON configuration as loaders do, and remembers what they forget: keys that stand twice."""

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from assaymark.core.errors import Malformed
from assaymark.core.source.text import decode

_WALK = 200_000


@dataclass(slots=True)
class Config:
    """The values that a Python loader ends up with, the text they stand in, and keys given twice."""

    values: Any
    text: str
    twice: "list[tuple[str, Any, Any]]" = field(default_factory=list)

    def line(self, *needles: str) -> int:
        """Line of the first of these texts that stands in the file; 1 where none does."""
        for needle in needles:
            at = self.text.find(needle)
            if at >= 0:
                return self.text.count("\n", 0, at) + 1
        return 1

    def get(self, key: str) -> Any:
        """A value of the top-level object, or None."""
        return self.values.get(key) if isinstance(self.values, dict) else None

    def walk(self) -> Iterator[tuple[str, str, Any]]:
        """(path, key, value) of every pair at any depth, without recursion."""
        pending: list[tuple[str, Any]] = [("", self.values)]
        for _ in range(_WALK):
            if not pending:
                return
            path, value = pending.pop()
            if isinstance(value, dict):
                for key, inner in value.items():
                    place = f"{path}.{key}".lstrip(".")
                    yield place, key, inner
                    if isinstance(inner, (dict, list)):
                        pending.append((place, inner))
            elif isinstance(value, list):
                pending.extend((f"{path}[{i}]", v) for i, v in enumerate(value) if isinstance(v, (dict, list)))


def read_config(data: bytes, what: str) -> Config:
    """Parse one configuration; raises Malformed where a loader would fail too."""
    text = decode(data, what)
    twice: list[tuple[str, Any, Any]] = []

    def pairs(items: list[tuple[str, Any]]) -> dict[str, Any]:
        made: dict[str, Any] = {}
        for key, value in items:
            if key in made and len(twice) < 100 and not _same(made[key], value):
                twice.append((key, made[key], value))
            made[key] = value
        return made

    try:
        values = json.loads(text, object_pairs_hook=pairs)
    except RecursionError:
        raise Malformed(f"{what} is nested too deeply") from None
    except json.JSONDecodeError as error:
        raise Malformed(f"{what} is not JSON: {error.msg} in line {error.lineno}", offset=error.pos) from None
    except ValueError as error:
        raise Malformed(f"{what} is not JSON: {error}") from None
    return Config(values, text, twice)


def _same(one: Any, other: Any) -> bool:
    try:
        return type(one) is type(other) and bool(one == other)
    except RecursionError:
        return False
