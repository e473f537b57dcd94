"""The engine of `assaymark.guard`: judge bytes, then load those very bytes with a loader that can reach nothing else.

This is the one room beside the sandbox worker that may unpickle; docs/adr/0010-guard.md says what it promises. It opens
no files: `assaymark.guard` reads them once, and hands the same bytes to `judge` and to a loader here.
"""

import io
import pickle
from _compat_pickle import IMPORT_MAPPING, NAME_MAPPING
from collections.abc import Set as AbstractSet
from types import ModuleType
from typing import Any, BinaryIO

from assaymark.model.allow import usual_line
from assaymark.model.judge import Pair, Refused

_WRAPPER = ("joblib.numpy_pickle", "NumpyArrayWrapper")
_NESTED = ("torch.storage", "_load_from_bytes")


class Unpickler(pickle.Unpickler):
    """CPython's unpickler; a global that `allowed` does not hold is refused."""

    def __init__(self, file: BinaryIO, allowed: AbstractSet[Pair], **options: Any) -> None:
        options.pop("fix_imports", None)
        super().__init__(file, fix_imports=False, **options)
        self.allowed = allowed

    def find_class(self, module: str, name: str, /) -> Any:
        """Resolve what was judged, under the name by which it was judged."""
        found = chosen(module, name, self.allowed)
        if found == _WRAPPER:  # its array would be read as opcodes, which is not how it was judged
            raise Refused("the file is a joblib dump", step="load it with guard.load_joblib")
        return _nested(found, self.allowed) or super().find_class(*found)


def chosen(module: str, name: str, allowed: AbstractSet[Pair]) -> Pair:
    """The pair that is meant: as it stands, or as fix_imports renames it. Raises Refused."""
    renamed = NAME_MAPPING.get((module, name), (IMPORT_MAPPING.get(module, module), name))
    pairs = {pair for pair in ((module, name), renamed) if pair in allowed}
    if len(pairs) != 1:
        why = "was not among what was judged" if not pairs else "is ambiguous between Python 2 and 3"
        step = f"if the file is yours, allow it in a signed policy: {usual_line(*renamed)}"
        raise Refused(f"{module}.{name} {why}", step=step)
    return pairs.pop()


def _nested(pair: Pair, allowed: AbstractSet[Pair]) -> Any:
    """Our own in place of a function that would open an unpickler of its own; None for all others."""
    return (lambda data: torch_load(io.BytesIO(data), allowed)) if pair == _NESTED else None


def _array_wrapper(allowed: AbstractSet[Pair]) -> Any:
    """The array wrapper of joblib; its arrays of objects are pickles, which joblib before 1.6 reads without asking us."""
    from joblib.numpy_pickle import NumpyArrayWrapper

    class GuardedArrayWrapper(NumpyArrayWrapper):  # type: ignore[misc] # joblib has no types
        def read_array(self, unpickler: Any, *rest: Any) -> Any:
            if self.dtype.hasobject:
                return Unpickler(unpickler.file_handle, allowed).load()
            return super().read_array(unpickler, *rest)

    return GuardedArrayWrapper


def load(file: BinaryIO, allowed: AbstractSet[Pair], **options: Any) -> Any:
    """`pickle.load`, of nothing but what is allowed."""
    return Unpickler(file, allowed, **options).load()


def joblib_load(file: BinaryIO, allowed: AbstractSet[Pair]) -> Any:
    """`joblib.load` of an uncompressed dump, of nothing but what is allowed."""
    from inspect import signature

    from joblib.numpy_pickle import NumpyUnpickler

    class GuardedUnpickler(NumpyUnpickler):  # type: ignore[misc] # joblib has no types
        def find_class(self, module: str, name: str) -> Any:
            found = chosen(module, name, allowed)
            if found == _WRAPPER:
                return _array_wrapper(allowed)
            self.fix_imports = False  # the pair is already the one that is meant
            return _nested(found, allowed) or super().find_class(*found)

    order = {"ensure_native_byte_order": True} if "ensure_native" in str(signature(NumpyUnpickler)) else {}
    return GuardedUnpickler("", file, **order).load()


def torch_load(file: BinaryIO, allowed: AbstractSet[Pair], **options: Any) -> Any:
    """`torch.load` through our unpickler, of nothing but what is allowed."""
    import torch

    class Bound(Unpickler):
        def __init__(self, source: BinaryIO, **given: Any) -> None:
            super().__init__(source, allowed, **given)

    module = ModuleType("assaymark_guarded_pickle")
    module.__dict__.update(
        Unpickler=Bound,
        load=lambda source, **given: Bound(source, **given).load(),
        loads=lambda data, **given: Bound(io.BytesIO(data), **given).load(),
        UnpicklingError=pickle.UnpicklingError,
    )
    return torch.load(file, pickle_module=module, weights_only=False, **options)
