"""Universal Binary JSON (https://ubjson.org, draft 12), as XGBoost writes it: read without recursion, sizes checked first.

Typed arrays of numbers become `array.array`: 100 MB of them cost 100 MB.
"""

import struct
import sys
from array import array

from assaymark.core.blob import Blob, exact
from assaymark.core.budget import Budget
from assaymark.core.errors import Malformed, OverBudget

_DEPTH = 512
_VALUES = 20_000_000
_NUMBERS = {b"i": ">b", b"U": ">B", b"I": ">h", b"l": ">i", b"L": ">q", b"d": ">f", b"D": ">d"}
_ARRAYS = {b"i": "b", b"U": "B", b"I": "h", b"l": "i", b"L": "q", b"d": "f", b"D": "d"}
_WORDS = {b"Z": None, b"T": True, b"F": False}
_LENGTHS = frozenset({b"i", b"U", b"I", b"l", b"L"})

Value = object


class _Open:
    """A container that is being filled: `left` elements to come, or until the closing mark where it is None."""

    __slots__ = ("is_object", "kind", "left", "value")

    def __init__(self, *, is_object: bool, left: int | None, kind: bytes) -> None:
        self.is_object = is_object
        self.left = left
        self.kind = kind
        self.value: dict[str, Value] | list[Value] = {} if is_object else []


class Reader:
    """One document. `twice` lists keys that an object has twice; `at` is where the document ends."""

    def __init__(self, blob: Blob, budget: Budget) -> None:
        budget.header(blob.size, "the UBJSON document")
        self._data = blob.read(0, blob.size)
        self._blob = blob
        self._budget = budget
        self._count = 0
        self.at = 0
        self.twice: list[str] = []

    def document(self) -> Value:
        """The value of the whole document."""
        stack: list[_Open] = []
        value, opened = self._value(b"", 0)
        if opened is None:
            return value
        stack.append(opened)
        while True:
            top = stack[-1]
            if self._done(top):
                stack.pop()
                if not stack:
                    return top.value
                continue
            key = self._key() if top.is_object else ""
            value, opened = self._value(top.kind, len(stack))
            self._put(top, key, value if opened is None else opened.value)
            if opened is not None:
                stack.append(opened)

    def _done(self, top: _Open) -> bool:
        if top.left is not None:
            top.left -= 1
            return top.left < 0
        if self._peek() == (b"}" if top.is_object else b"]"):
            self.at += 1
            return True
        return False

    def _put(self, top: _Open, key: str, value: Value) -> None:
        if isinstance(top.value, list):
            top.value.append(value)
            return
        if key in top.value and len(self.twice) < 20:
            self.twice.append(key[:100])
        top.value[key] = value

    def _value(self, kind: bytes, depth: int) -> tuple[Value, _Open | None]:
        """A finished value, or a container that is open now."""
        self._count += 1
        if self._count > _VALUES:
            raise OverBudget(f"the UBJSON document has more than {_VALUES:,} values")
        if not self._count % 50_000:
            self._budget.tick()
        kind = kind or self._mark()
        if kind in _NUMBERS:
            layout = _NUMBERS[kind]
            return struct.unpack(layout, self._take(struct.calcsize(layout), "a number"))[0], None
        if kind in {b"S", b"H"}:
            return self._take(self._length(), "a text").decode("utf-8", "replace"), None
        if kind == b"C":
            return self._take(1, "a character").decode("latin-1"), None
        if kind in _WORDS:
            return _WORDS[kind], None
        if kind in {b"{", b"["}:
            if depth >= _DEPTH:
                raise Malformed(f"the UBJSON document is nested deeper than {_DEPTH}", offset=self.at)
            return self._container(is_object=kind == b"{")
        raise Malformed(f"no UBJSON value begins with {kind!r}", offset=self.at - 1)

    def _container(self, *, is_object: bool) -> tuple[Value, _Open | None]:
        kind, left = b"", None
        if self._peek() == b"$":
            self.at += 1
            kind = self._mark()
            if self._peek() != b"#":
                raise Malformed("a typed container without a count", offset=self.at)
        if self._peek() == b"#":
            self.at += 1
            left = self._length()
            width = struct.calcsize(_NUMBERS[kind]) if kind in _NUMBERS else 0 if kind in _WORDS else 1
            room = len(self._data) - self.at
            if left * (max(width, 1) if not is_object else width + 2) > room:
                raise Malformed(f"a container declares {left:,} elements, {room:,} bytes are left", offset=self.at)
        if kind in _ARRAYS and left is not None and not is_object:
            return self._numbers(kind, left), None
        return None, _Open(is_object=is_object, left=left, kind=kind)

    def _numbers(self, kind: bytes, count: int) -> array:  # type: ignore[type-arg] # of any number
        numbers = array(_ARRAYS[kind])
        numbers.frombytes(self._take(count * numbers.itemsize, "a typed array"))
        if sys.byteorder == "little":
            numbers.byteswap()
        return numbers

    def _key(self) -> str:
        return self._take(self._length(), "a key").decode("utf-8", "replace")

    def _length(self) -> int:
        kind = self._mark()
        if kind not in _LENGTHS:
            raise Malformed(f"a length of type {kind!r}", offset=self.at - 1)
        layout = _NUMBERS[kind]
        length: int = struct.unpack(layout, self._take(struct.calcsize(layout), "a length"))[0]
        if length < 0:
            raise Malformed(f"a length of {length:,}", offset=self.at)
        return length

    def _mark(self) -> bytes:
        while True:
            mark = self._take(1, "a value")
            if mark != b"N":
                return mark

    def _peek(self) -> bytes:
        return self._data[self.at : self.at + 1]

    def _take(self, length: int, what: str) -> bytes:
        if self.at + length > len(self._data):
            exact(self._blob, self.at, length, what)
        self.at += length
        return self._data[self.at - length : self.at]
