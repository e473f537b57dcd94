"""What the model layer can recognise, and which module and checks look at it. Recognition is by content."""

from assaymark.core.format import Format, Project
from assaymark.model import classical, graph_formats
from assaymark.model.containers import is_cpio, is_stream
from assaymark.model.formats import magic, passive
from assaymark.model.huggingface.names import is_hydra
from assaymark.model.torch.part import MANIFEST, is_part, is_settings
from assaymark.model.torch.recognise import is_executorch

_CHECKS = "assaymark.model.checks"
_FORMATS = "assaymark.model.formats"


def _format(name: str, recognise: magic.Recognise, checks: str = "", suffixes: tuple[str, ...] = ()) -> Format:
    packages: tuple[str, ...] = (f"{_CHECKS}.{checks}",) if checks else ()
    if name in {"safetensors", "onnx", "hdf5"}:
        packages += (f"{_CHECKS}.weights",)
    return Format(name, recognise, f"{_FORMATS}.{name}", packages, suffixes)


FORMATS = (
    _format("pickle", magic.is_pickle, "pickle", (".pkl", ".pickle", ".joblib", ".pt", ".ckpt")),
    _format("npy", magic.starts(b"\x93NUMPY"), "npy", (".npy",)),
    _format("safetensors", magic.is_safetensors, "safetensors", (".safetensors",)),
    Format(
        "gguf",
        magic.starts(b"GGUF", b"FUGG"),
        f"{_FORMATS}.gguf",
        (f"{_CHECKS}.gguf", f"{_CHECKS}.template", f"{_CHECKS}.weights"),
        (".gguf",),
        first=b"GF",
    ),
    _format("onnx", magic.is_onnx, "onnx", (".onnx",)),
    _format("hdf5", magic.is_hdf5, "hdf5", (".h5", ".hdf5")),
    _format("keras", magic.is_keras_config, "keras"),
    _format("keras_yaml", magic.is_keras_yaml, "keras"),
    _format("hydra", is_hydra, "hydra"),
    Format(
        "archived-settings",
        is_settings,
        "assaymark.model.huggingface.archived",
        (f"{_CHECKS}.huggingface", f"{_CHECKS}.template"),
    ),
    Format("torch", is_part, "assaymark.model.torch.parse", (f"{_CHECKS}.torch",)),
    Format("executorch", is_executorch, "assaymark.model.torch.executorch", (f"{_CHECKS}.torch",), (".pte",)),
    Format(
        "zip",
        magic.is_zip,
        f"{_FORMATS}.zip",
        (f"{_CHECKS}.archive", f"{_CHECKS}.torch", f"{_CHECKS}.weights"),
        (".zip", ".npz", ".keras", ".mar", ".ptl"),
    ),
    Format("tar", magic.is_tar, f"{_FORMATS}.tar", (f"{_CHECKS}.archive", f"{_CHECKS}.oci"), (".tar",)),
    _format("compressed", is_stream, "archive", (".gz", ".bz2", ".xz", ".lzma", ".lz4", ".zst", ".tgz")),
    Format(
        "7z",
        magic.starts(b"7z\xbc\xaf\x27\x1c"),
        "assaymark.model.sevenzip.parser",
        (f"{_CHECKS}.archive",),
        (".7z",),
        b"7",
    ),
    Format(
        "rar",
        magic.starts(b"Rar!\x1a\x07"),
        "assaymark.model.rar.parser",
        (f"{_CHECKS}.archive",),
        (".rar",),
        b"R",
    ),
    Format(
        "ar",
        magic.starts(b"!<arch>\n", b"!<thin>\n"),
        f"{_FORMATS}.ar",
        (f"{_CHECKS}.archive",),
        (".ar", ".deb"),
        b"!",
    ),
    Format("cpio", is_cpio, f"{_FORMATS}.cpio", (f"{_CHECKS}.archive",), (".cpio",), b"0"),
    *classical.FORMATS,
    *graph_formats.FORMATS,
    Format(
        "tfrecord", passive.is_tfrecord, f"{_FORMATS}.tfrecord", (f"{_CHECKS}.weights",), (".tfrecord", ".tfrecords")
    ),
    Format("mxnet", passive.is_mxnet, f"{_FORMATS}.mxnet", (f"{_CHECKS}.weights",), (), b"\x12"),
    Format("mxnet-symbol", passive.is_mxnet_symbol, f"{_FORMATS}.mxnet", (f"{_CHECKS}.mxnet",), (), b"{ \t\r\n"),
    Format("ncnn", passive.is_ncnn, f"{_FORMATS}.ncnn", (f"{_CHECKS}.ncnn",), (), b"7\xdd"),
    _format("native", magic.is_native),
    _format("sealed", magic.is_sealed),
    *(Format(name, recognise, first=first) for name, recognise, first in magic.PASSIVE),
)

_REPOSITORY = (".json", ".jinja", ".py", ".sh", ".bash", ".zsh", ".command", ".safetensors", "mlmodel", "readme.md")
_SETTINGS = (".json", ".jinja", ".py", ".yaml", ".yml", ".cfg", "mlmodel")
_TEMPLATED = (".json", ".jinja", ".gguf")
PROJECTS = (
    Project(
        "huggingface",
        f"{_FORMATS}.huggingface",
        (f"{_CHECKS}.huggingface", f"{_CHECKS}.template"),
        _REPOSITORY,
        alone=_SETTINGS,
    ),
    Project("templates", "assaymark.model.huggingface.templates", (f"{_CHECKS}.template",), alone=_TEMPLATED),
    Project(
        "onnx-data", f"{_FORMATS}.onnx_folder", (f"{_CHECKS}.onnx", f"{_CHECKS}.weights"), (".onnx",), alone=(".onnx",)
    ),
    Project("weights", "assaymark.model.weights.declared", (f"{_CHECKS}.weights",), (".safetensors",)),
    Project(
        "oci",
        "assaymark.model.oci.stores",
        (f"{_CHECKS}.oci",),
        ("oci-layout",),
        within=("blobs/sha256/", "blobs/sha256-", "blobs/sha512/"),
    ),
    Project(
        "adapters",
        "assaymark.model.origin.cheap",
        (f"{_CHECKS}.weights", f"{_CHECKS}.origin"),
        ("adapter_config.json",),
    ),
    Project("torchserve", "assaymark.model.torch.folder", (f"{_CHECKS}.torch",), (MANIFEST,)),
    Project("ncnn", f"{_FORMATS}.ncnn", (f"{_CHECKS}.weights",), (".param",)),
    *classical.PROJECTS,
)

FACTS = (f"{_CHECKS}.facts",)
