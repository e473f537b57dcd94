"""Packages, files and snippets of SPDX 2: as facts, and facts as they write them."""

from collections.abc import Mapping
from typing import Any

from assaymark.bom.document import Component
from assaymark.bom.spdx.bound import objects, text
from assaymark.bom.spdx.fields import word
from assaymark.bom.spdx.terms import HASHES_2, kind_by_purl
from assaymark.core.graph import NodeKind

NOTHING = frozenset({"NOASSERTION", "NONE", ""})
_PURPOSES = {
    "CONTAINER": NodeKind.IMAGE,
    "OPERATING-SYSTEM": NodeKind.PLATFORM,
    "OPERATING_SYSTEM": NodeKind.PLATFORM,
    "DEVICE": NodeKind.DEVICE,
    "FIRMWARE": NodeKind.DRIVER,
}
PACKAGE_TEXTS = (
    ("name", "name"),
    ("version", "versionInfo"),
    ("description", "description"),
    ("homepage", "homepage"),
    ("download", "downloadLocation"),
    ("released", "releaseDate"),
    ("license", "licenseDeclared"),
)
_FILE_TEXTS = (("name", "fileName"),)
_PURL_TYPES = frozenset({"purl", "http://spdx.org/rdf/references/purl"})


def kind_of(part: dict[str, Any], room: str) -> NodeKind:
    """What an entry of `packages`, `files` or `snippets` is."""
    if room != "packages":
        return NodeKind.FILE
    by_purpose = _PURPOSES.get(text(part, "primaryPackagePurpose"))
    return by_purpose or kind_by_purl(_purl(part)) or NodeKind.LIBRARY


def facts(part: dict[str, Any], room: str) -> dict[str, Any]:
    """What it says, by the names of bom.words."""
    made: dict[str, Any] = {}
    for fact, key in PACKAGE_TEXTS if room == "packages" else _FILE_TEXTS if room == "files" else PACKAGE_TEXTS[:1]:
        value = text(part, key)
        if value not in NOTHING:
            made[fact] = value
    concluded = text(part, "licenseConcluded")
    if "license" not in made and concluded not in NOTHING:
        made["license"] = concluded
    if "description" not in made and text(part, "summary"):
        made["description"] = text(part, "summary")
    for one in objects(part.get("checksums")):
        hashed = HASHES_2.get(text(one, "algorithm"))
        if hashed and text(one, "checksumValue"):
            made.setdefault(hashed, text(one, "checksumValue").lower())
    if _purl(part):
        made["purl"] = _purl(part)
    for fact, key in (("supplier", "supplier"), ("author", "originator")):
        name = party(text(part, key))
        if name:
            made[fact] = name
    return made


def _purl(part: dict[str, Any]) -> str:
    for one in objects(part.get("externalRefs")):
        if text(one, "referenceType") in _PURL_TYPES and text(one, "referenceLocator"):
            return text(one, "referenceLocator")
    return ""


def party(said: str) -> str:
    """The name in `Organization: NAME (address)`, `Person: …` or `Tool: …`; "" where nobody is named."""
    kind, colon, name = said.partition(":")
    if said in NOTHING:
        return ""
    if colon and kind in {"Organization", "Person", "Tool"}:
        said = name
    name, bracket, address = said.strip().rpartition("(")
    return (name if bracket and address.endswith(")") and ("@" in address or address == ")") else said).strip()


def fields(component: Component, room: str, ref: str) -> dict[str, Any]:
    """The facts of a component as such an entry writes them."""
    made: dict[str, Any] = {"SPDXID": ref}
    for fact, key in PACKAGE_TEXTS if room == "packages" else _FILE_TEXTS if room == "files" else PACKAGE_TEXTS[:1]:
        if word(component, fact):
            made[key] = word(component, fact)
    if room != "packages":
        made |= {"licenseConcluded": word(component, "license")} if word(component, "license") else {}
    sums = [
        {"algorithm": algorithm, "checksumValue": word(component, fact)}
        for algorithm, fact in HASHES_2.items()
        if word(component, fact)
    ]
    if sums:
        made["checksums"] = sums
    if room == "packages" and word(component, "purl"):
        made["externalRefs"] = [
            {
                "referenceCategory": "PACKAGE-MANAGER",
                "referenceType": "purl",
                "referenceLocator": word(component, "purl"),
            }
        ]
    for fact, key in (("supplier", "supplier"), ("author", "originator")):
        if room == "packages" and word(component, fact):
            made[key] = f"Organization: {word(component, fact)}"
    return made


KEYS: Mapping[str, tuple[str, ...]] = {
    **{fact: (key,) for fact, key in PACKAGE_TEXTS},
    "name": ("name", "fileName"),
    "license": ("licenseDeclared", "licenseConcluded"),
    "purl": ("externalRefs",),
    "supplier": ("supplier",),
    "author": ("originator",),
    **dict.fromkeys(HASHES_2.values(), ("checksums",)),
}
"""What a fact stands in."""
LISTS = frozenset({"externalRefs", "checksums"})
