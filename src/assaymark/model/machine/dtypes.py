"""BUILD on a numpy.dtype: the state sets flags that numpy believes.

`flags` says whether elements are object pointers (numpy/_core/include/numpy/ndarraytypes.h: NPY_ITEM_REFCOUNT 0x01,
NPY_LIST_PICKLE 0x02, NPY_ITEM_IS_POINTER 0x04, NPY_NEEDS_INIT 0x08, NPY_NEEDS_PYAPI 0x10). A dtype of objects that says it has
none turns bytes of the file into pointers. The size, too, is believed: joblib reads as many bytes from the stream.
"""

from collections.abc import Container, Iterator
from dataclasses import dataclass

from assaymark.model.machine.joblib import itemsize
from assaymark.model.machine.values import Bag, Global, Instance

RECORD = "record"
"""Stands for the name of an element type that is made of the class numpy.record."""
_REFERENCES = 0x01
_OBJECT_FLAGS = 0x1B
_SUBARRAY, _FIELDS, _ITEMSIZE, _FLAGS = 2, 4, 5, 7


@dataclass(slots=True)
class Known:
    """What a stream has made of element types that hold objects: `any` at all, and `records` of them, by their name."""

    any: bool
    records: Container[str]


def made_of(arguments: object) -> tuple[object, ...]:
    """The detail to keep of a dtype that is made of a class: numpy.record is the only one that numpy itself writes."""
    first = arguments[0] if isinstance(arguments, tuple) and arguments else None
    return (RECORD,) if isinstance(first, Global) and first.name == RECORD and first.module.startswith("numpy") else ()


def is_plain(dtype: Instance) -> bool:
    """Whether the type's own name says that its elements are numbers, texts or bytes of a certain size."""
    return itemsize(dtype) is not None or dtype.detail == (RECORD,)


def problem(dtype: Instance, state: object, known: Known) -> str:
    """What is wrong with the state, or an empty text. State: (version, order, subarray, names, fields, size, align, flags …)."""
    if not isinstance(state, tuple) or len(state) <= _ITEMSIZE:
        return "is given a state that no numpy writes"
    text = dtype.detail[0] if dtype.detail else None
    if not isinstance(text, str):
        return "is given a state for an element type that is computed"
    flags = state[_FLAGS] if len(state) > _FLAGS else 0
    if not isinstance(flags, int):
        return "is given flags that are computed"
    inner = state[_SUBARRAY] is not None or state[_FIELDS] is not None
    if inner and text != RECORD and not text.lstrip("|<>=").startswith("V"):
        return "is given fields, and is no record"
    if any(_is_outside(part, state[_ITEMSIZE]) for part in _fields(state[_FIELDS])):
        return "has a field outside of its elements"
    return _belied(dtype, state, flags, objects=not is_plain(dtype) or _may_hold_objects(state, known))


def hides_objects(dtype: Instance, state: object) -> bool:
    """Whether elements hold objects, as a state that is not wrong says, and the type's own name does not."""
    flags = state[_FLAGS] if isinstance(state, tuple) and len(state) > _FLAGS else 0
    return isinstance(flags, int) and bool(flags & _REFERENCES) and is_plain(dtype)


def _belied(dtype: Instance, state: tuple[object, ...], flags: int, *, objects: bool) -> str:
    """What size or flags say against the type."""
    measured, size = itemsize(dtype), state[_ITEMSIZE]
    if measured is not None and isinstance(size, int) and size not in {-1, measured}:
        return "declares elements of another size than its type has"
    if flags & _REFERENCES and not objects and state[_FIELDS] is None:
        return "says that it holds objects, and has no place for any"
    text = str(dtype.detail[0])
    if objects and flags & _OBJECT_FLAGS != _OBJECT_FLAGS and (is_plain(dtype) or "O" in text):
        return "holds objects and its flags say that it does not"
    return ""


def _may_hold_objects(state: tuple[object, ...], known: Known) -> bool:
    """Whether an object may lie in a field or in the subarray; what is not known can hold one where one was made."""
    subarray = state[_SUBARRAY]
    base = subarray[0] if isinstance(subarray, tuple) and subarray else subarray
    parts = [] if base is None else [base]
    parts += [part[0] if isinstance(part, tuple) and part else part for part in _fields(state[_FIELDS])]
    return any(_holds(part, known) for part in parts)


def _fields(fields: object) -> Iterator[object]:
    """(dtype, offset) of each field; something else where it is not known."""
    if fields is None:
        return
    if not isinstance(fields, Bag) or fields.items is None:
        yield fields
        return
    yield from fields.items[1::2]


def _is_outside(part: object, size: object) -> bool:
    """Whether a field that is known does not lie within `size` bytes."""
    if not isinstance(part, tuple) or len(part) < 2:
        return False
    offset, length = part[1], itemsize(part[0])
    if not isinstance(offset, int) or not isinstance(size, int):
        return False
    return offset < 0 or offset + (length or 0) > size


def _holds(dtype: object, known: Known) -> bool:
    if isinstance(dtype, Instance) and dtype.of is not None and dtype.of.name == "dtype" and is_plain(dtype):
        return str(dtype.detail[0]) in known.records
    return known.any if not isinstance(dtype, Instance) else True
