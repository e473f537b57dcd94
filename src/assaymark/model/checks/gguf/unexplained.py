"""MDL045."""

from collections.abc import Iterator

from assaymark.core.check import check
from assaymark.core.finding import Hit, Severity
from assaymark.core.subject import Layer
from assaymark.model.formats.gguf import GgufView


@check("MDL045", layer=Layer.MODEL, severity=Severity.MEDIUM, holds=True, since="0.1", refs=("CWE:20",))
def gguf_unexplained_bytes(tables: GgufView) -> Iterator[Hit]:
    """Bytes of a GGUF file belong to no tensor.

    Why: Tensors follow each other with at most some padding between them. Other bytes, between or after them, are a
    place to carry something past everyone who only looks at the tensors.
    Fix: Write the file anew (`gguf_new_metadata.py in.gguf out.gguf` copies only what the tables name), and ask the
    producer what the bytes were.
    """
    for offset, count in tables.layout.holes:
        yield Hit(f"{count:,} bytes from offset {offset:,} of the data belong to no tensor", symbol=f"hole at {offset}")
    if tables.trailing:
        yield Hit(f"{tables.trailing:,} bytes after the last tensor belong to no tensor", symbol="trailing bytes")
