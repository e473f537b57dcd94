"""The classes and properties of SPDX 3.0.1, from the vendored table (scripts/spdx_model.py makes it)."""

import json
from dataclasses import dataclass
from functools import cache, lru_cache
from importlib.resources import files
from typing import Any

TERMS = "https://spdx.org/rdf/3.0.1/terms/"
_BASES = ("https://spdx.org/rdf/3.0.1/terms/", "https://spdx.org/rdf/3.0.0/terms/", "spdx:")


@dataclass(frozen=True, slots=True)
class Property:
    """`most` 0: any number, and a list. `argument`: class of an object, name of an enumeration, or a pattern."""

    datatype: str
    least: int
    most: int
    argument: str


@dataclass(frozen=True, slots=True)
class Shape:
    """A class. `ancestors` has the class itself; `properties` the inherited ones."""

    name: str
    abstract: bool
    identified: bool
    ancestors: frozenset[str]
    properties: dict[str, Property]


@dataclass(frozen=True, slots=True)
class Model:
    """All of it. `individuals`: elements that the standard itself defines, with their class."""

    shapes: dict[str, Shape]
    enums: dict[str, frozenset[str]]
    individuals: dict[str, str]
    profiles: dict[str, tuple[str, ...]]

    def is_a(self, name: str, ancestor: str) -> bool:
        """Whether a class is another one, or descends from it; False for a class that is not known."""
        shape = self.shapes.get(name)
        return shape is not None and ancestor in shape.ancestors


@cache
def model() -> Model:
    """The model, read once."""
    raw = json.loads((files("assaymark.bom.spdx") / "schema/model-3.0.1.json").read_text("utf-8"))
    shapes: dict[str, Shape] = {}
    for name in raw["classes"]:
        _shape(name, raw["classes"], shapes)
    enums = {name: frozenset(values) for name, values in raw["enums"].items()}
    profiles = {name: tuple(keys) for name, keys in raw["profiles"].items()}
    return Model(shapes, enums, raw["individuals"], profiles)


def _shape(name: str, classes: dict[str, Any], made: dict[str, Shape]) -> Shape:
    if name in made:
        return made[name]
    raw = classes[name]
    parent = _shape(raw["parent"], classes, made) if raw["parent"] else None
    own = {key: Property(*values) for key, values in raw["properties"].items()}
    made[name] = Shape(
        name,
        raw["abstract"],
        raw["id"] == "IRI",
        frozenset({name}) | (parent.ancestors if parent else frozenset()),
        {**(parent.properties if parent else {}), **own},
    )
    return made[name]


@lru_cache(8192)
def compact(name: str) -> str:
    """The name of a class, property, individual or value as the JSON-LD context of SPDX shortens it; itself where it has none."""
    for base in _BASES:
        if name.startswith(base):
            profile, _, last = name[len(base) :].rpartition("/")
            return last if "/" in profile or profile in {"Core", ""} else f"{profile.lower()}_{last}"
    return name
