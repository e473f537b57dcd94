"""The packages of one environment: which of them the project asks for, which groups they are in, what each needs of the others."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from itertools import islice

from assaymark.bom.build.draft import Draft, Sketch
from assaymark.bom.build.libraries_lay import directly, joined
from assaymark.bom.document import Place, Status
from assaymark.core.errors import OverBudget
from assaymark.core.graph import EdgeKind
from assaymark.library.lock_details import Detail, Need

_MOST_EDGES = 200_000
"""Edges between the packages of one lock."""


@dataclass(slots=True)
class Asked:
    """Names that the project asks for -> groups that they stand in."""

    names: dict[str, set[str]]
    needs: tuple[Need, ...] = ()
    """The same with their markers, where the lock has them."""

    @classmethod
    def of(cls, needs: Iterable[Need]) -> "Asked":
        """Of the needs of a project."""
        names: dict[str, set[str]] = {}
        kept = tuple(needs)
        for need in kept:
            names.setdefault(need.name, set()).add(need.group or "default")
        return cls(names, kept)


class Laid:
    """The packages of one environment, and how they hang together."""

    def __init__(
        self, draft: Draft, sketch: Sketch, path: str, asked: Asked | None, *, status: Status = Status.DECLARED
    ) -> None:
        self._status = status
        self._draft = draft
        self._sketch = sketch
        self._path = path
        self._asked = asked
        self._by_name: dict[str, dict[str, str]] = {}
        """Name -> ref -> platform; of a name in one version the same under (name, version)."""
        self._by_version: dict[tuple[str, str], dict[str, str]] = {}
        self._needs: list[tuple[str, str, tuple[Need, ...], Place]] = []
        self._groups: dict[str, set[str]] = {}
        self._markers: dict[str, set[str]] = {}
        """Markers under which a package is asked for; with "" among them it always is."""

    def add(
        self, made: Sketch, name: str, version: str, detail: Detail, place: Place, *, note: str = "", platform: str = ""
    ) -> None:
        """One package of it. `note`: why `detail.direct` is only inferred. `platform`: the only one that it is for."""
        self._by_name.setdefault(name, {})[made.ref] = platform
        self._by_version.setdefault((name, version), {})[made.ref] = platform
        self._needs.append((made.ref, platform, detail.needs, place))
        direct = detail.direct
        if direct is None and self._asked is not None:
            direct = name in self._asked.names
        if direct is not None:
            directly(made, Status.INFERRED if note else self._status, place, direct=direct, note=note)
        how = "" if direct is None else "direct" if direct else "transitive"
        self._draft.relate(self._sketch, EdgeKind.CONTAINS, made, self._status, place, how=how)
        if direct:
            status = Status.INFERRED if note else self._status
            self._draft.relate(self._sketch, EdgeKind.DEPENDS_ON, made, status, place, how="direct")
        made.say("marker", detail.marker, Status.DECLARED, place)
        joined(made, "groups", detail.groups, Status.DECLARED, place)

    def edges(self, tick: Callable[[], object]) -> None:
        """What each package needs of the others; groups follow, where only what is asked for has any."""
        count = 0
        below: dict[str, list[str]] = {}
        for ref, platform, needs, place in self._needs:
            tick()
            for need in needs:
                targets = self._found(need, platform)
                status = Status.DECLARED if len(targets) == 1 else Status.INFERRED
                for target in targets:
                    self._markers.setdefault(target, set()).add(need.marker)
                    count += 1
                    if count > _MOST_EDGES:
                        raise OverBudget(f"{self._path}: more than {_MOST_EDGES:,} edges between packages")
                    self._draft.relate(ref, EdgeKind.DEPENDS_ON, target, status, place, how="transitive")
                    below.setdefault(ref, []).append(target)
        if self._asked is not None:
            for need in self._asked.needs:
                for target in self._found(need):
                    self._markers.setdefault(target, set()).add(need.marker)
            self._spread(self._asked.names, below)
        self._mark()

    def _found(self, need: Need, platform: str = "") -> list[str]:
        """Refs of what is needed: of that version and platform, as far as the lock says; at most ten."""
        known = self._by_version.get((need.name, need.version)) if need.version else None
        listed = list(islice((known or self._by_name.get(need.name, {})).items(), 100))
        fitting = [ref for ref, other in listed if not platform or other in {platform, "noarch", ""}]
        return (fitting or [ref for ref, _ in listed])[:10]

    def _mark(self) -> None:
        """A package that is asked for under conditions alone is there only under one of them."""
        for ref, markers in self._markers.items():
            if "" not in markers:
                marker = next(iter(markers)) if len(markers) == 1 else " or ".join(f"({m})" for m in sorted(markers))
                made = self._draft.sketches[ref]
                if "marker" not in made.facts and len(marker) <= 2_000:
                    made.say("marker", marker, Status.INFERRED, Place(self._path))

    def _spread(self, asked: Mapping[str, set[str]], below: Mapping[str, list[str]]) -> None:
        """The groups of a package are those of all that need it, as far as no lock says so itself."""
        groups = sorted({group for names in asked.values() for group in names})[:50]
        place = Place(self._path)
        for group in groups:
            pending = [ref for name in asked if group in asked[name] for ref in self._by_name.get(name, {})]
            seen: set[str] = set()
            while pending:
                ref = pending.pop()
                if ref not in seen:
                    seen.add(ref)
                    pending += below.get(ref, ())
            for ref in seen:
                self._groups.setdefault(ref, set()).add(group)
        for ref, found in self._groups.items():
            made = self._draft.sketches[ref]
            if "groups" not in made.facts or made.facts["groups"].status is Status.INFERRED:
                joined(made, "groups", found, Status.INFERRED, place)
