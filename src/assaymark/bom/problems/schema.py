"""What the schema of a version forbids, in plain words and with its place. The bound of what is told is LIMIT."""

from collections.abc import Callable, Iterable
from itertools import islice
from typing import Any

from assaymark.bom.problems.codes import CODES
from assaymark.bom.problems.places import pointer, shown, value_at
from assaymark.bom.schema import validator
from assaymark.bom.validate import Problem

LIMIT = 1000
"""Problems of one document that are told; they seldom come alone, and the first ones say what is the matter."""
_SHOWN = 6
_TYPES = {
    "string": "a text",
    "integer": "a whole number",
    "number": "a number",
    "boolean": "true or false",
    "object": "an object",
    "array": "a list",
    "null": "null",
}
_FORMATS = {
    "date-time": "a moment as RFC 3339 writes it",
    "iri-reference": "a URL",
    "idn-email": "an e-mail address",
    "date": "a date",
}


def problems(document: dict[str, Any], form: str) -> list[Problem]:
    """The first thousand of what the schema says; `form` is `cyclonedx-1.4` to `cyclonedx-1.7`, `cyclonedx-xml-1.4` and so on."""
    version = form.rpartition("-")[2]
    check = validator(version)
    if check.is_valid(document):
        return []
    made: dict[tuple[str, str], Problem] = {}
    for error in islice(check.iter_errors(document), LIMIT):
        for at, message in _told(error, document, version):
            made.setdefault((at, message), CODES["BOM001"].problem(at, message))
    return list(made.values())


def _told(error: Any, document: Any, version: str) -> Iterable[tuple[str, str]]:
    """(place, message) of an error."""
    path, kind = list(error.instance_path), error.kind
    if kind.name == "additionalProperties":
        for one in kind.unexpected[:_SHOWN]:
            yield pointer([*path, one]), f"{shown(one)} is no field of CycloneDX {version} here"
    elif kind.name in ("oneOf", "anyOf"):
        yield from _branches(error, document, path, version)
    else:
        yield pointer(path), _wrong(kind, value_at(document, path)) or error.message[:200]


def _wrong(kind: Any, value: Any) -> str:
    """What is wrong with a value; "" where the schema's own words must do."""
    name = kind.name
    if name == "enum":
        options = [str(one) for one in kind.options]
        more = f" and {len(options) - _SHOWN} more" if len(options) > _SHOWN else ""
        return f"{shown(value)} is not one of {', '.join(options[:_SHOWN])}{more}"
    if name == "type":
        wanted = " or ".join(_TYPES.get(one, one) for one in kind.types)
        return f"{_kind(value)} stands where {wanted} must"
    if name == "not":
        names = _required(kind.schema)
        return f"{' and '.join(names) or 'what stands here'} may not stand here, or not together"
    said: dict[str, Callable[[], str]] = {
        "required": lambda: f"{shown(kind.property)} is missing",
        "const": lambda: f"{shown(value)} must be {shown(kind.expected_value)}",
        "format": lambda: f"{shown(value)} is not {_FORMATS.get(kind.format, kind.format)}",
        "pattern": lambda: f"{shown(value)} does not have the form {kind.pattern[:120]}",
        "uniqueItems": lambda: "the list has one item twice",
    }
    return said[name]() if name in said else ""


def _branches(error: Any, document: Any, path: list[str | int], version: str) -> Iterable[tuple[str, str]]:
    """Of several forms that a value may have, what the closest one lacks."""
    context = getattr(error.kind, "context", None) or ()
    found = [list(branch) for branch in context]
    found = [branch for branch in found if branch]
    if not found:
        yield pointer(path), "it has more than one of the forms that exclude each other here"
        return
    missing = [
        one for branch in found for one in branch if one.kind.name == "required" and list(one.instance_path) == path
    ]
    if len(missing) == sum(map(len, found)):
        names = dict.fromkeys(shown(one.kind.property) for one in missing)
        yield pointer(path), f"{' or '.join(names)} is missing"
        return
    deepest = max(found, key=lambda branch: (max(len(list(one.instance_path)) for one in branch), -len(branch)))
    for one in deepest[:_SHOWN]:
        yield from _told(one, document, version)


def _required(schema: Any) -> list[str]:
    names = schema.get("required") if isinstance(schema, dict) else None
    return [shown(name) for name in names] if isinstance(names, list) else []


def _kind(value: Any) -> str:
    names = {
        str: "a text",
        bool: "true or false",
        int: "a number",
        float: "a number",
        dict: "an object",
        list: "a list",
    }
    return names.get(type(value), "null")
