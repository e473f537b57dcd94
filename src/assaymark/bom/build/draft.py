"""What gatherers write on: components and relations in the making."""

import hashlib
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from assaymark.bom.document import Bom, Component, Fact, Gap, Place, Relation, Status
from assaymark.core.budget import Budget
from assaymark.core.format import Tree
from assaymark.core.graph import EdgeKind, NodeKind

_STRENGTH = {status: number for number, status in enumerate(
    (Status.UNKNOWN, Status.INFERRED, Status.DECLARED, Status.OBSERVED, Status.VERIFIED)
)}  # fmt: skip
_MOST = 100
"""Places of one statement."""
_SPACES = re.compile(r" +")
_ROOM = re.compile(r"[^A-Za-z0-9._~@/:+-]+")


@dataclass(slots=True)
class Sketch:
    """One component in the making."""

    ref: str
    kind: NodeKind
    facts: dict[str, Fact] = field(default_factory=dict)

    def say(self, name: str, value: Any, status: Status, *places: Place, note: str = "") -> None:
        """State a fact. None, "" and empty lists say nothing.

        The same value said twice has both places, and is verified where one of the two was observed and the other declared. Of
        two values the better known one stands, the first where they are equal, and its note names the other.
        """
        if value is None or value in ("", [], {}):
            return
        old = self.facts.get(name)
        new = Fact(value, status, places, note)
        self.facts[name] = new if old is None else _joined(old, new)

    def unknown(self, name: str, why: str, *places: Place) -> None:
        """State that something ought to be known and is not, unless it is."""
        if name not in self.facts:
            self.facts[name] = Fact(None, Status.UNKNOWN, places, why)


def _places(old: tuple[Place, ...], new: tuple[Place, ...]) -> tuple[Place, ...]:
    """Both, each once; what is said a thousand times needs no more places."""
    return old if len(old) >= _MOST else tuple(dict.fromkeys((*old, *new)))[:_MOST]


def _joined(old: Fact, new: Fact) -> Fact:
    places = _places(old.places, new.places)
    stronger, weaker = (new, old) if _STRENGTH[new.status] > _STRENGTH[old.status] else (old, new)
    if old.value == new.value:
        both = {old.status, new.status}
        status = Status.VERIFIED if {Status.DECLARED, Status.OBSERVED} <= both else stronger.status
        return Fact(old.value, status, places, old.note or new.note)
    if weaker.status is Status.UNKNOWN:
        return stronger
    where = f" in {weaker.places[0].path}" if weaker.places else ""
    note = "; ".join(filter(None, (stronger.note, f"{weaker.status}{where}: {weaker.value!r:.120}")))
    return Fact(stronger.value, stronger.status, stronger.places, note[:1000])


@dataclass(slots=True)
class Draft:
    """A BOM in the making. `subject` is the ref of what it is about; the gatherer of models sets it."""

    subject: str = ""
    sketches: dict[str, Sketch] = field(default_factory=dict)
    relations: dict[tuple[str, EdgeKind, str], Relation] = field(default_factory=dict)
    gaps: dict[tuple[str, str], Gap] = field(default_factory=dict)

    def component(self, kind: NodeKind, ref: str) -> Sketch:
        """The component of that ref, made where there is none. Refs: a purl, `<kind>:<path>`, or `<kind>:<name>`.

        Spaces become hyphens. A ref with other characters that no ref has, or a long one, is cut and ends in digits of its
        digest, so that names in other scripts do not become one.
        """
        cut = _ROOM.sub("-", ref)[:400]
        if cut != _SPACES.sub("-", ref):
            cut = f"{cut[:380]}~{hashlib.sha256(ref.encode('utf-8', 'backslashreplace')).hexdigest()[:12]}"
        ref = cut
        return self.sketches.setdefault(ref, Sketch(ref, kind))

    def relate(
        self, source: Sketch | str, kind: EdgeKind, target: Sketch | str, status: Status, *places: Place, how: str = ""
    ) -> None:
        """State a relation; said twice it is one, with both places. A component is not related to itself."""
        one, other = (end.ref if isinstance(end, Sketch) else end for end in (source, target))
        if one == other:
            return
        old = self.relations.get((one, kind, other))
        if old is not None:
            status = max(status, old.status, key=_STRENGTH.__getitem__)
            places, how = _places(old.places, places), old.how or how
        self.relations[one, kind, other] = Relation(one, kind, other, how, status, places)

    def gap(self, ref: Sketch | str, what: str, why: str, step: str = "") -> None:
        """State what is not known."""
        ref = ref.ref if isinstance(ref, Sketch) else ref
        self.gaps.setdefault((ref, what), Gap(ref, what, why, step))

    def finished(self, tools: Iterable[tuple[str, str]], at: str = "", author: str = "") -> Bom:
        """The BOM, in the one order that there is."""
        made = (Component(s.ref, s.kind, dict(sorted(s.facts.items()))) for _, s in sorted(self.sketches.items()))
        relations = (self.relations[key] for key in sorted(self.relations))
        gaps = (self.gaps[key] for key in sorted(self.gaps))
        return Bom(self.subject, tuple(made), tuple(relations), tuple(gaps), at, author, tuple(tools))


@dataclass(frozen=True, slots=True)
class Sight:
    """What gatherers look at. `tree` gives content by path (core.format), `sha256` the digest of each file in hexadecimal.

    `name` is what the folder is called; `manifest` its digest; `formats` are in `tree.files[path].formats` (model.catalog and the
    other layers' catalogs name them). Budgets bound time and memory as in a scan.
    """

    tree: Tree
    sha256: Mapping[str, str]
    name: str
    manifest: str
    budget: Budget
