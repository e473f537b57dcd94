"""MDL104."""

from collections.abc import Iterator

from assaymark.core.check import check
from assaymark.core.finding import Hit, Severity
from assaymark.core.subject import Layer
from assaymark.model.huggingface.views import Kind, Setting


@check("MDL104", layer=Layer.MODEL, severity=Severity.HIGH, since="0.1", refs=("CWE:22", "CWE:73"))
def index_leaves_the_folder(setting: Setting) -> Iterator[Hit]:
    """A weight index, module list or model file names a file outside its folder.

    Why: The loader opens that file on the reader's machine instead: another model's weights, or a secret that ends up
    in a parameter and is published with the next upload.
    Fix: Put the file into the folder and name it by its base name, e.g. `"model-00001-of-00002.safetensors"`.
    """
    if setting.kind is Kind.ESCAPING:
        yield Hit(f"{setting.key} leads to {setting.value}", line=setting.line, symbol=setting.value)
