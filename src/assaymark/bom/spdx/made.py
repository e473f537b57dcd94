"""Elements that we make: components, their relationships, the parties and licences that they refer to, and notes."""

import hashlib
import re
import uuid
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any
from urllib.parse import quote

from assaymark.bom.document import Bom, Component, Gap, Relation, Status
from assaymark.bom.spdx import notes
from assaymark.bom.spdx.fields import MOMENT, class_of, fields, word
from assaymark.bom.spdx.model import model
from assaymark.bom.spdx.relations import grouped
from assaymark.bom.spdx.terms import WRITTEN
from assaymark.core.graph import EdgeKind, NodeKind

CREATION = "_:assaymark"
EPOCH = "1970-01-01T00:00:00Z"
_UNDATED = "No moment was asked for, so that the same content gives the same document: 1970-01-01 stands for none."
_NAMESPACE = "https://spdx.org/spdxdocs/assaymark-"
_SLUG = re.compile(r"[^A-Za-z0-9.-]+")
_GAPS = {
    kind.value: name for kind, name in WRITTEN.items() if kind not in {EdgeKind.GENERATED_BY, EdgeKind.SUPPLIED_BY}
}


def namespace(bom: Bom) -> str:
    """An IRI for the content: the same for the same BOM, another one for any other."""
    content = notes.canonical([
        [[c.ref, c.kind, {name: _fact(fact) for name, fact in c.facts.items()}, dict(c.native)] for c in bom.components],
        [[r.source, r.kind, r.target, r.how, r.status, [[p.path, p.at] for p in r.places], dict(r.native)] for r in bom.relations],
        notes.gap_list(bom.gaps), bom.subject, bom.at, bom.author, [list(tool) for tool in bom.tools], dict(bom.native),
    ])  # fmt: skip
    digest = hashlib.sha256(content.encode("utf-8", "surrogatepass")).hexdigest()
    return f"{_NAMESPACE}{uuid.uuid5(uuid.NAMESPACE_URL, digest)}"


def _fact(fact: Any) -> list[Any]:
    return [fact.value, fact.status, [[place.path, place.at] for place in fact.places], fact.note]


def moment(at: str) -> str:
    """RFC 3339 as SPDX takes it, in UTC and whole seconds; the epoch where there is none."""
    if MOMENT.fullmatch(at):
        return at
    try:
        parsed = datetime.fromisoformat(at)
        return (parsed if parsed.tzinfo else parsed.replace(tzinfo=UTC)).astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    except (ValueError, OverflowError):
        return EPOCH


@dataclass(slots=True)
class Making:
    """Elements in the making, in one namespace. `ids` are those of components by ref."""

    base: str
    ids: dict[str, str] = field(default_factory=dict)
    made: dict[str, dict[str, Any]] = field(default_factory=dict)

    def add(self, kind: str, name: str, /, **properties: Any) -> str:
        """Make an element, or find the one of that name; gives its id."""
        name = f"{self.base}#{quote(name.encode('utf-8', 'surrogatepass'), safe='/:@+~')}"
        if name not in self.made:
            self.made[name] = {"type": kind, "spdxId": name, "creationInfo": CREATION, **properties}
        return name

    def creation(self, bom: Bom) -> None:
        """Who says all this, when and with what."""
        tools = [
            self.add("Tool", f"tool:{name}@{version}", name=f"{name} {version}".strip()) for name, version in bom.tools
        ]
        if bom.author:
            by = self.add("Agent", f"author:{bom.author}", name=bom.author)
        else:
            by = self.add("SoftwareAgent", "software-agent", name="assaymark")
        created = moment(bom.at)
        self.made[CREATION] = {
            "type": "CreationInfo",
            "@id": CREATION,
            "specVersion": "3.0.1",
            "created": created,
            "createdBy": [by],
            **({"createdUsing": tools} if tools else {}),
            **({"comment": _UNDATED} if created == EPOCH else {}),
        }

    def component(self, component: Component, party: str = "") -> None:
        """The element of a component; `party` is the ref of who supplies it."""
        name = self.ids[component.ref]
        made = {"spdxId": name, "creationInfo": CREATION, **fields(component)}
        ancestors = model().shapes[class_of(component)].ancestors
        if "Artifact" in ancestors:
            supplier, author = word(component, "supplier"), word(component, "author")
            if party:
                made["suppliedBy"] = self.ids[party]
            elif supplier:
                made["suppliedBy"] = self.add("Agent", f"agent:{supplier}", name=supplier)
            if author:
                made["originatedBy"] = [self.add("Agent", f"agent:{author}", name=author)]
        unknown = [key for key in model().profiles.get(class_of(component), ()) if key not in made]
        if unknown:
            made["comment"] = f"No assertion is made on {', '.join(unknown)}."
        self.made[name] = made
        if "software_SoftwareArtifact" in ancestors:
            self.license(component)

    def license(self, component: Component) -> None:
        """What a component is licensed under, as a Relationship; no assertion where it ought to be known and is not."""
        fact = component.facts.get("license")
        if fact is None or (not word(component, "license") and fact.status is not Status.UNKNOWN):
            return
        said = word(component, "license")
        target = self.expression(said) if said else "expandedlicensing_NoAssertionLicense"
        self.relationship(self.ids[component.ref], "hasDeclaredLicense", [target])

    def expression(self, said: str) -> str:
        """The element of an SPDX expression, or of one that refers to a text that is none."""
        from packaging.licenses import InvalidLicenseExpression, canonicalize_license_expression

        kind = "simplelicensing_LicenseExpression"
        try:
            expression: str = canonicalize_license_expression(said)
        except (InvalidLicenseExpression, ValueError, RecursionError):
            reference = f"LicenseRef-{_SLUG.sub('-', said).strip('-')[:60] or 'text'}"
            meant = self.add(
                "simplelicensing_SimpleLicensingText", f"license-text:{said}", simplelicensing_licenseText=said
            )
            entry = {"type": "DictionaryEntry", "key": reference, "value": meant}
            return self.add(
                kind, f"license:{said}",
                simplelicensing_licenseExpression=reference, simplelicensing_customIdToUri=[entry],
            )  # fmt: skip
        return self.add(kind, f"license:{expression}", simplelicensing_licenseExpression=expression)

    def relationship(self, source: str, kind: str, targets: list[str], /, *, scope: str = "", **properties: str) -> str:
        """A Relationship; its id says what it relates."""
        word = ":".join(filter(None, ("relationship", kind, scope, properties.get("description", ""))))
        return self.add(
            "LifecycleScopedRelationship" if scope else "Relationship",
            f"{word}:{source.removeprefix(self.base + '#')}",
            **{"from": source},
            to=sorted(set(targets)),
            relationshipType=kind,
            **({"scope": scope} if scope else {}),
            **properties,
        )

    def relations(self, relations: Iterable[Relation], kinds: Mapping[str, NodeKind], gaps: Iterable[Gap] = ()) -> None:
        """Relations as Relationships. One of which more ought to be known is incomplete, or has no assertion to make."""
        open_ends = {(gap.ref, _GAPS[gap.what]) for gap in gaps if gap.what in _GAPS and gap.ref in self.ids}
        for (source, how), targets in sorted(grouped(relations, kinds).items()):
            extra = {"description": how.description} if how.description else {}
            if not how.turned and (source, how.type) in open_ends:
                extra["completeness"] = "incomplete"
            self.relationship(self.ids[source], how.type, [self.ids[one] for one in targets], scope=how.scope, **extra)
        stated = {(source, how.type) for source, how in grouped(relations, kinds)}
        for source, kind in sorted(open_ends - stated):
            self.relationship(self.ids[source], kind, ["NoAssertionElement"], completeness="noAssertion")

    def annotation(self, subject: str, note: Mapping[str, Any]) -> None:
        """A note on an element."""
        word = "document" if note["schema"] == notes.DOCUMENT else subject.removeprefix(self.base + "#")
        self.add(
            "Annotation",
            f"note:{word}",
            annotationType="other",
            contentType="application/json",
            subject=subject,
            statement=notes.canonical(note),
        )
