"""What an expression of Python may be worth, and the pure functions of texts and numbers that hide names in practice."""

import ast
import binascii
import codecs
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from assaymark.core.source.python_deeds import UNKNOWN, canonical

_TEXT = 1 << 16
_ITEMS = 1 << 12
_NUMBER = 1 << 64
"""Longer numbers are not written out: Python itself refuses to from 4,300 digits on."""
_CODECS = frozenset({"utf-8", "utf8", "ascii", "latin-1", "latin1", "rot13", "rot_13", "hex", "base64", "utf-16"})
_PURE = frozenset({"lower", "upper", "strip", "lstrip", "rstrip", "swapcase", "capitalize", "title"})


@dataclass(frozen=True, slots=True)
class Ref:
    """A thing that an import or builtin provides, by its dotted name; `f()` in it is what calling `f` gave."""

    name: str


Value = Ref | str | bytes | int | tuple["Value", ...]


DECODERS = {
    "base64.b64decode": "base64", "base64.standard_b64decode": "base64", "base64.urlsafe_b64decode": "base64",
    "base64.decodebytes": "base64", "binascii.a2b_base64": "base64", "binascii.unhexlify": "hex",
    "binascii.a2b_hex": "hex", "bytes.fromhex": "hex", "bytearray.fromhex": "hex",
}  # fmt: skip


def unknown_item(name: str) -> Iterable[Ref]:
    """Give what a module's table holds under a computed key."""
    if name == "sys.modules":
        yield Ref(UNKNOWN)
    elif name == "builtins" or name.endswith((".__dict__", ".vars()")):
        yield Ref(member(name.removesuffix(".__dict__").removesuffix(".vars()"), UNKNOWN))


def is_table(name: str) -> bool:
    """A mapping of names to modules or functions."""
    return name in {"sys.modules", "globals()", "locals()", "vars()"} or name.endswith((".__dict__", ".vars()"))


def member(name: str, attr: str) -> str:
    """The name of what stands at `name.attr`. A built-in function's own module is `builtins`."""
    if attr == "__self__" and "." not in name:
        return "builtins"
    return canonical(f"{name}.{attr}") if len(name) < 300 else name


def small(value: Value) -> bool:
    """Short enough to be carried along. Tuples in tuples hold none themselves: the hash of a tuple visits each path to it."""
    if isinstance(value, (int, Ref)):
        return True
    if not isinstance(value, tuple):
        return len(value) <= _TEXT
    inner = [item for item in value if isinstance(item, tuple)]
    if len(value) + sum(map(len, inner)) > _ITEMS:
        return False
    return not any(isinstance(item, tuple) for items in inner for item in items)


def joined(parts: Sequence[Value], between: str = "") -> Iterable[str]:
    """Texts and numbers written one after the other, where that is not too long."""
    texts = [str(p) for p in parts if isinstance(p, str) or (isinstance(p, int) and abs(p) < _NUMBER)]
    if len(texts) == len(parts) and sum(map(len, texts)) + len(between) * len(texts) <= _TEXT:
        yield between.join(texts)


def percent(template: str, values: tuple[Value, ...]) -> Iterable[str]:
    """`template % values`, where the template has nothing but `%s`."""
    pieces = template.split("%s")
    if len(pieces) == len(values) + 1 and not any("%" in p for p in pieces) and all(isinstance(v, str) for v in values):
        yield from joined([part for pair in zip(pieces, (*values, ""), strict=True) for part in pair])


def decoded(codec: str, value: Value) -> Iterable[Value]:
    """What the codec makes of the value; nothing where it cannot."""
    codec = codec.lower().replace("_codec", "")
    if codec not in _CODECS or not isinstance(value, (str, bytes)):
        return
    try:
        if codec in {"hex", "base64"}:
            data = value.encode() if isinstance(value, str) else value
            yield binascii.unhexlify(data) if codec == "hex" else binascii.a2b_base64(data.translate(_URLSAFE))
        elif codec.startswith("rot") and isinstance(value, str):
            yield codecs.decode(value, "rot13")
        elif isinstance(value, bytes):
            yield value.decode(codec)
    except ValueError:
        return


def arithmetic(op: ast.operator, left: int, right: int) -> Iterable[int]:
    """Work out small numbers: how far a letter was moved."""
    if max(abs(left), abs(right)) > 1 << 24:
        return
    if isinstance(op, ast.Add):
        yield left + right
    elif isinstance(op, ast.Sub):
        yield left - right
    elif isinstance(op, ast.BitXor):
        yield left ^ right
    elif isinstance(op, ast.Mult):
        yield left * right
    elif isinstance(op, ast.Mod) and right:
        yield left % right
    elif isinstance(op, ast.FloorDiv) and right:
        yield left // right


def from_numbers(values: tuple[Value, ...]) -> Iterable[bytes]:
    """`bytes([115, 121])`."""
    if all(isinstance(v, int) and 0 <= v < 256 for v in values):
        yield bytes(v for v in values if isinstance(v, int))


_URLSAFE = bytes.maketrans(b"-_", b"+/")


def text_method(base: Value, name: str, arguments: list[Value]) -> Iterable[Value]:
    """Call those methods of constants that hide names in practice."""
    if name == "join" and isinstance(base, str) and len(arguments) == 1 and isinstance(arguments[0], (tuple, str)):
        parts = tuple(arguments[0])
        if all(isinstance(p, str) for p in parts):
            yield from joined(parts, base)
    elif name == "replace" and isinstance(base, str) and len(arguments) == 2:
        old, new = arguments
        if isinstance(old, str) and isinstance(new, str) and (len(base) + 1) * (len(new) + 1) <= _TEXT:
            yield base.replace(old, new)
    elif name in _PURE and isinstance(base, (str, bytes)) and not arguments:
        yield getattr(base, name)()
    elif (
        name == "format"
        and isinstance(base, str)
        and base.count("{}") == len(arguments) == base.count("{")
        and "%" not in base
    ):
        yield from percent(base.replace("{}", "%s"), tuple(arguments))
    elif name == "encode" and isinstance(base, str):
        yield base.encode("utf-8", "replace")
    elif name == "decode" and isinstance(base, bytes):
        yield from decoded(str(arguments[0]) if arguments else "utf-8", base)
