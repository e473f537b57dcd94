"""What a reader of an inventory is given: the files, a clock, and a place for what could not be read."""

import json
import re
from collections.abc import Callable
from typing import Any

from assaymark.core.errors import OverBudget, Unreadable
from assaymark.core.format import Tree
from assaymark.core.source.text import decode
from assaymark.library.inventory.model import Gap

_CONFLICT = re.compile(r"^<{7} ", re.MULTILINE)
_MOST_GAPS = 1_000
_MOST_TWICE = 20
"""Keys of one document that are named."""


class Look:
    """One look at a folder. `gaps` grows with what is there and could not be read."""

    def __init__(self, tree: Tree, tick: Callable[[], object]) -> None:
        self.tree = tree
        self.tick = tick
        self.gaps: list[Gap] = []

    def gap(self, path: str, why: str, line: int = 0) -> None:
        """Say that something was not read."""
        if len(self.gaps) < _MOST_GAPS:
            self.gaps.append(Gap(path, why[:500], line))

    def text(self, path: str, limit: int) -> str:
        """A text file; raises Malformed, OverBudget, Unreadable. A merge conflict in it is a gap of its own."""
        facts = self.tree.files.get(path)
        if facts is None:
            raise Unreadable(f"{path} is not there")
        if facts.size > limit:
            raise OverBudget(f"{path} is {facts.size:,} bytes long, more than the {limit:,} that are looked at")
        self.tick()
        found = decode(self.tree.read(path, limit), path)
        conflict = _CONFLICT.search(found)
        if conflict:
            line = found.count("\n", 0, conflict.start()) + 1
            self.gap(path, "an unresolved merge conflict: it says two things at once", line)
        return found

    def twice(self, path: str, document: str) -> None:
        """Keys that stand twice in one object of a JSON document are gaps: readers differ on which one counts."""
        found: dict[str, None] = {}

        def pairs(items: list[tuple[str, Any]]) -> None:
            seen: set[str] = set()
            for key, _ in items:
                if key in seen and len(found) < _MOST_TWICE:
                    found[key[:200]] = None
                seen.add(key)

        try:
            json.loads(document, object_pairs_hook=pairs)
        except (ValueError, RecursionError):
            return  # the reader of the document says so
        for key in found:
            self.gap(path, f"the key {key!r} stands twice in one object: one tool takes the first, another the last")
