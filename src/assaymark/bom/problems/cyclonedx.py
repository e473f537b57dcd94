"""What no schema sees in a CycloneDX document: refs, cycles, cards, citations. Digests, names and times: `validate_identity`."""

import re
from collections.abc import Hashable, Iterable, Iterator, Mapping
from itertools import islice
from typing import Any

from assaymark.bom.problems.codes import CODES
from assaymark.bom.problems.identity import identity
from assaymark.bom.problems.places import leads, shown
from assaymark.bom.problems.survey import Path, Survey, at
from assaymark.bom.validate import Problem

_EACH = 200
"""Problems of one code that are told; the last of them says how many there are."""
_SERIAL = re.compile(r"urn:uuid:[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}\Z")
_LINK = re.compile(r"urn:cdx:(?P<serial>[^/#]+)/[0-9]+(?:#(?P<ref>.+))?\Z", re.DOTALL)
_MODEL = "machine-learning-model"


def problems(document: dict[str, Any]) -> list[Problem]:
    """All of it, at most 200 of each code."""
    survey = Survey(document)
    found: list[Problem] = []
    for rule in (
        _serial,
        _duplicate_refs,
        _dangling,
        _cards,
        _circles,
        _ancestors,
        _weights,
        _citations,
        _about,
        *identity,
    ):
        seen = rule(survey)
        some = list(islice(seen, _EACH))
        rest = sum(1 for _ in seen)
        if rest:
            some.append(
                CODES[some[-1].code].problem("", f"{rest:,} more of them are not shown", severity=some[-1].severity)
            )
        found += some
    return found


def _serial(survey: Survey) -> Iterator[Problem]:
    stated = survey.document.get("serialNumber")
    if isinstance(stated, str) and not _SERIAL.match(stated):
        yield CODES["BOM013"].problem("/serialNumber", f"{shown(stated)} is not urn:uuid: and a UUID")


def _duplicate_refs(survey: Survey) -> Iterator[Problem]:
    for ref, places in survey.refs.items():
        for place in places[1:]:
            yield CODES["BOM002"].problem(
                at(place), f"{shown(ref)} is the bom-ref of {at(places[0][0]) or 'the document'} too"
            )


def _dangling(survey: Survey) -> Iterator[Problem]:
    serial = str(survey.document.get("serialNumber", "")).removeprefix("urn:uuid:")
    for name, ref, path in survey.references:
        wanted = ref
        if ref.startswith("urn:cdx:"):
            link = _LINK.match(ref)
            if link is None or link["serial"] != serial or link["ref"] is None:
                continue  # of another document
            wanted = link["ref"]
        if wanted not in survey.refs:
            yield CODES["BOM003"].problem(at(path), f"{name} names {shown(ref)}, and no element has that bom-ref")


def _cards(survey: Survey) -> Iterator[Problem]:
    """Model cards of what is no model, and datasets that are none."""
    types = {
        value["bom-ref"]: value.get("type") for value, _ in survey.components if isinstance(value.get("bom-ref"), str)
    }
    for value, path in survey.cards:
        if value.get("type") != _MODEL:
            yield CODES["BOM007"].problem(
                f"{at(path)}/modelCard", f"{shown(value.get('name'))} is of type {shown(value.get('type'))}"
            )
        card = value["modelCard"]
        parameters = card.get("modelParameters") if isinstance(card, dict) else None
        datasets = parameters.get("datasets") if isinstance(parameters, dict) else None
        for number, one in enumerate(datasets if isinstance(datasets, list) else ()):
            ref = one.get("ref") if isinstance(one, dict) else None
            if isinstance(ref, str) and types.get(ref, "data") != "data":
                yield CODES["BOM008"].problem(
                    f"{at(path)}/modelCard/modelParameters/datasets/{number}/ref",
                    f"{shown(ref)} is of type {shown(types[ref])}",
                )


def _circles(survey: Survey) -> Iterator[Problem]:
    """Dependencies that lead back."""
    entries: dict[str, int] = {}
    edges: dict[str, list[str]] = {}
    listed = survey.document.get("dependencies")
    for number, one in enumerate(listed if isinstance(listed, list) else ()):
        if isinstance(one, dict) and isinstance(one.get("ref"), str) and isinstance(one.get("dependsOn"), list):
            entries.setdefault(one["ref"], number)
            edges.setdefault(one["ref"], []).extend(ref for ref in one["dependsOn"] if isinstance(ref, str))
    for circle in circles(edges):
        first = min(circle, key=entries.__getitem__)
        yield CODES["BOM009"].problem(f"/dependencies/{entries[first]}", f"{_round(circle, first, edges)}")


def _round(circle: set[str], first: str, edges: Mapping[str, list[str]]) -> str:
    """One shortest way round: a → b → a."""
    came: dict[str, str] = {}
    queue = [first]
    for ref in queue:
        for target in edges.get(ref, ()):
            if target == first:
                way = [ref]
                while way[-1] != first:
                    way.append(came[way[-1]])
                names = [shown(one) for one in way[::-1]]
                middle = [*names[:4], f"… {len(names) - 4} more"] if len(names) > 5 else names
                return " → ".join([*middle, shown(first)])
            if target in circle and target not in came:
                came[target] = ref
                queue.append(target)
    return shown(first)


def circles(edges: Mapping[str, Iterable[str]]) -> Iterator[set[str]]:
    """Strongly connected parts with more than one member, and members that name themselves (Tarjan, without recursion)."""
    order: dict[str, int] = {}
    low: dict[str, int] = {}
    stack: list[str] = []
    on_stack: set[str] = set()
    for start in edges:
        if start in order:
            continue
        order[start] = low[start] = len(order)
        stack.append(start)
        on_stack.add(start)
        work = [(start, iter(edges[start]))]
        while work:
            ref, rest = work[-1]
            step = next(
                (target for target in rest if target in edges and (target not in order or target in on_stack)), None
            )
            if step is not None and step not in order:
                order[step] = low[step] = len(order)
                stack.append(step)
                on_stack.add(step)
                work.append((step, iter(edges[step])))
            elif step is not None:
                low[ref] = min(low[ref], order[step])
            else:
                work.pop()
                if work:
                    low[work[-1][0]] = min(low[work[-1][0]], low[ref])
                if low[ref] == order[ref]:
                    part = _popped(stack, on_stack, ref)
                    if len(part) > 1 or ref in edges[ref]:
                        yield part


def _popped(stack: list[str], on_stack: set[str], last: str) -> set[str]:
    part: set[str] = set()
    while last not in part:
        part.add(stack.pop())
    on_stack -= part
    return part


def _names(component: Mapping[str, Any]) -> list[Hashable]:
    """By what a component is the same as another: ref, package URL, digest; name and version where it has both."""
    listed = component.get("properties")
    copied = (
        [one.get("value") for one in listed if isinstance(one, dict) and one.get("name") == "assaymark:ref"]
        if isinstance(listed, list)
        else []
    )
    hashes = component.get("hashes")
    digests = [one.get("content") for one in hashes if isinstance(one, dict)] if isinstance(hashes, list) else []
    names: list[Hashable] = [("ref", ref) for ref in (component.get("bom-ref"), *copied) if isinstance(ref, str)]
    names += [("digest", digest.lower()) for digest in digests if isinstance(digest, str) and len(digest) >= 32]
    if isinstance(component.get("purl"), str):
        names.append(("purl", component["purl"]))
    elif all(isinstance(component.get(name), str) and component[name] for name in ("name", "version")):
        names.append(("name", str(component.get("group", "")), component["name"], component["version"]))
    return names


def _ancestors(survey: Survey) -> Iterator[Problem]:
    """Components that are ancestors of themselves, at once or in a circle through others."""
    known: dict[Hashable, str] = {}
    edges: dict[str, list[str]] = {}
    places: dict[str, Path] = {}
    titles: dict[str, Any] = {}

    def node(component: Mapping[str, Any], path: Path) -> str:
        names = _names(component)
        found = next((known[name] for name in names if name in known), None)
        made = str(len(places)) if found is None else found
        places.setdefault(made, path)
        titles.setdefault(made, component.get("name"))
        for name in names:
            known.setdefault(name, made)
        return made

    for component, path in survey.components:
        pedigree = component.get("pedigree")
        ancestors = pedigree.get("ancestors") if isinstance(pedigree, dict) else None
        if isinstance(ancestors, list):
            here = node(component, path)
            edges.setdefault(here, []).extend(
                node(one, (((path, "pedigree"), "ancestors"), number))
                for number, one in enumerate(ancestors)
                if isinstance(one, dict)
            )
    for circle in circles(edges):
        first = min(circle, key=int)
        names = ", ".join(shown(titles[one]) for one in sorted(circle, key=int)[:4])
        what = (
            f"{names} is named as an ancestor of itself"
            if len(circle) == 1
            else f"{names} are ancestors of one another"
        )
        yield CODES["BOM010"].problem(f"{at(places[first])}/pedigree/ancestors", what)


def _weights(survey: Survey) -> Iterator[Problem]:
    """Models of which no digest is known: neither their own, nor of a file that is a part of them."""
    hashed = {
        one["bom-ref"] for one, _ in survey.components if isinstance(one.get("bom-ref"), str) and one.get("hashes")
    }
    listed = survey.document.get("dependencies")
    parts = {
        one["ref"]: one["dependsOn"]
        for one in (listed if isinstance(listed, list) else ())
        if isinstance(one, dict) and isinstance(one.get("ref"), str) and isinstance(one.get("dependsOn"), list)
    }
    files = {
        one["bom-ref"]
        for one, _ in survey.components
        if one.get("type") == "file" and isinstance(one.get("bom-ref"), str)
    } & hashed
    for component, path in survey.components:
        if component.get("type") != _MODEL or component.get("hashes") or _is_kin(path) or _manifest(component):
            continue
        inner = component.get("components")
        nested = any(isinstance(one, dict) and one.get("hashes") for one in inner) if isinstance(inner, list) else False
        ref = component.get("bom-ref")
        reached = parts.get(ref, ()) if isinstance(ref, str) else ()
        if not nested and not any(isinstance(one, str) and one in files for one in reached):
            yield CODES["BOM011"].problem(at(path), f"{shown(component.get('name'))} has no digest")


def _is_kin(path: Path) -> bool:
    """Whether a component stands in the pedigree of another."""
    while path:
        path, step = path
        if step == "pedigree":
            return True
    return False


def _manifest(component: Mapping[str, Any]) -> bool:
    listed = component.get("properties")
    return isinstance(listed, list) and any(
        isinstance(one, dict) and one.get("name") == "assaymark:fact:manifest" for one in listed
    )


def _citations(survey: Survey) -> Iterator[Problem]:
    listed = survey.document.get("citations")
    for number, one in enumerate(listed if isinstance(listed, list) else ()):
        pointers = one.get("pointers") if isinstance(one, dict) else None
        for place, pointer in enumerate(pointers if isinstance(pointers, list) else ()):
            if isinstance(pointer, str) and not leads(survey.document, pointer):
                yield CODES["BOM016"].problem(
                    f"/citations/{number}/pointers/{place}", f"nothing stands at {shown(pointer)}"
                )


def _about(survey: Survey) -> Iterator[Problem]:
    metadata = survey.document.get("metadata")
    if survey.document.get("components") and not (isinstance(metadata, dict) and metadata.get("component")):
        yield CODES["BOM018"].problem("/metadata", "metadata.component is missing")
