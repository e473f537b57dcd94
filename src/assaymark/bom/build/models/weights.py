"""Which files hold weights, and what their headers say. Nothing is loaded: a 10 GB file costs what its header costs."""

import importlib
import re
from collections.abc import Callable

from assaymark.bom.build.models.header import Header
from assaymark.core.blob import Blob
from assaymark.core.errors import AssayError
from assaymark.core.format import Context, FileFacts

LFS = b"version https://git-lfs.github.com/spec/v1\n"
_POINTER = 1024
SUFFIXES = (
    ".safetensors", ".gguf", ".onnx", ".h5", ".hdf5", ".keras", ".pt", ".pth", ".ckpt", ".bin", ".pkl", ".pickle", ".joblib",
    ".tflite", ".mlmodel", ".pb", ".msgpack", ".cbm", ".ubj", ".skops", ".pte", ".pdparams", ".pdiparams", ".nemo", ".npz",
    ".weights", ".model", ".ggml", ".llamafile",
)  # fmt: skip
"""Names under which weights are kept; asked only where the bytes are not there, or say nothing."""
_STATE = re.compile(
    r"(?:optimizer|scheduler|rng_state\w*|training_args|scaler|random_states\w*|sampler|dataloader|.*optim_states"
    r"|(?:pytorch_model_)?fsdp.*)\.(?:pt|pth|bin|pkl|safetensors)"
)
"""What trainers keep beside the weights to go on later."""
_TEXTUAL = re.compile(r"(?:tokenizer|spiece|sentencepiece\S*|vocab|merges)\.(?:model|bin|txt)", re.IGNORECASE)
_FASTTEXT = b"\xba\x16\x4f\x2f"
PLAIN = {
    "safetensors": "safetensors", "gguf": "gguf", "onnx": "onnx", "lightgbm": "lightgbm", "catboost": "catboost",
    "xgboost": "xgboost", "ubjson": "xgboost", "xgboost-binary": "xgboost", "hdf5": "hdf5",
    "tensorflow": "tensorflow", "tensorflow-checkpoint": "tensorflow-checkpoint", "tflite": "tflite", "coreml": "coreml",
    "coreml-weights": "coreml", "paddle": "paddle", "paddle-pir": "paddle", "paddle-params": "paddle",
    "executorch": "executorch", "msgpack": "flax", "openvino": "openvino", "pmml": "pmml", "skops": "skops",
    "mxnet": "mxnet", "ncnn": "ncnn", "tensorflow-shard": "tensorflow-checkpoint",
}  # fmt: skip
"""Format of the model layer -> what it is called here."""

Reader = Callable[[Blob, Context, Header], None]


def is_pointer(start: bytes, size: int) -> bool:
    """A text of git-lfs that stands for the file."""
    return size < _POINTER and start.startswith(LFS)


def format_of(file: FileFacts, start: bytes) -> str:  # noqa: PLR0911 - one return for each way to know it
    """The serialisation of a weights file, or "" where it is none. `start` are its first bytes."""
    base = file.name.rpartition("/")[2].lower()
    if _STATE.fullmatch(base) or _TEXTUAL.fullmatch(base):
        return ""
    if is_pointer(start, file.size):
        return _by_name(base)
    if start.startswith(_FASTTEXT):
        return "fasttext"
    formats = file.formats
    plain = next((PLAIN[name] for name in formats if name in PLAIN), "")
    if plain:
        return plain
    if "zip" in formats:
        return _of_zip(base)
    if "pickle" in formats or "torch" in formats or ("compressed" in formats and base.endswith(_PICKLED)):
        return "pickle"
    return "unknown" if not formats and _claims(base) and b"\0" in start else ""


_PICKLED = (
    ".pkl.gz",
    ".pkl.z",
    ".joblib.gz",
    ".joblib",
    ".pkl",
    ".pickle.gz",
    ".pkl.xz",
    ".pkl.bz2",
    ".pkl.lzma",
    ".gz.pkl",
)


def _claims(base: str) -> bool:
    return base.endswith((".bin", ".weights", ".model", ".ckpt", ".ggml", ".params", ".nemo"))


def _of_zip(base: str) -> str:
    if base.endswith((".pt", ".pth", ".bin", ".ckpt", ".ptl", ".pt2", ".mar")):
        return "torch"
    if base.endswith(".keras"):
        return "keras"
    if base.endswith((".npz", ".skops")):
        return base.rpartition(".")[2]
    return "torch" if base.endswith((".model", ".pkl", ".pickle")) or "." not in base else ""


def _by_name(base: str) -> str:
    if base.endswith((".safetensors", ".gguf", ".onnx", ".keras", ".tflite", ".msgpack")):
        name = base.rpartition(".")[2]
        return {"msgpack": "flax"}.get(name, name)
    if base.endswith((".h5", ".hdf5")):
        return "hdf5"
    if base.endswith((".bin", ".pt", ".pth", ".ckpt")):
        return "torch"
    return "pickle" if base.endswith((".pkl", ".pickle", ".joblib")) else ""


def read(form: str, blob: Blob, context: Context) -> Header:
    """The header; where it breaks off, what was read before, and why in `fault`."""
    header = Header(form)
    reader = _reader(form)
    if reader is None:
        header.counted = False
        header.infer("framework", _MADE_BY.get(form), "format")
        return header
    try:
        reader(blob, context, header)
    except AssayError as error:
        header.fault, header.counted = error.message, False
    return header


def _reader(form: str) -> Reader | None:
    """Imported where a file has the format: an unrelated one does not pay for it."""
    if form == "safetensors":
        return _safetensors
    if form not in _READERS:
        return None
    module, function = _READERS[form].split(":")
    found: Reader = getattr(importlib.import_module(f"assaymark.bom.build.models.{module}"), function)
    return found


_MADE_BY = {
    "flax": "flax", "tensorflow": "tensorflow", "tensorflow-checkpoint": "tensorflow", "tflite": "tensorflow lite",
    "coreml": "core ml", "paddle": "paddlepaddle", "executorch": "pytorch", "openvino": "openvino", "mxnet": "mxnet",
    "ncnn": "ncnn",
}  # fmt: skip
"""What writes a format, where no header of it is read."""
_READERS = {
    "skops": "classical:skops",
    "gguf": "gguf:read", "onnx": "onnx:read", "hdf5": "keras:hdf5", "keras": "keras:archive", "pickle": "pickle:read",
    "torch": "pickle:read", "npz": "pickle:read", "xgboost": "classical:booster", "lightgbm": "classical:booster",
    "catboost": "classical:booster", "fasttext": "classical:fasttext",
}  # fmt: skip


def _safetensors(blob: Blob, context: Context, header: Header) -> None:
    from assaymark.core.blob import exact
    from assaymark.core.errors import Malformed
    from assaymark.model.formats.safetensors import HEADER_LIMIT
    from assaymark.model.weights.source import read_header

    length = int.from_bytes(exact(blob, 0, 8, "the header length"), "little")
    if length > HEADER_LIMIT:
        raise Malformed(f"declares a header of {length:,} bytes, the format allows {HEADER_LIMIT:,}", offset=0)
    context.budget.header(length, "the safetensors header")
    raw = exact(blob, 8, length, "the header")
    end = 0
    for name, dtype, shape, _, stop in read_header(raw):
        header.tensor(name, dtype, shape)
        end = max(end, stop)
    header.metadata = _metadata(raw)
    framework = header.metadata.get("format")
    if framework in {"pt", "tf", "flax", "np", "mlx"}:
        names = {"pt": "pytorch", "tf": "tensorflow", "flax": "flax", "np": "numpy", "mlx": "mlx"}
        header.declare("framework", names[framework], "__metadata__.format")
    if end > blob.size - 8 - length:
        header.fault = f"cut off: its tensors end at byte {end + 8 + length:,}, the file at {blob.size:,}"


def _metadata(raw: bytes) -> dict[str, str]:
    """`__metadata__` alone, as texts."""
    import json

    try:
        entries = json.loads(raw)
    except (ValueError, RecursionError):
        return {}
    found = entries.get("__metadata__") if isinstance(entries, dict) else None
    pairs = found.items() if isinstance(found, dict) else ()
    return {key[:200]: value[:2000] for key, value in pairs if isinstance(value, str)}
