"""Safetensors bytes as NumPy arrays that lie on them. For bytes that were verified: what is odd is refused, not reported."""

from math import prod
from typing import TYPE_CHECKING, Any

from assaymark.core.errors import Malformed
from assaymark.core.strictjson import loads

if TYPE_CHECKING:
    from collections.abc import Callable

    import numpy as np

    Array = np.ndarray[Any, Any]

_HEADER = 100_000_000
"""Bytes; limit of the reference reader."""
_TYPES = {
    "BOOL": "?", "U8": "u1", "I8": "i1", "U16": "<u2", "I16": "<i2", "F16": "<f2", "U32": "<u4", "I32": "<i4",
    "F32": "<f4", "U64": "<u8", "I64": "<i8", "F64": "<f8", "C64": "<c8", "BF16": "<u2",
}  # fmt: skip
_STEP = "load the file with the safetensors library from a verified copy"


def arrays(content: bytes, name: str) -> dict[str, "Array"]:
    """Tensor name -> array; read-only, but for BF16, which becomes float32. Raises Malformed."""
    start, header = read_header(lambda begin, end: content[begin:end], len(content), name)
    data = memoryview(content)[start:]
    return {
        tensor: array(entry, data[slice(*entry["data_offsets"])], f"{name}: tensor {tensor[:200]!r}")
        for tensor, entry in header.items()
    }


def read_header(read: "Callable[[int, int], bytes]", size: int, name: str) -> tuple[int, dict[str, Any]]:
    """Where the tensors' bytes begin, and the entry of each tensor; `read` gives bytes from one place to another. Raises Malformed."""
    length = int.from_bytes(read(0, min(8, size)), "little")
    if size < 8 or length > min(_HEADER, size - 8):
        raise Malformed(f"{name}: its header does not fit into the file", offset=0)
    header = loads(read(8, 8 + length), f"the header of {name}", limit=_HEADER)
    if not isinstance(header, dict):
        raise Malformed(f"{name}: its header is not an object", offset=8)
    header.pop("__metadata__", None)
    _require_filled(header, size - 8 - length, name)
    return 8 + length, header


def _require_filled(header: dict[str, Any], size: int, name: str) -> None:
    """No two tensors share bytes, and none are left over."""
    try:
        places = sorted((begin, end) for begin, end in (entry["data_offsets"] for entry in header.values()))
    except (TypeError, KeyError, ValueError):
        raise Malformed(f"{name}: a tensor has no data_offsets", offset=8) from None
    at = 0
    for begin, end in places:
        if type(begin) is not int or type(end) is not int or begin != at or end < begin:
            raise Malformed(f"{name}: its tensors overlap, or leave bytes between them", offset=8)
        at = end
    if at != size:
        raise Malformed(f"{name}: its tensors have {at:,} bytes, the file has {size:,}", offset=8)


def array(entry: dict[str, Any], data: memoryview, what: str) -> "Array":
    """The array that an entry of the header describes, on its bytes; raises Malformed."""
    import numpy as np

    dtype, shape = entry.get("dtype"), entry.get("shape")
    if not isinstance(dtype, str) or dtype not in _TYPES:
        raise Malformed(f"{what} is of type {dtype!r:.40}, which NumPy has not", step=_STEP)
    if not isinstance(shape, list) or len(shape) > 32 or not all(type(side) is int and side >= 0 for side in shape):
        raise Malformed(f"{what} has no shape", offset=8)
    kind = np.dtype(_TYPES[dtype])
    if prod(shape) * kind.itemsize != len(data):
        raise Malformed(f"{what}: {dtype} of shape {shape} is not {len(data):,} bytes", offset=8)
    made: Array = np.frombuffer(data, kind).reshape(shape)
    if dtype == "BF16":
        return (made.astype("<u4") << 16).view("<f4")
    return made
