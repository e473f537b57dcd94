"""Facts of a component as properties of an SPDX 3 element."""

import json
import re
from collections.abc import Callable, Mapping
from typing import Any

from assaymark.bom.document import MANIFEST, Component
from assaymark.bom.spdx.model import model
from assaymark.bom.spdx.terms import AI, BUILD, CLASSES, DATASET, HASHES, LENGTHS

MOMENT = re.compile(r"\d{4}-[01]\d-[0-3]\dT[0-2]\d:[0-5]\d:[0-5]\dZ")
URI = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*:[^\s<>\"{}|\\^`]+")
_HEX = re.compile(r"[0-9a-f]+")
BUILD_TYPE = "urn:assaymark:run"
"""A run of which no more is known than that it is one."""

TEXTS: Mapping[str, tuple[tuple[str, str, re.Pattern[str] | None], ...]] = {
    "Element": (("name", "name", None), ("description", "description", None)),
    "Artifact": (("released", "releaseTime", MOMENT),),
    "software_Package": (
        ("version", "software_packageVersion", None),
        ("homepage", "software_homePage", URI),
        ("download", "software_downloadLocation", URI),
    ),
    AI: (
        ("intended_use", "ai_informationAboutApplication", None),
        ("training", "ai_informationAboutTraining", None),
        ("limitations", "ai_limitation", None),
    ),
    DATASET: (
        ("intended_use", "dataset_intendedUse", None),
        ("collection", "dataset_dataCollectionProcess", None),
    ),
    BUILD: (("started", "build_buildStartTime", MOMENT), ("ended", "build_buildEndTime", MOMENT)),
}
"""Facts that are texts, by the class that has a property for them, and what the property takes."""
MODALITIES = {
    "audio": "audio",
    "categorical": "categorical",
    "graph": "graph",
    "image": "image",
    "numeric": "numeric",
    "sensor": "sensor",
    "tabular": "structured",
    "syntactic": "syntactic",
    "text": "text",
    "timeseries": "timeseries",
    "timestamp": "timestamp",
    "video": "video",
}
ENERGY = {"training": "ai_trainingEnergyConsumption", "finetuning": "ai_finetuningEnergyConsumption",
          "inference": "ai_inferenceEnergyConsumption"}  # fmt: skip
UNITS = {"kWh": "kilowattHour", "MJ": "megajoule"}
_PRESENCE = {True: "yes", False: "no"}


def word(component: Component, fact: str) -> str:
    """A fact that is a text; "" where it is none."""
    value = component.value(fact)
    return value if isinstance(value, str) else ""


def title(component: Component) -> str:
    """What to call a component: an element has a name that is a text."""
    return word(component, "name") or component.ref


def class_of(component: Component) -> str:
    """The class of the element that stands for a component."""
    return CLASSES[component.kind][0]


def fields(component: Component) -> dict[str, Any]:
    """The properties of its element, less its identity and what refers to other elements (licence, supplier, author)."""
    name, purpose = CLASSES[component.kind]
    ancestors = model().shapes[name].ancestors
    made: dict[str, Any] = {"type": name, "name": title(component)}
    for ancestor in sorted(ancestors & TEXTS.keys()):
        for fact, key, pattern in TEXTS[ancestor]:
            value = component.value(fact)
            if isinstance(value, str) and value and (pattern is None or pattern.fullmatch(value)):
                made[key] = value
    if purpose:
        made["software_primaryPurpose"] = purpose
    _identity(component, made, package="software_Package" in ancestors)
    extra = _EXTRA.get(name)
    if extra:
        extra(component, made)
    return made


def _identity(component: Component, made: dict[str, Any], *, package: bool) -> None:
    hashes = [
        {"type": "Hash", "algorithm": algorithm, "hashValue": value} for algorithm, value in digests(component).items()
    ]
    if hashes:
        made["verifiedUsing"] = hashes
    identifiers = []
    purl = word(component, "purl")
    if URI.fullmatch(purl):
        identifiers.append(("packageUrl", purl))
        if package:
            made["software_packageUrl"] = purl
    if word(component, MANIFEST):
        identifiers.append(("other", word(component, MANIFEST)))
    if identifiers:
        made["externalIdentifier"] = [
            {"type": "ExternalIdentifier", "externalIdentifierType": kind, "identifier": value}
            for kind, value in identifiers
        ]
    repository = word(component, "repository")
    if URI.fullmatch(repository):
        made["externalRef"] = [{"type": "ExternalRef", "externalRefType": "vcs", "locator": [repository]}]


def digests(component: Component) -> dict[str, str]:
    """HashAlgorithm -> digest. The one file that a library may be installed from is what its digest is of."""
    found = {}
    for algorithm, fact in HASHES.items():
        value = word(component, fact)
        if _HEX.fullmatch(value) and LENGTHS.get(algorithm, len(value)) == len(value):
            found[algorithm] = value
    pinned = component.value("digests")
    if "sha256" not in found and isinstance(pinned, list) and len(pinned) == 1 and isinstance(pinned[0], str):
        value = pinned[0].removeprefix("sha256:")
        if len(value) == 64 and _HEX.fullmatch(value):
            found["sha256"] = value
    return found


def said(value: Any) -> str:
    """A JSON value as the text of a dictionary entry."""
    return (
        value
        if isinstance(value, str)
        else json.dumps(value, ensure_ascii=False, sort_keys=True, separators=(",", ":"))
    )


def entries(value: Any) -> list[dict[str, Any]]:
    """An object as dictionary entries."""
    if not isinstance(value, dict):
        return []
    return [{"type": "DictionaryEntry", "key": str(key), "value": said(one)} for key, one in sorted(value.items())]


def _ai(component: Component, made: dict[str, Any]) -> None:
    kinds = [word(component, fact) for fact in ("architecture", "family", "approach")]
    made["ai_typeOfModel"] = list(dict.fromkeys(filter(None, kinds)))
    made["ai_domain"] = [word(component, "task")] if word(component, "task") else []
    made["ai_hyperparameter"] = entries(component.value("hyperparameters"))
    made["ai_metric"] = _metrics(component.value("metrics"))
    if isinstance(component.value("personal_data"), bool):
        made["ai_useSensitivePersonalInformation"] = _PRESENCE[component.value("personal_data")]
    if word(component, "safety") in model().enums["ai_SafetyRiskAssessmentType"]:
        made["ai_safetyRiskAssessment"] = word(component, "safety")
    energy = _energy(component.value("environmental"))
    if energy:
        made["ai_energyConsumption"] = {"type": "ai_EnergyConsumption", **energy}
    for key in ("ai_typeOfModel", "ai_domain", "ai_hyperparameter", "ai_metric"):
        if not made[key]:
            del made[key]


def _metrics(value: Any) -> list[dict[str, Any]]:
    return [
        {"type": "DictionaryEntry", "key": said(metric["type"]), "value": said(metric["value"])}
        for metric in (value if isinstance(value, list) else ())
        if isinstance(metric, dict) and metric.get("type") and "value" in metric
    ]


def _energy(value: Any) -> dict[str, Any]:
    """`energy`: list of objects with `activity`, `value` and `unit`; what is stated in another way has no property."""
    made: dict[str, Any] = {}
    stated = value.get("energy") if isinstance(value, dict) else None
    for one in stated if isinstance(stated, list) else []:
        if not isinstance(one, dict) or not isinstance(one.get("value"), int | float) or isinstance(one["value"], bool):
            continue
        key = ENERGY.get(str(one.get("activity")).replace("fine-tuning", "finetuning"))
        if key:
            made.setdefault(key, []).append({
                "type": "ai_EnergyConsumptionDescription",
                "ai_energyQuantity": one["value"],
                "ai_energyUnit": UNITS.get(str(one.get("unit")), "other"),
            })  # fmt: skip
    return made


def _dataset(component: Component, made: dict[str, Any]) -> None:
    modalities = component.value("modalities")
    kinds = [MODALITIES.get(str(one), "other") for one in modalities] if isinstance(modalities, list) else []
    made["dataset_datasetType"] = sorted(set(kinds)) or ["noAssertion"]
    size = component.value("size")
    if isinstance(size, int) and not isinstance(size, bool) and size >= 0:
        made["dataset_datasetSize"] = size
    if isinstance(component.value("personal_data"), bool):
        made["dataset_hasSensitivePersonalInformation"] = _PRESENCE[component.value("personal_data")]


def _build(component: Component, made: dict[str, Any]) -> None:
    made["build_buildType"] = BUILD_TYPE
    parameters = entries(component.value("hyperparameters"))
    if parameters:
        made["build_parameter"] = parameters


_EXTRA: Mapping[str, Callable[[Component, dict[str, Any]], None]] = {AI: _ai, DATASET: _dataset, BUILD: _build}
