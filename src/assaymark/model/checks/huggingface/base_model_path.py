"""MDL200."""

from collections.abc import Iterator

from assaymark.core.check import check
from assaymark.core.finding import Hit, Severity
from assaymark.core.subject import Layer
from assaymark.model.huggingface.views import Kind, Setting


@check("MDL200", layer=Layer.MODEL, severity=Severity.LOW, since="0.1", refs=("CWE:73",))
def adapter_names_a_local_base(setting: Setting) -> Iterator[Hit]:
    """An adapter names its base model by a path or address instead of a repository.

    Why: It is whatever lies at that place on the reader's machine, and the adapter's behaviour rests on it.
    Fix: Write the repository and its commit: `"base_model_name_or_path": "owner/name", "revision": "<commit>"`.
    """
    if setting.kind is Kind.BASE:
        yield Hit(f"{setting.key} is {setting.value}", line=setting.line, symbol=f"{setting.key}: {setting.value}")
