"""MDL050."""

import re
from collections.abc import Iterator

from assaymark.core.check import check
from assaymark.core.finding import Hit, Severity
from assaymark.core.subject import Layer
from assaymark.model.formats.onnx import PATH_LIMIT, OnnxPath

_DRIVE = re.compile(r"[A-Za-z]:")
_URL = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://")
_CONTROLS = re.compile(r"[\0-\x1f]")
_MEMORY = "_ORT_MEM_ADDR_"
"""onnxruntime's own mark for "the offset is an address in this process"; never meant to be in a file."""


@check(
    "MDL050",
    layer=Layer.MODEL,
    severity=Severity.HIGH,
    since="0.1",
    refs=("CWE:22", "CVE:CVE-2022-25882", "CVE:CVE-2024-27318", "ATLAS:AML.T0011.000"),
)
def onnx_path_leaves_folder(path: OnnxPath) -> Iterator[Hit]:
    """An ONNX model reads a file outside its folder.

    Why: Loading the model reads the named file of whoever loads it into a tensor: keys, tokens and passwords leave with
    the model's output or with the next `onnx.save`.
    Fix: Do not load the file. Ask its producer for one whose external data lies beside the model
    (`onnx.save_model(model, path, save_as_external_data=True, location="weights.bin")`).
    """
    reason = _reason(path.location)
    if reason:
        yield Hit(
            f"{path.owner} reads {path.location[:200]!r}: the path {reason}",
            offset=path.offset,
            symbol=path.location[:300],
        )


def _reason(location: str) -> str:
    """How the path leaves the model's folder, or an empty text."""
    path = location.replace("\\", "/")
    ways = {
        "is an address in the loader's memory": _MEMORY in path,
        "is a URL": _URL.match(path),
        "names a drive": _DRIVE.match(path),
        "is absolute": path.startswith("/"),
        "climbs out with '..'": ".." in path.split("/"),
        "has a control character": _CONTROLS.search(path),
        "is longer than a path can be": len(path.encode()) >= PATH_LIMIT,
    }
    return next((reason for reason, holds in ways.items() if holds), "")
