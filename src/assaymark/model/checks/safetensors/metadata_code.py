"""MDL035."""

from collections.abc import Iterator

from assaymark.core.check import check
from assaymark.core.finding import Hit, Severity
from assaymark.core.subject import Layer
from assaymark.model.formats.safetensors import SafetensorsMetadata


@check("MDL035", layer=Layer.MODEL, severity=Severity.MEDIUM, holds=True, since="0.1", refs=("CWE:1284", "CWE:20"))
def safetensors_metadata_code(metadata: SafetensorsMetadata) -> Iterator[Hit]:
    """A metadata text is a pickle or a program in base64.

    Why: Safetensors is chosen because it holds no code. A loader that decodes this entry and unpickles or runs it takes
    that away.
    Fix: Remove the entry (`save_file(tensors, path, metadata={...})` with plain texts) and whatever reads it.
    """
    for key, kind in metadata.carried:
        yield Hit(f"metadata {key!r} is a base64 text that decodes to {_WORDS[kind]}", symbol=key)


_WORDS = {"pickle": "a pickle", "ELF": "an ELF program or library", "PE": "a Windows program or library"}
