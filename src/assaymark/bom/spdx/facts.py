"""Properties of an SPDX 3 element as facts: the other direction of `fields`."""

from typing import Any

from assaymark.bom.document import MANIFEST
from assaymark.bom.spdx.bound import objects, text, texts
from assaymark.bom.spdx.elements import Elements, type_of, value_of
from assaymark.bom.spdx.fields import BUILD_TYPE, ENERGY, MODALITIES, TEXTS, UNITS
from assaymark.bom.spdx.model import compact, model
from assaymark.bom.spdx.terms import AI, BUILD, DATASET, HASHES, PURPOSES, kind_by_purl
from assaymark.core.graph import NodeKind

_MANIFEST = "assaymark-manifest"
_KINDS = {
    AI: NodeKind.MODEL,
    DATASET: NodeKind.DATA,
    "software_File": NodeKind.FILE,
    "software_Snippet": NodeKind.FILE,
    BUILD: NodeKind.RUN,
    "Tool": NodeKind.TOOL,
}
_UNITS = {long: short for short, long in UNITS.items()}
_MODALITIES = {long: short for short, long in MODALITIES.items()}
_PRESENCE = {"yes": True, "no": False}


def kind_of(element: dict[str, Any]) -> NodeKind | None:
    """What an element is; None where it is nothing that a model can be made of."""
    name = type_of(element)
    if name == "software_Package":
        by_purpose = PURPOSES.get(value_of(element, "software_primaryPurpose"))
        return by_purpose or kind_by_purl(text(element, "software_packageUrl")) or NodeKind.LIBRARY
    if name in _KINDS:
        return _KINDS[name]
    return NodeKind.PARTY if model().is_a(name, "Agent") else None


def facts(element: dict[str, Any], found: Elements, licenses: list[str]) -> dict[str, Any]:
    """What the properties of an element say, by the names of bom.words. `licenses`: expressions that relationships give it."""
    name = type_of(element)
    made: dict[str, Any] = {}
    shape = model().shapes.get(name)
    for ancestor in sorted(shape.ancestors & TEXTS.keys()) if shape else ():
        for fact, key, _ in TEXTS[ancestor]:
            if text(element, key):
                made[fact] = text(element, key)
    if made.get("download") in {"NOASSERTION", "NONE"}:
        del made["download"]
    _identity(element, made)
    _parties(element, found, made)
    if licenses:
        made["license"] = (
            licenses[0] if len(licenses) == 1 else " AND ".join(f"({one})" if " " in one else one for one in licenses)
        )
    if name == AI:
        _ai(element, made)
    elif name == DATASET:
        _dataset(element, made)
    elif name == BUILD:
        _build(element, made)
    return made


def _identity(element: dict[str, Any], made: dict[str, Any]) -> None:
    for one in objects(element.get("verifiedUsing")):
        fact = HASHES.get(value_of(one, "algorithm"))
        if fact and text(one, "hashValue"):
            made.setdefault(fact, text(one, "hashValue").lower())
    purl = text(element, "software_packageUrl")
    for one in objects(element.get("externalIdentifier")):
        identifier = text(one, "identifier")
        if value_of(one, "externalIdentifierType") == "packageUrl":
            purl = purl or identifier
        elif identifier.startswith(_MANIFEST):
            made.setdefault(MANIFEST, identifier)
    if purl:
        made["purl"] = purl
    for one in objects(element.get("externalRef")):
        if value_of(one, "externalRefType") == "vcs" and texts(one.get("locator")):
            made.setdefault("repository", texts(one["locator"])[0])


def _parties(element: dict[str, Any], found: Elements, made: dict[str, Any]) -> None:
    for fact, key in (("supplier", "suppliedBy"), ("author", "originatedBy")):
        names = [found.name(one) for one in found.ids(element.get(key))]
        names = [name for name in names if name and name not in {"NOASSERTION", "NONE"}]
        if names:
            made[fact] = ", ".join(names)


def _dictionary(value: Any) -> dict[str, str]:
    return {text(one, "key"): text(one, "value") for one in objects(value) if text(one, "key")}


def _ai(element: dict[str, Any], made: dict[str, Any]) -> None:
    for fact, key in (("architecture", "ai_typeOfModel"), ("task", "ai_domain")):
        stated = texts(element.get(key))
        if stated:
            made[fact] = stated[0]
    parameters = _dictionary(element.get("ai_hyperparameter"))
    if parameters:
        made["hyperparameters"] = parameters
    metrics = [
        {"type": text(one, "key"), "value": text(one, "value")}
        for one in objects(element.get("ai_metric"))
        if text(one, "key")
    ]
    if metrics:
        made["metrics"] = metrics
    presence = _PRESENCE.get(value_of(element, "ai_useSensitivePersonalInformation"))
    if presence is not None:
        made["personal_data"] = presence
    if value_of(element, "ai_safetyRiskAssessment"):
        made["safety"] = value_of(element, "ai_safetyRiskAssessment")
    energy = _energy(element.get("ai_energyConsumption"))
    if energy:
        made["environmental"] = {"energy": energy}


def _energy(value: Any) -> list[dict[str, Any]]:
    made = []
    for activity, key in ENERGY.items():
        for one in objects(value.get(key)) if isinstance(value, dict) else ():
            quantity = _number(one.get("ai_energyQuantity"))
            if quantity is not None:
                unit = compact(text(one, "ai_energyUnit"))
                made.append({"activity": activity, "value": quantity, "unit": _UNITS.get(unit, unit)})
    return made


def _number(value: Any) -> int | float | None:
    if isinstance(value, str) and len(value) < 40:
        try:
            value = float(value)
        except ValueError:
            return None
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return value if value - value == 0 else None  # neither infinite nor no number


def _dataset(element: dict[str, Any], made: dict[str, Any]) -> None:
    kinds = [compact(one) for one in texts(element.get("dataset_datasetType"))]
    modalities = [_MODALITIES.get(one, one) for one in kinds if one != "noAssertion"]
    if modalities:
        made["modalities"] = modalities
    size = element.get("dataset_datasetSize")
    if isinstance(size, int) and not isinstance(size, bool) and size >= 0:
        made["size"] = size
    presence = _PRESENCE.get(value_of(element, "dataset_hasSensitivePersonalInformation"))
    if presence is not None:
        made["personal_data"] = presence


def _build(element: dict[str, Any], made: dict[str, Any]) -> None:
    parameters = _dictionary(element.get("build_parameter"))
    if parameters:
        made["hyperparameters"] = parameters
    kind = text(element, "build_buildType")
    if kind and kind != BUILD_TYPE:
        made["build_type"] = kind
    if text(element, "build_buildId"):
        made["build_id"] = text(element, "build_buildId")
