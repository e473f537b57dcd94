"""TOML and JSON documents of strangers: bounded, and every fault is Malformed."""

import json
import math
import re
import tomllib
from typing import Any

from assaymark.core.errors import Malformed

_DEEP_KEY = re.compile(r"(?<![\w\"'.-])(?:[\w\"'-]++[ \t]*+\.[ \t]*+){48}")
_HEADER = re.compile(r"^[ \t]*\[\[[ \t]*([\w.-]+)[ \t]*\]\]", re.MULTILINE)


def load_toml(text: str, what: str) -> dict[str, Any]:
    """The document as a dict. Keys of 48 parts and more are refused: the parser's time grows with their square."""
    if _DEEP_KEY.search(text):
        raise Malformed(f"{what} has a key of 48 parts or more")
    try:
        return tomllib.loads(text)
    except RecursionError:
        raise Malformed(f"{what} is nested too deep") from None
    except ValueError as error:
        raise Malformed(f"{what} is not TOML: {error}") from None


def load_json(text: str, what: str, *, loose: bool = False) -> dict[str, Any]:
    """The document, which must be an object. `loose`: NaN, and numbers that no reader keeps, are None."""
    try:
        value = json.loads(text, **_LOOSE) if loose else json.loads(text)
    except RecursionError:
        raise Malformed(f"{what} is nested too deep") from None
    except ValueError as error:
        raise Malformed(f"{what} is not JSON: {error}", offset=getattr(error, "pos", None)) from None
    if not isinstance(value, dict):
        raise Malformed(f"{what} is not a JSON object")
    return value


def _integer(digits: str) -> int | None:
    return int(digits) if len(digits) < 16 else None


def _number(digits: str) -> float | None:
    value = float(digits)
    return value if math.isfinite(value) else None


_LOOSE: dict[str, Any] = {"parse_constant": lambda _: None, "parse_int": _integer, "parse_float": _number}


def table(value: object, *path: str) -> dict[str, Any]:
    """The table at this path, or an empty one where there is none or something else."""
    for part in path:
        value = value.get(part) if isinstance(value, dict) else None
    return value if isinstance(value, dict) else {}


def rows(value: object) -> list[dict[str, Any]]:
    """The tables of an array of tables; what is no table is left out."""
    return [row for row in value if isinstance(row, dict)] if isinstance(value, list) else []


def texts(value: object) -> list[str]:
    """The texts of a list of texts, or the one text as a list."""
    if isinstance(value, str):
        return [value]
    return [item for item in value if isinstance(item, str)] if isinstance(value, list) else []


def text(value: object) -> str:
    """The value where it is a text, else an empty one."""
    return value if isinstance(value, str) else ""


def header_lines(document: str, name: str) -> list[int]:
    """Line numbers of the `[[name]]` headers, in order."""
    lines: list[int] = []
    number, counted = 1, 0
    for match in _HEADER.finditer(document):
        number += document.count("\n", counted, match.start(1))
        counted = match.start(1)
        if match[1] == name:
            lines.append(number)
    return lines
