"""Opcode -> what it builds. Left out: EXT (the registry), PERSID (a text), NEXT_BUFFER (data outside of the stream)."""

import codecs
from collections.abc import Callable
from struct import Struct

from assaymark.model.convert.stream import Stream

Handler = Callable[[Stream], object]
_F8 = Struct(">d").unpack


def _push(make: Callable[[Stream], object]) -> Handler:
    def handler(s: Stream) -> None:
        value = make(s)  # first: it may take a mark, and with it the list that is the stack
        s.stack.append(value)

    return handler


def _mark(s: Stream) -> None:
    s.metas.append(s.stack)
    s.stack = []


def _pop(s: Stream) -> None:
    if s.stack:
        s.stack.pop()
    else:
        s.pop_mark()


def _tuple_of(count: int) -> Handler:
    def handler(s: Stream) -> None:
        if len(s.stack) < count:
            raise s.fault("takes values from an empty stack")
        s.stack[-count:] = [tuple(s.stack[-count:])]

    return handler


def _append(s: Stream) -> None:
    item = s.pop()
    s.extend(s.top(), [item])


def _appends(s: Stream) -> None:
    items = s.pop_mark()
    s.extend(s.top(), items)


def _setitem(s: Stream) -> None:
    value = s.pop()
    key = s.pop()
    s.fill(s.top(), [key, value])


def _setitems(s: Stream) -> None:
    items = s.pop_mark()
    s.fill(s.top(), items)


def _stack_global(s: Stream) -> object:
    name = s.pop()
    return s.named(s.pop(), name)


def _reduce(s: Stream) -> object:
    args = s.pop()
    return s.call(s.pop(), args)


def _newobj_ex(s: Stream) -> object:
    keywords, args = s.pop(), s.pop()
    return s.call(s.pop(), (*args, keywords) if isinstance(args, tuple) else args)


def _inst(s: Stream) -> object:
    found = s.named(s.line(), s.line())
    return s.call(found, tuple(s.pop_mark()))


def _obj(s: Stream) -> object:
    items = s.pop_mark()
    if not items:
        raise s.fault("has no class to make an object of")
    return s.call(items[0], tuple(items[1:]))


def _integer(s: Stream) -> object:
    line = s.line()
    if line in {b"00", b"01"}:
        return line == b"01"
    try:
        return int(line.strip().removesuffix(b"L"), 0)
    except ValueError:
        raise s.fault("holds no number") from None


def _fraction(s: Stream) -> object:
    try:
        return float(s.line())
    except ValueError:
        raise s.fault("holds no number") from None


def _slot(s: Stream) -> int:
    slot = _integer(s)
    if not isinstance(slot, int) or slot < 0:
        raise s.fault("has no number of a slot")
    return slot


def _quoted(s: Stream) -> object:
    line = s.line()
    if len(line) < 2 or line[:1] != line[-1:] or line[:1] not in b"'\"":
        raise s.fault("is not a quoted text")
    try:
        return codecs.escape_decode(line[1:-1])[0]
    except ValueError:
        raise s.fault("has a bad escape") from None


def _unicode_line(s: Stream) -> object:
    try:
        return s.line().decode("raw-unicode-escape")
    except UnicodeDecodeError:
        raise s.fault("has a bad escape") from None


def _unicode(width: int) -> Handler:
    def make(s: Stream) -> object:
        try:
            return s.texted(s.number(width)).decode("utf-8", "surrogatepass")
        except UnicodeDecodeError:
            raise s.fault("a text that is not UTF-8") from None

    return _push(make)


def _proto(s: Stream) -> None:
    s.proto = s.number(1)


HANDLERS: dict[int, Handler] = {
    0x28: _mark,
    0x29: _push(lambda _: ()),
    0x30: _pop,
    0x31: Stream.pop_mark,
    0x32: _push(Stream.top),
    0x42: _push(lambda s: s.region(s.number(4))),
    0x43: _push(lambda s: s.region(s.number(1))),
    0x46: _push(_fraction),
    0x47: _push(lambda s: _F8(s.take(8))[0]),
    0x49: _push(_integer),
    0x4A: _push(lambda s: s.number(4, signed=True)),
    0x4B: _push(lambda s: s.number(1)),
    0x4C: _push(_integer),
    0x4D: _push(lambda s: s.number(2)),
    0x4E: _push(lambda _: None),
    0x51: _push(Stream.persistent),
    0x52: _push(_reduce),
    0x53: _push(_quoted),
    0x54: _push(lambda s: s.texted(s.number(4))),
    0x55: _push(lambda s: s.texted(s.number(1))),
    0x56: _push(_unicode_line),
    0x58: _unicode(4),
    0x5D: _push(lambda _: []),
    0x61: _append,
    0x62: Stream.build,
    0x63: _push(lambda s: s.named(s.line(), s.line())),
    0x64: _push(lambda s: s.fill({}, s.pop_mark())),
    0x65: _appends,
    0x67: lambda s: s.get(_slot(s)),
    0x68: lambda s: s.get(s.number(1)),
    0x69: _push(_inst),
    0x6A: lambda s: s.get(s.number(4)),
    0x6C: _push(Stream.pop_mark),
    0x6F: _push(_obj),
    0x70: lambda s: s.put(_slot(s)),
    0x71: lambda s: s.put(s.number(1)),
    0x72: lambda s: s.put(s.number(4)),
    0x73: _setitem,
    0x74: _push(lambda s: tuple(s.pop_mark())),
    0x75: _setitems,
    0x7D: _push(lambda _: {}),
    0x80: _proto,
    0x81: _push(_reduce),
    0x85: _tuple_of(1),
    0x86: _tuple_of(2),
    0x87: _tuple_of(3),
    0x88: _push(lambda _: True),
    0x89: _push(lambda _: False),
    0x8A: _push(lambda s: s.number(s.number(1), signed=True)),
    0x8B: _push(lambda s: s.number(s.number(4), signed=True)),
    0x8C: _unicode(1),
    0x8D: _unicode(8),
    0x8E: _push(lambda s: s.region(s.number(8))),
    0x8F: _push(lambda _: []),
    0x90: _appends,
    0x91: _push(Stream.pop_mark),
    0x92: _push(_newobj_ex),
    0x93: _push(_stack_global),
    0x94: lambda s: s.put(len(s.memo)),
    0x95: lambda s: s.take(8),
    0x96: _push(lambda s: s.region(s.number(8))),
}
"""A set is a list here: nothing of it is hashed."""
