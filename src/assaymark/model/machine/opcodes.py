"""What each opcode does to the symbolic stack, in the order of `Modules/_pickle.c`.

Fixed arguments are read straight from the window: it always holds more than the longest of them, except at the end of
the input, where an IndexError or ValueError means that the stream is cut off.
"""

import codecs
import re
from struct import Struct

from assaymark.model.machine.frames import skip_frame, skip_items
from assaymark.model.machine.machine import Handler, Machine, Stop, name_of
from assaymark.model.machine.values import ANY, DATA, Bag, Raw, tuple_of

__all__ = ["HANDLERS", "NAMES", "name_of"]

_NUMBER = re.compile(
    rb"\s*[+-]?(0[xXoObB])?([0-9a-fA-F_]+L?|[0-9_]*\.?[0-9_]*([eE][+-]?[0-9_]+)?|(?i:inf(inity)?|nan))\s*"
)

_LONGEST_NUMBER = 40
LONGEST_NAME = 2_048
"""Texts up to this many bytes are kept as values; what is longer is data, and computed when it is used as a name."""

_I2 = Struct("<H").unpack_from
_I4 = Struct("<i").unpack_from
_U4 = Struct("<I").unpack_from
_U8 = Struct("<Q").unpack_from


def _u1(m: Machine) -> int:
    r = m.reader
    value = r.buf[r.pos]
    r.pos += 1
    return value


def _u4(m: Machine) -> int:
    r = m.reader
    (value,) = _U4(r.buf, r.pos)
    r.pos += 4
    return int(value)


def _u8(m: Machine) -> int:
    r = m.reader
    (value,) = _U8(r.buf, r.pos)
    r.pos += 8
    return int(value)


# Structure of the stream.


def _proto(m: Machine) -> None:
    m.proto = _u1(m)
    if m.proto > 5:
        m.fail(f"asks for protocol {m.proto}, which does not exist")


def _frame(m: Machine) -> None:
    """C refuses a frame longer than the input, the Python unpickler (joblib's) reads on: so do we."""
    if not m.reader.enter_frame(_u8(m)):
        m.misaligned("begins inside of a frame")


def _stop(m: Machine) -> None:
    """A frame that is still open swallows what follows: the next load() begins behind it."""
    m.value = m.pop()
    m.give(m.value)
    if m.reader.frame_end > m.reader.offset:
        m.misaligned("stands inside of a frame that goes on")
    raise Stop


def _mark(m: Machine) -> None:
    if m.skipping and skip_frame(m):
        return
    m.fence = len(m.stack)
    m.marks.append(m.fence)


def _pop(m: Machine) -> None:
    if m.marks and m.marks[-1] == len(m.stack):
        m.marks.pop()
        m.fence = m.marks[-1] if m.marks else 0
    else:
        m.pop()


def _pop_mark(m: Machine) -> None:
    m.pop_mark()


def _dup(m: Machine) -> None:
    value = m.top()
    if isinstance(value, Bag):
        value.doubled = True
    m.stack.append(value)


# Plain values.


def _none(m: Machine) -> None:
    m.stack.append(None)


def _true(m: Machine) -> None:
    m.stack.append(True)


def _false(m: Machine) -> None:
    m.stack.append(False)


def _binint1(m: Machine) -> None:
    r = m.reader
    m.stack.append(r.buf[r.pos])
    r.pos += 1


def _binint2(m: Machine) -> None:
    r = m.reader
    m.stack.append(_I2(r.buf, r.pos)[0])
    r.pos += 2


def _binint(m: Machine) -> None:
    r = m.reader
    m.stack.append(_I4(r.buf, r.pos)[0])
    r.pos += 4


def _number_line(m: Machine) -> None:
    """INT, LONG, FLOAT as text. C reads integers with base 0, so `0x10` is 16."""
    text = m.reader.line()
    if m.strict and not _NUMBER.fullmatch(text):
        m.fail("holds no number")
    try:
        m.stack.append(int(text.removesuffix(b"L"), 0) if len(text) <= _LONGEST_NUMBER else DATA)
    except ValueError:
        m.stack.append(DATA)  # a fraction, an octal as Python 2 wrote it, or what makes the unpickler fail


def _binfloat(m: Machine) -> None:
    m.reader.skip(8)
    m.stack.append(DATA)


def _long1(m: Machine) -> None:
    length = _u1(m)
    r = m.reader
    at = r.pos
    r.skip(length)
    m.stack.append(int.from_bytes(r.buf[at : at + length], "little", signed=True) if length <= 16 else DATA)


def _long4(m: Machine) -> None:
    length = _u4(m)
    if length >= 1 << 31:
        m.fail("has a negative length")
    m.reader.skip(length)
    m.stack.append(DATA)


# Texts and bytes.


def _text(m: Machine, length: int) -> None:
    r = m.reader
    start = r.pos
    end = start + length
    if length > LONGEST_NAME or end > len(r.buf):
        if length <= LONGEST_NAME and not r.at_end:
            r.seek(r.offset)
            _text(m, length)
            return
        r.skip(length)
        m.stack.append(DATA)
        return
    r.pos = end
    try:
        m.stack.append(str(r.buf[start:end], "utf-8", "surrogatepass"))
    except UnicodeDecodeError:
        m.fail("holds no UTF-8")


def _short_binunicode(m: Machine) -> None:
    _text(m, _u1(m))


def _binunicode(m: Machine) -> None:
    _text(m, _u4(m))


def _binunicode8(m: Machine) -> None:
    _text(m, _u8(m))


def _unicode_line(m: Machine) -> None:
    text = m.reader.line()
    m.stack.append(_decoded(text, "raw-unicode-escape") if len(text) <= LONGEST_NAME else DATA)


def _string_line(m: Machine) -> None:
    """STRING: quoted, with escapes; whatever `encoding` the loader chooses, latin-1 shows every byte."""
    text = m.reader.line()
    if len(text) < 2 or text[:1] != text[-1:] or text[:1] not in b"'\"":
        m.fail("is not a quoted text")
    if len(text) > LONGEST_NAME:
        m.stack.append(DATA)
        return
    try:
        raw = codecs.escape_decode(text[1:-1])[0]
    except ValueError:
        m.fail("has a bad escape")
    m.stack.append(raw.decode("latin-1"))


def _old_string(m: Machine, length: int) -> None:
    r = m.reader
    start = r.pos
    r.skip(length)
    kept = length <= LONGEST_NAME and r.pos == start + length
    m.stack.append(_decoded(r.buf[start : start + length], "utf-8") if kept else DATA)


def _short_binstring(m: Machine) -> None:
    _old_string(m, _u1(m))


def _binstring(m: Machine) -> None:
    length = _u4(m)
    if length >= 1 << 31:
        m.fail("has a negative length")
    _old_string(m, length)


def _decoded(data: bytes, encoding: str) -> str:
    try:
        return data.decode(encoding)
    except UnicodeDecodeError:
        return data.decode("latin-1")


def _raw(m: Machine, length: int) -> None:
    m.stack.append(Raw(m.reader.skip(length), length))


def _short_binbytes(m: Machine) -> None:
    _raw(m, _u1(m))


def _binbytes(m: Machine) -> None:
    _raw(m, _u4(m))


def _binbytes8(m: Machine) -> None:
    _raw(m, _u8(m))


def _next_buffer(m: Machine) -> None:
    m.stack.append(DATA)


def _readonly_buffer(m: Machine) -> None:
    m.top()


# Containers.


def _empty_tuple(m: Machine) -> None:
    m.stack.append(())


def _tuple(m: Machine) -> None:
    m.stack.append(tuple_of(m.pop_mark()))


def _tuple_n(m: Machine, count: int) -> None:
    stack = m.stack
    if len(stack) - m.fence < count:
        m.fail("takes values from an empty stack")
    items = stack[-count:]
    del stack[-count:]
    stack.append(tuple_of(items))


def _tuple1(m: Machine) -> None:
    _tuple_n(m, 1)


def _tuple2(m: Machine) -> None:
    _tuple_n(m, 2)


def _tuple3(m: Machine) -> None:
    _tuple_n(m, 3)


def _empty_list(m: Machine) -> None:
    if m.skipping and skip_items(m):
        return
    m.stack.append(Bag("list"))


def _empty_dict(m: Machine) -> None:
    if m.skipping and skip_items(m):
        return
    m.stack.append(Bag("dict"))


def _empty_set(m: Machine) -> None:
    m.stack.append(Bag("set"))


def _collect(m: Machine, kind: str) -> None:
    items = m.pop_mark()
    if kind == "dict" and len(items) % 2:
        m.fail("has a key without its value")
    bag = Bag(kind)
    m.add_items(bag, items, pairs=kind == "dict")
    m.stack.append(bag)


def _list(m: Machine) -> None:
    _collect(m, "list")


def _dict(m: Machine) -> None:
    _collect(m, "dict")


def _frozenset(m: Machine) -> None:
    _collect(m, "set")


def _append(m: Machine) -> None:
    item = m.pop()
    m.add_items(m.top(), [item])


def _appends(m: Machine) -> None:
    items = m.pop_mark()
    target = m.top()
    if items:
        m.add_items(target, items)


def _setitem(m: Machine) -> None:
    value = m.pop()
    key = m.pop()
    m.add_items(m.top(), [key, value], pairs=True)


def _setitems(m: Machine) -> None:
    items = m.pop_mark()
    target = m.top()
    if len(items) % 2:
        m.fail("has a key without its value")
    if items:
        m.add_items(target, items, pairs=True)


# Memo.


def _slot_of_line(m: Machine) -> int:
    try:
        slot = int(m.reader.line())
    except ValueError:
        slot = -1
    if slot < 0:
        m.fail("has no number of a slot")
    return slot


def _put(m: Machine) -> None:
    value = m.top()
    m.memo.put(_slot_of_line(m), value)


def _binput(m: Machine) -> None:
    m.memo.put(_u1(m), m.top())


def _long_binput(m: Machine) -> None:
    m.memo.put(_u4(m), m.top())


def _memoize(m: Machine) -> None:
    if len(m.stack) <= m.fence:
        m.fail("needs a value on the stack")
    m.memo.memoize(m.stack[-1])


def _fetch(m: Machine, slot: int) -> None:
    value = m.memo.get(slot)
    if value is None and not m.later:
        m.fail(f"asks for memo slot {slot}, which is not set")
    m.stack.append(ANY if value is None else value)


def _get(m: Machine) -> None:
    _fetch(m, _slot_of_line(m))


def _binget(m: Machine) -> None:
    _fetch(m, _u1(m))


def _long_binget(m: Machine) -> None:
    _fetch(m, _u4(m))


# What reaches out.


def _global(m: Machine) -> None:
    module = _decoded(m.reader.line(), "utf-8")
    m.stack.append(m.find_class(module, _decoded(m.reader.line(), "utf-8")))


def _stack_global(m: Machine) -> None:
    name = m.pop()
    module = m.pop()
    m.stack.append(m.find_class(module, name))


def _extension(m: Machine, code: int) -> None:
    m.note("extension", "copyreg", f"extension {code}")
    m.stack.append(ANY)


def _ext1(m: Machine) -> None:
    _extension(m, _u1(m))


def _ext2(m: Machine) -> None:
    r = m.reader
    (code,) = _I2(r.buf, r.pos)
    r.pos += 2
    _extension(m, code)


def _ext4(m: Machine) -> None:
    _extension(m, _u4(m))


def _persid(m: Machine) -> None:
    m.persistent(_decoded(m.reader.line(), "latin-1"))


def _binpersid(m: Machine) -> None:
    m.persistent(m.pop())


def _reduce(m: Machine) -> None:
    arguments = m.pop()
    m.stack.append(m.call(m.pop(), arguments))


def _newobj(m: Machine) -> None:
    arguments = m.pop()
    m.stack.append(m.call(m.pop(), arguments, new=True))


def _newobj_ex(m: Machine) -> None:
    keywords = m.pop()
    arguments = m.pop()
    both = (arguments, keywords) if not isinstance(arguments, tuple) else (*arguments, keywords)
    m.stack.append(m.call(m.pop(), both, new=True))


def _inst(m: Machine) -> None:
    """C wants the mark first, the Python unpickler (joblib's) imports first: so do we."""
    module = _decoded(m.reader.line(), "utf-8")
    target = m.find_class(module, _decoded(m.reader.line(), "utf-8"))
    items = m.pop_mark()
    m.stack.append(m.call(target, tuple_of(items), new=not items))


def _obj(m: Machine) -> None:
    items = m.pop_mark()
    if not items:
        m.fail("has no class to make an object of")
    m.stack.append(m.call(items[0], tuple_of(items[1:]), new=len(items) == 1))


def _build(m: Machine) -> None:
    state = m.pop()
    m.build(m.top(), state)


_TABLE: dict[int, tuple[str, Handler]] = {
    0x28: ("MARK", _mark),
    0x29: ("EMPTY_TUPLE", _empty_tuple),
    0x2E: ("STOP", _stop),
    0x30: ("POP", _pop),
    0x31: ("POP_MARK", _pop_mark),
    0x32: ("DUP", _dup),
    0x42: ("BINBYTES", _binbytes),
    0x43: ("SHORT_BINBYTES", _short_binbytes),
    0x46: ("FLOAT", _number_line),
    0x47: ("BINFLOAT", _binfloat),
    0x49: ("INT", _number_line),
    0x4A: ("BININT", _binint),
    0x4B: ("BININT1", _binint1),
    0x4C: ("LONG", _number_line),
    0x4D: ("BININT2", _binint2),
    0x4E: ("NONE", _none),
    0x50: ("PERSID", _persid),
    0x51: ("BINPERSID", _binpersid),
    0x52: ("REDUCE", _reduce),
    0x53: ("STRING", _string_line),
    0x54: ("BINSTRING", _binstring),
    0x55: ("SHORT_BINSTRING", _short_binstring),
    0x56: ("UNICODE", _unicode_line),
    0x58: ("BINUNICODE", _binunicode),
    0x5D: ("EMPTY_LIST", _empty_list),
    0x61: ("APPEND", _append),
    0x62: ("BUILD", _build),
    0x63: ("GLOBAL", _global),
    0x64: ("DICT", _dict),
    0x65: ("APPENDS", _appends),
    0x67: ("GET", _get),
    0x68: ("BINGET", _binget),
    0x69: ("INST", _inst),
    0x6A: ("LONG_BINGET", _long_binget),
    0x6C: ("LIST", _list),
    0x6F: ("OBJ", _obj),
    0x70: ("PUT", _put),
    0x71: ("BINPUT", _binput),
    0x72: ("LONG_BINPUT", _long_binput),
    0x73: ("SETITEM", _setitem),
    0x74: ("TUPLE", _tuple),
    0x75: ("SETITEMS", _setitems),
    0x7D: ("EMPTY_DICT", _empty_dict),
    0x80: ("PROTO", _proto),
    0x81: ("NEWOBJ", _newobj),
    0x82: ("EXT1", _ext1),
    0x83: ("EXT2", _ext2),
    0x84: ("EXT4", _ext4),
    0x85: ("TUPLE1", _tuple1),
    0x86: ("TUPLE2", _tuple2),
    0x87: ("TUPLE3", _tuple3),
    0x88: ("NEWTRUE", _true),
    0x89: ("NEWFALSE", _false),
    0x8A: ("LONG1", _long1),
    0x8B: ("LONG4", _long4),
    0x8C: ("SHORT_BINUNICODE", _short_binunicode),
    0x8D: ("BINUNICODE8", _binunicode8),
    0x8E: ("BINBYTES8", _binbytes8),
    0x8F: ("EMPTY_SET", _empty_set),
    0x90: ("ADDITEMS", _appends),
    0x91: ("FROZENSET", _frozenset),
    0x92: ("NEWOBJ_EX", _newobj_ex),
    0x93: ("STACK_GLOBAL", _stack_global),
    0x94: ("MEMOIZE", _memoize),
    0x95: ("FRAME", _frame),
    0x96: ("BYTEARRAY8", _binbytes8),
    0x97: ("NEXT_BUFFER", _next_buffer),
    0x98: ("READONLY_BUFFER", _readonly_buffer),
}


def _unknown(m: Machine) -> None:
    m.fail("does not exist")


NAMES = {code: name for code, (name, _) in _TABLE.items()}
HANDLERS: list[Handler] = [_TABLE[code][1] if code in _TABLE else _unknown for code in range(256)]
