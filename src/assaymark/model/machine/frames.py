"""Plain data passed over in one step: `(` … `e`, with nothing but numbers, short texts and containers in between.

Everything between a MARK and the opcode that closes it stays inside that frame: `_pickle.c` puts a fence at the mark, so
nothing in there can reach below. When all of it is inert, the order in which it is combined does not matter; only the
number of MEMOIZEs does. The two patterns below match such a frame as a whole, or not at all. They speed up the machine
on large streams and decide nothing: what they do not match is interpreted opcode by opcode.

Left out on purpose: POP, POP_MARK and DUP (they could touch the mark), bytes (a nested pickle may be in them), text
opcodes, GET of anything that may be active, and of course all that imports, calls or builds.
"""

import re
from functools import cache
from typing import TYPE_CHECKING

from assaymark.model.machine.values import DATA, HELD, Bag

if TYPE_CHECKING:
    from assaymark.model.machine.machine import Machine
    from assaymark.model.machine.reader import Reader

_LONGEST = 96
_DEPTH = 3
_SHORTEST = 64
"""Bytes below which a frame is interpreted: the arguments of calls are short and must be known."""
_DULL = 512
"""Where something that is not plain stands this few bytes behind the beginning of a frame, what lies before it is interpreted."""


def _lengths(lead: bytes, zeros: bytes, longest: int = _LONGEST) -> bytes:
    each = (re.escape(bytes((n,)) + zeros) + b".{%d}" % n for n in range(1, longest))
    return lead + b"(?:" + re.escape(b"\0" + zeros) + b"|" + b"|".join(each) + b")"


@cache
def _long_values() -> bytes:
    """Alternatives that push an inert value and have an argument of more than one byte."""
    texts = _lengths(rb"\x8c", b""), _lengths(b"X", b"\0\0\0")
    return b"|".join((rb"G.{8}", texts[0], rb"M..", rb"J.{4}", texts[1], _lengths(rb"\x8a", b"", 16)))


_SINGLE = rb")\]}N\x88\x89\x8f\x85\x86\x87as"
"""Opcodes without argument that push or combine inert values."""
_CLOSE = rb"tldeu\x90\x91"
_BUILT = {0x6C: "list", 0x64: "dict", 0x5D: "list", 0x7D: "dict", 0x8F: "set"}
_CALLED = re.compile(rb"t(?:\x94|q.|r.{4})?+[R\x81]", re.DOTALL)
"""A tuple that is the arguments of a call, however long: rules ask what is in it."""
_FRAME = rb"|\x95.{8}"
_FRAME_SEEN = rb"|\x95(.{8})"


def _filled() -> bytes:
    """A frame after its MARK, up to its closing opcode, nested at most _DEPTH levels; it has a group if a FRAME is in it."""
    step = b"[" + _SINGLE + rb"\x94]|[Khq].|" + _long_values() + b"|[jr].{4}" + _FRAME_SEEN
    body = b"(?:" + step + b")*+"
    for _ in range(_DEPTH - 1):
        body = b"(?:" + step + rb"|\(" + body + b"[" + _CLOSE + b"])*+"
    return body


@cache
def _frame() -> "re.Pattern[bytes]":
    """A frame after its MARK, up to and with its closing opcode; its last group tells that it was stuck before that."""
    return re.compile(_filled() + b"(?:[" + _CLOSE + b"]|())", re.DOTALL)


@cache
def _item() -> "re.Pattern[bytes]":
    """A new container, and the frame that fills it; its last group tells that it was stuck before the end of that."""
    return re.compile(rb"[}\]\x8f](?:\x94|q.|r.{4})?+\(" + _filled() + rb"(?:[eu\x90]|())", re.DOTALL)


def _between(more: bytes, found: bytes) -> "re.Pattern[bytes]":
    step = b"[" + _SINGLE + b"(" + _CLOSE + b"]|K.|" + _long_values() + more
    return re.compile(b"(?:" + step + b")*+" + found, re.DOTALL)


@cache
def _puts() -> "re.Pattern[bytes]":
    """Each memo write of a matched frame, as its bytes; the rest behind the last is matched, too, and gives nothing."""
    return _between(b"|h.|j.{4}" + _FRAME, rb"(?:(\x94|q.|r.{4})|\Z)")


@cache
def _puts_and_gets() -> "re.Pattern[bytes]":
    """Each memo write and read of a matched frame, as its bytes."""
    return _between(_FRAME, rb"(?:(\x94|[hq].|[jr].{4})|\Z)")


@cache
def _unframed() -> "re.Pattern[bytes]":
    """As many opcodes of a matched frame as stand before the next FRAME."""
    return _between(rb"|\x94|[hq].|[jr].{4}", b"")


def skip_frame(machine: "Machine") -> bool:
    """Pass over the frame that begins here if it is inert as a whole; the window stands behind its MARK."""
    reader = machine.reader
    frame = _frame()
    match = frame.match(reader.buf, reader.pos)
    if match is None or match.lastindex == frame.groups:
        _stuck(machine, reader.pos, match)
        return False
    if _CALLED.match(reader.buf, match.end() - 1):
        return False
    if not _pass(machine, reader.pos, match.end(), begins=match.lastindex is not None):
        return False
    closing = reader.buf[reader.pos - 1]
    if closing in b"eu\x90":
        target = machine.top()
        if not isinstance(target, Bag):
            machine.add_items(target, [DATA, DATA], pairs=closing == 0x75)
        elif target.items is not None:
            target.items = None
    else:
        machine.stack.append(Bag(_BUILT[closing], None) if closing in _BUILT else HELD)
    return True


def skip_items(machine: "Machine") -> bool:
    """Pass over containers of inert values, one after the other; the window stands behind the opcode of the first."""
    reader = machine.reader
    buf, start = reader.buf, reader.pos - 1
    end, kinds, begins = start, [], False
    item = _item()
    alone = reader.base + start < machine.alone_until
    while match := item.match(buf, end):
        if match.lastindex == item.groups:
            _stuck(machine, end, match)
            break
        kinds.append(_BUILT[buf[end]])
        begins = begins or match.lastindex is not None
        end = match.end()
        if alone:
            break
    if not kinds or not _pass(machine, start, end, begins=begins):
        # A row that cannot be passed as a whole is not matched as a whole again at each of its containers.
        machine.alone_until = max(machine.alone_until, reader.base + end)
        return False
    machine.stack.extend([Bag(kind, None) for kind in kinds])
    return True


def _stuck(machine: "Machine", start: int, match: "re.Match[bytes] | None") -> None:
    """What began here cannot be passed as a whole: what lies in it, before what is in the way, is not tried where it is short."""
    if match is not None and match.end() - start < _DULL:
        machine.dull_until = max(machine.dull_until, machine.reader.base + match.end())


def _pass(machine: "Machine", start: int, end: int, *, begins: bool) -> bool:
    """Write the memo as these opcodes do and stand behind them; False, and nothing done, where that is not safe."""
    reader = machine.reader
    if end - start < _SHORTEST:
        machine.dull_until = max(machine.dull_until, reader.base + end)
        return False
    frame_end = _frames_align(reader, start, end, begins=begins)
    if frame_end is None or not _memoize(machine, start, end):
        return False
    reader.pos = end
    if frame_end != reader.frame_end:
        reader.frame_end = 0
        reader.enter_frame(frame_end - reader.offset)
    return True


def _frames_align(reader: "Reader", start: int, end: int, *, begins: bool) -> int | None:
    """Where the FRAME that is open at `end` ends (offset in the blob, 0 for none); None where one is not aligned.

    Every frame must end where an opcode begins, and the next begin only there or later. `begins`: one does, in between.
    """
    buf, base = reader.buf, reader.base
    close = reader.frame_end - base if reader.frame_end else 0
    if not begins and close <= start:
        return 0
    if not begins and close >= end:
        return reader.frame_end
    at = start
    while True:
        if close > at:
            at = _unframed().match(buf, at, min(close, end)).end()  # type: ignore[union-attr] # it matches nothing, too
            if at == end:
                return base + close
            if at != close:
                return None
        at = _unframed().match(buf, at, end).end()  # type: ignore[union-attr]
        if at == end:
            return 0
        at += 9
        close = at + int.from_bytes(buf[at - 8 : at], "little")


def _memoize(machine: "Machine", start: int, end: int) -> bool:
    """Do the memo writes of the frame; False, and nothing done, where it reads a slot that may hold more than data.

    A slot that is not set yet is written in the frame before it is read: data, too.
    """
    memo, buf = machine.memo, machine.reader.buf
    if not memo.gets_inert(buf, start, end):
        steps = _found(_puts_and_gets(), buf, start, end)
        if memo.settled.issuperset(steps):
            return memo.put_data(steps.count(b"\x94"))
        if not memo.settle(step for step in steps if step[0] in b"hj"):
            return False
        puts = [step for step in steps if step[0] not in b"hj"]
    else:
        puts = _found(_puts(), buf, start, end)
    if puts.count(b"\x94") == len(puts):
        return memo.put_data(len(puts))
    if memo.keeps(int.from_bytes(put[1:], "little") for put in puts):
        return False
    for put in puts:
        memo.put(memo.size if put == b"\x94" else int.from_bytes(put[1:], "little"), DATA)
    return True


def _found(pattern: "re.Pattern[bytes]", buf: bytes, start: int, end: int) -> list[bytes]:
    """All that the pattern finds from one opcode to the next: it never has to try again between two of them."""
    found: list[bytes] = pattern.findall(buf, start, end)
    while found and not found[-1]:
        found.pop()
    return found
