"""Cards of datasets on huggingface.co, `dataset_infos.json`, and snapshots of datasets in its cache."""

from collections import Counter
from typing import Any

from assaymark.bom.build.data.named import by_path
from assaymark.bom.build.draft import Draft, Sight, Sketch
from assaymark.bom.build.models import card as models_card
from assaymark.bom.build.models import config as models_config
from assaymark.bom.build.models import identity as models_identity
from assaymark.bom.build.models import says as models_says
from assaymark.bom.build.models.card import Card, mappings, text, texts
from assaymark.bom.document import Place, Status
from assaymark.core.errors import AssayError
from assaymark.core.graph import EdgeKind
from assaymark.core.source.yaml_tree import Node

_MARKS = ("dataset_info", "task_categories", "size_categories", "annotations_creators", "source_datasets", "task_ids")
_MODEL = ("base_model", "library_name", "model-index")
_COLUMNS = 500


def gather(sight: Sight, draft: Draft) -> None:
    """The dataset that each card is about: its folder."""
    for path in sorted(sight.tree.files):
        folder, _, base = path.rpartition("/")
        if base == "README.md" and not models_identity.is_cache(f"{sight.name}/{path}"):
            try:
                card = models_card.read(sight.tree, path)
            except AssayError:
                continue
            if _is_dataset(card):
                _say(sight, draft, card, folder)
        elif base == "dataset_infos.json":
            config = models_config.load(sight.tree, path, draft, draft.subject)
            if config is not None:
                _infos(sight, draft, config, folder)


def _is_dataset(card: Card) -> bool:
    return any(card.node(key) is not None for key in _MARKS) and not any(card.node(key) is not None for key in _MODEL)


def _component(sight: Sight, draft: Draft, folder: str) -> Sketch:
    """`data:<folder>`, or `data:.` for all that was looked at."""
    if folder:
        return by_path(sight, draft, folder)
    from assaymark.bom.build.models.folder import fill
    from assaymark.core.graph import NodeKind

    sketch = draft.component(NodeKind.DATA, "data:.")
    if "path" not in sketch.facts:
        sketch.say("name", sight.name.rpartition("/")[2], Status.OBSERVED, Place("."))
        fill(sight, sketch, "")
    return sketch


def _say(sight: Sight, draft: Draft, card: Card, folder: str) -> None:
    sketch = _component(sight, draft, folder)
    if card.fault:
        draft.gap(
            sketch,
            "card",
            f"{card.path} could not be read: {card.fault}",
            f"correct the YAML at the head of {card.path}",
        )
    models_says.licence(sketch, card)
    models_says.prose(sketch, card)
    node = card.node("pretty_name")
    sketch.say("description", text(node), Status.DECLARED, *_place(card, node))
    for fact, key in (("languages", "language"), ("tags", "tags"), ("modalities", "modalities")):
        found = texts(card.node(key))
        if found:
            said = list(dict.fromkeys(one for one, _ in found))
            sketch.say(fact, said, Status.DECLARED, Place(card.path, card.at(found[0][1])))
    _info(sketch, card)
    _identity(sketch, f"{sight.name}/{folder}", folder)
    for parent, node in texts(card.node("source_datasets")):
        if parent != "original" and "/" in parent:
            from assaymark.bom.build.data.named import named

            data = named(sight, draft, parent.removeprefix("extended|"), Place(card.path, card.at(node)))
            if data is not None:
                draft.relate(sketch, EdgeKind.DESCENDANT_OF, data, Status.DECLARED, Place(card.path, card.at(node)))
    for ref, inner in _below(folder, draft):
        draft.relate(sketch, EdgeKind.CONTAINS, ref, Status.OBSERVED, Place(inner))


def _below(folder: str, draft: Draft) -> list[tuple[str, str]]:
    """Ref and path of data below a folder that is no part of other data."""
    parts = {t for s, kind, t in draft.relations if kind is EdgeKind.CONTAINS and s.startswith("data:")}
    lead = f"{folder}/" if folder else ""
    found = []
    for ref, sketch in sorted(draft.sketches.items()):
        path = sketch.facts.get("path")
        if ref.startswith("data:") and ref not in parts and path is not None and str(path.value).startswith(lead):
            found.append((ref, str(path.value)))
    return [one for one in found if one[1] != "."]


def _place(card: Card, node: Node | None) -> tuple[Place, ...]:
    return (Place(card.path, card.at(node)),) if node is not None else ()


def _info(sketch: Sketch, card: Card) -> None:
    """`dataset_info`: splits with their rows, features, sizes; of several configurations the sum."""
    node = card.node("dataset_info")
    splits: Counter[str] = Counter()
    columns: list[dict[str, Any]] = []
    for info in mappings(node):
        for split in mappings(info.get("splits")):
            rows = models_card.scalar(text(split.get("num_examples")))
            if text(split.get("name")) and isinstance(rows, int):
                splits[text(split.get("name"))] += rows
        for feature in mappings(info.get("features")):
            kind = text(feature.get("dtype"))
            if len(columns) < _COLUMNS and text(feature.get("name")):
                columns.append({"name": text(feature.get("name")), **({"type": kind} if kind else {})})
    _sizes(sketch, dict(splits), columns, _place(card, node))


def _sizes(sketch: Sketch, splits: dict[str, int], columns: list[dict[str, Any]], places: tuple[Place, ...]) -> None:
    sketch.say("splits", dict(sorted(splits.items())), Status.DECLARED, *places)
    sketch.say("rows", sum(splits.values()) or None, Status.DECLARED, *places)
    sketch.say("columns", columns, Status.DECLARED, *places)


def _infos(sight: Sight, draft: Draft, config: models_config.Config, folder: str) -> None:
    """`dataset_infos.json` of older datasets: one entry a configuration."""
    sketch = _component(sight, draft, folder)
    splits: Counter[str] = Counter()
    columns: list[dict[str, Any]] = []
    for name, info in list(config.values.items())[:100]:
        if not isinstance(info, dict):
            continue
        for split, told in list(_dict(info.get("splits")).items())[:100]:
            rows = _dict(told).get("num_examples")
            splits[split[:100]] += rows if type(rows) is int else 0
        columns += [{"name": key[:200]} for key in list(_dict(info.get("features")))[:_COLUMNS]]
        version = _dict(info.get("version")).get("version_str")
        sketch.say(
            "version", version if isinstance(version, str) else None, Status.DECLARED, config.place(f"{name}/version")
        )
        licence = info.get("license")
        sketch.say(
            "license",
            licence[:300] if isinstance(licence, str) else None,
            Status.DECLARED,
            config.place(f"{name}/license"),
        )
    _sizes(sketch, dict(splits), columns[:_COLUMNS], (Place(config.path),))


def _dict(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def _identity(sketch: Sketch, *paths: str) -> None:
    """Repository and commit of a snapshot in a cache."""
    for path in paths:
        found = models_identity.cached(path)
        if found is not None and found[0].kind == "data":
            identity = found[0]
            sketch.say("repository", identity.name, Status.DECLARED, identity.place)
            sketch.say("version", identity.commit, Status.DECLARED, identity.place)
            sketch.say("revision", identity.commit, Status.DECLARED, identity.place)
            return
