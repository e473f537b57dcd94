"""Which libraries a BOM expects in an environment: markers that do not hold there, and groups, taken into account."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from urllib.parse import unquote

from assaymark.bom.build.environment import Environment
from assaymark.bom.document import Bom, Component, Place
from assaymark.core.graph import EdgeKind, NodeKind

_USUAL = frozenset({"default", "main", "dependencies", ""})
"""Groups that every installation has."""


@dataclass(frozen=True, slots=True)
class Expected:
    """One library. `versions` are those of all locks of the BOM; empty where none is pinned."""

    name: str
    manager: str
    versions: tuple[str, ...]
    builds: tuple[str, ...]
    digests: tuple[str, ...]
    specifier: str
    direct: bool
    optional: bool
    """Only in groups that not everybody installs."""
    needed: bool
    """Its markers hold here, and something that is needed here needs it."""
    groups: tuple[str, ...]
    places: tuple[Place, ...]

    @property
    def shown(self) -> str:
        """Its versions for people."""
        return " or ".join(self.versions[:5]) or self.specifier


def expected(bom: Bom, seen: Environment, blind: list[tuple[str, str]]) -> list[Expected]:
    """The libraries that can be compared, by name; what cannot is told in `blind`."""
    groups: dict[tuple[str, str], list[Component]] = {}
    others = 0
    for component in bom.components:
        if component.kind is NodeKind.LIBRARY:
            key = _key(component)
            if key is None:
                others += 1
            else:
                groups.setdefault(key, []).append(component)
    if others:
        blind.append(("other libraries", f"{others} that are neither of Python nor of conda were not compared"))
    needed = _needed(bom, [c for listed in groups.values() for c in listed], seen.markers)
    found = [_joined(*key, listed, needed) for key, listed in sorted(groups.items())]
    unpinned = sum(not one.versions for one in found)
    if unpinned:
        blind.append(("versions", f"{unpinned} libraries of the BOM have no version"))
    return found


def _key(component: Component) -> tuple[str, str] | None:
    """(manager, name), by the purl."""
    purl = component.text("purl")
    for manager in ("pypi", "conda"):
        lead = f"pkg:{manager}/"
        if purl.startswith(lead):
            from packaging.utils import canonicalize_name

            name = unquote(purl[len(lead) :].partition("?")[0].partition("#")[0].partition("@")[0]).rpartition("/")[2]
            return manager, canonicalize_name(name) if manager == "pypi" else name.lower()
    return None


def _joined(manager: str, name: str, listed: list[Component], needed: set[str]) -> Expected:
    groups = {str(group) for c in listed for group in _list(c.value("groups"))}
    direct = any(c.value("direct") is True for c in listed)
    return Expected(
        name=name,
        manager=manager,
        versions=tuple(sorted({c.text("version") for c in listed if c.text("version")})),
        builds=tuple(sorted({c.text("build") for c in listed if c.text("build")})),
        digests=tuple(sorted({str(d) for c in listed for d in _list(c.value("digests"))})),
        specifier=next((c.text("specifier") for c in listed if c.text("specifier")), ""),
        direct=direct,
        optional=bool(groups) and groups.isdisjoint(_USUAL),
        needed=any(c.ref in needed for c in listed),
        groups=tuple(sorted(groups)),
        places=tuple(dict.fromkeys(p for c in listed if "version" in c.facts for p in c.facts["version"].places))[:5],
    )


def _list(value: object) -> list[object]:
    return value if isinstance(value, list) else []


def _needed(bom: Bom, libraries: Iterable[Component], markers: Mapping[str, str]) -> set[str]:
    """Refs that are reached from what the project asks for, over packages whose markers hold."""
    by_ref = {component.ref: component for component in libraries}
    below: dict[str, list[str]] = {}
    above: set[str] = set()
    for relation in bom.relations:
        if relation.kind is EdgeKind.DEPENDS_ON and relation.source in by_ref and relation.target in by_ref:
            below.setdefault(relation.source, []).append(relation.target)
            above.add(relation.target)
    pending = [ref for ref, c in by_ref.items() if c.value("direct") is True or ref not in above]
    if not pending:  # a ring
        pending = list(by_ref)
    reached: set[str] = set()
    known: dict[str, bool] = {}
    while pending:
        ref = pending.pop()
        if ref in reached:
            continue
        marker = by_ref[ref].text("marker")
        if marker not in known:
            known[marker] = holds(marker, markers)
        if known[marker]:
            reached.add(ref)
            pending += below.get(ref, ())
    return reached


def holds(marker: str, environment: Mapping[str, str]) -> bool:
    """The marker is true in that environment; what cannot be read counts as true."""
    from packaging.markers import InvalidMarker, Marker, UndefinedComparison, UndefinedEnvironmentName

    if not marker or not environment:
        return True
    try:
        return Marker(marker).evaluate({"extra": "", **environment})
    except (InvalidMarker, UndefinedComparison, UndefinedEnvironmentName, RecursionError):
        return True
