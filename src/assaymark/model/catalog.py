"""What the model layer can recognise, and which module and checks look at it. Recognition is by content."""

from assaymark.core.format import Format, Project
from assaymark.model.formats import magic
from assaymark.model.huggingface.names import is_hydra

_CHECKS = "assaymark.model.checks"
_FORMATS = "assaymark.model.formats"


def _format(name: str, recognise: magic.Recognise, checks: str = "", suffixes: tuple[str, ...] = ()) -> Format:
    packages = (f"{_CHECKS}.{checks}",) if checks else ()
    return Format(name, recognise, f"{_FORMATS}.{name}", packages, suffixes)


FORMATS = (
    _format("pickle", magic.is_pickle, "pickle", (".pkl", ".pickle", ".joblib", ".pt", ".ckpt")),
    _format("npy", magic.starts(b"\x93NUMPY"), "npy", (".npy",)),
    _format("safetensors", magic.is_safetensors, "safetensors", (".safetensors",)),
    Format(
        "gguf",
        magic.starts(b"GGUF", b"FUGG"),
        f"{_FORMATS}.gguf",
        (f"{_CHECKS}.gguf", f"{_CHECKS}.template"),
        (".gguf",),
    ),
    _format("onnx", magic.is_onnx, "onnx", (".onnx",)),
    _format("hdf5", magic.is_hdf5, "hdf5", (".h5", ".hdf5")),
    _format("keras", magic.is_keras_config, "keras"),
    _format("hydra", is_hydra, "hydra"),
    _format("zip", magic.is_zip, "archive", (".zip", ".npz", ".keras")),
    _format("tar", magic.is_tar, "archive", (".tar",)),
    _format("compressed", magic.is_compressed, "archive", (".gz", ".bz2", ".xz", ".lzma", ".lz4", ".zst", ".tgz")),
    _format("native", magic.is_native),
    _format("sealed", magic.is_sealed),
    *(Format(name, recognise) for name, recognise in magic.PASSIVE),
)

PROJECTS = (Project("huggingface", f"{_FORMATS}.huggingface", (f"{_CHECKS}.huggingface", f"{_CHECKS}.template")),)

FACTS = (f"{_CHECKS}.facts",)
