"""A BOM as a CycloneDX document: the same BOM is the same document, with no clock and no chance in it."""

import hashlib
import uuid
from typing import Any

from assaymark.bom.cyclonedx import layout, properties
from assaymark.bom.cyclonedx.element import Scene
from assaymark.bom.cyclonedx.fit import fitted
from assaymark.bom.cyclonedx.head import elements_of, head, said_of
from assaymark.bom.cyclonedx.patch import apply, canonical
from assaymark.bom.document import Bom

_SPACE = uuid.uuid5(uuid.NAMESPACE_URL, "https://cyclonedx.org/")


def write(bom: Bom, version: str) -> dict[str, Any]:
    """The document. What that version has no room for is carried in properties; `write_with_losses` tells what."""
    return write_with_losses(bom, version)[0]


def write_with_losses(bom: Bom, version: str) -> tuple[dict[str, Any], list[str]]:
    """The document, and JSON pointers of what is carried as a property because the version has no field for it."""
    kept = bom.native.get("cyclonedx", {})
    scene = Scene(bom, layout.of(bom))
    elements = elements_of(scene)
    document = bare_head(scene, elements, version)
    change = dict(kept.get("head", {}))
    if version != kept.get("version", version):
        for name in ("$schema", "-$schema"):
            change.pop(name, None)
    document = dict(apply(document, change))
    layout.assemble(document, scene.arrangement, elements)
    document = encodable(document)
    carried: list[str] = []
    if version != kept.get("version"):
        document, carried = fitted(document, version)
    if "-serialNumber" not in change and "serialNumber" not in document:
        document["serialNumber"] = serial(document)
    return document, carried


def encodable(document: dict[str, Any]) -> dict[str, Any]:
    """Names of files may have bytes that are no text: they are escaped, as UTF-8 cannot say them."""
    try:
        canonical(document).encode()
    except UnicodeEncodeError:
        return dict(_escaped(document))
    return document


def _escaped(value: Any) -> Any:
    if isinstance(value, str):
        return value.encode("utf-8", "backslashreplace").decode()
    if isinstance(value, dict):
        return {_escaped(key): _escaped(item) for key, item in value.items()}
    return [_escaped(item) for item in value] if isinstance(value, list) else value


def bare_head(scene: Scene, elements: dict[str, dict[str, Any]], version: str) -> dict[str, Any]:
    """The head of the facts alone; what its metadata would be read as otherwise is said in a property."""
    made = head(scene, elements, version)
    bom = scene.bom
    if said_of(made) != (bom.at, bom.author, bom.tools):
        stated = properties.prop("made", {"at": bom.at, "author": bom.author, "tools": [list(t) for t in bom.tools]})
        made["properties"] = [*made.get("properties", ()), stated]
    return made


def serial(document: dict[str, Any]) -> str:
    """The serial number of a document that has none yet: a UUID (version 5) of its content."""
    digest = hashlib.sha256(canonical(document).encode()).hexdigest()
    return f"urn:uuid:{uuid.uuid5(_SPACE, digest)}"
