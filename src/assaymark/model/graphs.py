"""Tables of graph operators: what they do, by name. TensorFlow, TFLite, Paddle and Core ML judge by one each.

A package of such a format holds `vetted.txt` (names of operators that compute only, written by
scripts/vet_operators.py) and may hold `acting.txt` (name, deed, and where the name of what is touched stands). A name
in neither file is unknown: default deny.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Literal

Deed = Literal["reads", "writes", "python", "connects", "stops", "opaque", "graph", "unknown"]
"""What an operator does outside of its graph. `opaque`: runs something that is not looked into; `graph`: runs a graph
that it is handed as bytes; `unknown`: in no table."""


@dataclass(frozen=True, slots=True)
class Acting:
    """An operator that acts. `inputs` and `attributes` hold the name of what it touches; neither: it cannot be known."""

    deed: Deed
    inputs: tuple[int, ...] = ()
    attributes: tuple[str, ...] = ()


UNKNOWN = Acting("unknown")


@dataclass(frozen=True, slots=True)
class Table:
    """The operators of one library."""

    vetted: frozenset[str]
    acting: Mapping[str, Acting]

    def judge(self, operator: str) -> Acting | None:
        """What it does, None where it only computes."""
        return self.acting.get(operator) or (None if operator in self.vetted else UNKNOWN)


@cache
def table(package: str) -> Table:
    """The table of `assaymark.model.<package>`."""
    folder = files("assaymark.model") / package
    acting = folder / "acting.txt"
    return Table(
        frozenset(word for line in _lines(folder.joinpath("vetted.txt").read_text("utf-8")) for word in line.split()),
        dict(_acting(line) for line in _lines(acting.read_text("utf-8") if acting.is_file() else "")),
    )


def _lines(text: str) -> list[str]:
    return [line for line in text.splitlines() if line and not line.startswith("#")]


def _acting(line: str) -> tuple[str, Acting]:
    name, deed, *where = line.split()
    inputs = tuple(int(word) for word in where if word.isdigit())
    attributes = tuple(word for word in where if not word.isdigit() and word != "-")
    return name, Acting(deed, inputs, attributes)  # type: ignore[arg-type] # the test of the tables knows the words
