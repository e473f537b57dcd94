"""The neutral document as JSON: `assaymark/bom/v1`. Written canonically, read back to the same Bom."""

from typing import Any

from assaymark.bom.document import SCHEMA, Bom, Component, Fact, Gap, Place, Relation, Status
from assaymark.core.errors import Malformed
from assaymark.core.graph import EdgeKind, NodeKind

STEP = "make it with: assay bom build PATH --format json"


def to_json(bom: Bom) -> dict[str, Any]:
    """Texts that are no Unicode are escaped; what is empty is left out."""
    made: dict[str, Any] = {
        "schema": SCHEMA,
        "subject": bom.subject,
        "components": [_component(one) for one in bom.components],
        "relations": [_relation(one) for one in bom.relations],
        "gaps": [_full(ref=one.ref, what=one.what, why=one.why, step=one.step) for one in bom.gaps],
        "tools": [{"name": name, "version": version} for name, version in bom.tools],
        **_full(at=bom.at, author=bom.author, native=dict(bom.native)),
    }
    found: dict[str, Any] = _valid(made)
    return found


def _component(one: Component) -> dict[str, Any]:
    facts = {name: _fact(fact) for name, fact in one.facts.items()}
    return {"ref": one.ref, "kind": one.kind.value, "facts": facts, **_full(native=dict(one.native))}


def _fact(fact: Fact) -> dict[str, Any]:
    return {"value": fact.value, "status": fact.status.value, **_full(places=_places(fact.places), note=fact.note)}


def _relation(one: Relation) -> dict[str, Any]:
    more = _full(how=one.how, places=_places(one.places), native=dict(one.native))
    return {"source": one.source, "kind": one.kind.value, "target": one.target, "status": one.status.value, **more}


def _places(places: tuple[Place, ...]) -> list[dict[str, str]]:
    return [_full(path=place.path, at=place.at) for place in places]


def _full(**entries: Any) -> dict[str, Any]:
    return {name: value for name, value in entries.items() if value not in ("", [], {})}


def _valid(value: Any) -> Any:
    """Without lone surrogates."""
    if isinstance(value, str):
        return value if value.isascii() else value.encode("utf-8", "backslashreplace").decode()
    if isinstance(value, dict):
        return {_valid(key): _valid(inner) for key, inner in value.items()}
    return [_valid(inner) for inner in value] if isinstance(value, (list, tuple)) else value


def from_json(document: Any) -> Bom:
    """The Bom of a document; raises Malformed, naming the place by a JSON pointer."""
    if not isinstance(document, dict) or document.get("schema") != SCHEMA:
        raise Malformed(f"not a document of {SCHEMA}", step=STEP)
    at = "/"
    try:
        components = []
        for index, one in enumerate(_list(document, "components")):
            at = f"/components/{index}"
            facts = {str(name): _read_fact(fact) for name, fact in one["facts"].items()}
            components.append(Component(str(one["ref"]), NodeKind(one["kind"]), facts, one.get("native", {})))
        relations = []
        for index, one in enumerate(_list(document, "relations")):
            at = f"/relations/{index}"
            relations.append(_read_relation(one))
        gaps = []
        for index, one in enumerate(_list(document, "gaps")):
            at = f"/gaps/{index}"
            gaps.append(Gap(str(one["ref"]), str(one["what"]), str(one["why"]), str(one.get("step", ""))))
        at = "/tools"
        tools = tuple((str(tool["name"]), str(tool["version"])) for tool in _list(document, "tools"))
        at = "/subject"
        subject = str(document["subject"])
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise Malformed(f"{at} is no part of a BOM: {error}", step=STEP) from None
    if len({one.ref for one in components}) != len(components):
        raise Malformed("two components have one ref", step=STEP)
    if subject not in {one.ref for one in components}:
        raise Malformed(f"/subject: no component has the ref {subject[:200]!r}", step=STEP)
    return Bom(
        subject, tuple(components), tuple(relations), tuple(gaps), str(document.get("at", "")),
        str(document.get("author", "")), tools, document.get("native", {}),
    )  # fmt: skip


def _list(document: dict[str, Any], key: str) -> list[Any]:
    found = document.get(key, [])
    if not isinstance(found, list):
        raise TypeError(f"{key} is not a list")
    return found


def _read_fact(fact: Any) -> Fact:
    return Fact(fact["value"], Status(fact["status"]), _read_places(fact), str(fact.get("note", "")))


def _read_relation(one: Any) -> Relation:
    return Relation(
        str(one["source"]), EdgeKind(one["kind"]), str(one["target"]), str(one.get("how", "")), Status(one["status"]),
        _read_places(one), one.get("native", {}),
    )  # fmt: skip


def _read_places(one: Any) -> tuple[Place, ...]:
    return tuple(Place(str(place["path"]), str(place.get("at", ""))) for place in one.get("places", []))
