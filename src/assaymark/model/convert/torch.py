"""PyTorch tensors as pickles spell them: a storage by persistent id, and a call that makes a view of it."""

from collections.abc import Callable

from assaymark.core.errors import Malformed, Opaque
from assaymark.model.convert.tensors import Storage, Tensor, view
from assaymark.model.convert.values import Made, Persistent, Symbol, text

_UTILS = "torch._utils"
STORAGES = {
    "DoubleStorage": "F64", "FloatStorage": "F32", "HalfStorage": "F16", "BFloat16Storage": "BF16",
    "LongStorage": "I64", "IntStorage": "I32", "ShortStorage": "I16", "CharStorage": "I8", "ByteStorage": "U8",
    "BoolStorage": "BOOL", "ComplexFloatStorage": "C64", "UntypedStorage": "U8",
    "Float8_e4m3fnStorage": "F8_E4M3", "Float8_e5m2Storage": "F8_E5M2",
    "Float8_e4m3fnuzStorage": "F8_E4M3FNUZ", "Float8_e5m2fnuzStorage": "F8_E5M2FNUZ",
}  # fmt: skip
"""Name of a storage class -> data type as safetensors has it."""
_WIDTHS = {"ComplexDoubleStorage": 16, "QInt8Storage": 1, "QUInt8Storage": 1, "QInt32Storage": 4}
_DTYPES = {
    "float64": "F64", "float32": "F32", "float16": "F16", "bfloat16": "BF16", "int64": "I64", "int32": "I32",
    "int16": "I16", "int8": "I8", "uint8": "U8", "uint16": "U16", "uint32": "U32", "uint64": "U64", "bool": "BOOL",
    "complex64": "C64", "float8_e4m3fn": "F8_E4M3", "float8_e5m2": "F8_E5M2", "float8_e4m3fnuz": "F8_E4M3FNUZ",
    "float8_e5m2fnuz": "F8_E5M2FNUZ", "float8_e8m0fnu": "F8_E8M0",
}  # fmt: skip
_SIZES = {"F64": 8, "I64": 8, "C64": 8, "F32": 4, "I32": 4, "F16": 2, "BF16": 2, "I16": 2}
Storages = Callable[[str, int], Storage]
"""(key, bytes that it must have) -> where it is; raises Malformed."""


def is_tensor(value: object) -> bool:
    """Whether this is a tensor, of a kind that can be written or not."""
    if not isinstance(value, Made) or not isinstance(value.of, Symbol):
        return False
    return _name(value).startswith("_rebuild_") or _is_typed(value)


def _name(value: Made) -> str:
    of = value.of
    return of.name if isinstance(of, Symbol) and of.module in {_UTILS, "torch._tensor"} else ""


def _is_typed(value: Made) -> bool:
    return value.is_of("torch._tensor._rebuild_from_type_v2", "torch._tensor._rebuild_from_type")


def tensor(name: str, value: object, storages: Storages) -> Tensor:
    """The tensor that a call would rebuild; raises Malformed, or Opaque where safetensors cannot hold it."""
    for _ in range(8):  # a parameter of a subclass of a tensor: each wraps the one within
        if not isinstance(value, Made):
            break
        kind = _name(value)
        if _is_typed(value) and len(value.args) >= 3 and isinstance(value.args[2], tuple):
            value = Made(value.args[0], value.args[2])
        elif kind in {"_rebuild_parameter", "_rebuild_parameter_with_state"} and value.args:
            value = value.args[0]
        elif kind in {"_rebuild_tensor", "_rebuild_tensor_v2", "_rebuild_tensor_v3"} and len(value.args) >= 4:
            return _rebuilt(name, kind, value.args, storages)
        else:
            what = kind.removeprefix("_rebuild_") or str(value.of)
            raise Opaque(f"tensor {name!r} is a {what}, which safetensors has not")
    raise Malformed(f"tensor {name!r} is spelled in a way that is not known")


def _rebuilt(name: str, kind: str, args: tuple[object, ...], storages: Storages) -> Tensor:
    source, offset, shape, strides = args[:4]
    storage, dtype = _storage(name, source, storages)
    if kind == "_rebuild_tensor_v3":
        given = args[6] if len(args) > 6 else None
        called = given.name if isinstance(given, Symbol) and given.module == "torch" else ""
        dtype = _DTYPES.get(called, called or "?")
    return view(name, dtype, shape, strides, offset, storage)


def _storage(name: str, source: object, storages: Storages) -> tuple[Storage, str]:
    """The storage of a persistent id `('storage', class, key, location, elements, …)`."""
    parts = source.identity if isinstance(source, Persistent) else None
    if not isinstance(parts, tuple) or len(parts) < 5 or text(parts[0]) != "storage":
        raise Malformed(f"tensor {name!r} has no storage that is known")
    kind, key, elements = parts[1], text(parts[2]), parts[4]
    called = kind.name if isinstance(kind, Symbol) and kind.module.partition(".")[0] == "torch" else ""
    if key is None or type(elements) is not int or not 0 <= elements < 1 << 60:
        raise Malformed(f"tensor {name!r}: its storage has no valid key and size")
    if len(parts) > 5 and parts[5] is not None:
        raise Malformed(f"tensor {name!r} is a view of a storage in a layout that torch wrote before 0.4")
    dtype = STORAGES.get(called)
    if dtype is None and called not in _WIDTHS:
        raise Opaque(f"tensor {name!r} has storage {called or 'of no kind'!r}, which safetensors has not")
    return storages(key, elements * width(called)), dtype or called.removesuffix("Storage")


def width(storage: str) -> int:
    """Bytes of one element of a storage class, by its name."""
    return _WIDTHS.get(storage) or _SIZES.get(STORAGES.get(storage, ""), 1)
