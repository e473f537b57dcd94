"""Tensors are views of a storage: what torch is told to see must lie within what the storage has.

`torch._utils._rebuild_tensor_v2(storage, offset, size, stride, …)` hands the numbers on to native code, which older versions
do not hold against the storage (CVE-2026-24747): reading and writing beyond it is memory of the process.
"""

from typing import TypeGuard

from assaymark.model.machine.values import Instance

REBUILDS = frozenset({"_rebuild_tensor", "_rebuild_tensor_v2", "_rebuild_tensor_v3", "_rebuild_qtensor"})
"""Functions of torch._utils whose first arguments are storage, offset, size and stride."""
_STORAGE = "storage"


def storage_of(identity: tuple[object, ...]) -> Instance:
    """What `('storage', class, key, location, elements[, view])` stands for; the old layout's view has elements of its own."""
    elements = identity[4] if len(identity) > 4 else None
    view = identity[5] if len(identity) > 5 else None
    if isinstance(view, tuple) and len(view) == 3:
        elements = view[2]
    return Instance(None, detail=(_STORAGE, elements) if _is_number(elements) else ())


def problem(arguments: object) -> str:
    """What is wrong with the view, or an empty text: also where nothing is known of the storage."""
    if not isinstance(arguments, tuple) or len(arguments) < 4:
        return ""
    storage, offset, size, stride = arguments[:4]
    if not isinstance(storage, Instance) or storage.detail[:1] != (_STORAGE,):
        return ""
    if not (_is_number(offset) and _are_numbers(size) and _are_numbers(stride)):
        return "makes a tensor of sizes that do not stand there"  # torch writes them out for each
    if len(size) != len(stride) or min((offset, *size, *stride)) < 0:
        return "makes a tensor of sizes and strides that no tensor has"
    last = offset + sum((length - 1) * step for length, step in zip(size, stride, strict=True))
    elements = storage.detail[1]
    if 0 not in size and isinstance(elements, int) and last >= elements:
        return f"makes a tensor that reaches element {last:,} of a storage of {elements:,}"
    return ""


def _is_number(value: object) -> TypeGuard[int]:
    return type(value) is int


def _are_numbers(value: object) -> TypeGuard[tuple[int, ...]]:
    return isinstance(value, tuple) and all(map(_is_number, value))
