"""SPDX 2.2 and 2.3 (JSON) as a BOM, and back. What no fact says is kept, so that writing it gives the document back."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

from assaymark.bom.document import Bom, Component, Fact, Gap, Relation, Status
from assaymark.bom.spdx import notes
from assaymark.bom.spdx.bound import document as bounded
from assaymark.bom.spdx.bound import items, objects, text, texts
from assaymark.bom.spdx.layout import put_together, taken_apart
from assaymark.bom.spdx.package2 import KEYS, LISTS, facts, fields, kind_of, party
from assaymark.bom.spdx.terms import MEANINGS_2, Meaning
from assaymark.core.errors import Malformed, UsageError
from assaymark.core.graph import EdgeKind

NATIVE = "spdx-2"
ROOMS = ("packages", "files", "snippets")
_TOOL = re.compile(r"(.+?)[- ]v?(\d[\w.+-]*)")
_WRITTEN = {
    EdgeKind.DEPENDS_ON: "DEPENDS_ON",
    EdgeKind.CONTAINS: "CONTAINS",
    EdgeKind.DESCENDANT_OF: "DESCENDANT_OF",
    EdgeKind.GENERATED_BY: "GENERATED_FROM",
    EdgeKind.HAS_DATA_FILE: "DATA_FILE_OF",
    EdgeKind.USES_TOOL: "BUILD_TOOL_OF",
}
_CONTAINS = Meaning(EdgeKind.CONTAINS)


def read(document: dict[str, Any]) -> Bom:
    """The BOM; raises Malformed where the document is none of SPDX 2, or beyond bounds."""
    document = bounded(document, "the SPDX document")
    if not text(document, "spdxVersion").startswith("SPDX-2."):
        raise Malformed(f"spdxVersion is {document.get('spdxVersion')!r:.40}, and SPDX-2.2 or SPDX-2.3 is read here")
    parts = _parts(document)
    marks = {id(part): ref for ref, (part, _) in parts.items()}
    components = tuple(_component(ref, *parts[ref], marks) for ref in sorted(parts))
    related = {key: Relation(*key, how) for key, how in _relations(document, parts)}
    at, author, tools = _creation(document)
    layout = {"document": taken_apart(document, marks)}
    return Bom(
        _subject(document, parts),
        components,
        tuple(related[key] for key in sorted(related)),
        tuple(_gaps(document, parts)),
        at,
        author,
        tools,
        {NATIVE: layout},
    )


def relations_of(document: dict[str, Any]) -> list[tuple[str, EdgeKind, str]]:
    """Source, kind and target of every relation of a document, bounded already."""
    return [key for key, _ in _relations(document, _parts(document))]


def _parts(document: dict[str, Any]) -> dict[str, tuple[dict[str, Any], str]]:
    """SPDXID -> entry and where it stands; of two with one id the first."""
    made: dict[str, tuple[dict[str, Any], str]] = {}
    for room in ROOMS:
        for part in items(document.get(room, []), f"'{room}' of the SPDX document"):
            if isinstance(part, dict) and text(part, "SPDXID"):
                made.setdefault(text(part, "SPDXID"), (part, room))
    return made


def _component(ref: str, part: dict[str, Any], room: str, marks: Mapping[int, str]) -> Component:
    stated = {name: Fact(value, Status.DECLARED) for name, value in sorted(facts(part, room).items())}
    component = Component(ref, kind_of(part, room), stated)
    written = fields(component, room, ref)
    kept = {
        key: taken_apart(value, marks)
        for key, value in part.items()
        if key not in written or not notes.same(written[key], value)
    }
    lacking = sorted(written.keys() - part.keys())
    native = {"room": room, **({"set": kept} if kept else {}), **({"unset": lacking} if lacking else {})}
    return replace(component, native={NATIVE: native})


def _relationships(document: dict[str, Any]) -> Iterator[tuple[str, str, str]]:
    for one in objects(items(document.get("relationships", []), "'relationships' of the SPDX document")):
        kind = text(one, "relationshipType").upper().replace("-", "_")
        yield text(one, "spdxElementId"), kind, text(one, "relatedSpdxElement")


def _relations(
    document: dict[str, Any], parts: Mapping[str, tuple[dict[str, Any], str]]
) -> Iterator[tuple[tuple[str, EdgeKind, str], str]]:
    known: list[tuple[str, Meaning, str]] = [
        (source, MEANINGS_2[kind], target) for source, kind, target in _relationships(document) if kind in MEANINGS_2
    ]
    for ref, (part, room) in parts.items():
        known += [(ref, _CONTAINS, file) for file in texts(part.get("hasFiles"))]
        if room == "snippets":
            known.append((text(part, "snippetFromFile"), _CONTAINS, ref))
    seen = set()
    for source, meaning, target in known:
        one, other = (target, source) if meaning.turned else (source, target)
        key = one, meaning.kind, other
        if one in parts and other in parts and one != other and key not in seen:
            seen.add(key)
            yield key, meaning.how


def _gaps(document: dict[str, Any], parts: Mapping[str, Any]) -> Iterator[Gap]:
    found = {
        (source, MEANINGS_2[kind].kind.value)
        for source, kind, target in _relationships(document)
        if target == "NOASSERTION" and source in parts and kind in MEANINGS_2 and not MEANINGS_2[kind].turned
    }
    return (Gap(ref, what, "the document makes no assertion on it") for ref, what in sorted(found))


def _subject(document: dict[str, Any], parts: Mapping[str, Any]) -> str:
    described = texts(document.get("documentDescribes"))
    described += [target for _, kind, target in _relationships(document) if kind == "DESCRIBES"]
    described += [source for source, kind, _ in _relationships(document) if kind == "DESCRIBED_BY"]
    return next((ref for ref in described if ref in parts), next(iter(parts), ""))


def _creation(document: dict[str, Any]) -> tuple[str, str, tuple[tuple[str, str], ...]]:
    info = document.get("creationInfo")
    info = info if isinstance(info, dict) else {}
    authors, tools = [], []
    for creator in texts(info.get("creators")):
        if creator.startswith("Tool:"):
            name = creator.removeprefix("Tool:").strip()[:400]
            match = _TOOL.fullmatch(name)
            tools.append((match[1], match[2]) if match else (name, ""))
        elif party(creator):
            authors.append(party(creator))
    return text(info, "created"), ", ".join(authors), tuple(tools)


def write2(bom: Bom) -> dict[str, Any]:
    """The SPDX 2 document that a BOM was read from, with the facts and relations that have changed since."""
    layout = bom.native.get(NATIVE)
    if not isinstance(layout, dict) or not isinstance(layout.get("document"), dict):
        raise UsageError("the BOM was not read from SPDX 2", step="write it as spdx (3.0.1)")
    by_ref = bom.by_ref
    seen: set[str] = set()

    def entry(ref: str) -> Any:
        if ref not in by_ref or ref in seen:
            return None
        seen.add(ref)
        return put_together(_entry(by_ref[ref]), entry)

    made: dict[str, Any] = put_together(layout["document"], entry)
    for component in bom.components:
        if component.ref not in seen:
            made.setdefault("packages", []).append(
                {"downloadLocation": "NOASSERTION", **fields(component, "packages", component.ref)}
            )
    _relate(bom, made)
    return made


def _entry(component: Component) -> dict[str, Any]:
    native = component.native.get(NATIVE)
    native = native if isinstance(native, dict) else {}
    room = native.get("room", "packages")
    written = fields(component, room, component.ref)
    made = {**written, **native.get("set", {})}
    for key in native.get("unset", []):
        made.pop(key, None)
    kept_says, written_says = facts(made, room), facts(written, room)
    for fact, keys in KEYS.items():
        said = kept_says.get(fact)
        if notes.same(said, component.value(fact)) or notes.same(said, written_says.get(fact)):
            continue
        for key in keys:
            kept = [one for one in objects(made.get(key)) if not facts({key: [one]}, room)] if key in LISTS else []
            fresh = [*written.get(key, []), *kept] if key in LISTS else written.get(key)
            made.pop(key, None)
            if fresh:
                made[key] = fresh
    return made


def _relate(bom: Bom, made: dict[str, Any]) -> None:
    there = {key for key, _ in _relations(made, _parts(made))}
    wanted = {(r.source, r.kind, r.target) for r in bom.relations}
    for source, kind, target in sorted(wanted - there):
        name = _WRITTEN.get(kind, "OTHER")
        turned = MEANINGS_2[name].turned if name in MEANINGS_2 else False
        one, other = (target, source) if turned else (source, target)
        made.setdefault("relationships", []).append({
            "spdxElementId": one, "relationshipType": name, "relatedSpdxElement": other,
            **({"comment": kind.value} if name == "OTHER" else {}),
        })  # fmt: skip
    gone = there - wanted
    if gone:
        _prune(made, gone)


def _prune(made: dict[str, Any], gone: set[tuple[str, EdgeKind, str]]) -> None:
    def stays(one: Any) -> bool:
        meaning = (
            MEANINGS_2.get(text(one, "relationshipType").upper().replace("-", "_")) if isinstance(one, dict) else None
        )
        if meaning is None:
            return True
        ends = text(one, "spdxElementId"), text(one, "relatedSpdxElement")
        source, target = reversed(ends) if meaning.turned else ends
        return (source, meaning.kind, target) not in gone

    if "relationships" in made:
        made["relationships"] = [one for one in made["relationships"] if stays(one)]
    for part in objects(made.get("packages")):
        if "hasFiles" in part:
            ref = text(part, "SPDXID")
            part["hasFiles"] = [file for file in texts(part["hasFiles"]) if (ref, EdgeKind.CONTAINS, file) not in gone]
