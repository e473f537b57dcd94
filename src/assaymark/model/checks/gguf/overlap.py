"""MDL043."""

from collections.abc import Iterator

from assaymark.core.check import check
from assaymark.core.finding import Hit, Severity
from assaymark.core.subject import Layer
from assaymark.model.formats.gguf import GgufView


@check("MDL043", layer=Layer.MODEL, severity=Severity.HIGH, since="0.1", refs=("CWE:1284", "CWE:20"))
def gguf_overlap(tables: GgufView) -> Iterator[Hit]:
    """Two tensors of a GGUF file claim the same bytes.

    Why: llama.cpp refuses such a file; readers that do not check give one tensor the values of another, and what was
    compared or approved is not what is loaded.
    Fix: Do not load the file. Convert the model anew from its original weights (`convert_hf_to_gguf.py`).
    """
    for name, other, count in tables.layout.overlaps:
        yield Hit(
            f"tensors {name!r} and {other!r} share {count:,} bytes: one is read as part of the other", symbol=name
        )
