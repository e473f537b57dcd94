"""The loop over the opcodes of a stream; the dozen that streams are mostly made of are followed in place.

What is done in place is what opcodes.py does where nothing can go wrong. Everything else, every failure included, is
left to the handlers there: the loop decides nothing (tests/model/test_loop.py holds it against them).
"""

from struct import Struct
from struct import error as StructError  # noqa: N812 - a class, whatever its name
from typing import TYPE_CHECKING

from assaymark.core.errors import Malformed, OverBudget
from assaymark.model.machine.machine import Stop
from assaymark.model.machine.opcodes import HANDLERS, LONGEST_NAME, name_of
from assaymark.model.machine.reader import CutOff
from assaymark.model.machine.values import DATA, INERT, Bag, tuple_of

if TYPE_CHECKING:
    from assaymark.model.machine.machine import Machine

MAX_STACK = 2_000_000
_I2 = Struct("<H").unpack_from
_I4 = Struct("<i").unpack_from
_U4 = Struct("<I").unpack_from


def interpret(machine: "Machine") -> None:  # noqa: C901, PLR0912, PLR0915 - one loop, for speed
    """Follow the stream to its STOP; raises Malformed where the real unpickler fails."""
    reader, stack, marks, names = machine.reader, machine.stack, machine.marks, machine.memo.names
    memoize, put, get = machine.memo.memoize, machine.memo.put, machine.memo.get
    base, buf, limit, pos, fence = reader.base, reader.buf, reader.limit, reader.pos, machine.fence
    dull = machine.dull_until - base
    opcode, start, handled = 0, pos, False
    try:
        while True:
            if pos >= limit:
                reader.pos = pos
                machine.at, machine.opcode = base + start, opcode
                _next_window(machine)
                base, buf, limit, pos = reader.base, reader.buf, reader.limit, reader.pos
                dull = machine.dull_until - base
            start = pos
            opcode = buf[pos]
            if opcode == 0x68:  # BINGET
                slot = buf[pos + 1]
                value = names.get(slot) or get(slot)
                if value is not None:
                    stack.append(value)
                    pos += 2
                    continue
            elif opcode >= 0x80:
                if opcode == 0x94:  # MEMOIZE
                    if len(stack) > fence:
                        memoize(stack[-1])
                        pos += 1
                        continue
                elif opcode == 0x8C:  # SHORT_BINUNICODE
                    end = pos + 2 + buf[pos + 1]
                    data = buf[pos + 2 : end]
                    if end <= len(buf) and data.isascii():
                        stack.append(str(data, "ascii"))
                        pos = end
                        continue
                elif 0x85 <= opcode <= 0x87:  # TUPLE1, TUPLE2, TUPLE3
                    count = opcode - 0x84
                    if len(stack) - fence >= count:
                        stack[-count:] = (tuple_of(stack[-count:]),)
                        pos += 1
                        continue
                elif opcode == 0x88 or opcode == 0x89:  # NEWTRUE, NEWFALSE  # noqa: PLR1714 - twice as fast as `in`
                    stack.append(opcode == 0x88)
                    pos += 1
                    continue
            elif opcode == 0x4B:  # BININT1
                stack.append(buf[pos + 1])
                pos += 2
                continue
            elif opcode == 0x65 or opcode == 0x75:  # APPENDS, SETITEMS  # noqa: PLR1714 - twice as fast as `in`
                at = marks[-1] if marks else 0
                below = marks[-2] if len(marks) > 1 else 0
                if at > below and (opcode == 0x65 or not (len(stack) - at) & 1):
                    items = stack[at:]
                    target = stack[at - 1]
                    if type(target) is Bag and INERT.issuperset(map(type, items)):
                        del stack[at:], marks[-1]
                        machine.fence = fence = below
                        target.keep(items)
                        pos += 1
                        continue
            elif opcode == 0x47:  # BINFLOAT
                if pos + 9 <= len(buf):
                    stack.append(DATA)
                    pos += 9
                    continue
            elif opcode == 0x28 and pos < dull:  # MARK
                machine.fence = fence = len(stack)
                marks.append(fence)
                pos += 1
                continue
            elif opcode == 0x71:  # BINPUT
                if len(stack) > fence:
                    put(buf[pos + 1], stack[-1])
                    pos += 2
                    continue
            elif opcode == 0x58:  # BINUNICODE
                end = pos + 5 + _U4(buf, pos + 1)[0]
                data = buf[pos + 5 : end]
                if end <= len(buf) and end - pos <= LONGEST_NAME and data.isascii():
                    stack.append(str(data, "ascii"))
                    pos = end
                    continue
            elif opcode == 0x5D and pos < dull:  # EMPTY_LIST
                stack.append(Bag("list", []))
                pos += 1
                continue
            elif opcode == 0x7D and pos < dull:  # EMPTY_DICT
                stack.append(Bag("dict", []))
                pos += 1
                continue
            elif opcode == 0x4E or opcode == 0x29:  # NONE, EMPTY_TUPLE  # noqa: PLR1714 - twice as fast as `in`
                stack.append(None if opcode == 0x4E else ())
                pos += 1
                continue
            elif opcode == 0x4D:  # BININT2
                stack.append(_I2(buf, pos + 1)[0])
                pos += 3
                continue
            elif opcode == 0x61:  # APPEND
                target = stack[-2] if len(stack) - fence >= 2 else None
                if type(target) is Bag and type(stack[-1]) in INERT:
                    target.keep([stack.pop()])
                    pos += 1
                    continue
            elif opcode == 0x6A:  # LONG_BINGET
                value = get(_U4(buf, pos + 1)[0])
                if value is not None:
                    stack.append(value)
                    pos += 5
                    continue
            elif opcode == 0x4A:  # BININT
                stack.append(_I4(buf, pos + 1)[0])
                pos += 5
                continue
            reader.pos = pos + 1
            machine.at, machine.opcode = base + start, opcode
            handled = True
            HANDLERS[opcode](machine)
            handled = False
            base, buf, limit, pos, fence = reader.base, reader.buf, reader.limit, reader.pos, machine.fence
            dull = machine.dull_until - base
    except Stop:
        return
    except (IndexError, ValueError, StructError) as error:
        if not handled:
            reader.pos, machine.at, machine.opcode = pos + 1, base + start, opcode
        if reader.at_end and reader.pos >= len(reader.buf) - 8:
            raise CutOff("the pickle is cut off before its STOP", offset=machine.at) from error
        raise Malformed(f"opcode {name_of(machine.opcode)}: bad argument", offset=machine.at) from error


def _next_window(machine: "Machine") -> None:
    """Move on to the next frame or the next piece of the input, at most a MiB: the place to look at the clock."""
    if not machine.reader.pause():
        machine.misaligned("reaches over the end of its frame")
    machine.budget.tick()
    if len(machine.stack) > MAX_STACK or len(machine.marks) > MAX_STACK:
        raise OverBudget(f"more than {MAX_STACK:,} values on the stack")
