"""joblib's raw arrays: after BUILD of a NumpyArrayWrapper the array's bytes stand in the stream itself.

joblib.numpy_pickle (1.x): an alignment byte and padding when `numpy_array_alignment_bytes` is in the state, then
`prod(shape) * itemsize` bytes; an object array is instead a pickle of its own, in place, that plain `pickle.load` reads:
a wrapper in there has no array behind it.
"""

import re
from typing import TYPE_CHECKING

from assaymark.core.errors import Malformed
from assaymark.model.machine.values import Bag, Instance, Lost

if TYPE_CHECKING:
    from assaymark.model.machine.machine import Machine

_ITEM = re.compile(r"[<>|=]?([?bBhHiIlLqQfdgeFDGSUVaOcmMu])(\d*)")
_SIZES = {
    "?": 1, "b": 1, "B": 1, "h": 2, "H": 2, "i": 4, "I": 4, "l": 8, "L": 8, "q": 8, "Q": 8,
    "e": 2, "f": 4, "d": 8, "g": 16, "F": 8, "D": 16, "G": 32, "m": 8, "M": 8,
}  # fmt: skip


def pass_array(machine: "Machine", state: object) -> bool:
    """Move the reader behind the array that follows, and say whether it was one of objects.

    Raises Malformed when its length cannot be told: what the wrapper got by another BUILD is not known here.
    """
    fields = _named(machine, state) if isinstance(state, Bag) else None
    if fields is None or "shape" not in fields or "dtype" not in fields:
        raise Malformed("a joblib array without its shape and element type", offset=machine.reader.offset)
    reader = machine.reader
    if not reader.leave_frame():
        raise Malformed("an array inside a pickle frame, which loaders read in different places", offset=reader.offset)
    if _name(fields["dtype"]) in machine.records:
        raise Malformed("a joblib array of records that hold objects, whose end is not followed", offset=reader.offset)
    if _holds_objects(fields["dtype"]):
        _object_array(machine)
        return True
    size = itemsize(fields["dtype"]) or 0
    if "numpy_array_alignment_bytes" in fields and fields["numpy_array_alignment_bytes"] is not None:
        reader.skip(1)
        reader.skip(reader.blob.read(reader.offset - 1, 1)[0])
    reader.skip(_count(fields["shape"], reader.offset) * size)
    return False


def _named(machine: "Machine", state: Bag) -> dict[str, object] | None:
    """The state by name, or None where a name is computed: it may be that of any other item."""
    keys = (state.items or [])[::2]
    machine.wanted.update(key.slot for key in keys if isinstance(key, Lost))
    if all(isinstance(key, str) for key in keys):
        return state.as_dict()
    if not all(isinstance(key, (str, Lost)) for key in keys):
        machine.note("misuse", "joblib.numpy_pickle", "NumpyArrayWrapper", "describes its array under a computed name")
    return None


def _object_array(machine: "Machine") -> None:
    from assaymark.model.machine.machine import Machine

    inner = Machine(machine.reader.blob, machine.reader.offset, machine.budget, machine.result, arrays=False)
    inner.run()
    machine.reader.seek(inner.reader.offset)


def _count(shape: object, offset: int) -> int:
    if not isinstance(shape, tuple) or not all(type(n) is int and n >= 0 for n in shape):
        raise Malformed("a joblib array whose shape cannot be told", offset=offset)
    count = 1
    for length in shape:
        count *= length
    return count


def _name(dtype: object) -> object:
    return dtype.detail[0] if isinstance(dtype, Instance) and dtype.detail else None


def itemsize(dtype: object) -> int | None:
    """Bytes of one element; None for objects and for what cannot be measured."""
    name = _name(dtype)
    match = _ITEM.fullmatch(name) if isinstance(name, str) else None
    if not match or match[1] == "O":
        return None
    letter, digits = match[1], match[2]
    count = int(digits[:9]) if digits else 0
    if letter == "U":
        return 4 * count
    if letter in "mM" or not digits:
        return _SIZES.get(letter, 1)
    return count


def _holds_objects(dtype: object) -> bool:
    """Raises Malformed where neither a size nor this can be told."""
    name = _name(dtype)
    if itemsize(dtype) is None and not (isinstance(name, str) and "O" in name):
        raise Malformed(f"a joblib array whose element type {name!r} cannot be measured")
    return itemsize(dtype) is None
