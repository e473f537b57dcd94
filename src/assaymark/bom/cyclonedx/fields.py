"""Facts as fields of a CycloneDX component, and back.

Both ways are best effort, and a pair: what `facts_of` does not get back exactly from `component`, the caller carries as a property.
"""

import re
from collections.abc import Mapping
from typing import Any

from assaymark.core.graph import NodeKind

TYPES: Mapping[NodeKind, str] = {
    NodeKind.MODEL: "machine-learning-model",
    NodeKind.DATA: "data",
    NodeKind.LIBRARY: "library",
    NodeKind.ENVIRONMENT: "platform",
    NodeKind.IMAGE: "container",
    NodeKind.PLATFORM: "platform",
    NodeKind.DEVICE: "device",
    NodeKind.DRIVER: "device-driver",
    NodeKind.TOOL: "application",
    NodeKind.FILE: "file",
}
"""How a component of a kind is called; runs, deployments and parties are no components in CycloneDX."""
KINDS: Mapping[str, NodeKind] = {
    "machine-learning-model": NodeKind.MODEL,
    "data": NodeKind.DATA,
    "library": NodeKind.LIBRARY,
    "framework": NodeKind.LIBRARY,
    "application": NodeKind.LIBRARY,
    "container": NodeKind.IMAGE,
    "platform": NodeKind.PLATFORM,
    "operating-system": NodeKind.PLATFORM,
    "device": NodeKind.DEVICE,
    "device-driver": NodeKind.DRIVER,
    "firmware": NodeKind.DRIVER,
    "file": NodeKind.FILE,
    "cryptographic-asset": NodeKind.FILE,
}
ALGORITHMS: Mapping[str, str] = {
    "sha256": "SHA-256",
    "sha384": "SHA-384",
    "sha512": "SHA-512",
    "sha1": "SHA-1",
    "md5": "MD5",
    "sha3-256": "SHA3-256",
    "sha3-384": "SHA3-384",
    "sha3-512": "SHA3-512",
    "blake2b-256": "BLAKE2b-256",
    "blake3": "BLAKE3",
}
_NAMES = {theirs: ours for ours, theirs in ALGORITHMS.items()}
_PLAIN = ("name", "version", "purl", "description", "group", "cpe", "copyright")
"""Facts that have a field of their own name."""
_LINKS = {"homepage": "website", "download": "distribution", "repository": "vcs"}
_PARAMETERS = {"task": "task", "family": "architectureFamily", "architecture": "modelArchitecture"}
_CONSIDERATIONS = {"intended_use": "useCases", "limitations": "technicalLimitations"}
_APPROACHES = frozenset({"supervised", "unsupervised", "reinforcement-learning", "semi-supervised", "self-supervised"})
_WORD = re.compile(r"[A-Za-z0-9.+:-]+|[()]")
_HEX = re.compile(r"[0-9a-f]{32,128}\Z")


def component(kind: NodeKind, values: Mapping[str, Any]) -> dict[str, Any]:
    """The fields of a component but for its ref and its properties. `values` are those of facts that are known."""
    made: dict[str, Any] = {"type": TYPES[kind]}
    made.update({name: values[name] for name in _PLAIN if _text(values.get(name))})
    if _text(values.get("supplier")):
        made["supplier"] = {"name": values["supplier"]}
    if _text(values.get("author")):
        made["authors"] = [{"name": values["author"]}]
    digests = [{"alg": alg, "content": values[name]} for name, alg in ALGORITHMS.items() if _digest(values.get(name))]
    if digests:
        made["hashes"] = digests
    if _text(values.get("license")):
        made["licenses"] = licences(values["license"])
    links = [{"type": theirs, "url": values[name]} for name, theirs in _LINKS.items() if _url(values.get(name))]
    if links:
        made["externalReferences"] = links
    if _texts(values.get("tags")):
        made["tags"] = list(values["tags"])
    if _text(values.get("revision")):
        made["pedigree"] = {"commits": [{"uid": values["revision"]}]}
    if kind is NodeKind.MODEL and (card := _card(values)):
        made["modelCard"] = card
    if kind is NodeKind.DATA:
        made["data"] = [_data(values)]
    return made


def facts_of(made: Mapping[str, Any]) -> dict[str, Any]:
    """What the fields of a component say, as values of facts; anything that is not as it should be says nothing."""
    values: dict[str, Any] = {name: made[name] for name in _PLAIN if _text(made.get(name))}
    stated = {
        "supplier": _dict(made.get("supplier")).get("name"),
        "author": ", ".join(_each(made.get("authors"), "name")) or made.get("author"),
        "license": licence_of(made.get("licenses")),
        "revision": next(iter(_each(_dict(made.get("pedigree")).get("commits"), "uid")), ""),
    }
    values.update({name: value for name, value in stated.items() if _text(value)})
    for item in _dicts(made.get("hashes")):
        algorithm, content = _NAMES.get(item.get("alg", "") if _text(item.get("alg")) else ""), item.get("content")
        if algorithm and isinstance(content, str) and _digest(content.lower()):
            values.setdefault(algorithm, content.lower())
    for name, theirs in _LINKS.items():
        urls = [
            i["url"] for i in _dicts(made.get("externalReferences")) if i.get("type") == theirs and _text(i.get("url"))
        ]
        if urls:
            values[name] = urls[0]
    if _texts(made.get("tags")):
        values["tags"] = list(made["tags"])
    if made.get("type") == "machine-learning-model":
        values.update(_card_facts(_dict(made.get("modelCard"))))
    return values


def _card(values: Mapping[str, Any]) -> dict[str, Any]:
    """The model card: parameters, metrics and considerations."""
    parameters: dict[str, Any] = {
        theirs: values[name] for name, theirs in _PARAMETERS.items() if _text(values.get(name))
    }
    if values.get("approach") in _APPROACHES if isinstance(values.get("approach"), str) else False:
        parameters["approach"] = {"type": values["approach"]}
    for name in ("inputs", "outputs"):
        formats = [{"format": text} for item in _dicts(values.get(name)) if (text := _shape(item))]
        if formats:
            parameters[name] = _distinct(formats)
    considerations: dict[str, Any] = {
        theirs: [values[name]] for name, theirs in _CONSIDERATIONS.items() if _text(values.get(name))
    }
    if _text(values.get("safety")):
        considerations["ethicalConsiderations"] = [{"name": values["safety"]}]
    metrics = _distinct([m for item in _dicts(values.get("metrics")) if (m := _metric(item))])
    return {
        name: part
        for name, part in (
            ("modelParameters", parameters),
            ("quantitativeAnalysis", {"performanceMetrics": metrics} if metrics else {}),
            ("considerations", considerations),
        )
        if part
    }


def _card_facts(card: Mapping[str, Any]) -> dict[str, Any]:
    parameters, considerations = _dict(card.get("modelParameters")), _dict(card.get("considerations"))
    values = {name: parameters[theirs] for name, theirs in _PARAMETERS.items() if _text(parameters.get(theirs))}
    approach = _dict(parameters.get("approach")).get("type")
    if _text(approach):
        values["approach"] = approach
    for name in ("inputs", "outputs"):
        formats = [{"format": text} for text in _each(parameters.get(name), "format")]
        if formats:
            values[name] = formats
    for name, theirs in _CONSIDERATIONS.items():
        if _texts(considerations.get(theirs)):
            values[name] = "\n".join(considerations[theirs])
    if risks := _each(considerations.get("ethicalConsiderations"), "name"):
        values["safety"] = "\n".join(risks)
    metrics = [
        {name: item[name] for name in ("type", "value", "slice") if _text(item.get(name))}
        for item in _dicts(_dict(card.get("quantitativeAnalysis")).get("performanceMetrics"))
    ]
    if any(metrics):
        values["metrics"] = metrics
    return values


def _metric(item: Mapping[str, Any]) -> dict[str, str]:
    """One measurement; the slice names the dataset too, which has no field of its own."""
    parts = [str(item[name]) for name in ("dataset", "slice") if _text(item.get(name))]
    made = {"type": item.get("type"), "value": item.get("value"), "slice": " ".join(parts)}
    return {
        name: value if isinstance(value, str) else repr(value)
        for name, value in made.items()
        if value not in ("", None)
    }


def _shape(item: Mapping[str, Any]) -> str:
    """`input_ids: int64 [batch, 512]`, or the text that stands there."""
    if _text(item.get("format")):
        return str(item["format"])
    shape = item.get("shape")
    size = "[" + ", ".join(str(n) for n in shape) + "]" if isinstance(shape, list) else ""
    text = " ".join(part for part in (str(item.get("dtype") or ""), size) if part)
    return ": ".join(part for part in (str(item.get("name") or ""), text) if part)


def _data(values: Mapping[str, Any]) -> dict[str, Any]:
    """What a dataset is, in the words of `componentData`; its digests are those of the component."""
    made: dict[str, Any] = {"type": "dataset"}
    made.update({name: values[name] for name in ("name", "description") if _text(values.get(name))})
    if _url(values.get("download")):
        made["contents"] = {"url": values["download"]}
    if _text(values.get("personal_data")):
        made["sensitiveData"] = [values["personal_data"]]
    return made


def licences(text: str) -> list[dict[str, Any]]:
    """An id that SPDX lists, an expression of such, or else a name."""
    from assaymark.bom.schema import spdx_ids

    ids = spdx_ids()
    if text in ids:
        return [{"license": {"id": text}}]
    words = _WORD.findall(text)
    known = all(
        w in ids
        or w in ("(", ")", "AND", "OR", "WITH")
        or w.startswith(("LicenseRef-", "DocumentRef-"))
        or w.removesuffix("+") in ids
        for w in words
    )
    whole = "".join(words) == "".join(text.split())
    if words and known and whole and _sentence(words):
        return [{"expression": text}]
    return [{"license": {"name": text}}]


def _sentence(words: list[str]) -> bool:
    """Whether words and operators alternate and parentheses close."""
    depth, operand = 0, True
    for word in words:
        if word == "(" and operand:
            depth += 1
        elif word == ")" and not operand and depth:
            depth -= 1
        elif word not in ("(", ")") and operand is (word not in ("AND", "OR", "WITH")):
            operand = not operand
        else:
            return False
    return depth == 0 and not operand


def licence_of(found: Any) -> str:
    """The licences of a component as one text; several hold together."""
    texts: list[str] = []
    for item in _dicts(found):
        licence = _dict(item.get("license"))
        for text in (item.get("expression"), licence.get("id"), licence.get("name")):
            if _text(text):
                texts.append(str(text))
                break
    if len(texts) == 1:
        return texts[0]
    return " AND ".join(f"({text})" if " OR " in text else text for text in texts)


def _distinct(items: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return list({tuple(sorted(item.items())): item for item in items}.values())


def _text(value: Any) -> bool:
    return isinstance(value, str) and value != ""


def _texts(value: Any) -> bool:
    return isinstance(value, list) and bool(value) and all(map(_text, value))


def _url(value: Any) -> bool:
    """Whether it may stand where a URL is asked for (RFC 3987 excludes these)."""
    return isinstance(value, str) and value != "" and not re.search(r"[\s<>\"{}|\\^`]", value)


def _digest(value: Any) -> bool:
    return isinstance(value, str) and _HEX.match(value) is not None


def _dict(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def _dicts(value: Any) -> list[dict[str, Any]]:
    return [item for item in value if isinstance(item, dict)] if isinstance(value, list) else []


def _each(value: Any, name: str) -> list[str]:
    return [item[name] for item in _dicts(value) if _text(item.get(name))]


def run(ref: str, values: Mapping[str, Any]) -> dict[str, Any]:
    """A run as a workflow of the formulation."""
    made: dict[str, Any] = {"bom-ref": ref, "uid": ref, "taskTypes": ["build"]}
    made.update({name: values[name] for name in ("name", "description") if _text(values.get(name))})
    made.update(
        {
            theirs: values[name]
            for name, theirs in (("started", "timeStart"), ("ended", "timeEnd"))
            if _text(values.get(name))
        }
    )
    if _text(values.get("command")):
        made["steps"] = [{"commands": [{"executed": values["command"]}]}]
    return made


def run_facts(made: Mapping[str, Any]) -> dict[str, Any]:
    """What a workflow says, as values of facts."""
    values = {
        name: made[theirs]
        for name, theirs in (
            ("name", "name"),
            ("description", "description"),
            ("started", "timeStart"),
            ("ended", "timeEnd"),
        )
        if _text(made.get(theirs))
    }
    executed = [text for step in _dicts(made.get("steps")) for text in _each(step.get("commands"), "executed")]
    if executed:
        values["command"] = executed[0]
    return values


def deployment(ref: str, values: Mapping[str, Any]) -> dict[str, Any]:
    """A deployment as a service."""
    made: dict[str, Any] = {"bom-ref": ref, "name": values["name"] if _text(values.get("name")) else ref}
    made.update({name: values[name] for name in ("version", "description") if _text(values.get(name))})
    return made


def deployment_facts(made: Mapping[str, Any]) -> dict[str, Any]:
    """What a service says, as values of facts."""
    return {name: made[name] for name in ("name", "version", "description") if _text(made.get(name))}
