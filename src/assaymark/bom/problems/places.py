"""Places in a JSON document: pointers (RFC 6901), what stands there, and how it is shown."""

from collections.abc import Iterable
from typing import Any

_MOST = 60


def pointer(path: Iterable[str | int]) -> str:
    """The JSON pointer of a path."""
    return "".join("/" + str(step).replace("~", "~0").replace("/", "~1") for step in path)


def value_at(document: Any, path: Iterable[str | int]) -> Any:
    """What stands at a path; None where nothing does."""
    for step in path:
        if isinstance(document, dict) and isinstance(step, str):
            document = document.get(step)
        elif isinstance(document, list) and isinstance(step, int) and step < len(document):
            document = document[step]
        else:
            return None
    return document


def leads(document: Any, at: str) -> bool:
    """Whether a JSON pointer leads to something."""
    if at == "":
        return True
    if not at.startswith("/"):
        return False
    for part in at[1:].split("/"):
        step = part.replace("~1", "/").replace("~0", "~")
        if isinstance(document, dict) and step in document:
            document = document[step]
        elif (
            isinstance(document, list)
            and step.isascii()
            and step.isdecimal()
            and len(step) < 12
            and int(step) < len(document)
        ):
            document = document[int(step)]
        else:
            return False
    return True


def shown(value: Any) -> str:
    """A value as people read it, cut off where it is long."""
    if isinstance(value, str):
        return f'"{value[:_MOST]}…"' if len(value) > _MOST else f'"{value}"'
    if isinstance(value, dict | list):
        return "an object" if isinstance(value, dict) else "a list"
    return (
        {True: "true", False: "false", None: "null"}.get(value, str(value)[:_MOST])
        if isinstance(value, bool | None)
        else str(value)[:_MOST]
    )
