"""Profiles as data: one JSON file each, with its edition and source. Identifiers of others are cited, never made up."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any

Way = tuple[Mapping[str, str], ...]
"""Parts that must all be there; each is one word: `fact`, `digest`, `identity`, `relation`, `run` (a fact of the run that
made it), `document`, `section` or `property`."""


@dataclass(frozen=True, slots=True)
class Element:
    """One thing that a framework asks for, in our own words.

    `of`: whom it is asked of: `document`, `subject`, `component` (all but parties) or kinds of components. `any`: ways to meet it.
    `fix`: the step where it is missing, `prove` where it is only declared (ids in fixes.json). `prose`: nothing could prove it.
    """

    id: str
    cluster: str
    name: str
    weight: float
    of: tuple[str, ...]
    any: tuple[Way, ...]
    fix: str
    prove: str
    prose: bool
    key: str
    """`any` as text: elements that ask the same have the same."""


@dataclass(frozen=True, slots=True)
class Cluster:
    """A chapter of a profile."""

    id: str
    name: str
    weight: float


@dataclass(frozen=True, slots=True)
class Profile:
    """A yardstick. `mapping` says whose reading of the source it is."""

    name: str
    title: str
    edition: str
    source: str
    mapping: str
    clusters: tuple[Cluster, ...]
    elements: tuple[Element, ...]


@cache
def names() -> tuple[str, ...]:
    """All profiles that there are."""
    found = (entry.name for entry in files(__name__).iterdir())
    return tuple(
        sorted(name.removesuffix(".json") for name in found if name.endswith(".json") and name != "fixes.json")
    )


@cache
def fixes() -> Mapping[str, str]:
    """Next steps by id."""
    read: dict[str, str] = json.loads(files(__name__).joinpath("fixes.json").read_text("utf-8"))
    return read


@cache
def load(name: str) -> Profile:
    """Read one profile."""
    read = json.loads(files(__name__).joinpath(f"{name}.json").read_text("utf-8"))
    return Profile(
        name,
        read["title"],
        read["edition"],
        read["source"],
        read["mapping"],
        tuple(Cluster(one["id"], one["name"], one.get("weight", 1)) for one in read["clusters"]),
        tuple(_element(one) for one in read["elements"]),
    )


def _element(read: Mapping[str, Any]) -> Element:
    of = read["of"]
    return Element(
        read["id"],
        read["cluster"],
        read["name"],
        read.get("weight", 1),
        (of,) if isinstance(of, str) else tuple(of),
        tuple(tuple(way) if isinstance(way, list) else (way,) for way in read["any"]),
        read["fix"],
        read.get("prove", "prove"),
        read.get("prose", False),
        json.dumps(read["any"]),
    )
