"""MDL119."""

from collections.abc import Iterator

from assaymark.core.check import check
from assaymark.core.finding import Hit, Severity
from assaymark.core.subject import Layer
from assaymark.model.huggingface.views import Kind, Setting


@check("MDL119", layer=Layer.MODEL, severity=Severity.MEDIUM, holds=True, since="0.1", refs=("CWE:470",))
def dtype_is_none(setting: Setting) -> Iterator[Hit]:
    """A data type in a configuration is none.

    Why: Loaders fetch it by `getattr(torch, name)`: any other name reaches a function or module of torch instead.
    Fix: Write the type of the weights: `"torch_dtype": "bfloat16"`.
    """
    if setting.kind is Kind.DTYPE:
        yield Hit(f"{setting.key} is {setting.value}", line=setting.line, symbol=f"{setting.key}: {setting.value}")
