"""Core ML models (.mlmodel): custom classes, operators of ML programs, and paths, in every nested model and network.

Schemas: coremltools 9.0, mlmodel/format/{Model,NeuralNetwork,MIL,CustomModel,LinkedModel}.proto. Weights are stepped over.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from assaymark.core.blob import Blob
from assaymark.core.errors import Malformed, OverBudget
from assaymark.core.format import Context, Item
from assaymark.model.formats.protobuf import BYTES, DEPTH, VARINT, Field, Reader
from assaymark.model.graphs import table

_NAME = 300
_OPERATORS = 1000
"""Different unknown operators."""
_NETWORKS = frozenset({303, 403, 500})
_PIPELINES = {200: True, 201: True, 202: False}
"""Field of a pipeline -> whether it is wrapped once more."""


@dataclass(frozen=True, slots=True)
class CoremlCode:
    """Something that runs code from outside of the model."""

    kind: Literal["layer", "model", "serialized"]
    name: str
    """Of the class, or of the component that reads the bytes."""
    offset: int


@dataclass(frozen=True, slots=True)
class CoremlLink:
    """Another model that is loaded with this one."""

    name: str
    search: str
    """Folders in which it is looked for."""
    offset: int


@dataclass(frozen=True, slots=True)
class CoremlPath:
    """A file that the model or package names. `offset` is None in a manifest."""

    path: str
    owner: str
    offset: int | None


@dataclass(frozen=True, slots=True)
class CoremlOperator:
    """An operator of an ML program that is not in the table, once for each name."""

    name: str
    offset: int


def parse(blob: Blob, context: Context) -> Iterator[Item]:
    """The views above as they come."""
    walk = _Walk(Reader(blob, context.budget))
    yield from walk.model(Field(0, BYTES, 0, blob.size, 0), 1)


class _Walk:
    """One pass over a model. Each method takes the field of its message; `depth` counts messages in messages."""

    def __init__(self, reader: Reader) -> None:
        self._reader = reader
        self._seen = set[str]()
        self._vetted = table("coreml").judge

    def model(self, message: Field, depth: int) -> Iterator[Item]:
        """Model."""
        kinds = versions = 0
        for part in self._all(message, depth):
            if part.wire == VARINT and part.number == 1:
                versions += 1
            elif part.wire == BYTES and part.number >= 200:
                kinds += 1
                yield from self._kind(part, depth + 1)
        if not kinds or not versions:
            raise Malformed(
                "a Core ML model without a version or without a kind of model, or cut off", offset=message.end
            )

    def _kind(self, part: Field, depth: int) -> Iterator[Item]:
        """The field that says which kind of model it is."""
        if part.number in _NETWORKS:
            yield from self._network(part, depth)
        elif part.number in _PIPELINES:
            yield from self._pipeline(part, depth, wrapped=_PIPELINES[part.number])
        elif part.number == 502:
            yield from self._program(part, depth)
        elif part.number == 555:
            yield CoremlCode("model", self._text(part, 10), part.start)
        elif part.number == 556:
            yield from self._link(part)
        elif part.number == 3000:
            yield CoremlCode("serialized", self._text(part, 1), part.start)

    def _pipeline(self, message: Field, depth: int, *, wrapped: bool) -> Iterator[Item]:
        """Pipeline, within PipelineClassifier or PipelineRegressor where it is wrapped."""
        for part in self._fields(message, depth):
            if part.number == 1 and wrapped:
                yield from self._pipeline(part, depth + 1, wrapped=False)
            elif part.number == 1:
                yield from self.model(part, depth + 1)

    def _network(self, message: Field, depth: int) -> Iterator[Item]:
        """NeuralNetwork and the classifier and regressor that begin like it."""
        for layer in self._fields(message, depth):
            for part in self._fields(layer, depth + 1) if layer.number == 1 else ():
                if part.number == 500:
                    yield CoremlCode("layer", self._text(part, 10), part.start)
                elif part.number in {605, 615}:
                    for inner in self._fields(part, depth + 2):
                        if inner.number in ({1, 2} if part.number == 605 else {3, 4}):
                            yield from self._network(inner, depth + 3)

    def _link(self, message: Field) -> Iterator[Item]:
        """LinkedModel: name and search path are StringParameters."""
        for part in self._fields(message, 1):
            if part.number == 1:
                texts = {value.number: self._text(value, 1) for value in self._fields(part, 1)}
                yield CoremlLink(texts.get(1, ""), texts.get(2, ""), part.start)
                yield CoremlPath(texts.get(1, ""), "a linked model", part.start)

    def _program(self, message: Field, depth: int) -> Iterator[Item]:
        """Program: functions by name, each with a block for each opset."""
        for part in self._fields(message, depth):
            if part.number == 4:
                yield from self._entry(part, depth + 1)
            for function in self._fields(part, depth + 1) if part.number == 2 else ():
                for inner in self._fields(function, depth + 2) if function.number == 2 else ():
                    if inner.number == 4:
                        yield from self._entry(inner, depth + 3)
                    for block in self._fields(inner, depth + 3) if inner.number == 3 else ():
                        if block.number == 2:
                            yield from self._block(block, depth + 4)

    def _block(self, message: Field, depth: int) -> Iterator[Item]:
        for part in self._fields(message, depth):
            if part.number == 3:
                yield from self._operation(part, depth + 1)
            elif part.number == 4:
                yield from self._entry(part, depth + 1)

    def _operation(self, message: Field, depth: int) -> Iterator[Item]:
        for part in self._fields(message, depth):
            if part.number == 1:
                name = self._reader.text(part, _NAME)
                if name not in self._seen and self._vetted(name) is not None:
                    self._seen.add(name)
                    if len(self._seen) > _OPERATORS:
                        raise OverBudget(f"more than {_OPERATORS:,} different unknown operators")
                    yield CoremlOperator(name, message.start)
            elif part.number == 2:
                yield from self._inputs(part, depth + 1)
            elif part.number == 4:
                yield from self._block(part, depth + 1)
            elif part.number == 5:
                yield from self._entry(part, depth + 1)

    def _inputs(self, entry: Field, depth: int) -> Iterator[Item]:
        """An entry of an operation's inputs: an argument of names and values."""
        for argument in self._fields(entry, depth):
            for binding in self._fields(argument, depth + 1) if argument.number == 2 else ():
                for value in self._fields(binding, depth + 2) if binding.number == 1 else ():
                    if value.number == 2:
                        yield from self._value(value, depth + 3)

    def _entry(self, message: Field, depth: int) -> Iterator[Item]:
        """An entry of a map from names to values."""
        for part in self._fields(message, depth):
            if part.number == 2:
                yield from self._value(part, depth + 1)

    def _value(self, message: Field, depth: int) -> Iterator[Item]:
        """Value: a file's name, or tensors, tuples, lists and dictionaries of values."""
        for part in self._fields(message, depth):
            if part.number == 5:
                yield CoremlPath(self._text(part, 1), "a value of the ML program", part.start)
            for inner in self._fields(part, depth + 1) if part.number == 3 else ():
                for value in self._fields(inner, depth + 2) if inner.number in {2, 3, 4} else ():
                    if inner.number == 4:
                        for half in self._fields(value, depth + 3):
                            yield from self._value(half, depth + 4)
                    else:
                        yield from self._value(value, depth + 3)

    def _text(self, message: Field, number: int) -> str:
        """The text in this field, the last one where there are several."""
        texts = [self._reader.text(part, 4096) for part in self._fields(message, 1) if part.number == number]
        return texts[-1] if texts else ""

    def _all(self, message: Field, depth: int) -> Iterator[Field]:
        if depth > DEPTH:
            raise Malformed(f"models nested deeper than the {DEPTH} messages of protobuf readers", offset=message.start)
        return self._reader.fields(message.start, message.end)

    def _fields(self, message: Field, depth: int) -> Iterator[Field]:
        """The length-delimited fields."""
        return (part for part in self._all(message, depth) if part.wire == BYTES)
