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

from assaymark.model.machine.values import DATA, Bag

if TYPE_CHECKING:
    from assaymark.model.machine.machine import Machine
    from assaymark.model.machine.reader import Reader

_LONGEST = 96
_DEPTH = 3
_SHORTEST = 64
"""Bytes below which a frame is interpreted: the arguments of calls are short and must be known."""

_ANY = rb"[\x00-\xff]"


def _lengths(lead: bytes, zeros: bytes) -> bytes:
    each = (re.escape(bytes((n,)) + zeros) + _ANY + b"{%d}" % n for n in range(1, _LONGEST))
    return lead + b"(?:" + re.escape(b"\0" + zeros) + b"|" + b"|".join(each) + b")"


@cache
def _values() -> bytes:
    """Alternatives that push or combine inert values and write no memo slot."""
    return b"|".join(
        (
            rb"[)\]}N\x88\x89\x8f\x85\x86\x87as]",
            b"K" + _ANY,
            b"M" + _ANY + b"{2}",
            b"J" + _ANY + b"{4}",
            b"G" + _ANY + b"{8}",
            _lengths(rb"\x8c", b""),
            _lengths(b"X", b"\0\0\0"),
            _lengths(rb"\x8a", b""),
        )
    )


_PUTS = rb"\x94|q[\x00-\xff]|r[\x00-\xff]{4}"
_GETS = rb"h[\x00-\xff]|j[\x00-\xff]{4}"
_CLOSE = rb"[tldeu\x90\x91]"
_FRAME = rb"\x95[\x00-\xff]{8}"


@cache
def _frame() -> "re.Pattern[bytes]":
    """A frame after its MARK, up to and with its closing opcode, nested at most _DEPTH levels."""
    step = _values() + b"|" + _PUTS + b"|" + _GETS + b"|" + _FRAME
    body = b"(?:" + step + b")*+"
    for _ in range(_DEPTH - 1):
        body = b"(?:" + step + rb"|\(" + body + _CLOSE + b")*+"
    return re.compile(body + _CLOSE)


@cache
def _puts() -> "re.Pattern[bytes]":
    """Each memo write of a matched frame, as its bytes."""
    return re.compile(b"(?:" + _values() + b"|" + _GETS + b"|" + _FRAME + rb"|[(tldeu\x90\x91])*+(" + _PUTS + b")")


@cache
def _gets() -> "re.Pattern[bytes]":
    """Each memo read of a matched frame, as its bytes."""
    return re.compile(b"(?:" + _values() + b"|" + _PUTS + b"|" + _FRAME + rb"|[(tldeu\x90\x91])*+(" + _GETS + b")")


@cache
def _unframed() -> "re.Pattern[bytes]":
    """As many opcodes of a matched frame as stand before the next FRAME."""
    return re.compile(b"(?:" + _values() + b"|" + _PUTS + b"|" + _GETS + rb"|[(tldeu\x90\x91])*+")


def skip_frame(machine: "Machine") -> bool:
    """Pass over the frame that begins here if it is inert as a whole; the window stands behind its MARK."""
    reader = machine.reader
    match = _frame().match(reader.buf, reader.pos)
    if match is None or match.end() - reader.pos < _SHORTEST:
        return False
    start, end = match.span()
    frame_end = _frames_align(reader, start, end)
    if frame_end is None:
        return False
    if machine.memo.dirty and not _reads_data(machine, start, end):
        return False
    if not _memoize(machine, start, end):
        return False
    closing = reader.buf[end - 1]
    reader.pos = end
    if frame_end != reader.frame_end:
        reader.frame_end = 0
        reader.enter_frame(frame_end - reader.offset)
    if closing in b"eu\x90":
        target = machine.top()
        if not isinstance(target, Bag):
            machine.add_items(target, [DATA, DATA], pairs=closing == 0x75)
        elif target.items is not None:
            target.items = None
    else:
        machine.stack.append(DATA)
    return True


def _frames_align(reader: "Reader", start: int, end: int) -> int | None:
    """Where the FRAME that is open at `end` ends (offset in the blob, 0 for none); None where one is not aligned.

    Every frame must end where an opcode begins, and the next begin only there or later.
    """
    buf, base = reader.buf, reader.base
    close = reader.frame_end - base if reader.frame_end else 0
    if close <= start and buf.find(b"\x95", start, end) < 0:
        return 0
    if close >= end and buf.find(b"\x95", start, end) < 0:
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


def _reads_data(machine: "Machine", start: int, end: int) -> bool:
    """Whether every slot that is read holds plain data. A slot not set yet is written in the frame before: data too."""
    slots = set(_gets().findall(machine.reader.buf, start, end))
    return all(machine.memo.is_data(int.from_bytes(slot[1:], "little")) for slot in slots)


def _memoize(machine: "Machine", start: int, end: int) -> bool:
    puts = _puts().findall(machine.reader.buf, start, end)
    memo = machine.memo
    if not puts:
        return True
    if puts[0] == b"\x94" == puts[-1] and puts.count(b"\x94") == len(puts):
        return memo.put_data(len(puts))
    for put in puts:
        memo.put(memo.size if put == b"\x94" else int.from_bytes(put[1:], "little"), DATA)
    return True
