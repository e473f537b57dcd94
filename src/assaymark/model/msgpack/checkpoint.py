"""Flax checkpoints (`flax.serialization`): a MessagePack tree whose arrays are extensions.

Extension 1 is an array, 2 a complex number, 3 a NumPy scalar; 1 and 3 hold a MessagePack tuple of shape, type and
bytes. Arrays beyond 1 GiB are split into a map with `__msgpack_chunked_array__`. msgpack-numpy, which other libraries
use, spells arrays as maps with `nd` and `kind`; of kind `O` their data is a pickle, which it loads.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from math import prod

from assaymark.core.blob import Blob, Slice
from assaymark.core.errors import Malformed, OverBudget
from assaymark.core.format import Context, Item, Member, Region
from assaymark.model.msgpack.views import MsgpackView, Part
from assaymark.model.msgpack.walk import Token, Walker

_MOST = 50
_ARRAY, _COMPLEX, _SCALAR, _TIME = 1, 2, 3, -1
_WIDTHS = {
    "bool": 1, "int8": 1, "uint8": 1, "int16": 2, "uint16": 2, "int32": 4, "uint32": 4, "int64": 8, "uint64": 8,
    "float16": 2, "float32": 4, "float64": 8, "complex64": 8, "complex128": 16, "float128": 16, "complex256": 32, "bfloat16": 2, "V2": 2,
    "float8_e4m3fn": 1, "float8_e5m2": 1, "float8_e4m3b11fnuz": 1, "float8_e4m3fnuz": 1, "float8_e5m2fnuz": 1,
    "float8_e3m4": 1, "float8_e4m3": 1, "float8_e8m0fnu": 1, "int4": 1, "uint4": 1, "int2": 1, "uint2": 1,
}  # fmt: skip
"""Name of a type -> bytes of an element; ml_dtypes keeps four and two bits in a byte."""
_SIZED = re.compile(r"(?:str|bytes|void)(?P<bits>\d{1,9})|(?:datetime|timedelta)64\[\w{1,8}\]")
"""Types whose name says how long an element is, in bits."""
_REGIONS = 100_000
"""Payloads that the map of bytes shows as raw values."""
_KEYS = 1_000_000
"""Keys of all open maps that are held to find those that come twice."""


@dataclass
class _State:
    arrays: int = 0
    regions: int = 0
    unknown: list[Part] = field(default_factory=list)
    mismatches: list[Part] = field(default_factory=list)
    duplicates: list[Part] = field(default_factory=list)
    keys: list[set[str]] = field(default_factory=list)
    held: int = 0
    marks: list[dict[str, Token]] = field(default_factory=list)
    """Of each open container what msgpack-numpy would look for."""
    label: str = ""
    """The key whose value comes next."""

    def view(self) -> MsgpackView:
        return MsgpackView(self.arrays, tuple(self.unknown), tuple(self.mismatches), tuple(self.duplicates))


def parse(blob: Blob, context: Context) -> Iterator[Item]:
    """Pickled arrays as members, then the view, then what follows the document."""
    state = _State()
    walker = Walker(blob, context.budget)
    fault: Malformed | OverBudget | None = None
    try:
        for token in walker.tokens():
            if token.kind == "end":
                yield from _close(blob, state)
            else:
                _open(blob, context, state, token)
            if token.kind in {"bin", "ext"} and token.length and state.regions < _REGIONS:
                state.regions += 1
                yield Region(token.at, token.length)
    except (Malformed, OverBudget) as error:
        fault = error
    while state.marks:
        yield from _close(blob, state)
    yield state.view()
    if fault is not None:
        raise fault
    if walker.at < blob.size:
        yield Member(f"bytes after the document, at {walker.at}", Slice(blob, walker.at, blob.size - walker.at))


def _open(blob: Blob, context: Context, state: _State, token: Token) -> None:
    """Any item but the end of a container."""
    label, state.label = state.label, ""
    if token.key:
        state.label = str(token.value)[:80]
        _key(state, token, state.label)
    elif token.kind in {"map", "array"}:
        state.keys.append(set())
        state.marks.append({})
    else:
        if state.marks and label in {"nd", "kind", "data"}:
            state.marks[-1][label] = token
        if token.kind == "ext":
            _extension(blob, context, state, token)


def _key(state: _State, token: Token, label: str) -> None:
    keys = state.keys[-1]
    name = f"{token.kind}:{token.value}:{token.length}" if token.length > 60 else f"{token.kind}:{token.value}"
    if name in keys and len(state.duplicates) < _MOST:
        state.duplicates.append(Part("/".join((*token.path, label)), "stands twice in one map", token.at))
    elif name not in keys:
        state.held += 1
        if state.held > _KEYS:
            raise OverBudget(f"maps within each other with more than {_KEYS:,} keys")
        keys.add(name)


def _close(blob: Blob, state: _State) -> Iterator[Item]:
    """The end of a container: one that msgpack-numpy unpickles is handed on."""
    state.held -= len(state.keys.pop())
    marks = state.marks.pop()
    kind, data = marks.get("kind"), marks.get("data")
    if "nd" in marks and kind is not None and kind.value == "O" and data is not None and data.kind in {"bin", "str"}:
        yield Member(f"pickled array at {data.at}", Slice(blob, data.at, data.length))


def _extension(blob: Blob, context: Context, state: _State, token: Token) -> None:
    path = "/".join(token.path)
    if token.value in {_ARRAY, _SCALAR}:
        state.arrays += 1
        known, wrong = _array(Slice(blob, token.at, token.length), context)
        parts = state.mismatches if known else state.unknown
        if wrong and len(parts) < _MOST:
            parts.append(Part(path, wrong, token.at))
    elif token.value not in {_COMPLEX, _TIME} and len(state.unknown) < _MOST:
        state.unknown.append(Part(path, f"has the extension type {token.value} ({token.length:,} bytes)", token.at))


def _array(data: Blob, context: Context) -> tuple[bool, str]:
    """Whether the type of an array is known, and what is wrong with it: a tuple of shape, type's name, and bytes."""
    walker = Walker(data, context.budget)
    try:
        shape, parts = _tuple(walker)
    except Malformed as error:
        return True, f"cannot be read: {error.message[:120]}"
    if len(parts) != 2:
        return True, "is no tuple of shape, type and bytes"
    if walker.at != data.size:
        return True, f"has {data.size - walker.at:,} bytes behind it"
    name = str(parts[0].value)
    width = _width(name)
    if width is None:
        return name == "object", f"has the type {name[:40]!r}, which is none of NumPy's or ml_dtypes' numbers"
    due = prod(shape) * width if min(shape, default=0) >= 0 else -1
    there = parts[1].length
    return True, "" if due == there else f"of type {name} and shape {tuple(shape)} has {there:,} bytes"


def _width(name: str) -> int | None:
    """Bytes of an element of the type that NumPy calls so."""
    match = _SIZED.fullmatch(name)
    if match is None:
        return _WIDTHS.get(name)
    return int(match["bits"]) // 8 if match["bits"] else 8


def _tuple(walker: Walker) -> tuple[list[int], list[Token]]:
    """The sizes, and name and bytes; no bytes where it is another thing."""
    shape: list[int] = []
    parts: list[Token] = []
    depth = 0
    for token in walker.tokens():
        depth += {"array": 1, "end": -1}.get(token.kind, 0)
        if depth == 2 and isinstance(token.value, int) and token.kind == "int":
            shape.append(token.value)
        elif depth == 1 and token.kind in {"str", "bin"}:
            parts.append(token)
        if token.kind == "map" or len(shape) > 64 or len(parts) > 2 or depth > 2:
            return [], []
    return shape, parts
