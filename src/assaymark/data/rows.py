"""Rows of JSON: pickles in base64, and the instructions of jsonpickle, which make a decoder import and call."""

import re
from collections.abc import Iterator
from dataclasses import dataclass

from assaymark.core.blob import CHUNK, Blob
from assaymark.core.budget import Budget
from assaymark.core.format import Context, Item
from assaymark.core.source.secrets import safe_excerpt
from assaymark.data.payloads import payloads

_OVERLAP = 512
_MOST = 1_000
_SLASH = rb"(?:/|\\/|\\u002[fF])"
_INSTRUCTION = re.compile(
    rb"\"py"
    + _SLASH
    + rb"(?P<what>reduce|repr|function|object|type|newargsex|initargs)\"\s{0,20}:\s{0,20}(?:\"(?P<name>[^\"\\\n]{1,200})\")?"
)
_HARMFUL = re.compile(
    r"(?:os|posix|nt|subprocess|builtins|__builtin__|__main__|sys|shutil|pty|socket|importlib|runpy|code|ctypes|pickle|_pickle|marshal|types|operator|functools)\b"
)


@dataclass(frozen=True, slots=True)
class DecoderInstruction:
    """A key that tells jsonpickle to rebuild something by calling it."""

    key: str
    name: str
    line: int
    excerpt: str


def parse(blob: Blob, context: Context) -> Iterator[Item]:
    """Yield the instructions, then the pickles."""
    yield from _instructions(blob, context.budget)
    yield from payloads(blob, context.budget)


def _instructions(blob: Blob, budget: Budget) -> Iterator[DecoderInstruction]:
    at = line = done = found = 0
    while at < blob.size and found < _MOST:
        budget.tick()
        base = max(0, at - _OVERLAP)
        piece = blob.read(base, CHUNK + at - base)
        for match in _INSTRUCTION.finditer(piece) if b'"py' in piece else ():
            if base + match.start() < done:
                continue
            done = base + match.end()
            what = match["what"].decode()
            name = (match["name"] or b"").decode("utf-8", "replace")
            if what in {"reduce", "repr"} or (name and _HARMFUL.match(name)):
                here = line + piece.count(b"\n", at - base, max(at - base, match.start())) + 1
                shown = piece[match.start() : match.start() + 160].decode("utf-8", "replace").split("\n")[0]
                yield DecoderInstruction(f"py/{what}", name, here, safe_excerpt(shown))
                found += 1
        line += piece.count(b"\n", at - base)
        at = base + len(piece)
