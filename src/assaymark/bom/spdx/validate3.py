"""What is wrong with an SPDX 3.0 document, by the model of 3.0.1 and by what no schema sees."""

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cache
from typing import Any

from assaymark.bom.problems.codes import CODES
from assaymark.bom.spdx import checks
from assaymark.bom.spdx.bound import objects, text, texts
from assaymark.bom.spdx.codes import CODES as OURS
from assaymark.bom.spdx.elements import Elements, elements, type_of, value_of
from assaymark.bom.spdx.facts import kind_of
from assaymark.bom.spdx.model import Model, Property, Shape, compact, model
from assaymark.bom.spdx.relations import relations, relationships
from assaymark.bom.validate import Problem

_META = frozenset({"type", "@type", "spdxId", "@id", "id", "@context"})
_URI = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*:\S+")
_ELSEWHERE = ("http://spdx.org/licenses/", "https://spdx.org/licenses/", "https://spdx.org/rdf/")
_VULNERABILITY = "security_Vulnerability"
_ENDS = {
    "hasHost": ("build_Build", ""),
    "hasInput": ("build_Build", ""),
    "hasOutput": ("build_Build", ""),
    "trainedOn": ("Artifact", "Artifact"),
    "testedOn": ("Artifact", "Artifact"),
    "hasDeclaredLicense": ("software_SoftwareArtifact", "simplelicensing_AnyLicenseInfo"),
    "hasConcludedLicense": ("software_SoftwareArtifact", "simplelicensing_AnyLicenseInfo"),
    "availableFrom": ("", "Agent"),
    "invokedBy": ("", "Agent"),
    "delegatedTo": ("Agent", ""),
    "serializedInArtifact": ("SpdxDocument", "Artifact"),
    "hasAssociatedVulnerability": ("", _VULNERABILITY),
    **dict.fromkeys(("affects", "doesNotAffect", "fixedIn", "underInvestigationFor", "hasAssessmentFor"), (_VULNERABILITY, "")),
    **dict.fromkeys(("coordinatedBy", "exploitCreatedBy", "fixedBy", "foundBy", "reportedBy"), (_VULNERABILITY, "Agent")),
}  # fmt: skip
"""What a relationship leads from and to (RelationshipType of SPDX 3.0.1), "" where it may be anything."""


def problems(document: dict[str, Any]) -> list[Problem]:
    """Every problem, in no order."""
    found = elements(document)
    look = _Look(found, model())
    tops = (
        [("", found.document)]
        if found.single
        else [(f"/@graph/{n}", top) for n, top in enumerate(found.document["@graph"])]
    )
    for at, top in tops:
        if isinstance(top, dict):
            look.object(at, top, "")
        else:
            look.say(at, "an entry of @graph is no object")
    look.document()
    look.relations()
    return look.problems


@dataclass(slots=True)
class _Look:
    """One look at one document. `places` are those of named elements, as they are met."""

    found: Elements
    model: Model
    problems: list[Problem] = field(default_factory=list)
    places: dict[str, str] = field(default_factory=dict)
    imported: frozenset[str] = frozenset()

    def __post_init__(self) -> None:
        documents = self.found.of("SpdxDocument")
        maps = (one for document in documents for one in objects(document.get("import")))
        self.imported = frozenset(self.found.expand(text(one, "externalSpdxId")) for one in maps)

    def say(self, at: str, message: str, code: str = "BOM001", fix: str = "") -> None:
        """A problem, as long as there are not too many to read."""
        if len(self.problems) < checks.LIMIT:
            self.problems.append((CODES.get(code) or OURS[code]).problem(at, message, fix=fix))

    def object(self, at: str, value: dict[str, Any], wanted: str) -> None:
        """An object, where one of class `wanted` may stand ("" for any)."""
        name = type_of(value)
        shape = self.model.shapes.get(name)
        if shape is None:
            if wanted != "extension_Extension":
                self.say(at, f"'{name[:60]}' is no class of SPDX 3.0.1" if name else "an element has no type")
            return
        if shape.abstract:
            self.say(at, f"{name} is an abstract class: nothing is just that")
        if wanted and wanted not in shape.ancestors:
            self.say(at, f"{name} stands where {wanted} belongs")
        self.identity(at, value, shape)
        for key, one in value.items():
            if key not in _META:
                self.property(at, key, one, shape)
        for key in _mandatory(name):
            if key not in value and not any(compact(other) == key for other in value):
                self.say(at, f"{name} has no {key}, which is mandatory")
        special = _SPECIAL.get(name)
        if special:
            special(self, at, value)

    def identity(self, at: str, value: dict[str, Any], shape: Shape) -> None:
        """Whether it has a name of its own, if its class needs one."""
        name = self.found.id(value)
        if shape.identified and not (_URI.fullmatch(name) and not name.startswith("_:")):
            self.say(at, f"{shape.name} has no IRI as spdxId" if not name else f"spdxId '{name[:60]}' is no IRI")
        if name:
            if name in self.places:
                self.say(
                    at,
                    f"'{name[:120]}' is defined at {self.places[name]} already",
                    "BOM002",
                    "Give each element its own spdxId.",
                )
            self.places.setdefault(name, at)

    def property(self, at: str, key: str, value: Any, shape: Shape) -> None:
        """A property and its values."""
        known = shape.properties.get(key) or shape.properties.get(compact(key))
        at = checks.step(at, key)
        if known is None:
            if "extension_Extension" not in shape.ancestors:
                self.say(at, f"{shape.name} has no property '{key[:60]}'")
            return
        if known.most == 1:
            if isinstance(value, list):
                self.say(at, f"{key} has one value, and a list stands there")
            else:
                self.value(at, key, value, known)
            return
        if not isinstance(value, list):
            self.say(at, f"{key} is a list, and one value stands there")
            value = [value]
        if len(value) < known.least:
            self.say(at, f"{key} has {len(value)} values, at least {known.least} is mandatory")
        for number, one in enumerate(value):
            self.value(checks.step(at, number), key, one, known)

    def value(self, at: str, key: str, value: Any, known: Property) -> None:
        """One value of a property."""
        if known.datatype == "object":
            if isinstance(value, dict):
                self.object(at, value, known.argument)
            elif isinstance(value, str):
                self.reference(at, key, value, known.argument)
            else:
                self.say(at, f"{key} is neither an element nor a reference to one")
        elif known.datatype == "enum":
            if not isinstance(value, str) or compact(value) not in self.model.enums[known.argument]:
                self.say(at, f"{key} is {_short(value)}, which {known.argument} does not have")
        elif known.datatype == "moment":
            if not isinstance(value, str) or not checks.MOMENT.fullmatch(value):
                self.say(at, f"{key} is {_short(value)}, no moment as 2026-05-12T09:30:00Z", "BOM012")
        elif not _DATATYPES[known.datatype](value) or (known.argument and not _pattern(known.argument).search(value)):
            self.say(at, f"{key} is {_short(value)}, no {known.datatype}" + (" of its form" if known.argument else ""))

    def reference(self, at: str, key: str, value: str, wanted: str) -> None:
        """A reference to an element: there, of the standard, or imported."""
        name = self.found.expand(value)
        individual = self.model.individuals.get(compact(name))
        if individual:
            return
        target = self.found.by_id.get(name)
        if target is None:
            if name not in self.imported and not name.startswith(_ELSEWHERE):
                self.say(at, f"{key} refers to '{value[:120]}', which is neither here nor imported", "BOM003")
            return
        actual = type_of(target)
        if actual in self.model.shapes and not self.model.is_a(actual, wanted):
            self.say(at, f"{key} refers to a {actual}, where {wanted} belongs")

    def document(self) -> None:
        """The document as a whole, and the profiles that it conforms to."""
        documents = list(self.found.of("SpdxDocument"))
        for extra in documents[1:]:
            self.say(self.place(extra), "a document has one SpdxDocument, and this is a further one")
        if not any(one.get("rootElement") for one in self.found.of("ElementCollection")):
            fix = "State rootElement of the SpdxDocument."
            self.say(self.place(documents[0]) if documents else "", "no collection has a root element", "BOM018", fix)
        claimed = {
            compact(one) for c in self.found.of("ElementCollection") for one in texts(c.get("profileConformance"))
        }
        for name, needed in self.model.profiles.items():
            if name.partition("_")[0] not in claimed:
                continue
            for element in self.found.of(name):
                lacking = [key for key in needed if key not in element]
                if lacking:
                    self.say(self.place(element), f"{name} has no {', '.join(lacking)}", "BOM031")

    def relations(self) -> None:
        """Ends of relationships, and circles."""
        for element, source, targets in relationships(self.found):
            word, at = value_of(element, "relationshipType"), self.place(element)
            if source in targets:
                self.say(at, f"{word} leads from '{source[:80]}' to itself", "BOM033")
            ends = _ENDS.get(word)
            if ends:
                self.end(at, word, "from", source, ends[0])
                for target in targets:
                    self.end(at, word, "to", target, ends[1])
        kinds = {name: kind for name, one in self.found.by_id.items() if (kind := kind_of(one))}
        found = relations(self.found, {name: name for name in kinds}, kinds)
        self.problems += checks.circles(sorted(found), self.places)

    def end(self, at: str, kind: str, side: str, name: str, wanted: str) -> None:
        """One end of a relationship."""
        actual = type_of(self.found.get(name))
        if wanted and actual in self.model.shapes and not self.model.is_a(actual, wanted):
            self.say(checks.step(at, side), f"{kind} has a {actual} as `{side}`, where {wanted} belongs", "BOM032")

    def place(self, element: dict[str, Any]) -> str:
        """Where an element is."""
        return self.places.get(self.found.id(element), "")


@cache
def _mandatory(name: str) -> tuple[str, ...]:
    return tuple(key for key, one in model().shapes[name].properties.items() if one.least)


@cache
def _pattern(pattern: str) -> re.Pattern[str]:
    return re.compile(pattern)


def _short(value: Any) -> str:
    return (
        f"'{value[:60]}'"
        if isinstance(value, str)
        else "an object"
        if isinstance(value, dict)
        else "a list"
        if isinstance(value, list)
        else f"{value!r:.40}"
    )


def _integer(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _number(value: Any) -> bool:
    if isinstance(value, str):
        return len(value) < 400 and _DECIMAL.fullmatch(value) is not None
    return isinstance(value, int | float) and not isinstance(value, bool)


_DECIMAL = re.compile(r"-?\d+(\.\d*)?")
_DATATYPES: dict[str, Callable[[Any], bool]] = {
    "string": lambda value: isinstance(value, str),
    "uri": lambda value: isinstance(value, str) and (":" in value or value in {"NONE", "NOASSERTION"}),
    "flag": lambda value: isinstance(value, bool),
    "integer": _integer,
    "positive": lambda value: _integer(value) and value > 0,
    "natural": lambda value: _integer(value) and value >= 0,
    "number": _number,
}


def _hash(look: _Look, at: str, value: dict[str, Any]) -> None:
    if text(value, "algorithm") and text(value, "hashValue"):
        look.problems += checks.digest(
            checks.step(at, "hashValue"), value_of(value, "algorithm"), text(value, "hashValue")
        )


def _identifier(look: _Look, at: str, value: dict[str, Any]) -> None:
    if value_of(value, "externalIdentifierType") == "packageUrl" and text(value, "identifier"):
        look.problems += checks.purl(checks.step(at, "identifier"), text(value, "identifier"))


def _package(look: _Look, at: str, value: dict[str, Any]) -> None:
    if text(value, "software_packageUrl"):
        look.problems += checks.purl(checks.step(at, "software_packageUrl"), text(value, "software_packageUrl"))


_SPECIAL: dict[str, Callable[[_Look, str, dict[str, Any]], None]] = {
    "Hash": _hash,
    "PackageVerificationCode": _hash,
    "ExternalIdentifier": _identifier,
    "software_Package": _package,
    "ai_AIPackage": _package,
    "dataset_DatasetPackage": _package,
}
