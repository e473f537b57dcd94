"""Limits on a document that anybody may have written, looked at before anything else is."""

from collections.abc import Mapping
from typing import Any

from assaymark.core.errors import Malformed

DEPTH = 64
VALUES = 6_000_000
"""Values of a document in all."""
ELEMENTS = 200_000
"""Elements, packages, files or relationships of a document."""
_SINGLE = (str, int, float, bool, type(None))


def document(value: Any, what: str) -> dict[str, Any]:
    """The document, if it is an object of JSON values, not nested deeper than 64 and of no more than 6 million values."""
    if not isinstance(value, dict):
        raise Malformed(f"{what} is {_kind(value)}, not an object")
    level: list[Any] = [value]
    count = 0
    for _ in range(DEPTH):
        below: list[Any] = []
        for item in level:
            if isinstance(item, dict):
                if not _texts(item):
                    raise Malformed(f"{what} has a key that is not a text")
                below.extend(item.values())
            elif isinstance(item, list):
                below.extend(item)
            elif not isinstance(item, _SINGLE):
                raise Malformed(f"{what} has {_kind(item)}, which JSON does not know")
        count += len(below)
        if count > VALUES:
            raise Malformed(f"{what} has more than {VALUES:,} values")
        if not below:
            return value
        level = below
    raise Malformed(f"{what} is nested deeper than {DEPTH}")


def items(value: Any, what: str) -> list[Any]:
    """The list, if it is one and within bounds."""
    if not isinstance(value, list):
        raise Malformed(f"{what} is {_kind(value)}, not a list")
    if len(value) > ELEMENTS:
        raise Malformed(f"{what} has {len(value):,} entries, at most {ELEMENTS:,} are read")
    return value


def texts(value: Any) -> list[str]:
    """The texts of a list, or of one text; what is none is left out."""
    if isinstance(value, str):
        return [value]
    return [item for item in value if isinstance(item, str)] if isinstance(value, list) else []


def objects(value: Any) -> list[dict[str, Any]]:
    """The objects of a list, or of one object."""
    if isinstance(value, dict):
        return [value]
    return [item for item in value if isinstance(item, dict)] if isinstance(value, list) else []


def text(value: Mapping[str, Any], key: str) -> str:
    """A text of an object, "" where there is none."""
    found = value.get(key)
    return found if isinstance(found, str) else ""


def _texts(item: dict[Any, Any]) -> bool:
    return all(isinstance(key, str) for key in item)


def _kind(value: Any) -> str:
    names = {dict: "an object", list: "a list", str: "a text", bool: "a flag", int: "a number", float: "a number"}
    return names.get(type(value), "null" if value is None else type(value).__name__)
