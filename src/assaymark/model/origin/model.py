"""What is looked at: the files of a model, its weights, its configurations and its card, each read once."""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from assaymark.core.budget import Budget
from assaymark.core.errors import AssayError
from assaymark.core.format import Tree
from assaymark.core.source.text import line_of
from assaymark.model.origin.card import LIMIT, Card, read_card
from assaymark.model.origin.claims import Ledger, Place
from assaymark.model.origin.stock import Set, main_sets, read_set, sets_of

_JSON = 8 << 20
_CARDS = ("readme.md", "model_card.md", "modelcard.md", "model-card.md")
_READ = 200
"""Sets of which the headers are read."""


@dataclass(frozen=True, slots=True)
class Config:
    """A JSON configuration: its values, and its text for the lines."""

    path: str
    values: Mapping[str, Any]
    text: str

    def place(self, key: str) -> Place:
        """Where a key stands."""
        return Place(self.path, f"line {line_of(self.text, json.dumps(key))}")

    def number(self, *keys: str) -> tuple[str, int] | None:
        """The first of these keys that has a whole number."""
        for key in keys:
            value = self.values.get(key)
            if type(value) is int and 0 <= value < 1 << 53:
                return key, value
        return None


@dataclass
class Model:
    """A folder, or a file alone. `name` is what it is called; `sha256` the digest of each file in hexadecimal, as far as known."""

    tree: Tree
    name: str
    sha256: Mapping[str, str]
    budget: Callable[[], Budget]
    manifest: str = ""
    """The digest of the folder, where every byte of it is known."""
    etags: Mapping[str, str] = field(default_factory=dict)
    """What the cache of the hub's client calls a file: its ETag, which is sha256 or git's digest."""
    ledger: Ledger = field(default_factory=Ledger)
    faults: list[tuple[str, str]] = field(default_factory=list)
    """(path, why) of what ought to be read and could not be."""
    _configs: dict[str, "Config | None"] = field(default_factory=dict)

    @cached_property
    def sets(self) -> list[Set]:
        """All sets of weights, their headers read."""
        found = sets_of(self.tree.files)
        for one in found[:_READ]:
            read_set(one, self.tree, self.budget)
        return found[:_READ]

    @cached_property
    def main(self) -> list[Set]:
        """Those that loaders take."""
        usable = [one for one in self.sets if one.tensors or one.unread]
        return main_sets(usable)

    @cached_property
    def card(self) -> Card | None:
        """The card at the top, or None."""
        named = {path.casefold(): path for path in self.tree.files if "/" not in path}
        path = next((named[name] for name in _CARDS if name in named), None)
        return None if path is None else read_card(self._bytes(path, LIMIT), path)

    def config(self, path: str, limit: int = _JSON) -> Config | None:
        """A JSON object of the folder, or None where it is not there or not one."""
        if path not in self.tree.files:
            return None
        if path not in self._configs:
            self._configs[path] = self._read_config(path, limit)
        return self._configs[path]

    def _read_config(self, path: str, limit: int) -> Config | None:
        try:
            text = self.tree.read(path, limit).decode("utf-8", "replace")
            values = json.loads(text)
        except AssayError as error:
            self.faults.append((path, error.message))
            return None
        except (ValueError, RecursionError):
            self.faults.append((path, "is not JSON that can be read"))
            return None
        return Config(path, values, text) if isinstance(values, dict) else None

    def text(self, path: str, limit: int) -> str | None:
        """A text file, or None."""
        if path not in self.tree.files:
            return None
        try:
            return self.tree.read(path, limit).decode("utf-8", "replace")
        except AssayError:
            return None

    def _bytes(self, path: str, limit: int) -> bytes:
        try:
            return self.tree.read(path, limit)
        except AssayError as error:
            self.faults.append((path, error.message))
            return b""
