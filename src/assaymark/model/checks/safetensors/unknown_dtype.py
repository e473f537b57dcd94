"""MDL036."""

from collections.abc import Iterator

from assaymark.core.check import check
from assaymark.core.finding import Hit, Severity
from assaymark.core.subject import Layer
from assaymark.model.formats.safetensors import SafetensorsView


@check("MDL036", layer=Layer.MODEL, severity=Severity.MEDIUM, holds=True, since="0.1", refs=("CWE:1284", "CWE:20"))
def safetensors_unknown_dtype(header: SafetensorsView) -> Iterator[Hit]:
    """A tensor has a dtype that the format does not know.

    Why: Its size cannot be held against its shape, and readers either refuse it or make up their own meaning.
    Fix: Save it as one of the format's dtypes (a quantised tensor as U8 or I8), or scan with a newer version.
    """
    for name, dtype in header.unknown:
        yield Hit(f"tensor {name!r} has the unknown dtype {dtype!r}", symbol=f"{name}: {dtype}")
