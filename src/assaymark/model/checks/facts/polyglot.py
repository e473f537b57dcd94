"""MDL121: content that is two formats at once."""

from collections.abc import Iterator

from assaymark.core.check import check
from assaymark.core.finding import Hit, Severity
from assaymark.core.format import FileFacts
from assaymark.core.subject import Layer

_ACTIVE = frozenset(
    {
        "pickle",
        "npy",
        "safetensors",
        "gguf",
        "onnx",
        "hdf5",
        "zip",
        "tar",
        "compressed",
        "native",
        "sealed",
        "7z",
        "rar",
        "ar",
    }
)
_USUAL = (frozenset({"tar", "hdf5"}),)
"""HDF5 is looked for at 512 too, which is where the first member of a tar begins: its content is the same."""


@check(
    "MDL121",
    layer=Layer.MODEL,
    severity=Severity.HIGH,
    since="0.1",
    refs=("CWE:436", "ATLAS:AML.T0074"),
)
def polyglot(file: FileFacts) -> Iterator[Hit]:
    """The same bytes are valid in two formats.

    Why: The tool that checks takes it for one, the loader for the other. Files become so on purpose.
    Fix: Do not load it. Convert it with the tool of the format that you expect and use only the result.
    """
    active = [name for name in file.formats if name in _ACTIVE]
    if len(active) > 1 and frozenset(active) not in _USUAL:
        yield Hit(f"the content is {' and '.join(active)} at once", symbol=" ".join(sorted(active)))
