"""Python literals (dicts, lists, tuples, texts, integers, True, False, None) read without Python's compiler.

`ast.literal_eval` on a stranger's text can exhaust memory and the stack; this reads what NumPy and its like write, in
time and space proportional to the text, and refuses everything else.
"""

import re
from collections.abc import Iterator

from assaymark.core.errors import Malformed

_TOKEN = re.compile(
    r"""\s*(?:
    (?P<text>u?(?:'(?:[^'\\\n]|\\.)*'|"(?:[^"\\\n]|\\.)*"))
  | (?P<number>-?\d{1,20})L?\b
  | (?P<word>True|False|None)\b
  | (?P<mark>[{}()\[\],:])
  )""",
    re.VERBOSE,
)
_ESCAPE = re.compile(r"\\(x[0-9a-fA-F]{2}|u[0-9a-fA-F]{4}|U[0-9a-fA-F]{8}|[0-7]{1,3}|.)")
_PLAIN = {"\\": "\\", "'": "'", '"': '"', "n": "\n", "r": "\r", "t": "\t", "a": "\a", "b": "\b", "f": "\f", "v": "\v"}
_WORDS = {"True": True, "False": False, "None": None}
_CLOSING = {"(": ")", "[": "]", "{": "}"}
_DEPTH = 32
_VALUES = 100_000

_Token = tuple[str, object]
"""Kind (text, number, word, mark, end) and value."""


def read_literal(text: str) -> object:
    """The value; raises Malformed for anything but one literal, for a dict with a key twice, and beyond the limits."""
    reader = _Reader(text)
    value = reader.value(0)
    if reader.token[0] != "end":
        raise Malformed(f"the literal goes on after its end with {str(reader.token[1])[:20]!r}")
    return value


class _Reader:
    """A token at a time."""

    def __init__(self, text: str) -> None:
        self._tokens = _tokens(text)
        self._values = 0
        self.token = next(self._tokens)

    def _next(self) -> _Token:
        """The token at hand; the following one takes its place."""
        token, self.token = self.token, next(self._tokens)
        return token

    def _took(self, mark: str) -> bool:
        if self.token != ("mark", mark):
            return False
        self._next()
        return True

    def value(self, depth: int) -> object:
        """One value and all that it holds."""
        self._values += 1
        if depth > _DEPTH or self._values > _VALUES:
            raise Malformed(f"a literal nested deeper than {_DEPTH} or of more than {_VALUES:,} values")
        kind, value = self._next()
        if kind in {"text", "number", "word"}:
            return value
        if value == "{":
            return self._dict(depth)
        if value in {"(", "["}:
            items, comma = self._items(_CLOSING[str(value)], depth)
            if value == "[":
                return items
            return tuple(items) if comma or len(items) != 1 else items[0]
        raise Malformed(f"not a literal: {str(value)[:20]!r} where a value should be")

    def _items(self, closing: str, depth: int) -> tuple[list[object], bool]:
        """Values up to the closing mark, and whether a comma followed the last."""
        items: list[object] = []
        comma = False
        while not self._took(closing):
            if items and not comma:
                raise Malformed(f"not a literal: {str(self.token[1])[:20]!r} where a comma should be")
            items.append(self.value(depth + 1))
            comma = self._took(",")
        return items, comma

    def _dict(self, depth: int) -> dict[object, object]:
        found: dict[object, object] = {}
        while not self._took("}"):
            key = self.value(depth + 1)
            if not isinstance(key, str | int | None) or key in found:
                raise Malformed(f"a dict has the key {str(key)[:50]!r} twice, or it is no key")
            if not self._took(":"):
                raise Malformed(f"a dict has no value for {str(key)[:50]!r}")
            found[key] = self.value(depth + 1)
            if not self._took(",") and self.token != ("mark", "}"):
                raise Malformed(f"not a literal: {str(self.token[1])[:20]!r} where a comma should be")
        return found


def _tokens(text: str) -> Iterator[_Token]:
    at = 0
    while at < len(text):
        match = _TOKEN.match(text, at)
        if match is None:
            rest = text[at:].strip()
            if not rest:
                break
            raise Malformed(f"not a literal from {rest[:20]!r} on")
        at = match.end()
        kind = str(match.lastgroup)
        if kind == "text":
            yield kind, _unescaped(match[kind].removeprefix("u")[1:-1])
        elif kind == "number":
            yield kind, int(match[kind])
        else:
            yield kind, _WORDS.get(match[kind], match[kind])
    yield "end", "the end"
    raise Malformed("a literal that ends early")


def _unescaped(body: str) -> str:
    def plain(match: re.Match[str]) -> str:
        code = match[1]
        if code[0] in "xuU" and len(code) > 1:
            return _character(int(code[1:], 16))
        if code[0] in "01234567":
            return _character(int(code, 8))
        if code not in _PLAIN:
            raise Malformed(f"a text with the unknown escape \\{code}")
        return _PLAIN[code]

    return _ESCAPE.sub(plain, body) if "\\" in body else body


def _character(code: int) -> str:
    if code > 0x10FFFF:
        raise Malformed(f"a text with the character code {code:#x}, which does not exist")
    return chr(code)
