"""What a statement is worth: by how it is known, and by whether it names bytes that anybody can look at again."""

import json
import re
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

from assaymark.bom.compare.matching import STRONG, digests_of, purl_version
from assaymark.bom.document import HASHES, MANIFEST, Bom, Component, Fact, Relation, Status
from assaymark.bom.score.profiles import Element
from assaymark.core.graph import NodeKind

WORTH: Mapping[str, float] = {
    "none": 0.0,
    "unknown": 0.0,
    "inferred": 0.3,
    "declared": 0.4,
    "pinned": 0.8,
    "observed": 0.9,
    "verified": 1.0,
}
"""Strength -> credit. `pinned`: declared, and a digest, or a purl with an immutable revision: who has the bytes can check it."""
_HEX = re.compile(r"[0-9a-f]+")
_COMMIT = re.compile(r"[0-9a-f]{40}(?:[0-9a-f]{24})?")
_LENGTH = {
    "sha256": 64,
    "sha384": 96,
    "sha512": 128,
    "sha3-256": 64,
    "sha3-384": 96,
    "sha3-512": 128,
    "blake2b-256": 64,
    "blake3": 64,
}
_DOCUMENT = "document"
_DIGEST_GAPS = ("digest", "sha256", "digests", MANIFEST)
"""What gaps of a missing digest are called."""


@dataclass(frozen=True, slots=True)
class Measured:
    """What one component, or the document, says to an element."""

    ref: str
    name: str
    strength: str

    @property
    def credit(self) -> float:
        """0 to 1."""
        return WORTH[self.strength]


class Scale:
    """One document on the scale."""

    def __init__(self, bom: Bom, *, signed: bool) -> None:
        self.bom, self.signed = bom, signed
        self.components = bom.by_ref
        subject = self.components.get(bom.subject)
        self.vouched = (
            signed and subject is not None and _digest(subject, "strong") not in ("none", "declared", "inferred")
        )
        self.outward: dict[tuple[str, str], list[Relation]] = defaultdict(list)
        self.touching: dict[str, list[Relation]] = defaultdict(list)
        for relation in bom.relations:
            self.outward[relation.source, str(relation.kind)].append(relation)
            self.touching[relation.source].append(relation)
            self.touching[relation.target].append(relation)
        self.steps = {(gap.ref, gap.what): gap.step for gap in bom.gaps if gap.step}
        self.names = {component.ref: component.name for component in bom.components}
        self.answers: dict[tuple[str, tuple[str, ...]], tuple[Measured, ...]] = {}
        self.known: dict[tuple[str, str, str], str] = {}
        self.head = json.dumps(dict(bom.native), ensure_ascii=False)

    def measure(self, element: Element) -> tuple[Measured, ...]:
        """What each that is asked says; none are asked where the document has none of the kind."""
        if element.of == (_DOCUMENT,):
            return (Measured("", _DOCUMENT, self._best(element.any, None)),)
        key = (element.key, element.of)
        if key not in self.answers:
            asked = self._asked(element.of)
            self.answers[key] = tuple(Measured(c.ref, self.names[c.ref], self._best(element.any, c)) for c in asked)
        return self.answers[key]

    def step(self, ref: str, element: Element) -> str:
        """The step that the document's own gap names for one of the element's facts or relations."""
        words: list[str] = []
        for kind, word in (pair for way in element.any for part in way for pair in part.items()):
            words += _DIGEST_GAPS if kind in ("digest", "identity") else [word]
        return next((self.steps[ref, word] for word in words if (ref, word) in self.steps), "")

    def _asked(self, kinds: tuple[str, ...]) -> Iterable[Component]:
        if kinds == ("subject",):
            return (self.components[self.bom.subject],) if self.bom.subject in self.components else ()
        if kinds == ("component",):
            return (c for c in self.bom.components if c.kind is not NodeKind.PARTY)
        return (c for c in self.bom.components if c.kind in kinds)

    def _best(self, ways: Iterable[tuple[Mapping[str, str], ...]], component: Component | None) -> str:
        """The strongest of the ways to meet an element; a way of several parts is as strong as its weakest."""
        best = "none"
        for way in ways:
            weakest = min((self._one(part, component) for part in way), key=WORTH.__getitem__)
            best = max(best, weakest, key=WORTH.__getitem__)
            if WORTH[best] == 1:
                break
        return best

    def _one(self, part: Mapping[str, str], component: Component | None) -> str:
        ((kind, word),) = part.items()
        if kind == _DOCUMENT:
            return self._document(word)
        if kind == "section":
            return "declared" if self._has(word) else "none"
        if component is None:
            return "none"
        if kind == "relation":
            related = self.touching[component.ref] if word == "any" else self.outward[component.ref, word]
            return max((self._relation(one, component) for one in related), key=WORTH.__getitem__, default="none")
        if kind == "run":  # a fact of the run that made it
            runs = (self.components.get(one.target) for one in self.outward[component.ref, "generatedBy"])
            return max((_fact(run, word) for run in runs if run), key=WORTH.__getitem__, default="none")
        return self._known(kind, word, component)

    def _known(self, kind: str, word: str, component: Component) -> str:
        """What a component says by itself, which many elements and relations ask."""
        key = (component.ref, kind, word)
        if key not in self.known:
            self.known[key] = _OF_COMPONENT[kind](component, word)
        return self.known[key]

    def _has(self, section: str) -> bool:
        """Whether the document has a section of that name that no fact says (bom.cyclonedx.patch marks what is changed by ~)."""
        return f'"{section}"' in self.head or f'"~{section}"' in self.head

    def _relation(self, relation: Relation, component: Component) -> str:
        other = self.components.get(relation.target if relation.source == component.ref else relation.source)
        if other is None:
            return "none"
        known = str(relation.status)
        pinned = "pinned" if WORTH[self._known("identity", "any", other)] >= WORTH["pinned"] else "none"
        return max(known, pinned, key=WORTH.__getitem__) if relation.status is not Status.UNKNOWN else "unknown"

    def _document(self, word: str) -> str:
        bom = self.bom
        said = {
            "author": bool(bom.author),
            "at": bool(bom.at),
            "tools": any(name for name, _ in bom.tools),
            "tool-versions": any(name and version for name, version in bom.tools),
            "format": True,
            "serial": '"-serialNumber"' not in self.head,
            "unknowns": bool(bom.gaps)
            or any(f.status is Status.UNKNOWN for c in bom.components for f in c.facts.values()),
            "signature": self.signed or self._has("signature"),
            "components": len(bom.components) > 1,
        }[word]
        return "none" if not said else "verified" if self.vouched else "declared"


def _fact(component: Component, name: str) -> str:
    if name in HASHES or name in (MANIFEST, "digests"):
        return _digest(component, name)
    fact = component.facts.get(name)
    if fact is None:
        return "none"
    if fact.status is Status.DECLARED and name in ("purl", "revision", "version") and _revision(component):
        return "pinned"
    return _known(fact)


def _known(fact: Fact) -> str:
    if fact.status is Status.UNKNOWN:
        return "unknown"
    return "none" if fact.value is None or fact.value in ("", [], {}, "NOASSERTION") else str(fact.status)


def _digest(component: Component, wanted: str) -> str:
    """`strong`: any algorithm of which no two contents share a digest. A digest that cannot be one is text."""
    names = (*STRONG, MANIFEST) if wanted == "strong" else (wanted,)
    found = ["none"]
    for name, values in digests_of(component).items():
        own = component.facts.get(name)
        if name not in names and not (wanted in ("strong", "digests") and own is None):
            continue
        fact = own or component.facts["digests"]
        known = str(fact.status)
        good = all(_well_formed(name, value) for value in values)
        found.append(
            max(known, "pinned", key=WORTH.__getitem__) if good else min(known, "declared", key=WORTH.__getitem__)
        )
    return max(found, key=WORTH.__getitem__)


def _well_formed(name: str, value: str) -> bool:
    if name == MANIFEST:
        value, name = value.rpartition(":")[2], "sha256"
    return len(value) == _LENGTH.get(name) and bool(_HEX.fullmatch(value)) and len(set(value)) > 1


def _revision(component: Component) -> bool:
    """Whether it is named by where it comes from and a commit there."""
    purl, revision = component.text("purl"), component.text("revision").lower()
    if _COMMIT.fullmatch(purl_version(purl).lower()):
        return True
    commits = (revision, component.text("version").lower())
    return bool(purl or component.text("repository")) and any(_COMMIT.fullmatch(commit) for commit in commits)


def _identity(component: Component) -> str:
    """The strongest that says which bytes are meant: a digest, or a purl with a revision; a bare purl is text."""
    return max(
        _digest(component, "strong"), _fact(component, "purl"), _fact(component, "revision"), key=WORTH.__getitem__
    )


def _property(component: Component, name: str) -> str:
    if not component.native:
        return "none"
    return "declared" if f'"{name}"' in json.dumps(dict(component.native), ensure_ascii=False) else "none"


_OF_COMPONENT: Mapping[str, Callable[[Component, str], str]] = {
    "fact": _fact,
    "digest": _digest,
    "identity": lambda component, _: _identity(component),
    "property": _property,
}
