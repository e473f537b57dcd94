"""MDL044."""

from collections.abc import Iterator

from assaymark.core.check import check
from assaymark.core.finding import Hit, Severity
from assaymark.core.subject import Layer
from assaymark.model.formats.gguf import GgufView


@check("MDL044", layer=Layer.MODEL, severity=Severity.HIGH, since="0.1", refs=("CWE:1284", "CWE:20"))
def gguf_duplicate(tables: GgufView) -> Iterator[Hit]:
    """A GGUF file has a metadata key or a tensor twice.

    Why: Readers disagree on which one counts, or refuse the file. What one tool looked at, a chat template for one, is
    then not what another one uses.
    Fix: Do not load the file. Convert the model anew from its original weights (`convert_hf_to_gguf.py`).
    """
    for what in tables.duplicates:
        yield Hit(f"{what} stands there twice: readers disagree on which one counts", symbol=what)
