"""The form of a trust root's document: every field there, of its type, no other. What its parts say of each other: core.trust."""

import base64
import re
from collections.abc import Callable, Mapping
from typing import Any

from assaymark.core.errors import Malformed
from assaymark.core.statements import is_moment, is_name, is_person
from assaymark.core.strictjson import loads

LIMIT = 4 << 20
"""Bytes."""
SCHEMA = "assaymark/trust-root/v1"
_KEYID = re.compile(r"[0-9a-f]{64}")
_DIGEST = re.compile(r"sha256:[0-9a-f]{64}")
_LINE = re.compile(r"[!-*,-~]{1,255}")
"""Name of a note key: c2sp.org/signed-note has no `+` in it."""

_Rule = Callable[[Any], bool]


def read_document(payload: bytes) -> dict[str, Any]:
    """The document as JSON; raises Malformed that names the field."""
    data: dict[str, Any] = loads(payload, "the trust root", limit=LIMIT)
    _hold(data, _ROOT, "")
    return data


def _hold(value: Any, rule: "_Rule | Mapping[str, Any]", where: str) -> None:
    """A mapping of rules is an object with just these fields; else the rule says whether the value is as it must be."""
    if not isinstance(rule, Mapping):
        if not rule(value):
            raise Malformed(f"trust root: {where or 'it'} is {value!r:.80}, which it cannot be")
        return
    if not isinstance(value, dict):
        raise Malformed(f"trust root: {where or 'it'} is not an object")
    if value.keys() != rule.keys():
        raise Malformed(
            f"trust root: {where or 'it'} lacks or has beyond its fields {sorted(value.keys() ^ rule.keys())}"
        )
    for name, below in rule.items():
        _hold(value[name], below, f"{where}.{name}" if where else name)


def _text(pattern: re.Pattern[str]) -> _Rule:
    return lambda value: isinstance(value, str) and pattern.fullmatch(value) is not None


def _count(least: int) -> _Rule:
    return lambda value: type(value) is int and value >= least


def _or_none(rule: _Rule) -> _Rule:
    return lambda value: value is None or rule(value)


def _distinct(rule: _Rule, least: int = 0) -> _Rule:
    """A list of texts, each once."""
    return lambda value: (
        isinstance(value, list) and len(value) >= least and all(map(rule, value)) and len(set(value)) == len(value)
    )


def _each(rule: Mapping[str, Any], unique: str) -> _Rule:
    """A list of objects; `unique` is the field that no two share."""

    def check(value: Any) -> bool:
        if not isinstance(value, list):
            return False
        for number, entry in enumerate(value):
            _hold(entry, rule, f"[{number}]")
        return len({entry[unique] for entry in value}) == len(value)

    return check


def _table(key: _Rule, rule: "_Rule | Mapping[str, Any]") -> _Rule:
    """An object with names of the user's."""

    def check(value: Any) -> bool:
        if not isinstance(value, dict) or not all(map(key, value)):
            return False
        for name, entry in value.items():
            _hold(entry, rule, name)
        return True

    return check


def _base64(value: Any) -> bool:
    try:
        return isinstance(value, str) and base64.b64encode(base64.b64decode(value, validate=True)).decode() == value
    except ValueError:
        return False


_keyid = _text(_KEYID)
_grants = _each({"key": _keyid, "from": is_moment, "until": _or_none(is_moment)}, "key")
_person: Mapping[str, Any] = {
    "roles": _distinct(is_name, 1),
    "projects": _distinct(lambda value: value == "*" or is_name(value), 1),
    "keys": _grants,
}
_ROOT: Mapping[str, Any] = {
    "schema": lambda value: value == SCHEMA,
    "name": is_name,
    "version": _count(1),
    "expires": is_moment,
    "root": {"keys": _distinct(_keyid, 1), "threshold": _count(1)},
    "keys": _table(_keyid, {"kind": is_name, "public": _base64}),
    "log": _each({"origin": _text(_LINE), "key": _keyid}, "key"),
    "witnesses": {"quorum": _count(0), "keys": _each({"name": _text(_LINE), "key": _keyid}, "key")},
    "server": _distinct(_keyid),
    "people": _table(is_person, _person),
    "policies": _table(is_name, _text(_DIGEST)),
}
