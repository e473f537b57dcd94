"""JSON of which there is only one reading: for documents that are signed, or that say whom to trust.

`json.loads` takes UTF-16, NaN, duplicate keys and numbers that other readers round. Here they are Malformed, so that no two
readers of one document ever disagree. `canonical` is RFC 8785 for what these documents are made of, with the standard library alone.
"""

import json
import math
from typing import Any, NoReturn

from assaymark.core.errors import Malformed

LIMIT = 64 << 20
"""Bytes of a document."""
DEPTH = 64
_SAFE = (1 << 53) - 1
"""Greatest integer that every JSON reader keeps (RFC 7493)."""


def loads(data: bytes, what: str, *, limit: int = LIMIT, floats: bool = False, step: str = "") -> Any:
    """Read UTF-8 JSON, or raise Malformed: no duplicate keys, NaN or lone surrogates, integers within 2^53, depth 64.

    `floats`: whether numbers with a fraction or exponent are taken.
    """
    if len(data) > limit:
        raise Malformed(f"{what} has {len(data):,} bytes, at most {limit:,} are read", step=step)
    try:
        value = json.loads(
            data.decode("utf-8"),
            object_pairs_hook=_object,
            parse_int=_integer,
            parse_float=_finite if floats else _no_number,
            parse_constant=_no_number,
        )
        _bound(value)
    except UnicodeDecodeError as error:
        raise Malformed(f"{what} is not UTF-8: {error.reason}", offset=error.start, step=step) from None
    except (ValueError, RecursionError) as error:
        raise Malformed(f"{what} is not JSON that is read here: {error}", step=step) from None
    return value


def canonical(value: Any) -> bytes:
    """RFC 8785 bytes of texts, integers, booleans, nulls, lists, and objects whose keys are ASCII; raises ValueError.

    Elsewhere it would differ from RFC 8785: keys are sorted there by UTF-16, and fractions written in a way of their own.
    """
    _bound(value, canonical=True)
    text = json.dumps(value, ensure_ascii=False, sort_keys=True, separators=(",", ":"), allow_nan=False)
    return text.encode("utf-8")


def _bound(value: Any, *, canonical: bool = False) -> None:
    """Refuse what is nested too deeply, and what has no one canonical form."""
    level = [value]
    for _ in range(DEPTH):
        below: list[Any] = []
        for item in level:
            if isinstance(item, dict):
                _keys(item, canonical=canonical)
                below.extend(item.values())
            elif isinstance(item, list | tuple):
                below.extend(item)
            else:
                _single(item, canonical=canonical)
        if not below:
            return
        level = below
    raise ValueError(f"nested deeper than {DEPTH}")


def _single(item: Any, *, canonical: bool) -> None:
    if isinstance(item, str):
        if not item.isascii():
            item.encode("utf-8")  # a lone surrogate is a ValueError
    elif isinstance(item, int):
        if not -_SAFE <= item <= _SAFE:
            raise ValueError("an integer beyond 2^53")
    elif canonical and item is not None:
        raise ValueError(f"{type(item).__name__} has no one form here")


def _keys(item: dict[Any, Any], *, canonical: bool) -> None:
    for key in item:
        if not isinstance(key, str):
            raise ValueError("a key is not a text")  # noqa: TRY004 - one error for all that has no canonical form
        if not key.isascii():
            key.encode("utf-8")
            if canonical:
                raise ValueError("a key outside of ASCII")


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    made = dict(pairs)
    if len(made) != len(pairs):
        raise ValueError("a key stands there twice")
    return made


def _integer(text: str) -> int:
    if len(text) > 17 or not -_SAFE <= int(text) <= _SAFE:
        raise ValueError("an integer beyond 2^53")
    if text == "-0":
        raise ValueError("minus zero")
    return int(text)


def _finite(text: str) -> float:
    value = float(text)
    return value if math.isfinite(value) else _no_number(text)


def _no_number(text: str) -> NoReturn:
    raise ValueError(f"the number {text[:20]}")
