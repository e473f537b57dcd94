"""MDL046."""

from collections.abc import Iterator

from assaymark.core.check import check
from assaymark.core.finding import Hit, Severity
from assaymark.core.subject import Layer
from assaymark.model.formats.gguf import GgufView


@check("MDL046", layer=Layer.MODEL, severity=Severity.LOW, since="0.1", refs=("CWE:20",))
def gguf_unknown_type(tables: GgufView) -> Iterator[Hit]:
    """A tensor has a quantisation type that is not known.

    Why: Its size cannot be held against its shape. Forks of llama.cpp have types of their own; llama.cpp itself refuses
    them.
    Fix: Load it only with the fork that its producer names, or convert it to a type of llama.cpp (`llama-quantize`).
    """
    for name, kind in tables.unknown:
        yield Hit(f"tensor {name!r} has the unknown ggml type {kind}", symbol=f"{name}: {kind}")
