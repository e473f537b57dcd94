"""MDL054."""

import re
from collections.abc import Iterator

from assaymark.core.check import check
from assaymark.core.finding import Hit, Severity
from assaymark.core.subject import Layer
from assaymark.model.formats.onnx import OnnxTensor

_KEYS = frozenset({"location", "offset", "length", "checksum", "basepath"})
_ODD = re.compile(r"^[~\s]|\s$|[$%\u2024-\u2026\u2044\u2215\u29f5\ufe52\ufe68\uff0e\uff0f\uff3c]")
"""Homes, variables, escapes, and signs that some systems take for a dot or a slash."""
_NUMBER = re.compile(r"\d{1,19}")


@check("MDL054", layer=Layer.MODEL, severity=Severity.MEDIUM, holds=True, since="0.1", refs=("CWE:1284", "CWE:915"))
def onnx_external_data(tensor: OnnxTensor) -> Iterator[Hit]:
    """A tensor's reference to external data makes no sense.

    Why: Loaders compute with these numbers before they check them: a negative offset or length reads outside the
    buffer or asks for all memory, an unknown key has set attributes of the loader's own objects.
    Fix: Check with `onnx.checker.check_model(path)` and export the model anew.
    """
    name = tensor.name or f"at offset {tensor.offset}"
    keys = {key for key, _ in tensor.external}
    if tensor.is_external and "location" not in keys:
        yield Hit(f"tensor {name} is external but names no file", offset=tensor.offset, symbol=f"{name}: location")
    for key, value in tensor.external:
        if key in {"offset", "length"} and not _NUMBER.fullmatch(value):
            message = f"tensor {name} has the external {key} {value[:50]!r}, not a number of bytes"
            yield Hit(message, offset=tensor.offset, symbol=f"{name}: {key}")
        elif key == "location" and not value:
            yield Hit(f"tensor {name} names an empty file", offset=tensor.offset, symbol=f"{name}: location")
        elif key == "location" and (_ODD.search(value) or not value.strip(". /\\")):
            message = f"tensor {name} names the file {value[:100]!r}, which systems and loaders read in different ways"
            yield Hit(message, offset=tensor.offset, symbol=f"{name}: location {value[:100]}")
        elif key not in _KEYS and not key.startswith("prepacked"):
            message = f"tensor {name} has the unknown external key {key[:50]!r}"
            yield Hit(message, offset=tensor.offset, symbol=f"{name}: {key[:50]}")
