"""MDL052."""

from collections.abc import Iterator
from math import prod

from assaymark.core.check import check
from assaymark.core.finding import Hit, Severity
from assaymark.core.subject import Layer
from assaymark.model.formats.onnx import OnnxTensor


@check("MDL052", layer=Layer.MODEL, severity=Severity.MEDIUM, holds=True, since="0.1", refs=("CWE:1284", "CWE:20"))
def onnx_tensor_size(tensor: OnnxTensor) -> Iterator[Hit]:
    """A tensor's shape does not fit its data.

    Why: A loader that trusts the shape reads past the data; one that trusts the data leaves bytes that nobody accounts
    for.
    Fix: Check with `onnx.checker.check_model(path)` and export the model anew.
    """
    needed = prod(tensor.dims)
    name = tensor.name or f"at offset {tensor.offset}"
    if any(size < 0 for size in tensor.dims):
        yield Hit(f"tensor {name} has the negative shape {tensor.dims}", offset=tensor.offset, symbol=name)
    elif tensor.stored and not tensor.least <= needed <= tensor.most:
        yield Hit(
            f"tensor {name} of shape {tensor.dims} does not fit its {tensor.stored}", offset=tensor.offset, symbol=name
        )
    elif not tensor.stored and not tensor.is_external and not tensor.external and needed and tensor.bits:
        message = f"tensor {name} of shape {tensor.dims} has no data: a loader that trusts the shape allocates it"
        yield Hit(message, offset=tensor.offset, symbol=name)
    elif tensor.is_external and tensor.bits:
        length = dict(tensor.external).get("length", "")
        needed_bytes = -(-needed * tensor.bits // 8)
        if length.isascii() and length.isdigit() and len(length) < 20 and int(length) != needed_bytes:
            message = f"tensor {name} of shape {tensor.dims} does not fit its {int(length):,} bytes of external data"
            yield Hit(message, offset=tensor.offset, symbol=name)
