"""Lists of popular names as people have them: one a line, or the JSON of hugovk/top-pypi-packages; most popular first."""

import re

from assaymark.core.errors import Malformed
from assaymark.library.confusion.index import MOST
from assaymark.library.confusion.spelling import LONGEST

LIMIT = 64 << 20
"""Bytes of a list."""
_NAME = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9._-]*[A-Za-z0-9])?")


def read(data: bytes, what: str) -> list[str]:
    """The names. Raises Malformed for a list without names, with too many, or with lines that are none."""
    if len(data) > LIMIT:
        raise Malformed(f"{what} has {len(data):,} bytes, at most {LIMIT:,} are read")
    names = _rows(data, what) if data.lstrip()[:1] in {b"{", b"["} else _lines(data, what)
    odd = next((name for name in names if len(name) > LONGEST or not _NAME.fullmatch(name)), None)
    if odd is not None:
        raise Malformed(f"{what} holds {odd[:60]!r}, which is no name of a project")
    if not names or len(names) > MOST:
        raise Malformed(f"{what} has {len(names):,} names; between 1 and {MOST:,} are taken")
    return names


def _lines(data: bytes, what: str) -> list[str]:
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise Malformed(f"{what} is not UTF-8: {error.reason}", offset=error.start) from None
    lines = (line.partition("#")[0].strip() for line in text.split("\n"))
    return [line for line in lines if line]


def _rows(data: bytes, what: str) -> list[str]:
    from assaymark.core.strictjson import loads

    found = loads(data, what, floats=True)
    rows = found.get("rows", []) if isinstance(found, dict) else found
    names = [row.get("project") if isinstance(row, dict) else row for row in rows] if isinstance(rows, list) else []
    if any(not isinstance(name, str) for name in names):
        raise Malformed(f"{what} has rows without a project")
    return [str(name) for name in names]
