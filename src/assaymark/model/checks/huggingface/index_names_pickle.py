"""MDL201."""

from collections.abc import Iterator

from assaymark.core.check import check
from assaymark.core.finding import Hit, Severity
from assaymark.core.subject import Layer
from assaymark.model.huggingface.views import Kind, Setting


@check("MDL201", layer=Layer.MODEL, severity=Severity.MEDIUM, since="0.1", refs=("CWE:502",))
def safetensors_index_names_a_pickle(setting: Setting) -> Iterator[Hit]:
    """An index of safetensors names a pickle.

    Why: Loaders choose by the extension of each file: this part is unpickled, in a model that was taken for safetensors.
    Fix: Save the part as safetensors (`save_pretrained(..., safe_serialization=True)`) and write the index again.
    """
    if setting.kind is Kind.PICKLE:
        yield Hit(f"{setting.key} lies in {setting.value}", line=setting.line, symbol=setting.value)
