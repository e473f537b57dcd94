"""Croissant: the JSON-LD that describes a dataset, of which the part with names, versions, licences and digests is read.

Format: https://docs.mlcommons.org/croissant/docs/croissant-spec.html. Keys stand there with or without a prefix.
"""

import re
from collections.abc import Iterator
from typing import Any

from assaymark.bom.build.data.named import by_path, local
from assaymark.bom.build.draft import Draft, Sight, Sketch
from assaymark.bom.build.models import config as models_config
from assaymark.bom.build.models import licence as models_licence
from assaymark.bom.document import Place, Status
from assaymark.core.errors import AssayError
from assaymark.core.graph import EdgeKind, NodeKind

_MARK = b"mlcommons.org/croissant"
_START = 1 << 16
_FILES = 200
_FIELDS = 500
_DIGESTS = {"sha256": 64, "md5": 32, "sha1": 40, "sha512": 128}


def gather(sight: Sight, draft: Draft) -> None:
    """The dataset that each description is about."""
    for path in sorted(sight.tree.files):
        base = path.rpartition("/")[2].lower()
        if not (
            base.endswith(".jsonld") or (base.endswith(".json") and ("croissant" in base or base == "metadata.json"))
        ):
            continue
        try:
            known = _MARK in sight.tree.start(path, _START)
        except AssayError:
            continue
        if known:
            config = models_config.load(sight.tree, path, draft, draft.subject)
            if config is not None:
                _say(sight, draft, config)


def _get(entry: dict[str, Any], key: str) -> Any:
    """A value by its short key or behind a prefix."""
    for name in (
        key,
        f"sc:{key}",
        f"cr:{key}",
        f"schema:{key}",
        f"https://schema.org/{key}",
        f"http://mlcommons.org/croissant/{key}",
    ):
        if name in entry:
            return entry[name]
    return None


def _text(value: Any) -> str:
    """A text; of a list the first, of an object its name, value or address."""
    for _ in range(4):
        if isinstance(value, list):
            value = value[0] if value else ""
        elif isinstance(value, dict):
            value = next((value[key] for key in ("name", "sc:name", "@value", "url", "@id") if key in value), "")
        else:
            break
    return value.strip()[:1000] if isinstance(value, str) else ""


def _say(sight: Sight, draft: Draft, config: models_config.Config) -> None:
    values, folder = config.values, config.path[: config.path.rfind("/") + 1]
    name = _text(_get(values, "name"))
    ref = (
        f"data:{folder.rstrip('/')}"
        if folder and f"data:{folder.rstrip('/')}" in draft.sketches
        else f"data:{name or config.path}"
    )
    sketch = draft.component(NodeKind.DATA, ref)
    sketch.say("name", name, Status.DECLARED, config.place("name"))
    for fact, key in (
        ("version", "version"), ("description", "description"), ("supplier", "creator"), ("supplier", "publisher"),
        ("homepage", "url"), ("released", "datePublished"),
    ):  # fmt: skip
        if fact not in sketch.facts:
            sketch.say(fact, _text(_get(values, key)), Status.DECLARED, config.place(key))
    licence = models_licence.expression(_text(_get(values, "license")))
    sketch.say("license", licence, Status.DECLARED, config.place("license"))
    for fact, key in (("collection", "rai:dataCollection"), ("personal_data", "rai:personalSensitiveInformation")):
        sketch.say(fact, _text(values.get(key)), Status.DECLARED, config.place(key))
    languages = _get(values, "inLanguage")
    if isinstance(languages, str | list):
        listed = [languages] if isinstance(languages, str) else [one for one in languages if isinstance(one, str)]
        sketch.say("languages", listed[:100], Status.DECLARED, config.place("inLanguage"))
    _columns(sketch, config)
    for number, entry in enumerate(_entries(_get(values, "distribution"))):
        if number < _FILES:
            _distribution(sight, draft, sketch, config, entry, number)


def _entries(value: Any) -> Iterator[dict[str, Any]]:
    listed = value if isinstance(value, list) else [value]
    return (one for one in listed if isinstance(one, dict))


def _columns(sketch: Sketch, config: models_config.Config) -> None:
    columns: list[dict[str, str]] = []
    for record in _entries(_get(config.values, "recordSet")):
        for one in _entries(_get(record, "field")):
            name, kind = _text(_get(one, "name")) or _text(one.get("@id")), _text(_get(one, "dataType"))
            if name and len(columns) < _FIELDS:
                columns.append({"name": name[:200], **({"type": kind[:100]} if kind else {})})
    sketch.say("columns", columns, Status.DECLARED, config.place("recordSet"))


def _distribution(
    sight: Sight, draft: Draft, sketch: Sketch, config: models_config.Config, entry: dict[str, Any], number: int
) -> None:
    """One FileObject: a file that is here, or one of which digest and address are known."""
    kind = _text(entry.get("@type"))
    if "FileObject" not in kind:
        return
    place = Place(config.path, f"/distribution/{number}")
    address = _text(_get(entry, "contentUrl"))
    here = local(sight, address, config.path[: config.path.rfind("/") + 1]) if address else None
    if here is not None and here in sight.tree.files:
        part = by_path(sight, draft, here)
    else:
        called = _text(_get(entry, "name")) or _text(entry.get("@id")) or str(number)
        part = draft.component(NodeKind.DATA, f"{sketch.ref}/{called}")
        part.say("name", called[:300], Status.DECLARED, place)
        part.say("download", address if "://" in address else "", Status.DECLARED, place)
        part.say("size", _bytes(_get(entry, "contentSize")), Status.DECLARED, place)
    part.say("format", _text(_get(entry, "encodingFormat"))[:100], Status.DECLARED, place)
    for name, length in _DIGESTS.items():
        digest = _text(_get(entry, name)).lower()
        if not re.fullmatch(rf"[0-9a-f]{{{length}}}", digest):
            continue
        actual = part.facts.get(name)
        part.say(name, digest, Status.DECLARED, place)
        if actual is not None and actual.status is Status.OBSERVED and actual.value != digest:
            draft.gap(part, name, f"{config.path} says {digest}, the bytes are {actual.value}",
                      "the file or its description was changed: fetch the data again, or write the description anew")  # fmt: skip
    if part.ref != sketch.ref:
        draft.relate(sketch, EdgeKind.CONTAINS, part, Status.DECLARED, place)


def _bytes(written: Any) -> int | None:
    """`1234 B`, `1234` or a number; other units are rounded by whoever writes them and say nothing exact."""
    if type(written) is int:
        return written
    match = re.fullmatch(r"\s*(\d{1,18})\s*(?:B|bytes)?\s*", written) if isinstance(written, str) else None
    return int(match[1]) if match else None
