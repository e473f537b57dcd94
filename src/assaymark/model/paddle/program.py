"""Paddle programs (.pdmodel, `__model__`): every operator of every block.

Schema: paddle/fluid/framework/framework.proto, Paddle 3.3. The loader runs the operators in order.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice

from assaymark.core.blob import Blob
from assaymark.core.errors import Malformed, OverBudget
from assaymark.core.format import Context, Item
from assaymark.model.formats.protobuf import BYTES, Field, Reader
from assaymark.model.graphs import Deed, table

_NAME = 300
OPERATORS = 1_000_000
"""Operators of one program that are looked at."""


@dataclass(frozen=True, slots=True)
class PaddleOperator:
    """An operator that acts outside of the program, or, once for each name, one that is not known."""

    name: str
    deed: Deed
    targets: tuple[str, ...]
    """What it touches, where the program says so."""
    offset: int | None


def parse(blob: Blob, context: Context) -> Iterator[Item]:
    """A PaddleOperator for each that does not only compute."""
    reader = Reader(blob, context.budget)
    judge, seen, count, tops = table("paddle").judge, set[str](), 0, set[int]()
    for block in _fields(reader, Field(0, BYTES, 0, blob.size, 0)):
        tops.add(block.number)
        for part in _fields(reader, block) if block.number == 1 else ():
            if part.number != 4:
                continue
            count += 1
            if count > OPERATORS:
                raise OverBudget(f"more than {OPERATORS:,} operators")
            name, texts = _operator(reader, part)
            acting = judge(name)
            if acting is None or (acting.deed == "unknown" and name in seen):
                continue
            seen.add(name)
            targets = [text for key in acting.attributes for text in texts.get(key, ())]
            yield PaddleOperator(name, acting.deed, tuple(targets[:8]), part.start)
    if not {1, 4} <= tops:
        raise Malformed("a Paddle program without a block or without its version, or cut off", offset=blob.size)


def _operator(reader: Reader, message: Field) -> tuple[str, dict[str, list[str]]]:
    """OpDesc: its type, and its attributes that are texts."""
    name, texts = "", dict[str, list[str]]()
    for part in _fields(reader, message):
        if part.number == 3:
            name = reader.text(part, _NAME)
        elif part.number == 4 and len(texts) < 1000:
            key, values = "", list[str]()
            for value in islice(_fields(reader, part), 1000):
                if value.number == 1:
                    key = reader.text(value, _NAME)
                elif value.number in {5, 8}:
                    values.append(reader.text(value, _NAME))
            texts[key] = values
    return name, texts


def _fields(reader: Reader, message: Field) -> Iterator[Field]:
    return (part for part in reader.fields(message.start, message.end) if part.wire == BYTES)
