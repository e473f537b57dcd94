"""A model card: its front matter as YAML nodes with lines, its sections as texts with lines. Nothing is rendered."""

import re
from collections.abc import Iterator
from dataclasses import dataclass

from assaymark.core.errors import AssayError
from assaymark.core.source.text import decode
from assaymark.core.source.yaml_tree import Node, documents

LIMIT = 4 << 20
"""Bytes of a card that is read."""
_HEADING = re.compile(r"[ ]{0,3}(#{1,6})[ \t]+(.{1,300})$")
_BOLD = re.compile(r"(?:[-*][ ])?\*\*([^*]{2,80})\*\*:?\s*$")
_FENCE = re.compile(r"[ ]{0,3}(?:```|~~~)")
_COMMENT = re.compile(r"<!--(?:(?!<!--).)*?-->", re.DOTALL)
_SECTIONS = 500


@dataclass(frozen=True, slots=True)
class Section:
    """A heading and what stands below it, up to the next heading. The first one has no title."""

    title: str
    level: int
    line: int
    text: str


@dataclass(frozen=True, slots=True)
class Card:
    """`front` is the mapping of the front matter, or None; `fault` says why there is none though one was begun."""

    path: str
    front: Node | None
    body: str
    first: int
    """The line that the body begins at."""
    sections: tuple[Section, ...]
    fault: str = ""

    def values(self, *keys: str) -> list[tuple[str, int]]:
        """Texts below a key of the front matter, one or a list, with their lines."""
        node = self.front.get(*keys) if self.front is not None else None
        if node is None:
            return []
        items = node.items if node.kind == "sequence" else [node]
        return [(item.text, item.line) for item in items[:200] if item.kind == "scalar" and item.text]

    def lines(self, *, code: bool = False) -> Iterator[tuple[int, str]]:
        """The lines of the body with their numbers, without comments; what stands in fences (`code`) only where it is asked for."""
        fenced = False
        body = _COMMENT.sub(lambda match: "\n" * match[0].count("\n"), self.body)
        for number, line in enumerate(body.split("\n"), self.first):
            fence = _FENCE.match(line) is not None
            fenced ^= fence
            if code or not (fenced or fence):
                yield number, line


def read_card(data: bytes, path: str) -> Card:
    """Read a card; bytes that are no text, and front matter that is no YAML, are said in `fault`."""
    try:
        text = decode(data, path).replace("\r\n", "\n")
    except AssayError as error:
        return Card(path, None, "", 1, (), error.message)
    front, fault, first = None, "", 1
    if re.match(r"---[ \t]*\n", text):
        end = re.compile(r"^---[ \t]*$", re.MULTILINE).search(text, 4)
        if end is None:
            fault = "its front matter has no end"
        else:
            front, fault = _front(text[text.index("\n") + 1 : end.start()])
            first = text.count("\n", 0, end.end()) + 1
            text = text[end.end() :]
    return Card(path, front, text, first, tuple(_sections(text, first)), fault)


def _front(text: str) -> tuple[Node | None, str]:
    try:
        root = next(documents("\n" + text), None)  # its first line is the second of the file
    except AssayError as error:
        return None, error.message
    if root is None or root.kind != "mapping":
        return None, "" if root is None else "its front matter is no mapping"
    return root, ""


def _sections(text: str, first: int) -> Iterator[Section]:
    title, level, line, kept, fenced = "", 0, first, list[str](), False
    count = 0
    for number, row in enumerate(text.split("\n"), first):
        fenced ^= _FENCE.match(row) is not None
        match = None if fenced else _HEADING.match(row) or _BOLD.match(row)
        if match is None or count >= _SECTIONS:
            kept.append(row)
            continue
        yield Section(title, level, line, "\n".join(kept))
        count += 1
        title, level, line, kept = (
            match[match.lastindex or 1].strip(" #*:"),
            len(match[1]) if match.re is _HEADING else 7,
            number,
            [],
        )
    yield Section(title, level, line, "\n".join(kept))
