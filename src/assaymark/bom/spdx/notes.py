"""What SPDX has no property for, in annotations: how a fact is known and where it stands, and what other formats say.

The statement of such an annotation is canonical JSON. A value stands there only where the element does not say it as it is: what
anybody else reads of an element is what we read of it.
"""

import json
from collections.abc import Iterable, Mapping
from typing import Any, TypeVar

from assaymark.bom.document import Component, Fact, Gap, Place, Relation, Status
from assaymark.bom.spdx.bound import text
from assaymark.bom.spdx.elements import Elements
from assaymark.core.errors import Malformed
from assaymark.core.graph import EdgeKind, NodeKind

COMPONENT = "assaymark/spdx-component/v1"
DOCUMENT = "assaymark/spdx-document/v1"
_LIMIT = 32 << 20
_E = TypeVar("_E", Status, EdgeKind, NodeKind)


_ENCODER = json.JSONEncoder(ensure_ascii=False, sort_keys=True, separators=(",", ":"))


def canonical(value: Any) -> str:
    """One text for one JSON value."""
    return _ENCODER.encode(value)


def same(one: Any, other: Any) -> bool:
    """Whether two values are one in JSON, where true is not 1."""
    if isinstance(one, str) or isinstance(other, str):
        return bool(one == other)
    return one is other or canonical(one) == canonical(other)


def component_note(
    component: Component,
    read: tuple[str, NodeKind, Mapping[str, Any]],
    relations: Iterable[tuple[Relation, Relation]],
    native: Mapping[str, Any],
) -> dict[str, Any]:
    """What is to be noted of a component beyond what its element says; nothing where the element says it all.

    `read`: ref, kind and facts as they are read from the element. `relations`: each with what is read of it.
    """
    ref, kind, facts = read
    noted: dict[str, Any] = {}
    if component.ref != ref:
        noted["ref"] = component.ref
    if component.kind is not kind:
        noted["kind"] = component.kind.value
    said = {name: entry for name, fact in component.facts.items() if (entry := _fact(name, fact, facts))}
    if said:
        noted["facts"] = said
    absent = sorted(facts.keys() - component.facts.keys())
    if absent:
        noted["absent"] = absent
    ways = [_relation(relation, plain) for relation, plain in relations if relation != plain]
    if ways:
        noted["relations"] = ways
    if native:
        noted["native"] = dict(native)
    return {"schema": COMPONENT, **noted} if noted else {}


def _fact(name: str, fact: Fact, read: Mapping[str, Any]) -> dict[str, Any]:
    entry: dict[str, Any] = {}
    if name not in read or not same(read[name], fact.value):
        entry["value"] = fact.value
        if name in read:
            entry["read"] = read[name]
    if fact.status is not Status.DECLARED:
        entry["status"] = fact.status.value
    if fact.places:
        entry["places"] = _places(fact.places)
    if fact.note:
        entry["note"] = fact.note
    return entry


def _relation(relation: Relation, plain: Relation) -> dict[str, Any]:
    entry: dict[str, Any] = {"kind": relation.kind.value, "target": relation.target}
    if relation.how != plain.how:
        entry["how"] = relation.how
    if relation.status is not Status.DECLARED:
        entry["status"] = relation.status.value
    if relation.places:
        entry["places"] = _places(relation.places)
    if relation.native:
        entry["native"] = dict(relation.native)
    return entry


def _places(places: Iterable[Place]) -> list[list[str]]:
    return [[place.path, place.at] if place.at else [place.path] for place in places]


def notes(found: Elements) -> tuple[dict[str, dict[str, Any]], dict[str, Any], set[str]]:
    """Notes by the id of the element that they are about, that of the document, and the ids of their annotations."""
    components: dict[str, dict[str, Any]] = {}
    whole: dict[str, Any] = {}
    ids: set[str] = set()
    for element in found.of("Annotation"):
        statement = text(element, "statement")
        if "assaymark/spdx-" not in statement or not statement.startswith("{"):
            continue
        note = _parsed(statement)
        subject = found.ids(element.get("subject"))
        if note.get("schema") == COMPONENT and subject:
            components[subject[0]] = note
        elif note.get("schema") == DOCUMENT:
            whole = note
        else:
            continue
        ids.add(found.id(element))
    return components, whole, ids


def _parsed(statement: str) -> dict[str, Any]:
    if len(statement) > _LIMIT:
        return {}
    try:
        note = json.loads(statement)
    except (ValueError, RecursionError):
        return {}
    return note if isinstance(note, dict) else {}


def noted_facts(note: Mapping[str, Any], read: Mapping[str, Any]) -> dict[str, Fact]:
    """Facts as they are read, with what is noted of them."""
    absent = {str(name) for name in _list(note, "absent")}
    made = {name: Fact(value, Status.DECLARED) for name, value in read.items() if name not in absent}
    for name, entry in _object(note, "facts").items():
        _entry(entry, "a fact")
        value, stands = read.get(name), name in read
        if "value" in entry and stands == ("read" in entry) and same(entry.get("read"), value):
            value, stands = entry["value"], True
        if not stands:
            continue  # the element said so once, and does no more
        made[name] = Fact(value, _status(entry), _read_places(entry), _text(entry, "note"))
    return made


def noted_relations(note: Mapping[str, Any], ref: str, read: dict[tuple[str, EdgeKind, str], Relation]) -> None:
    """Put what is noted of the relations of a component onto those that are there."""
    for entry in _list(note, "relations"):
        _entry(entry, "a relation")
        key = ref, _member(EdgeKind, _text(entry, "kind")), _text(entry, "target")
        if key in read:
            how = _text(entry, "how") if "how" in entry else read[key].how
            read[key] = Relation(*key, how, _status(entry), _read_places(entry), _object(entry, "native"))


def noted_kind(note: Mapping[str, Any], read: NodeKind) -> NodeKind:
    """The kind that is noted, else the one that is read."""
    return _member(NodeKind, _text(note, "kind")) if "kind" in note else read


def gap_list(gaps: Iterable[Gap]) -> list[list[str]]:
    """Gaps as a note has them."""
    return [[gap.ref, gap.what, gap.why, gap.step] for gap in gaps]


def noted_gaps(note: Mapping[str, Any]) -> tuple[Gap, ...]:
    """And back."""
    rows = _list(note, "gaps")
    if not all(isinstance(row, list) and len(row) == 4 and all(isinstance(one, str) for one in row) for row in rows):
        raise _wrong("gaps that are not four texts each")
    return tuple(Gap(*row) for row in rows)


def noted_tools(note: Mapping[str, Any]) -> tuple[tuple[str, str], ...]:
    """Names and versions of tools."""
    rows = _list(note, "tools")
    if not all(isinstance(row, list) and len(row) == 2 and all(isinstance(one, str) for one in row) for row in rows):
        raise _wrong("tools that are not a name and a version each")
    return tuple((row[0], row[1]) for row in rows)


def native(note: Mapping[str, Any]) -> dict[str, Any]:
    """What other formats said."""
    return dict(_object(note, "native"))


def _wrong(what: str) -> Malformed:
    return Malformed(f"an annotation of ours has {what}", step="convert the document anew from its source")


def _object(note: Mapping[str, Any], key: str) -> Mapping[str, Any]:
    value = note.get(key, {})
    if not isinstance(value, dict):
        raise _wrong(f"'{key}' that is not an object")
    return value


def _list(note: Mapping[str, Any], key: str) -> list[Any]:
    value = note.get(key, [])
    if not isinstance(value, list):
        raise _wrong(f"'{key}' that is not a list")
    return value


def _text(note: Mapping[str, Any], key: str) -> str:
    value = note.get(key, "")
    if not isinstance(value, str):
        raise _wrong(f"'{key}' that is not a text")
    return value


def _entry(entry: Any, what: str) -> None:
    if not isinstance(entry, dict):
        raise _wrong(f"{what} that is not an object")


def _status(entry: Mapping[str, Any]) -> Status:
    return _member(Status, _text(entry, "status")) if "status" in entry else Status.DECLARED


def _member(kind: type[_E], value: str) -> _E:
    try:
        return kind(value)
    except ValueError:
        raise _wrong(f"the unknown {kind.__name__} '{value[:40]}'") from None


def _read_places(entry: Mapping[str, Any]) -> tuple[Place, ...]:
    rows = _list(entry, "places")
    if not all(
        isinstance(row, list) and 1 <= len(row) <= 2 and all(isinstance(one, str) for one in row) for row in rows
    ):
        raise _wrong("places that are not a path and a position each")
    return tuple(Place(*row) for row in rows)
