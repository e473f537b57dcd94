"""`# via` comments of compiled requirement files (pip-compile, uv): who asked for each line."""

import re
from collections.abc import Iterable
from itertools import pairwise

_LINE = re.compile(r"\r\n|\n|\r")
_VIA = re.compile(r"(?:^|\s)#\s*via\b:?\s*(.*)$")
_MORE = re.compile(r"\s*#\s{2,}(\S.*)$")
_MOST = 500
"""Who asked, of one line."""


def via(text: str, numbers: Iterable[int]) -> dict[int, tuple[str, ...]]:
    """Line number of a requirement -> who asked for it, as written: a package, `-r file`, `project (pyproject.toml)`.

    `numbers` are the lines where requirements begin; a comment belongs to the last one before it.
    """
    lines = _LINE.split(text)
    found: dict[int, tuple[str, ...]] = {}
    starts = sorted(set(numbers))
    for start, end in pairwise([*starts, len(lines) + 1]):
        asked = _asked(lines[start - 1 : end - 1])
        if asked:
            found[start] = asked
    return found


def _asked(lines: list[str]) -> tuple[str, ...]:
    asked: list[str] = []
    inside = False
    for line in lines:
        match = _VIA.search(line)
        more = _MORE.fullmatch(line) if inside else None
        if match:
            inside = True
            asked += (part.strip() for part in match[1].split(","))
        elif more:
            asked.append(more[1].strip())
        else:
            inside = False
    return tuple(part[:200] for part in asked if part)[:_MOST]
