"""The README of a model or dataset: its front matter, walked as YAML nodes and never loaded, and its sections."""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

from assaymark.core.errors import AssayError
from assaymark.core.format import Tree
from assaymark.core.source.yaml_tree import Node, documents

_FRONT = 1 << 20
"""Bytes of front matter."""
_LIMIT = 4 << 20
"""Bytes of a README that are read."""
_ITEMS = 200
_TEXT = 2_000
_VALUES = 2_000
"""Values of one nested entry."""
_HEADING = re.compile(r"(#{1,5})[ \t]+(.{1,200}?)[ \t]*#*[ \t]*$")
_FENCE = re.compile(r"[ \t]*(```|~~~)")
_EMPTY = re.compile(r"\W*(?:more information needed|needs? more information|todo|tbd|n/?a|none)?\W*", re.IGNORECASE)
_BULLET = re.compile(r"[-*][ \t]+\*\*(?P<key>[^*:]{2,60}):?\*\*:?[ \t]*(?P<value>.{1,500})")
_SECTIONS = (
    ("limitations", ("limitation", "bias, risks", "bias and risk", "out-of-scope", "known issue", "caveat")),
    ("safety", ("ethical", "safety", "harm", "risks and mitigation", "responsible", "red team")),
    ("intended_use", ("intended use", "direct use", "intended purpose", "uses", "use case")),
    ("evaluation", ("evaluation", "results", "metrics", "benchmark", "performance")),
    ("training", ("training", "fine-tuning", "finetuning", "how it was trained", "pretraining")),
    ("collection", ("data collection", "source data", "curation", "dataset creation", "collection process")),
    ("personal_data", ("personal and sensitive", "personal data", "privacy", "pii")),
)  # fmt: skip
"""Fact -> words of the headings under which it is told."""


@dataclass(slots=True)
class Card:
    """What a README says. `fault` is why its front matter could not be read."""

    path: str
    root: Node | None = None
    sections: dict[str, tuple[str, int]] = field(default_factory=dict)
    """Fact -> (text, line)."""
    bullets: dict[str, tuple[str, int]] = field(default_factory=dict)
    """Key in lower case -> (text, line), from the list that model card templates have."""
    fault: str = ""

    def node(self, *keys: str) -> Node | None:
        """The value below these keys."""
        return self.root.get(*keys) if self.root is not None and self.root.kind == "mapping" else None

    def at(self, node: Node) -> str:
        """Where it stands: the front matter begins behind the first line of the file."""
        return f"line {node.line + 1}"


def read(tree: Tree, path: str) -> Card:
    """The card; whatever it holds, this raises Unreadable at most."""
    card = Card(path)
    text = tree.start(path, _LIMIT).decode("utf-8-sig", "replace").replace("\r\n", "\n")
    front, body, line = _split(text)
    if front is None:
        card.fault = "" if body else f"its front matter does not end within {_FRONT >> 20} MiB"
    else:
        try:
            card.root = next(documents(front), None)
        except AssayError as error:
            card.fault = error.message
    _walk(body, line, card)
    return card


def _split(text: str) -> tuple[str | None, str, int]:
    """Front matter, what follows it, and the line on which that begins."""
    if not text.startswith("---\n"):
        return None, text, 1
    end = text.find("\n---", 3, _FRONT)
    if end < 0:
        return None, "", 1
    after = text.find("\n", end + 4)
    body = text[after + 1 :] if after >= 0 else ""
    return text[4 : end + 1], body, text.count("\n", 0, end + 4) + 2


def _walk(body: str, first: int, card: Card) -> None:
    """Sections by their headings, and the bullets of templates."""
    text = _uncommented(body)
    facts, start, level, fenced = tuple[str, ...](), 0, 0, False
    kept: list[str] = []

    def close() -> None:
        told = "\n".join(kept).strip()[:_TEXT]
        for fact in facts if told and not _EMPTY.fullmatch(told[:200]) else ():
            card.sections.setdefault(fact, (told, start))

    for number, line in enumerate(text.split("\n"), first):
        if _FENCE.match(line):
            fenced = not fenced
        heading = None if fenced else _HEADING.match(line)
        if heading is not None:
            named = _facts(heading[2])
            if named or len(heading[1]) <= level:
                close()
                facts, start, level, kept = named, number, len(heading[1]), []
                continue
        bullet = None if fenced else _BULLET.match(line.strip())
        if bullet is not None and not _EMPTY.fullmatch(bullet["value"]) and len(card.bullets) < _ITEMS:
            key = re.sub(r"\s*\[optional\]|\(s\)", "", bullet["key"], flags=re.IGNORECASE).strip().lower()
            card.bullets.setdefault(key, (bullet["value"].strip(), number))
        if facts and sum(map(len, kept[-1:])) < _TEXT and len(kept) < 500 and "More Information Needed" not in line:
            kept.append(line)
    close()


def _uncommented(body: str) -> str:
    """Without HTML comments, whose lines stay."""
    parts, at = [], 0
    while (start := body.find("<!--", at)) >= 0 and (end := body.find("-->", start)) >= 0:
        parts += [body[at:start], "\n" * body.count("\n", start, end)]
        at = end + 3
    return "".join((*parts, body[at:]))


def _facts(heading: str) -> tuple[str, ...]:
    """What a heading announces: use and limits together where it says both, as templates do."""
    folded = heading.lower()
    found = [fact for fact, words in _SECTIONS if any(word in folded for word in words)]
    return ("intended_use", "limitations") if {"intended_use", "limitations"} <= set(found) else tuple(found[:1])


def text(node: Node | None) -> str:
    """A scalar's text, "" for anything else and for YAML's null."""
    if node is None or node.kind != "scalar" or (not node.quoted and node.text in {"", "~", "null", "Null", "NULL"}):
        return ""
    return node.text.strip()[:_TEXT]


def texts(node: Node | None) -> list[tuple[str, Node]]:
    """A scalar, or the scalars of a list, with their nodes; lists in lists and mappings say nothing."""
    if node is None:
        return []
    nodes: Iterable[Node] = node.items[:_ITEMS] if node.kind == "sequence" else [node]
    return [(said, one) for one in nodes if (said := text(one))]


def mappings(node: Node | None) -> Iterator[Node]:
    """A mapping, or the mappings of a list."""
    nodes = node.items[:_ITEMS] if node is not None and node.kind == "sequence" else [node] if node is not None else []
    return (one for one in nodes if one.kind == "mapping")


def plain(node: Node | None) -> Any:
    """A JSON value, of at most 2,000 values and eight levels: aliases that multiply are cut there."""
    left = [_VALUES]

    def value(one: Node, depth: int) -> Any:
        left[0] -= 1
        if left[0] < 0 or depth > 8:
            return None
        if one.kind == "scalar":
            return one.text[:_TEXT] if one.quoted or one.block else scalar(one.text[:_TEXT])
        if one.kind == "sequence":
            return [value(item, depth + 1) for item in one.items[: left[0]]]
        return {key[:200]: value(item, depth + 1) for key, item in list(one.named())[: max(left[0], 0)]}

    return None if node is None else value(node, 0)


def scalar(written: str) -> Any:
    """A number or flag as YAML 1.2 core reads it, or the text."""
    if re.fullmatch(r"[-+]?\d{1,15}", written):
        return int(written)
    if re.fullmatch(r"[-+]?(?:\d{1,20}\.\d{0,20}|\.\d{1,20}|\d{1,20})(?:[eE][-+]?\d{1,3})?", written):
        number = float(written)
        return number if abs(number) < 1e300 else written
    return {"true": True, "false": False, "null": None, "~": None, "": None}.get(written.lower(), written)
