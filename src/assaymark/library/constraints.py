"""Requirement files that leave the pins to a constraint file: what is pinned in neither of the two.

A requirement file alone cannot tell, so there `unpinned` waits for this look at the whole folder.
"""

import posixpath
from collections.abc import Iterator
from dataclasses import replace

from assaymark.core.errors import Malformed, OverBudget, Unreadable
from assaymark.core.format import Item, Tree
from assaymark.core.source.text import LIMIT
from assaymark.library.requirements import Document, read, text_of

_MOST = 50  # constraint files of one requirement file


def views(tree: Tree) -> Iterator[tuple[str, Item]]:
    """(path, Requirement) of every requirement without a pin whose file has `-c` and whose constraint files are here."""
    for path in sorted(path for path, facts in tree.files.items() if "requirements" in facts.formats):
        document = _read(tree, path)
        if document is None:
            continue
        pinned = _pins(tree, path, document)
        if pinned is None:
            continue
        for requirement in document.requirements:
            if requirement.constrained and requirement.form == "index" and requirement.name not in pinned:
                yield path, replace(requirement, constrained=False)


def _pins(tree: Tree, path: str, document: Document) -> set[str] | None:
    """Names that the constraint files of a document pin; None where one of them is not here."""
    pinned: set[str] = set()
    pending = [(path, value) for _, option, value in document.options if option == "constraint"]
    seen: set[str] = set()
    while pending:
        base, value = pending.pop()
        place = posixpath.normpath(posixpath.join(posixpath.dirname(base), value))
        if place in seen:
            continue
        seen.add(place)
        named = _read(tree, place) if "://" not in value and len(seen) < _MOST else None
        if named is None:
            return None
        pinned |= {requirement.name for requirement in named.requirements if requirement.pinned}
        pending += [(place, value) for _, option, value in named.options if option in {"constraint", "requirement"}]
    return pinned


def _read(tree: Tree, path: str) -> Document | None:
    if path not in tree.files:
        return None
    try:
        return read(text_of(tree.read(path, LIMIT)), path)
    except (Malformed, OverBudget, Unreadable):
        return None
