"""Graphs in protobuf's text form (.pbtxt): put into the binary form, as far as it matters, and looked at like that.

Language: https://protobuf.dev/reference/protobuf/textformat-spec/. Fields that are not in the schema below are stepped
over; TensorFlow's own reader refuses files that have unknown ones.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from dataclasses import field as dataclass_field

from assaymark.core.blob import Blob, Bytes
from assaymark.core.errors import Malformed
from assaymark.core.format import Context, Item
from assaymark.model.formats.protobuf import DEPTH
from assaymark.model.tensorflow.model import TfOperator, look

_TEXT, _NUMBER = "text", "number"
_ENTRY = {"key": (1, _TEXT), "value": (2, _TEXT)}
_Schema = dict[str, tuple[int, str]]
_SCHEMA: dict[str, _Schema] = {
    "SavedModel": {"saved_model_schema_version": (1, _NUMBER), "meta_graphs": (2, "MetaGraphDef")},
    "MetaGraphDef": {
        "graph_def": (2, "GraphDef"), "saver_def": (3, "SaverDef"), "signature_def": (5, "SignatureEntry"),
        "asset_file_def": (6, "AssetFileDef"), "object_graph_def": (7, "SavedObjectGraph"),
    },
    "SaverDef": {"filename_tensor_name": (1, _TEXT)},
    "SignatureEntry": {"key": (1, _TEXT), "value": (2, "SignatureDef")},
    "SignatureDef": {"inputs": (1, "TensorEntry")},
    "TensorEntry": {"key": (1, _TEXT), "value": (2, "TensorInfo")},
    "TensorInfo": {"name": (1, _TEXT)},
    "AssetFileDef": {"tensor_info": (1, "TensorInfo"), "filename": (2, _TEXT)},
    "SavedObjectGraph": {"nodes": (1, "SavedObject"), "concrete_functions": (2, "ConcreteEntry")},
    "SavedObject": {
        "user_object": (4, "SavedUserObject"), "asset": (5, "Empty"), "function": (6, "Empty"),
        "variable": (7, "Empty"), "constant": (9, "SavedConstant"), "resource": (10, "Empty"),
        "captured_tensor": (12, "Empty"),
    },
    "Empty": {},
    "SavedUserObject": {"metadata": (3, _TEXT)},
    "SavedConstant": {"operation": (1, _TEXT)},
    "ConcreteEntry": {"key": (1, _TEXT), "value": (2, "SavedConcreteFunction")},
    "SavedConcreteFunction": {"bound_inputs": (2, _NUMBER)},
    "GraphDef": {"node": (1, "NodeDef"), "library": (2, "FunctionDefLibrary")},
    "FunctionDefLibrary": {"function": (1, "FunctionDef")},
    "FunctionDef": {"signature": (1, "OpDef"), "node_def": (3, "NodeDef"), "ret": (4, "TextEntry")},
    "TextEntry": _ENTRY,
    "OpDef": {"name": (1, _TEXT), "input_arg": (2, "ArgDef"), "output_arg": (3, "ArgDef")},
    "ArgDef": {"name": (1, _TEXT)},
    "NodeDef": {"name": (1, _TEXT), "op": (2, _TEXT), "input": (3, _TEXT), "attr": (5, "AttrEntry")},
    "AttrEntry": {"key": (1, _TEXT), "value": (2, "AttrValue")},
    "AttrValue": {"s": (2, _TEXT), "tensor": (8, "TensorProto"), "list": (1, "ListValue"), "func": (10, "NameAttrList")},
    "ListValue": {"s": (2, _TEXT), "tensor": (8, "TensorProto"), "func": (9, "NameAttrList")},
    "NameAttrList": {"name": (1, _TEXT), "attr": (2, "AttrEntry")},
    "TensorProto": {"dtype": (1, _NUMBER), "tensor_content": (4, _TEXT), "string_val": (8, _TEXT)},
}  # fmt: skip
"""Message -> field -> (number, what it holds)."""
_TOKEN = re.compile(
    rb"""\s+ | \#[^\n]* | (?P<mark>[,;])
    | (?P<text>"(?:[^"\\\n]|\\.)*+"|'(?:[^'\\\n]|\\.)*+')
    | (?P<open>[{<]) | (?P<close>[}>]) | (?P<list>[\[\]]) | (?P<colon>:)
    | (?P<word>[-+.\w/%]+)""",
    re.VERBOSE | re.DOTALL,
)
_ESCAPE = re.compile(rb"\\(?:([0-7]{1,3})|[xX]([0-9a-fA-F]{1,2})|u([0-9a-fA-F]{4})|U([0-9a-fA-F]{8})|(.))", re.DOTALL)
_LETTERS = {b"n": b"\n", b"r": b"\r", b"t": b"\t", b"a": b"\a", b"b": b"\b", b"f": b"\f", b"v": b"\v"}
_TICK = 50_000


def parse(blob: Blob, context: Context) -> Iterator[Item]:
    """What `model.parse` gives for the same graph in binary form, without offsets."""
    context.budget.header(blob.size, "a graph in text form")
    text = blob.read(0, blob.size)
    fields = set(re.findall(rb"^[ \t]*(\w+)", text, re.MULTILINE))
    if b"meta_graphs" in fields or context.name.lower() == "saved_model.pbtxt":
        kind, message = "saved_model", "SavedModel"
    elif b"graph_def" in fields:
        kind, message = "meta_graph", "MetaGraphDef"
    else:
        kind, message = "graph", "GraphDef"
    for item in look(Bytes(_Encoder(text, context).encode(message)), context, kind):
        yield replace(item, offset=None) if isinstance(item, TfOperator) else item


@dataclass(slots=True)
class _Open:
    """A message that is being read."""

    schema: _Schema | None
    """None: stepped over."""
    number: int = 0
    """Its field in the message above, 0 where that does not know it."""
    bracket: bytes = b""
    """What closes it."""
    out: bytearray = dataclass_field(default_factory=bytearray)
    field: str = ""
    """The field whose value comes next."""
    valued: bool = False
    """A value comes next."""
    in_list: bool = False
    text: bytearray | None = None
    """A text that the next token may continue."""

    def flush(self) -> None:
        """Write the text that has come to its end."""
        if self.text is not None:
            _put(self.out, (self.schema or {})[self.field][0], bytes(self.text))
            self.text = None


class _Encoder:
    """One pass over the text, with a stack of open messages."""

    def __init__(self, text: bytes, context: Context) -> None:
        self._text = text
        self._context = context

    def encode(self, message: str) -> bytes:
        """The wire form of a message of this type."""
        stack = [_Open(_SCHEMA[message])]
        for kind, token, at in self._tokens():
            top = stack[-1]
            if kind != "text":
                top.flush()
            if kind == "open":
                stack.append(self._opened(top, token, len(stack), at))
            elif kind == "close":
                self._close(stack, token, at)
            elif kind in {"list", "colon"}:
                top.in_list = token == b"["
                top.valued = token != b"]"
            elif kind == "word" and not top.valued:
                top.field = token.decode("latin-1")
            elif kind in {"text", "word"}:
                self._value(top, kind, token)
        if len(stack) > 1:
            raise Malformed("a message that is not closed: the text is cut off", offset=len(self._text))
        stack[0].flush()
        return bytes(stack[0].out)

    @staticmethod
    def _close(stack: list[_Open], token: bytes, at: int) -> None:
        if stack[-1].bracket != token:
            raise Malformed(f"a {token.decode()} without its counterpart", offset=at)
        inner = stack.pop()
        stack[-1].valued = stack[-1].in_list
        if inner.number:
            _put(stack[-1].out, inner.number, bytes(inner.out))

    @staticmethod
    def _opened(top: _Open, token: bytes, depth: int, at: int) -> _Open:
        if depth > DEPTH:
            raise Malformed(f"messages nested deeper than {DEPTH}", offset=at)
        number, holds = (top.schema or {}).get(top.field, (0, ""))
        schema = _SCHEMA.get(holds)
        return _Open(schema, number if schema is not None else 0, b"}" if token == b"{" else b">")

    @staticmethod
    def _value(top: _Open, kind: str, token: bytes) -> None:
        number, holds = (top.schema or {}).get(top.field, (0, ""))
        top.valued = top.in_list
        if number and holds == _TEXT and kind == "text":
            if top.text is None:
                top.text = bytearray()
            top.text += _unescape(token)
        elif number and holds == _NUMBER:
            top.out += _varint(number << 3) + _varint(_number(token))

    def _tokens(self) -> Iterator[tuple[str, bytes, int]]:
        """Kind (text, open, close, list, colon, word, mark), token and offset."""
        at, count = 0, 0
        while at < len(self._text):
            match = _TOKEN.match(self._text, at)
            if match is None:
                raise Malformed("text that is no protobuf in text form, or cut off within a text", offset=at)
            if match.lastgroup:
                yield match.lastgroup, match[0], at
            at = match.end()
            count += 1
            if not count % _TICK:
                self._context.budget.tick()


def _put(out: bytearray, number: int, payload: bytes) -> None:
    out += _varint(number << 3 | 2) + _varint(len(payload)) + payload


def _varint(value: int) -> bytes:
    data = bytearray()
    while value > 0x7F:
        data.append(value & 0x7F | 0x80)
        value >>= 7
    data.append(value)
    return bytes(data)


def _number(token: bytes) -> int:
    """A number of at most 64 bits; of the names of types only DT_STRING matters."""
    if token == b"DT_STRING":
        return 7
    match = re.fullmatch(rb"0[xX]([0-9a-fA-F]{1,15})|(0[0-7]{1,18})|(\d{1,18})", token)
    if match is None:
        return 0
    return int(match[1], 16) if match[1] else int(match[2], 8) if match[2] else int(match[3])


def _unescape(token: bytes) -> bytes:
    return _ESCAPE.sub(_character, token[1:-1])


def _character(match: re.Match[bytes]) -> bytes:
    octal, hexadecimal, short, long, letter = match.groups()
    if octal:
        return bytes((int(octal, 8) & 0xFF,))
    if hexadecimal:
        return bytes((int(hexadecimal, 16),))
    if short or long:
        code = int(short or long, 16)
        return chr(code).encode("utf-8", "replace") if code < 0x110000 else b"?"
    return _LETTERS.get(letter, letter)
