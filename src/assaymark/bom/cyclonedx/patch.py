"""What is left of a JSON document when what can be made anew is taken away, and how to put it back.

`difference(made, wanted)` says what to change in `made` to get `wanted`; `{}` where nothing. In the difference of two objects
`"key"` is a value to set, `"-key"` one to take out, `"~key"` a difference further in. In that of two lists `"~"` has differences
by key of the item, `"-"` items to take out, `"+"` pairs of place and item to put in. Where facts have changed since, `apply` does
what still can be done.
"""

import json
from collections.abc import Mapping
from typing import Any

_MARKS = ("-", "~", "=")
_KEYS = ("ref", "bom-ref", "name", "alg", "type")
"""Members by which items of a list are told apart: a property by name, a digest by algorithm."""


def canonical(value: Any) -> str:
    """One text for equal JSON values: 1 and true differ, the order of members does not matter."""
    return json.dumps(value, sort_keys=True, ensure_ascii=False, separators=(",", ":"))


def difference(made: Any, wanted: Any) -> Any:
    """See the module; {} where they are equal."""
    if same(made, wanted):
        return {}
    if isinstance(made, dict) and isinstance(wanted, dict) and not any(key.startswith(_MARKS) for key in wanted):
        return _objects(made, wanted)
    if isinstance(made, list) and isinstance(wanted, list):
        return _lists(made, wanted)
    return {"=": wanted}


def apply(made: Any, change: Any) -> Any:
    """`made` with a difference put in."""
    if not isinstance(change, Mapping) or not change:
        return made
    if "=" in change:
        return change["="]
    if isinstance(made, list):
        return _put(made, change)
    result = dict(made) if isinstance(made, dict) else {}
    for key, value in change.items():
        if key.startswith("-"):
            result.pop(key[1:], None)
        elif key.startswith("~"):
            name = key[1:]
            result[name] = apply(result.get(name, [] if set(value) & {"+", "-", "~"} else {}), value)
        else:
            result[key] = value
    return result


def same(one: Any, other: Any) -> bool:
    """Equal as JSON; Python's own comparison, which is fast, and a closer look where it says yes to 1 and true."""
    return one == other and (isinstance(one, str) or canonical(one) == canonical(other))


def _objects(made: dict[str, Any], wanted: dict[str, Any]) -> dict[str, Any]:
    change: dict[str, Any] = {f"-{key}": None for key in made if key not in wanted}
    for key, value in wanted.items():
        if key not in made:
            change[key] = value
            continue
        below = difference(made[key], value)
        if below:
            change.update({key: below["="]} if "=" in below else {f"~{key}": below})
    return change


def _lists(made: list[Any], wanted: list[Any]) -> dict[str, Any]:
    """Items that stay stay where they are; the rest is taken out and put in. Falls back to the whole list."""
    key = _key_of(made, wanted)
    change = _keyed(made, wanted, key) if key else _unkeyed(made, wanted)
    return change if canonical(apply(made, change)) == canonical(wanted) else {"=": wanted}


def _key_of(made: list[Any], wanted: list[Any]) -> str:
    for key in _KEYS:
        if all(_unique(items, key) for items in (made, wanted)):
            return key
    return ""


def _unique(items: list[Any], key: str) -> bool:
    seen = [item[key] for item in items if isinstance(item, dict) and isinstance(item.get(key), str)]
    return len(seen) == len(items) == len(set(seen))


def _keyed(made: list[Any], wanted: list[Any], key: str) -> dict[str, Any]:
    ours, theirs = ({item[key]: item for item in items} for items in (made, wanted))
    inner = {name: change for name, item in theirs.items() if (change := difference(ours.get(name, {}), item))}
    order = [item[key] for item in made if item[key] in theirs] + [name for name in theirs if name not in ours]
    change = {"k": key, "~": inner, "-": [name for name in ours if name not in theirs]}
    if order != list(theirs):
        change["order"] = list(theirs)
    return change


def _unkeyed(made: list[Any], wanted: list[Any]) -> dict[str, Any]:
    left: dict[str, int] = {}
    for item in wanted:
        text = canonical(item)
        left[text] = left.get(text, 0) + 1
    gone: list[Any] = []
    kept: dict[str, int] = {}
    for item in made:
        text = canonical(item)
        if kept.get(text, 0) < left.get(text, 0):
            kept[text] = kept.get(text, 0) + 1
        else:
            gone.append(item)
    new: list[Any] = []
    for place, item in enumerate(wanted):
        text = canonical(item)
        if kept.get(text, 0):
            kept[text] -= 1
        else:
            new.append([place, item])
    return {"-": gone, "+": new}


def _put(made: list[Any], change: Mapping[str, Any]) -> list[Any]:
    return _put_keyed(made, change) if "k" in change else _put_unkeyed(made, change)


def _put_keyed(made: list[Any], change: Mapping[str, Any]) -> list[Any]:
    key, inner, gone = change["k"], change.get("~", {}), set(change.get("-", ()))
    result: dict[Any, Any] = {}
    for place, item in enumerate(made):
        name = item.get(key) if isinstance(item, dict) else None
        if name is not None and name in gone:
            continue
        result[place if name is None or name in result else name] = (
            apply(item, inner[name]) if name is not None and name in inner else item
        )
    for name, below in inner.items():
        if name not in result:
            result[name] = apply({}, below)
    order = {name: place for place, name in enumerate(change.get("order", ()))}
    names = sorted(result, key=lambda name: order.get(name, len(order))) if order else list(result)
    return [result[name] for name in names]


def _put_unkeyed(made: list[Any], change: Mapping[str, Any]) -> list[Any]:
    gone: dict[str, int] = {}
    for item in change.get("-", ()):
        text = canonical(item)
        gone[text] = gone.get(text, 0) + 1
    kept: list[Any] = []
    for item in reversed(made):
        text = canonical(item)
        if gone.get(text, 0):
            gone[text] -= 1
        else:
            kept.append(item)
    result: list[Any] = []
    for place, item in change.get("+", ()):
        while len(result) < place and kept:
            result.append(kept.pop())
        result.append(item)
    return result + kept[::-1]
