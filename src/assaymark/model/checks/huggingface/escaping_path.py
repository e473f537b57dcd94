"""MDL104."""

from collections.abc import Iterator

from assaymark.core.check import check
from assaymark.core.finding import Hit, Severity
from assaymark.core.subject import Layer
from assaymark.model.huggingface.views import EscapingPath


@check("MDL104", layer=Layer.MODEL, severity=Severity.HIGH, since="0.1", refs=("CWE:22", "CWE:73"))
def index_leaves_the_folder(escape: EscapingPath) -> Iterator[Hit]:
    """A weight index or module list names a file outside its folder.

    Why: The loader opens that file on the reader's machine instead: another model's weights, or a secret that ends up
    in a parameter and is published with the next upload.
    Fix: Put the file into the folder and name it by its base name, e.g. `"model-00001-of-00002.safetensors"`.
    """
    yield Hit(f"{escape.key} leads to {escape.path}", line=escape.line, symbol=escape.path)
