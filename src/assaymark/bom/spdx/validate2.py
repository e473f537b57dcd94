"""What is wrong with an SPDX 2.2 or 2.3 document, by what 2.3 is made of and by what no schema sees."""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from assaymark.bom.problems.codes import CODES
from assaymark.bom.spdx import checks
from assaymark.bom.spdx.bound import document as bounded
from assaymark.bom.spdx.bound import items, objects, text, texts
from assaymark.bom.spdx.codes import CODES as OURS
from assaymark.bom.spdx.read2 import ROOMS, relations_of
from assaymark.bom.spdx.shapes2 import ENUMS, Property, shapes
from assaymark.bom.validate import Problem
from assaymark.core.errors import Malformed

_ID = re.compile(r"SPDXRef-[A-Za-z0-9.-]+")
_CREATOR = re.compile(r"(Tool|Organization|Person): ?\S.*", re.DOTALL)
_VERSIONS = frozenset({"SPDX-2.2", "SPDX-2.3"})
_NOWHERE = frozenset({"NONE", "NOASSERTION"})


def problems(document: dict[str, Any]) -> list[Problem]:
    """Every problem, in no order."""
    document = bounded(document, "the SPDX document")
    if not text(document, "spdxVersion").startswith("SPDX-2."):
        raise Malformed(f"spdxVersion is {document['spdxVersion']!r:.40}, and SPDX-2.2 or SPDX-2.3 is looked at here")
    look = _Look(document)
    look.object("", document, "document")
    look.head()
    look.names()
    look.relations()
    return look.problems


@dataclass(slots=True)
class _Look:
    """One look at one document. `places` are those of named entries."""

    document: dict[str, Any]
    problems: list[Problem] = field(default_factory=list)
    places: dict[str, str] = field(default_factory=dict)

    def say(self, at: str, message: str, code: str = "BOM001", fix: str = "") -> None:
        """A problem, as long as there are not too many to read."""
        if len(self.problems) < checks.LIMIT:
            self.problems.append((CODES.get(code) or OURS[code]).problem(at, message, fix=fix))

    def object(self, at: str, value: dict[str, Any], name: str) -> None:
        """An object of a class."""
        shape = shapes()[name]
        for key, one in value.items():
            known = shape.get(key)
            here = checks.step(at, key)
            if known is None:
                self.say(here, f"a {name} has no property '{key[:60]}'")
            elif not known.several:
                self.value(here, key, one, known)
            elif not isinstance(one, list):
                self.say(here, f"{key} is a list, and one value stands there")
            else:
                for number, each in enumerate(one):
                    self.value(checks.step(here, number), key, each, known)
        for key, known in shape.items():
            if known.mandatory and (key not in value or value[key] == []):
                self.say(at, f"a {name} has no {key}, which is mandatory")
        if name == "checksum":
            algorithm = text(value, "algorithm").lower().replace("-", "_").replace("blake2b_", "blake2b")
            self.problems += checks.digest(checks.step(at, "checksumValue"), algorithm, text(value, "checksumValue"))
        elif name == "reference" and text(value, "referenceType") in {"purl", "http://spdx.org/rdf/references/purl"}:
            self.problems += checks.purl(checks.step(at, "referenceLocator"), text(value, "referenceLocator"))

    def value(self, at: str, key: str, value: Any, known: Property) -> None:
        """One value of a property."""
        kind = known.kind
        if kind in shapes():
            if isinstance(value, dict):
                self.object(at, value, kind)
            else:
                self.say(at, f"{key} is no object")
        elif kind == "moment":
            if not isinstance(value, str) or not checks.MOMENT.fullmatch(value):
                self.say(at, f"{key} is {value!r:.60}, no moment as 2026-05-12T09:30:00Z", "BOM012")
        elif not _fits(kind, value):
            self.say(at, f"{key} is {value!r:.60}, which is none of {kind} in SPDX")
        elif kind == "text" and known.mandatory and not value.strip():
            self.say(at, f"{key} is mandatory and says nothing", "BOM034")

    def head(self) -> None:
        """What the document says of itself."""
        document = self.document
        if text(document, "spdxVersion") not in _VERSIONS:
            self.say("/spdxVersion", f"'{text(document, 'spdxVersion')[:40]}' is looked at by the rules of 2.3")
        if text(document, "SPDXID") != "SPDXRef-DOCUMENT":
            self.say("/SPDXID", "the document's SPDXID is SPDXRef-DOCUMENT and nothing else")
        if text(document, "dataLicense") not in {"CC0-1.0", ""}:
            self.say("/dataLicense", "the data of an SPDX document is under CC0-1.0 and nothing else")
        namespace = text(document, "documentNamespace")
        if namespace and (":" not in namespace or "#" in namespace):
            self.say("/documentNamespace", f"'{namespace[:80]}' is no URI without '#'")
        info = document.get("creationInfo")
        for number, creator in enumerate(texts(info.get("creators")) if isinstance(info, dict) else ()):
            if not _CREATOR.fullmatch(creator):
                self.say(
                    f"/creationInfo/creators/{number}",
                    f"'{creator[:60]}' is no 'Tool: …', 'Organization: …' or 'Person: …'",
                )

    def names(self) -> None:
        """Identifiers of packages, files and snippets."""
        self.places["SPDXRef-DOCUMENT"] = ""
        for room in ROOMS:
            for number, part in enumerate(items(self.document.get(room, []), f"'{room}' of the SPDX document")):
                if not isinstance(part, dict) or not text(part, "SPDXID"):
                    continue
                name, at = text(part, "SPDXID"), f"/{room}/{number}"
                if not _ID.fullmatch(name):
                    self.say(at, f"SPDXID '{name[:60]}' is not SPDXRef- and letters, digits, dots or hyphens")
                if name in self.places:
                    where = self.places[name] or "the document itself"
                    self.say(at, f"'{name[:120]}' is {where} already", "BOM002", "Give each entry its own SPDXID.")
                self.places.setdefault(name, at)

    def relations(self) -> None:
        """References, and circles."""
        declared = {text(one, "externalDocumentId") for one in objects(self.document.get("externalDocumentRefs"))}
        for at, key, name in self.references():
            outer = name.partition(":")[0]
            if name in self.places or name in _NOWHERE or (outer.startswith("DocumentRef-") and outer in declared):
                continue
            self.say(
                at,
                f"{key} refers to '{name[:120]}', which is not here",
                "BOM003",
                "Add the entry, or take the reference out.",
            )
        described = bool(texts(self.document.get("documentDescribes")))
        for number, one in enumerate(objects(self.document.get("relationships"))):
            kind = text(one, "relationshipType")
            described = described or kind in {"DESCRIBES", "DESCRIBED_BY"}
            if text(one, "spdxElementId") and text(one, "spdxElementId") == text(one, "relatedSpdxElement"):
                self.say(
                    f"/relationships/{number}",
                    f"{kind} leads from '{text(one, 'spdxElementId')[:80]}' to itself",
                    "BOM033",
                )
        if not described and any(self.document.get(room) for room in ROOMS):
            self.say(
                "", "the document describes nothing", "BOM018", "Add a relationship DESCRIBES from SPDXRef-DOCUMENT."
            )
        self.problems += checks.circles(sorted(relations_of(self.document)), self.places)

    def references(self) -> Iterator[tuple[str, str, str]]:
        """Where a reference stands, its key and what it refers to."""
        for number, one in enumerate(objects(self.document.get("relationships"))):
            for key in ("spdxElementId", "relatedSpdxElement"):
                if text(one, key):
                    yield f"/relationships/{number}/{key}", key, text(one, key)
        for number, name in enumerate(texts(self.document.get("documentDescribes"))):
            yield f"/documentDescribes/{number}", "documentDescribes", name
        for number, part in enumerate(objects(self.document.get("packages"))):
            for place, name in enumerate(texts(part.get("hasFiles"))):
                yield f"/packages/{number}/hasFiles/{place}", "hasFiles", name
        for number, part in enumerate(objects(self.document.get("snippets"))):
            if text(part, "snippetFromFile"):
                yield f"/snippets/{number}/snippetFromFile", "snippetFromFile", text(part, "snippetFromFile")


def _fits(kind: str, value: Any) -> bool:
    if kind in ENUMS:
        return isinstance(value, str) and value in ENUMS[kind]
    if kind == "flag":
        return isinstance(value, bool)
    if kind == "natural":
        return isinstance(value, int) and not isinstance(value, bool) and value >= 0
    return kind == "any" or isinstance(value, str)
