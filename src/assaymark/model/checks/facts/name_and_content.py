"""MDL120: what the name promises against what the content is."""

from collections.abc import Iterator

from assaymark.core.check import check
from assaymark.core.finding import Hit, Severity
from assaymark.core.format import FileFacts
from assaymark.core.subject import Layer

_TEXT = frozenset({"pickle", "zip", "tar", "hdf5", "native"})
_BINARY = _TEXT | {"compressed", "sealed", "7z", "rar", "ar", "cpio"}
_PROMISES = {
    **dict.fromkeys((".json", ".jsonl", ".txt", ".md", ".yaml", ".yml"), ("plain text", _TEXT)),
    **dict.fromkeys((".png", ".jpg", ".jpeg", ".gif", ".webp"), ("an image", _BINARY)),
    ".safetensors": ("safetensors", _BINARY | {"onnx", "gguf", "npy"}),
    ".gguf": ("GGUF", _BINARY | {"onnx", "npy"}),
    ".onnx": ("ONNX", _BINARY | {"npy"}),
    ".npy": ("a NumPy array", _BINARY | {"onnx"}),
}
"""Suffix -> what it promises, and the formats that break the promise."""
_KEPT = {".safetensors": "safetensors", ".gguf": "gguf", ".onnx": "onnx", ".npy": "npy"}


@check(
    "MDL120",
    layer=Layer.MODEL,
    severity=Severity.HIGH,
    since="0.1",
    refs=("CWE:646", "ATLAS:AML.T0074", "CVE:CVE-2025-10155"),
)
def name_and_content(file: FileFacts) -> Iterator[Hit]:
    """A file whose name promises a harmless format is something else.

    Why: People and scanners trust the name; loaders such as `torch.load`, `joblib.load` and `np.load` go by content,
    and run what a pickle in a file called `.safetensors` or `.png` says.
    Fix: Do not load it. Find out who named it so; rename it to what it is (`.pkl`, `.zip`, `.pt`) or replace it.
    """
    promise = _PROMISES.get(file.suffix)
    if promise is None or _KEPT.get(file.suffix) in file.formats:
        return
    what, breaking = promise
    found = [name for name in file.formats if name in breaking]
    if found:
        yield Hit(f"the name promises {what}, the content is {' and '.join(found)}", symbol=f"{file.suffix} {found[0]}")
