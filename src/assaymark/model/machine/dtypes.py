"""BUILD on a numpy.dtype: the state sets flags that numpy believes.

`flags` says whether elements are object pointers (numpy/_core/include/numpy/ndarraytypes.h: NPY_ITEM_REFCOUNT 0x01,
NPY_LIST_PICKLE 0x02, NPY_ITEM_IS_POINTER 0x04, NPY_NEEDS_INIT 0x08, NPY_NEEDS_PYAPI 0x10). A dtype of objects that says it has
none turns bytes of the file into pointers. The size, too, is believed: joblib reads as many bytes from the stream.
"""

from assaymark.model.machine.joblib import itemsize
from assaymark.model.machine.values import Bag, Instance

_REFERENCES = 0x01
_OBJECT_FLAGS = 0x1B
_FIELDS, _ITEMSIZE, _FLAGS = 4, 5, 7


def problem(dtype: Instance, state: object) -> str:
    """What is wrong with the state, or an empty text. State: (version, order, subarray, names, fields, size, align, flags …)."""
    if not isinstance(state, tuple) or len(state) <= _ITEMSIZE:
        return "is given a state that no numpy writes"
    text = dtype.detail[0] if dtype.detail else None
    if not isinstance(text, str):
        return "is given a state for an element type that is computed"
    flags = state[_FLAGS] if len(state) > _FLAGS else 0
    if not isinstance(flags, int):
        return "is given flags that are computed"
    objects, misplaced = _fields(state[_FIELDS], state[_ITEMSIZE])
    if isinstance(state[2], tuple) and state[2]:
        objects = objects or _may_hold_objects(state[2][0])
    if misplaced:
        return "has a field outside of its elements"
    return _belied(dtype, state, flags, objects="O" in text or objects)


def hides_objects(dtype: Instance, state: object) -> bool:
    """Whether elements hold objects, as a state that is not wrong says, and the type's own name does not."""
    flags = state[_FLAGS] if isinstance(state, tuple) and len(state) > _FLAGS else 0
    return isinstance(flags, int) and bool(flags & _REFERENCES) and itemsize(dtype) is not None


def _belied(dtype: Instance, state: tuple[object, ...], flags: int, *, objects: bool) -> str:
    """What size or flags say against the type."""
    measured, size, fields = itemsize(dtype), state[_ITEMSIZE], state[_FIELDS]
    if measured is not None and isinstance(size, int) and size not in {-1, measured}:
        return "declares elements of another size than its type has"
    if flags & _REFERENCES and not objects and not (isinstance(fields, Bag) and fields.items is None):
        return "says that it holds objects, and has no place for any"
    if objects and flags & _OBJECT_FLAGS != _OBJECT_FLAGS:
        return "holds objects and its flags say that it does not"
    return ""


def _fields(fields: object, size: object) -> tuple[bool, bool]:
    """Whether a field may hold objects, and whether one lies outside of `size` bytes."""
    if not isinstance(fields, Bag):
        return False, False
    if fields.items is None:
        return False, False  # more fields than are followed: their own dtypes were judged when they were built
    objects = misplaced = False
    for entry in fields.items[1::2]:
        dtype = entry[0] if isinstance(entry, tuple) and entry else None
        objects = objects or _may_hold_objects(dtype)
        offset = entry[1] if isinstance(entry, tuple) and len(entry) > 1 else None
        length = itemsize(dtype)
        if isinstance(offset, int) and isinstance(size, int) and length is not None:
            misplaced = misplaced or offset < 0 or offset + length > size
    return objects, misplaced


def _may_hold_objects(dtype: object) -> bool:
    text = dtype.detail[0] if isinstance(dtype, Instance) and dtype.detail else None
    return isinstance(text, str) and "O" in text
