"""What a card says of a model: facts with the line that they stand on, and the data that it names."""

from typing import Any

from assaymark.bom.build.data.named import named
from assaymark.bom.build.draft import Draft, Sight, Sketch
from assaymark.bom.build.models import licence as models_licence
from assaymark.bom.build.models.card import Card, mappings, plain, text, texts
from assaymark.bom.document import Place, Status
from assaymark.core.graph import EdgeKind
from assaymark.core.source.yaml_tree import Node

_METRICS = 500
_RESULTS = 200


def say(sight: Sight, draft: Draft, sketch: Sketch, card: Card, folder: str) -> None:
    """Front matter, sections and bullets; datasets become components with their relations."""
    if card.fault:
        draft.gap(
            sketch,
            "card",
            f"{card.path} could not be read: {card.fault}",
            f"correct the YAML at the head of {card.path}",
        )
    _entries(sketch, card)
    for name, node in texts(card.node("datasets")):
        place = Place(card.path, card.at(node))
        data = named(sight, draft, name, place, folder)
        if data is not None:
            draft.relate(sketch, EdgeKind.TRAINED_ON, data, Status.DECLARED, place)
    _results(sight, draft, sketch, card, folder)
    prose(sketch, card)


def _entries(sketch: Sketch, card: Card) -> None:
    licence(sketch, card)
    for fact, keys in (
        ("task", ("pipeline_tag",)),
        ("framework", ("library_name",)),
        ("version", ("version", "model_version")),
        ("supplier", ("organization", "supplier", "model_creator")),
        ("author", ("author", "quantized_by")),
        ("description", ("description", "summary")),
    ):
        for key in keys:
            node = card.node(key)
            sketch.say(fact, text(node), Status.DECLARED, *_places(card, node))
    for fact, key in (("languages", "language"), ("tags", "tags")):
        found = texts(card.node(key))
        places = _places(card, found[0][1]) if found else ()
        sketch.say(fact, list(dict.fromkeys(one for one, _ in found)), Status.DECLARED, *places)
    node = card.node("co2_eq_emissions")
    if node is not None and node.kind == "mapping":
        sketch.say("environmental", plain(node), Status.DECLARED, *_places(card, node))
    elif text(node):
        sketch.say("environmental", {"emissions": plain(node)}, Status.DECLARED, *_places(card, node))


def licence(sketch: Sketch, card: Card) -> None:
    """The licence of the front matter; of `other`, its name or where it stands."""
    for key in ("license", "license_name", "license_link"):
        for written, node in texts(card.node(key)):
            said = models_licence.expression(written)
            if said:
                sketch.say("license", said, Status.DECLARED, Place(card.path, card.at(node)))
                return


def _places(card: Card, node: Node | None) -> tuple[Place, ...]:
    return (Place(card.path, card.at(node)),) if node is not None else ()


def prose(sketch: Sketch, card: Card) -> None:
    """Sections and the list at the head of model card templates."""
    for fact, (told, line) in card.sections.items():
        sketch.say(fact, told, Status.DECLARED, Place(card.path, f"line {line}"))
    for fact, key in (
        ("supplier", "developed by"),
        ("supplier", "shared by"),
        ("family", "model type"),
        ("license", "license"),
        ("repository", "repository"),
    ):
        if key in card.bullets and fact not in sketch.facts:
            told, line = card.bullets[key]
            value = models_licence.expression(told.strip("`* ")) if fact == "license" else told.strip("` ")
            sketch.say(fact, value[:300], Status.DECLARED, Place(card.path, f"line {line}"))


def name_of(card: Card) -> tuple[str, Place] | None:
    """The name that the model-index gives the model."""
    for entry in mappings(card.node("model-index")):
        node = entry.get("name")
        if node is not None and text(node):
            return text(node)[:200], Place(card.path, card.at(node))
    return None


def _results(sight: Sight, draft: Draft, sketch: Sketch, card: Card, folder: str) -> None:
    """Metrics of the model-index, and the datasets on which they were measured."""
    measured: list[dict[str, Any]] = []
    first: Place | None = None
    for entry in mappings(card.node("model-index")):
        for result in list(mappings(entry.get("results")))[:_RESULTS]:
            first = first or Place(card.path, card.at(result))
            told = _dataset(sight, draft, sketch, card, result, folder)
            for metric in mappings(result.get("metrics")):
                one = {
                    "type": text(metric.get("type")) or text(metric.get("name")),
                    "value": plain(metric.get("value")),
                }
                measured.append({**{k: v for k, v in one.items() if v is not None and v != ""}, **told})
    if first is not None:
        sketch.say("metrics", measured[:_METRICS], Status.DECLARED, first)


def _dataset(sight: Sight, draft: Draft, sketch: Sketch, card: Card, result: Node, folder: str) -> dict[str, str]:
    """The dataset of one result, as a component that the model was tested on."""
    node = result.get("dataset")
    if node is None or node.kind != "mapping":
        return {}
    name = text(node.get("type")) or text(node.get("name"))
    place = Place(card.path, card.at(node))
    data = named(sight, draft, name, place, folder, text(node.get("revision")))
    if data is not None:
        draft.relate(sketch, EdgeKind.TESTED_ON, data, Status.DECLARED, place)
    told = {"dataset": name, "slice": text(node.get("config")), "split": text(node.get("split"))}
    return {key: value for key, value in told.items() if value}
