"""MessagePack (https://github.com/msgpack/msgpack/blob/master/spec.md) walked without recursion and without building it.

Payloads (texts, bytes, extensions) are stepped over by their declared length, which is held against the file first:
a checkpoint of 100 GB costs what its keys cost.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from assaymark.core.blob import Blob, exact
from assaymark.core.budget import Budget
from assaymark.core.errors import Malformed, OverBudget

DEPTH = 512
"""Maps and arrays within each other; msgpack-python stops at 511."""
_ITEMS = 50_000_000
_TEXT = 4096
_WINDOW = 1 << 16
_FIXED = {0xCA: 4, 0xCB: 8, 0xCC: 1, 0xCD: 2, 0xCE: 4, 0xCF: 8, 0xD0: 1, 0xD1: 2, 0xD2: 4, 0xD3: 8}
_SIZED = {0xC4: (1, "bin"), 0xC5: (2, "bin"), 0xC6: (4, "bin"), 0xD9: (1, "str"), 0xDA: (2, "str"), 0xDB: (4, "str"),
          0xC7: (1, "ext"), 0xC8: (2, "ext"), 0xC9: (4, "ext")}  # fmt: skip
_OPEN = {0xDC: (2, "array"), 0xDD: (4, "array"), 0xDE: (2, "map"), 0xDF: (4, "map")}


@dataclass(frozen=True, slots=True)
class Token:
    """One item. `kind`: nil, bool, int, float, str, bin, ext, array, map, end.

    `value` is a number, the count of a container, the extension type, or a text of at most 4,096 bytes; `at` and
    `length` say where a payload is. `path` are the keys that lead here. `end` closes a container.
    """

    kind: str
    value: object
    at: int
    length: int
    path: tuple[str, ...]
    key: bool = False
    """It is the key of a map."""


class _Frame:
    """A container that is open. `due` counts what is to come: for a map, keys and values."""

    __slots__ = ("due", "is_map", "label", "total")

    def __init__(self, *, is_map: bool, count: int) -> None:
        self.is_map = is_map
        self.total = self.due = count * 2 if is_map else count
        self.label = ""

    def next_is_key(self) -> bool:
        return self.is_map and self.due % 2 == 0


class Walker:
    """The items of one document, in order. `at` is where it ends once they are through."""

    def __init__(self, blob: Blob, budget: Budget, at: int = 0) -> None:
        self._blob = blob
        self._budget = budget
        self._start, self._window = 0, b""
        self.at = at

    def tokens(self) -> Iterator[Token]:
        """Each item; `end` for each container."""
        stack: list[_Frame] = []
        count = 0
        while True:
            count += 1
            if not count % 20_000:
                self._budget.tick()
            if count > _ITEMS:
                raise OverBudget(f"the MessagePack document has more than {_ITEMS:,} items")
            if stack and not stack[-1].due:
                stack.pop()
                yield Token("end", None, self.at, 0, _path(stack))
            else:
                yield self._one(stack)
            if not stack:
                return

    def _one(self, stack: list[_Frame]) -> Token:
        frame = stack[-1] if stack else None
        key = frame is not None and frame.next_is_key()
        if frame is not None:
            if not frame.is_map:
                frame.label = str(frame.total - frame.due)
            frame.due -= 1
        path = _path(stack[:-1] if key else stack)
        kind, value, at, length = self._item()
        if key and frame is not None:
            frame.label = str(value)[:80]
        if kind in {"array", "map"} and isinstance(value, int):
            if key:
                raise Malformed(f"a container ({kind}) is the key of a map", offset=at)
            room = self._blob.size - self.at
            if value * (2 if kind == "map" else 1) > room:
                raise Malformed(f"a {kind} declares {value:,} entries, {room:,} bytes are left", offset=at)
            if len(stack) >= DEPTH:
                raise Malformed(f"nested deeper than {DEPTH}", offset=at)
            stack.append(_Frame(is_map=kind == "map", count=value))
        return Token(kind, value, at, length, path, key)

    def _item(self) -> tuple[str, object, int, int]:
        """Kind, value, where the payload is, its length."""
        start = self.at
        mark = self._take(1)[0]
        if mark <= 0x7F or mark >= 0xE0:
            return "int", mark if mark <= 0x7F else mark - 256, start, 1
        if mark <= 0x9F:
            return ("map" if mark <= 0x8F else "array"), mark & 0x0F, start, 0
        if mark <= 0xBF:
            return self._text(mark & 0x1F)
        if mark >= 0xC4:
            return self._sized(mark, start)
        if mark == 0xC1:
            raise Malformed("byte c1 is never used in MessagePack", offset=start)
        return ("nil" if mark == 0xC0 else "bool"), mark == 0xC3, start, 0

    def _sized(self, mark: int, start: int) -> tuple[str, object, int, int]:
        """Items that say their length, or have one."""
        if mark in _FIXED:
            raw = self._take(_FIXED[mark])
            kind = "float" if mark <= 0xCB else "int"
            return kind, int.from_bytes(raw, "big", signed=mark >= 0xD0) if kind == "int" else 0.0, start, len(raw)
        if mark in _SIZED:
            width, kind = _SIZED[mark]
            length = int.from_bytes(self._take(width), "big")
            return self._text(length) if kind == "str" else self._payload(kind, length)
        if mark in _OPEN:
            width, kind = _OPEN[mark]
            return kind, int.from_bytes(self._take(width), "big"), start, 0
        return self._payload("ext", 1 << (mark - 0xD4))

    def _text(self, length: int) -> tuple[str, object, int, int]:
        at = self.at
        self._step(length)
        return "str", self._peek(at, min(length, _TEXT)).decode("utf-8", "replace"), at, length

    def _payload(self, kind: str, length: int) -> tuple[str, object, int, int]:
        value: object = ""
        if kind == "ext":
            value = int.from_bytes(self._take(1), "big", signed=True)
        at = self.at
        self._step(length)
        if kind == "bin":
            value = self._peek(at, min(length, 64)).decode("utf-8", "replace")
        return kind, value, at, length

    def _take(self, length: int) -> bytes:
        at = self.at
        self._step(length)
        return self._peek(at, length)

    def _step(self, length: int) -> None:
        if self.at + length > self._blob.size:
            exact(self._blob, self.at, length, "an item")
        self.at += length

    def _peek(self, at: int, length: int) -> bytes:
        low = at - self._start
        if low < 0 or low + length > len(self._window):
            self._start, self._window, low = at, self._blob.read(at, max(_WINDOW, length)), 0
        return self._window[low : low + length]


def _path(stack: list[_Frame]) -> tuple[str, ...]:
    return tuple(frame.label for frame in stack[:16])
