"""Make a document fit a version of CycloneDX: what its schema refuses moves into a property, with the place it stood at.

`restored` puts it back, so that a document that went through an older version is whole again.
"""

from collections.abc import Iterable
from typing import Any

from assaymark.bom.cyclonedx import properties
from assaymark.bom.cyclonedx.patch import canonical
from assaymark.bom.schema import validator

_ROUNDS = 24
_ERRORS = 20_000
"""What is taken out in one round: a document that fits badly needs a few more."""


def fitted(document: dict[str, Any], version: str) -> tuple[dict[str, Any], list[str]]:
    """The document as the version takes it, and JSON pointers of what was moved."""
    moved: list[tuple[list[str | int], Any]] = []
    check = validator(version)
    document = _copy(document)
    for _ in range(_ROUNDS):
        if check.is_valid(document):
            break
        paths = _refused(check.iter_errors(document), document)
        if not paths:
            break
        for path in paths:
            holder = _at(document, path[:-1])
            if _holds(holder, path[-1]):
                moved.append((path, holder.pop(path[-1])))
    if not moved:
        return document, []
    carried = [properties.prop("carried", {"at": path, "value": value}) for path, value in moved]
    holder = document if version != "1.4" else document.setdefault("metadata", {})
    holder["properties"] = [*holder.get("properties", ()), *_numbered(carried)]
    return document, [pointer(path) for path, _ in moved]


def restored(document: dict[str, Any]) -> dict[str, Any]:
    """The document with what was moved where it stood."""
    spots = [document, document.get("metadata")]
    for holder in spots:
        listed = holder.get("properties") if isinstance(holder, dict) else None
        if any(name.startswith("carried:") for name, _ in properties.ours(listed)):
            break
    else:
        return document
    document = _copy(document)
    holder = document if holder is spots[0] else document["metadata"]
    moved = sorted(
        (name, value) for name, value in properties.ours(holder["properties"]) if name.startswith("carried:")
    )
    rest = [one for one in holder["properties"] if not _carries(one)]
    holder["properties"] = rest
    if not rest:
        del holder["properties"]
    for _, value in reversed(moved):
        path = value.get("at") if isinstance(value, dict) else None
        if isinstance(path, list) and path and all(isinstance(step, str | int) for step in path):
            _put(document, path, value.get("value"))
    if document.get("metadata") == {}:
        del document["metadata"]
    return document


def pointer(path: Iterable[str | int]) -> str:
    """RFC 6901."""
    return "".join("/" + str(step).replace("~", "~0").replace("/", "~1") for step in path)


def _carries(item: Any) -> bool:
    name = item.get("name") if isinstance(item, dict) else None
    return isinstance(name, str) and name.startswith(f"{properties.PREFIX}carried:")


def _numbered(carried: list[properties.Property]) -> list[properties.Property]:
    """In the order in which they were taken out: they go back in the reverse one."""
    return [{"name": f"{one['name']}:{number:06}", "value": one["value"]} for number, one in enumerate(carried)]


def _refused(errors: Iterable[Any], document: Any) -> list[list[str | int]]:
    """Paths to take out: members that are not allowed, values that are wrong. Last items of lists first."""
    paths: dict[tuple[str | int, ...], None] = {}
    for number, error in enumerate(errors):
        if number >= _ERRORS:
            break
        path = tuple(error.instance_path)
        unexpected = getattr(error.kind, "unexpected", None)
        if error.kind.name == "uniqueItems":
            found = [(*path, place) for place in _repeated(_at(document, list(path)))]
        else:
            found = [(*path, name) for name in unexpected] if unexpected else [path]
        paths.update(dict.fromkeys(one for one in found if one))
    chosen = [path for path in paths if not any(path[:size] in paths for size in range(1, len(path)))]
    return [list(path) for path in sorted(chosen, key=lambda path: [_order(step) for step in path], reverse=True)]


def _repeated(items: Any) -> list[int]:
    """Places of items that stand earlier in the list too."""
    seen: set[str] = set()
    places: list[int] = []
    for place, item in enumerate(items if isinstance(items, list) else ()):
        text = canonical(item)
        if text in seen:
            places.append(place)
        seen.add(text)
    return places


def _order(step: str | int) -> tuple[int, str, int]:
    return (0, "", step) if isinstance(step, int) else (1, step, 0)


def _at(value: Any, path: list[str | int]) -> Any:
    for step in path:
        if not _holds(value, step):
            return None
        value = value[step]
    return value


def _holds(holder: Any, step: str | int) -> bool:
    if isinstance(holder, dict):
        return step in holder
    return isinstance(holder, list) and isinstance(step, int) and not isinstance(step, bool) and 0 <= step < len(holder)


def _put(document: dict[str, Any], path: list[str | int], value: Any) -> None:
    holder = _at(document, path[:-1])
    if isinstance(holder, dict) and isinstance(path[-1], str):
        holder[path[-1]] = value
    elif isinstance(holder, list) and isinstance(path[-1], int):
        holder.insert(path[-1], value)


def _copy(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _copy(item) for key, item in value.items()}
    return [_copy(item) for item in value] if isinstance(value, list) else value
